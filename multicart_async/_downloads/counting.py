"""The records of pages, counted where they lie, and compared with what the run says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.json_document import RecordCount
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError
from multicart_async.sinks import ListableSink, Sink
from multicart_async.sinks._protocol import closing, join_name

__all__ = ["PageCount", "count_differences", "count_records"]

_NAMED: Final = 10  # odd pages that are named one by one


@attrs.frozen
class PageCount:
    """The records of a page, unless they cannot be counted, and what is odd about it."""

    records: int | None
    oddity: str | None = None


async def count_records(sink: Sink, folder: str, name: str, limits: Limits) -> PageCount:
    """Count the records of a page in a folder of *sink*; it is read to its end.

    Raises:
        IntegrityError: It is no page any more.
    """
    count, path = RecordCount(full=False, limits=limits), join_name(folder, name)
    try:
        if isinstance(sink, ListableSink):
            async with closing(sink.iter_bytes(path)) as chunks:
                async for chunk in chunks:
                    await run_in_thread(count.feed, chunk)
        else:
            await run_in_thread(count.feed, await sink.read(path) or b"")
        await run_in_thread(count.finish)
    except ContentError as defect:
        error = IntegrityError(path, str(defect))
        error.file = name
        raise error from defect
    return PageCount(count.records, count.oddity)


def count_differences(counts: Mapping[str, PageCount], expected: Sequence[int]) -> list[str]:
    """Return where the pages are odd, and where their records do not add up to one of the *expected* numbers."""
    found = [f"{name}: {count.oddity}" for name, count in counts.items() if count.oddity]
    if len(found) > _NAMED:
        found[_NAMED:] = [f"{len(found) - _NAMED} more pages with such values or faults"]
    known = [count.records for count in counts.values() if count.records is not None]
    if counts and len(known) == len(counts) and expected and sum(known) not in expected:
        rows = " or ".join(map(str, expected))
        found.append(f"{sum(known)} records in the files, and the run's row counts {rows}")
    return found
