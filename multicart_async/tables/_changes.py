"""Compare two runs of a collection: what was added, removed and changed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from itertools import chain, islice
from typing import Any, Final

from multicart_async._core.short_repr import short_repr
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.record_codec import record_reader
from multicart_async.errors import ArgumentError
from multicart_async.tables._comparison import Change, Comparison
from multicart_async.tables._field_path import check_names
from multicart_async.tables._records import read_run, records_of
from multicart_async.tables._run_index import RunIndex
from multicart_async.tables._run_pair import find_runs
from multicart_async.tables._source import AnySource, Source, SourceRun, open_source

__all__ = ["changes"]

_AT_A_TIME: Final = 32  # records, which may have a megabyte each


async def changes(
    source: AnySource,
    collection_id: int,
    *,
    old: int | None = None,
    new: int | None = None,
    key: str | Sequence[str] = "asin",
    fields: Sequence[str] | None = None,
) -> AsyncGenerator[Change, None]:
    """Yield what differs between two runs of a collection: by default, between its two newest ones with a manifest.

    Both runs are read to their end, and compared with their manifests, before the first change is yielded, so what is
    wrong with one of them is raised before. Their records are kept in temporary files meanwhile, in memory while they are
    below 32 MiB. Added and changed records come in the order of the new run, then the removed ones in that of the old.

    Two texts that both are amounts are equal if `amount` and currency are; a currency that is not told matches any. A
    missing field and null are equal, and so are 1 and 1.0. All other values are compared as JSON.

    Args:
        source: As for `read_records`; it must have both runs.
        collection_id: The collection.
        old: The run to compare with: by default the newest one below *new*. It may be newer than *new*.
        new: The run that is compared: by default the newest one.
        key: The field that identifies a record, or several of them, if a run may have the same item more than once, such
            as for two postcodes. It is compared by its JSON: 1 and ``"1"`` differ.
        fields: The fields to compare, all by default. ``brand.name`` is a field of a field.

    Raises:
        ArgumentError: *source* is not a mirror, or lacks the collection or a run; two records of a run have the same
            *key*; or no record has a field of *key* or *fields*.
        InvalidResponseError: A record is no object, or nested too deeply.
        IntegrityError: A page is damaged, or a manifest cannot be trusted.
        DownloadError: A file cannot be read, or a temporary one not be written.
    """
    comparison = _comparison(key, fields)
    place = await open_source(source)
    before, after = await find_runs(place, collection_id, old, new)
    async with RunIndex(before.run_id, comparison) as old_index, RunIndex(after.run_id, comparison) as new_index:
        await _fill(old_index, place, before)
        await _fill(new_index, place, after)
        _check_fields(old_index, new_index, comparison)
        compared = _compare(old_index, new_index, comparison)
        while part := await run_in_thread(lambda: list(islice(compared, _AT_A_TIME))):
            for change in chain.from_iterable(part):
                yield change


async def _fill(index: RunIndex, place: Source, run: SourceRun) -> None:
    reader = record_reader(dict[str, Any])
    parts = read_run(place, run, lambda page, part: index.add(page, records_of(run, page, part, reader)))
    async with aclosing(parts):
        async for _ in parts:
            pass
    index.check_key()


def _compare(old: RunIndex, new: RunIndex, comparison: Comparison) -> Iterator[list[Change]]:
    """Yield the changes of each record, also if there are none, so that the caller can pause after some records."""
    for key in new:
        after = new[key]
        if key not in old:
            yield [comparison.added(json.loads(after))]
        else:
            before = old[key]
            yield [] if before == after else [*comparison.changed(json.loads(before), json.loads(after))]
    for key in old:
        yield [] if key in new else [comparison.removed(json.loads(old[key]))]


def _comparison(key: Any, fields: Any) -> Comparison:
    """Return the comparison that the arguments describe."""
    single = isinstance(key, str)
    names = check_names("key", [key] if single else key, "the name of a field, or a list of names")
    if not names:
        raise ArgumentError("key", "expected at least one name of a field, got none")
    return Comparison(names, single, None if fields is None else check_names("fields", fields))


def _check_fields(old: RunIndex, new: RunIndex, comparison: Comparison) -> None:
    """Raise `ArgumentError` for a field that no record of either run has."""
    shown = new if len(new) else old
    for name in comparison.fields or ():
        if len(shown) and name in old.missing & new.missing:
            reason = f"no record of run {old.run_id} or {new.run_id} has {short_repr(name)}"
            raise ArgumentError("fields", f"{reason}; they have: {shown.shown_names()}")
