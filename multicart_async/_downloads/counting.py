"""Count the records of stored pages, and compare them with the counts of the run."""

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

_MAX_PAGES: Final = 10  # with an anomaly, in one report


@attrs.frozen
class PageCount:
    """The number of records in a page, ``None`` if they cannot be counted, and what is unusual about the page."""

    records: int | None
    anomaly: str | None = None


async def count_records(sink: Sink, folder: str, name: str, limits: Limits) -> PageCount:
    """Count the records of a page in a folder of *sink*, reading the whole file.

    Raises:
        IntegrityError: The file is no longer a valid page.
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
    except ContentError as content_error:
        error = IntegrityError(path, str(content_error))
        error.file = name
        raise error from content_error
    return PageCount(count.records, count.anomaly)


def count_differences(counts: Mapping[str, PageCount], expected: Sequence[int]) -> list[str]:
    """Describe the anomalies of pages, and a total that is none of the *expected* numbers."""
    found = [f"{name}: {count.anomaly}" for name, count in counts.items() if count.anomaly]
    if len(found) > _MAX_PAGES:
        found[_MAX_PAGES:] = [f"{len(found) - _MAX_PAGES} more pages with values or errors of this kind"]
    known = [count.records for count in counts.values() if count.records is not None]
    if counts and len(known) == len(counts) and expected and sum(known) not in expected:
        counts_of_run = " or ".join(map(str, expected))
        found.append(f"the run reports {counts_of_run} records, the files contain {sum(known)}")
    return found
