"""Records of a result file, one after the other, in constant memory: the file is parsed while it arrives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeVar

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async._downloads.record_codec import RecordReader
from multicart_async._downloads.record_stream import RecordStream
from multicart_async.errors import InvalidResponseError
from multicart_async.events import RecordsSkipped

__all__ = ["OnInvalid", "PageRecords"]

T = TypeVar("T")

OnInvalid = Literal["raise", "skip"]
"""What to do with a value that is not a record or does not fit the requested class."""


class PageRecords(Generic[T]):
    """The records of one result file, as *reader* makes them; call `aclose` at the end.

    A transfer that breaks is started again without giving any record twice: the file must begin with the very bytes whose
    records were given before it gives more.
    """

    def __init__(
        self,
        context: DownloadContext,
        request: FileRequest,
        refresh: Refresh,
        reader: RecordReader[T],
        on_invalid: OnInvalid,
    ) -> None:
        self._context = context
        self._request = request
        self._reader = reader
        self._on_invalid = on_invalid
        self._stream = RecordStream(context, request, refresh)
        self._count = self._skipped = 0

    async def read(self) -> Iterator[T] | None:
        """Return the next records, each of which is made when it is asked for; ``None`` at the end of the file.

        Raises:
            InvalidResponseError: The file is not a JSON array or object, or a record is too large.
            IntegrityError: The file has changed since its first records were given.
            DownloadError: The file could not be read to its end.
            APIError: The service rejected the request.
        """
        values = await self._stream.read()
        return None if values is None else self._records(values)

    async def aclose(self) -> None:
        """Release the connection, and report the values that were left out."""
        await self._stream.aclose()
        if self._skipped and self._on_invalid == "skip":
            self._context.emit(_skipped(self._request, self._skipped))

    def _records(self, values: list[Any]) -> Iterator[T]:
        """Yield the records of *values*. Raises `InvalidResponseError` for an invalid one, unless they are skipped."""
        structure, before = self._reader.structure, self._count
        self._count += len(values)
        for number, value in enumerate(values, before + 1):
            try:
                record = structure(value)
            except Exception:  # noqa: BLE001 -- a class of the caller may raise anything
                self._skipped += 1
            else:
                yield record
                continue
            if self._on_invalid == "raise":
                reason = self._reader.mismatch(value, self._context.redactor)
                error = InvalidResponseError(self._request.link.label, f"record {number}: {reason}")
                del values, value  # which may repeat the credential
                raise self._stream.with_headers(error)


def _skipped(request: FileRequest, count: int) -> RecordsSkipped:
    collection_id, _, run_id = request.folder.partition("/")
    return RecordsSkipped(collection_id=int(collection_id), run_id=int(run_id), page=request.name, count=count)
