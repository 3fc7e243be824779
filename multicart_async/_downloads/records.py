"""Records of a result file, one after the other, in constant memory: the file is parsed while it arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal, TypeVar

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async._downloads.record_codec import RecordReader
from multicart_async._downloads.record_stream import RecordStream
from multicart_async.errors import InvalidResponseError
from multicart_async.events import RecordsSkipped

__all__ = ["OnInvalid", "read_records"]

T = TypeVar("T")

OnInvalid = Literal["raise", "skip"]
"""What to do with a value that is not a record or does not fit the requested class."""


async def read_records(
    context: DownloadContext,
    request: FileRequest,
    refresh: Refresh,
    reader: RecordReader[T],
    on_invalid: OnInvalid,
) -> AsyncGenerator[T, None]:
    """Yield each record of one result file, as *reader* makes it.

    A transfer that breaks is started again without yielding any record twice: the file must begin with the very
    bytes whose records were yielded before it yields more.

    Raises:
        InvalidResponseError: The file is not a JSON array or object, or a record is too large; or, unless invalid
            ones are skipped, a value is not an object or does not fit.
        IntegrityError: The file has changed since its first records were yielded.
        DownloadError: The file could not be read to its end.
        APIError: The service rejected the request.
    """
    stream = RecordStream(context, request, refresh)
    number = skipped = 0
    try:
        while (values := await stream.read()) is not None:
            for value in values:
                number += 1
                try:
                    record = reader.structure(value)
                except Exception:  # noqa: BLE001 -- a class of the caller may raise anything
                    skipped += 1
                else:
                    yield record
                    continue
                if on_invalid == "raise":
                    reason = reader.mismatch(value, context.redactor)
                    del values, value  # which may repeat the credential
                    raise stream.with_headers(InvalidResponseError(request.link.label, f"record {number}: {reason}"))
    finally:
        await stream.aclose()
        if skipped and on_invalid == "skip":
            context.emit(_skipped(request, skipped))


def _skipped(request: FileRequest, count: int) -> RecordsSkipped:
    collection_id, _, run_id = request.folder.partition("/")
    return RecordsSkipped(collection_id=int(collection_id), run_id=int(run_id), page=request.name, count=count)
