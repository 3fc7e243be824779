"""How many records a file holds that is in place already."""

from __future__ import annotations

from multicart_async._content import Defect
from multicart_async._record_parser import RecordCount
from multicart_async._threads import in_thread
from multicart_async.errors import IntegrityError
from multicart_async.sinks import BrowsableSink, Sink, closing

__all__ = ["count_records"]


async def count_records(sink: Sink, name: str) -> int:
    """The records of a page in *sink*, which is read to its end.

    Raises:
        IntegrityError: It is no page any more.
    """
    count = RecordCount(full=True)
    try:
        if isinstance(sink, BrowsableSink):
            async with closing(sink.chunks(name)) as chunks:
                async for chunk in chunks:
                    await in_thread(count.feed, chunk)
        else:
            await in_thread(count.feed, await sink.read(name) or b"")
        count.finish()
    except Defect as defect:
        error = IntegrityError(name, str(defect))
        error.file = name.rpartition("/")[2]
        raise error from defect
    return count.records
