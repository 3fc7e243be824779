"""Records of a result file, one after the other, in constant memory: the file is parsed as it comes."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Literal, TypeVar

import anyio.lowlevel
import attrs

from multicart_async._core.log import log_retry
from multicart_async._core.response_headers import note_headers
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async._downloads.formats.json_document import (
    ENVELOPE_BYTES,
    envelope_in,
    is_envelope,
    starts_as_object,
)
from multicart_async._downloads.formats.json_records import STEP, NotRecordsError, RecordParser
from multicart_async._downloads.link_source import LinkSource
from multicart_async._downloads.record_codec import RecordReader
from multicart_async._downloads.verifier import check_response
from multicart_async._http import ByteStream
from multicart_async._http.envelope import error_from_envelope
from multicart_async._http.retry_rules import is_transient
from multicart_async.errors import (
    APIError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
)
from multicart_async.events import RecordsSkipped, Retrying

__all__ = ["OnInvalid", "read_records"]


E = TypeVar("E", bound=MultiCartError)
T = TypeVar("T")

OnInvalid = Literal["raise", "skip"]
"""What becomes of a value that is no record, or does not fit."""


async def read_records(
    downloader: DownloadContext,
    wanted: FileRequest,
    refresh: Refresh,
    reader: RecordReader[T],
    on_invalid: OnInvalid,
) -> AsyncGenerator[T, None]:
    """Yield each record of one result file, as *reader* makes it.

    A transfer that breaks is begun anew without giving any record twice. Then the file must begin with the very bytes
    whose records were given, before it gives more.

    Raises:
        InvalidResponseError: The file is no JSON array and not one object, or a record is too large; or, unless
            invalid ones are skipped, a value is no object or does not fit.
        IntegrityError: It has changed since its first records were given.
        DownloadError: It could not be had to its end.
        APIError: The service refused it.
    """
    page = _Page(downloader, wanted, refresh)
    number = skipped = 0
    try:
        while (values := await page.some()) is not None:
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
                    reason = reader.misfit(value, downloader.redactor)
                    del values, value  # which may repeat the credential
                    raise page.noted(InvalidResponseError(wanted.link.label, f"record {number}: {reason}"))
    finally:
        await page.close()
        if skipped and on_invalid == "skip":
            downloader.emit(_skipped(wanted, skipped))


def _skipped(wanted: FileRequest, count: int) -> RecordsSkipped:
    collection_id, _, run_id = wanted.folder.partition("/")
    return RecordsSkipped(collection_id=int(collection_id), run_id=int(run_id), page=wanted.name, count=count)


@attrs.frozen
class _Bytes:
    """How many bytes there were, and their checksum.

    CRC-32 is there to notice a change, not a forger, who could as well send what he likes in one go. With SHA-256 the
    reading would take 6 % longer, and far more on a processor without instructions for it.
    """

    size: int = 0
    checksum: int = 0

    def followed_by(self, piece: bytes) -> _Bytes:
        return _Bytes(self.size + len(piece), zlib.crc32(piece, self.checksum))


class _Page:
    """One file that is read, and begun anew when it must be."""

    def __init__(self, downloader: DownloadContext, wanted: FileRequest, refresh: Refresh) -> None:
        self._owner = downloader
        self._label = wanted.link.label
        self._links = LinkSource(wanted, refresh)
        self._tries = 0
        self._given = _Bytes()  # those whose records were given
        self._seen = _Bytes()  # those of this transfer
        self._head = b""
        self._changed = False
        self._open = AsyncExitStack()
        self._stream: ByteStream | None = None
        self._parts: AsyncIterator[bytes]
        self._part, self._place = b"", 0  # what came last, and how much of it was parsed
        self._parser = RecordParser()

    def noted(self, error: E) -> E:
        """Return *error* with the headers of the response that has caused it."""
        if self._stream is not None:
            note_headers(error, self._stream.headers, self._owner.redactor.text)
        return error

    async def some(self) -> list[Any] | None:
        """The next values, maybe none of them yet; ``None`` at the end."""
        while True:
            try:
                with self._owner.lifetime.track():
                    values = await self._next()
            except asyncio.CancelledError as error:
                error.__traceback__ = None  # its frames hold what came, which may repeat the credential
                raise
            except MultiCartError as error:
                self.noted(error).__traceback__ = None
                await self.close()
                await self._recover(error)
            else:
                if values:
                    self._given = self._seen
                return values

    async def close(self) -> None:
        """Give the connection and the slot back."""
        self._stream = None
        await self._open.aclose()

    async def _next(self) -> list[Any] | None:
        if self._stream is None:
            await self._begin()
        await anyio.lowlevel.checkpoint()
        defect: NotRecordsError
        try:
            if self._place >= len(self._part):
                part = await anext(self._parts, None)
                if part is None:
                    self._end()
                    return None
                self._part, self._place = part, 0
            piece = self._part[self._place : self._place + STEP]
            self._place += len(piece)
            return self._parse(piece)
        except NotRecordsError as error:
            defect = error
        raise await self._verdict(defect)  # not from the defect: its frames hold what came

    async def _begin(self) -> None:
        self._tries += 1
        self._seen, self._head, self._changed = _Bytes(), b"", False
        await self._open.enter_async_context(self._owner.slot())
        opening = self._owner.transport.stream(self._links.url, label=self._label, new_connection=self._tries > 1)
        self._stream = await self._open.enter_async_context(opening)
        await check_response(self._stream, self._label, self._owner.redactor)
        self._parts = aiter(self._stream)
        self._part, self._place = b"", 0
        self._parser = RecordParser(self._owner.limits)

    def _parse(self, piece: bytes) -> list[Any]:
        """The values of the next bytes, without those that were given before."""
        again = self._given.size - self._seen.size
        if again > 0:
            self._feed(piece[:again])
            self._changed = self._seen.size == self._given.size and self._seen != self._given
            piece = piece[again:]
        if self._changed and not self._parser.one_object:  # an object may be a refusal, which says more
            raise self._other_file()
        values = self._feed(piece)
        if self._changed and values:
            raise self._other_file()
        return values

    def _feed(self, piece: bytes) -> list[Any]:
        if self._seen.size <= ENVELOPE_BYTES:
            self._head += piece
        self._seen = self._seen.followed_by(piece)
        return self._checked(self._parser.feed(piece))

    def _end(self) -> None:
        self._parser.finish()
        if self._changed or self._seen.size < self._given.size:
            raise self._other_file()

    def _checked(self, values: list[Any]) -> list[Any]:
        """The values, unless they are an answer of the service in place of the file."""
        if not self._parser.one_object or not values or not is_envelope(values[0]):
            return values
        if values[0]["status"] == 0:
            raise self._refusal(values[0])
        raise InvalidResponseError(self._label, "the service sent an answer in place of the file")

    def _refusal(self, envelope: dict[str, Any]) -> APIError:
        return error_from_envelope(self._label, envelope, http_status=200, headers={}, redactor=self._owner.redactor)

    def _other_file(self) -> IntegrityError:
        return IntegrityError(self._label, "the file has changed while it was read")

    async def _verdict(self, error: NotRecordsError) -> MultiCartError:
        stream = self._stream
        while starts_as_object(self._head) and len(self._head) <= ENVELOPE_BYTES:
            self._head += (part := await anext(self._parts, b""))  # a refusal in another encoding is no JSON
            if not part:
                break
        envelope = envelope_in(self._head)
        if envelope is not None and envelope["status"] == 0:
            return self._refusal(envelope)
        if not error.final and (stream is None or not stream.self_delimited):  # it may be the transfer's fault
            return IncompleteDownloadError(self._label, str(error))
        return InvalidResponseError(self._label, str(error))

    async def _recover(self, error: MultiCartError) -> None:
        """Prepare to begin anew, or raise *error*."""
        attempts = self._owner.retrier
        attempts.record_failure(self._label, error, self._tries)
        if await self._links.replace(error):
            return
        if is_transient(error) and self._tries < attempts.max_attempts and not attempts.asks_too_long(error):
            log_retry(self._label, self._tries + 1, error)
            self._owner.emit(Retrying(path=self._label, attempt=self._tries + 1, error=error))
            await attempts.backoff(error, self._tries)
        else:
            raise error
