"""How many records the files of a run hold, against what the service counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from multicart_async._content import Defect
from multicart_async._content.document import RecordCount
from multicart_async._threads import in_thread
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError
from multicart_async.sinks import BrowsableSink, Sink, closing

__all__ = ["PageCount", "count_differences", "count_records"]

_NAMED = 10  # odd pages that are told one by one


@attrs.frozen
class PageCount:
    """The records of a page, unless they cannot be counted, and what is odd about it."""

    records: int | None
    oddity: str | None = None


async def count_records(sink: Sink, name: str, limits: Limits) -> PageCount:
    """Count the records of a page in *sink*, which is read to its end.

    Raises:
        IntegrityError: It is no page any more.
    """
    count = RecordCount(full=False, limits=limits)
    try:
        if isinstance(sink, BrowsableSink):
            async with closing(sink.chunks(name)) as chunks:
                async for chunk in chunks:
                    await in_thread(count.feed, chunk)
        else:
            await in_thread(count.feed, await sink.read(name) or b"")
        await in_thread(count.finish)
    except Defect as defect:
        error = IntegrityError(name, str(defect))
        error.file = name.rpartition("/")[2]
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
