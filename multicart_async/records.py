"""Records of a result file, one after the other, in constant memory: the file is parsed as it comes."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import anyio.lowlevel
import attrs

from multicart_async._content.document import ENVELOPE_BYTES, envelope_in, is_envelope
from multicart_async._envelope import refusal
from multicart_async._meter import admit
from multicart_async._record_parser import InexactNumberError, NotRecordsError, RecordParser
from multicart_async._response_headers import note_headers
from multicart_async._retry import is_transient
from multicart_async.config import conceal_text
from multicart_async.download import STALE_LINK, Downloader, Refresh, Wanted, slot
from multicart_async.errors import (
    APIError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
)
from multicart_async.events import Retrying
from multicart_async.transport import ByteStream

__all__ = ["read_records"]

_FEED = 1 << 17  # parsed at a time: the loop is held for about a millisecond


async def read_records(
    downloader: Downloader, wanted: Wanted, refresh: Refresh
) -> AsyncGenerator[dict[str, Any], None]:
    """Each record of one result file.

    A transfer that breaks is begun anew without giving any record twice. Then the file must begin with the very bytes
    whose records were given, before it gives more.

    Raises:
        InvalidResponseError: The file is no JSON array of objects, and not one object; or it is nested more than 100
            levels deep, or under names of more than 32 KiB in all.
        IntegrityError: It has changed since its first records were given.
        DownloadError: It could not be had to its end.
        APIError: The service refused it.
    """
    page = _Page(downloader, wanted, refresh)
    try:
        while (records := await page.some()) is not None:
            for record in records:
                yield record
    finally:
        await page.close()


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

    def __init__(self, downloader: Downloader, wanted: Wanted, refresh: Refresh) -> None:
        self._owner = downloader
        self._wanted = wanted
        self._label = wanted.link.label
        self._url = wanted.link.url
        self._other = wanted.link.other
        self._refresh: Refresh | None = refresh
        self._tries = 0
        self._given = _Bytes()  # those whose records were given
        self._seen = _Bytes()  # those of this transfer
        self._head = b""
        self._changed = False
        self._exact = False
        self._ended = False
        self._open = AsyncExitStack()
        self._stream: ByteStream | None = None
        self._parts: AsyncIterator[bytes]
        self._parser = RecordParser()

    async def some(self) -> list[dict[str, Any]] | None:
        """The next records, maybe none of them yet; ``None`` at the end."""
        while True:
            try:
                with self._owner.life.guard():
                    records = await self._next()
            except InexactNumberError:
                self._exact = True
                await self.close()
            except MultiCartError as error:
                if self._stream is not None:
                    note_headers(error, self._stream.headers, partial(conceal_text, self._owner.conceal))
                await self.close()
                await self._recover(error)
            else:
                if records is None:
                    return None
                if records:
                    self._given = self._seen
                return records

    async def close(self) -> None:
        """Give the connection and the slot back."""
        self._stream = None
        await self._open.aclose()

    async def _next(self) -> list[dict[str, Any]] | None:
        if self._stream is None:
            await self._begin()
        part = await anext(self._parts, None)
        try:
            return self._end() if part is None else await self._records_of(part)
        except NotRecordsError as error:
            raise await self._verdict(error) from error

    async def _records_of(self, part: bytes) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        for start in range(0, len(part), _FEED):
            records += self._parse(part[start : start + _FEED])
            await anyio.lowlevel.checkpoint()
        return records

    async def _begin(self) -> None:
        self._tries += 1
        self._seen, self._head, self._changed = _Bytes(), b"", False
        await self._open.enter_async_context(slot(self._owner))
        opening = self._owner.transport.stream(self._url, label=self._label, fresh=self._tries > 1)
        self._stream = await self._open.enter_async_context(opening)
        await admit(self._stream, self._label, self._owner.conceal)
        self._parts = aiter(self._stream)
        self._parser = RecordParser(exact=self._exact)
        self._ended = False

    def _parse(self, piece: bytes) -> list[dict[str, Any]]:
        """The records of the next bytes, without those that were given before."""
        again = self._given.size - self._seen.size
        if again > 0:
            self._feed(piece[:again])
            self._changed = self._seen.size == self._given.size and self._seen != self._given
            piece = piece[again:]
        if self._changed and not self._parser.one_object:  # an object may be a refusal, which says more
            raise self._other_file()
        records = self._feed(piece)
        if self._changed and records:
            raise self._other_file()
        return records

    def _feed(self, piece: bytes) -> list[dict[str, Any]]:
        if self._seen.size <= ENVELOPE_BYTES:
            self._head += piece
        self._seen = self._seen.followed_by(piece)
        return self._checked(self._parser.feed(piece))

    def _end(self) -> list[dict[str, Any]] | None:
        if self._ended:
            return None
        self._ended = True
        records = self._checked(self._parser.finish())
        if self._changed or self._seen.size < self._given.size:
            raise self._other_file()
        return records

    def _checked(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records, unless they are an answer of the service in place of the file."""
        if not self._parser.one_object or not records or not is_envelope(records[0]):
            return records
        if records[0]["status"] == 0:
            raise self._refusal(records[0])
        raise InvalidResponseError(self._label, "the service sent an answer in place of the file")

    def _refusal(self, envelope: dict[str, Any]) -> APIError:
        return refusal(self._label, envelope, http_status=200, headers={}, conceal=self._owner.conceal)

    def _other_file(self) -> IntegrityError:
        return IntegrityError(self._label, "the file has changed while it was read")

    async def _verdict(self, error: NotRecordsError) -> MultiCartError:
        stream = self._stream
        while self._parser.one_object and len(self._head) <= ENVELOPE_BYTES and (part := await anext(self._parts, b"")):
            self._head += part  # a refusal in another encoding is no JSON, and a refusal
        envelope = envelope_in(self._head)
        if envelope is not None and envelope["status"] == 0:
            return self._refusal(envelope)
        if stream is None or not stream.proved:  # nothing proves that all of it came: the transfer may be at fault
            return IncompleteDownloadError(self._label, str(error))
        return InvalidResponseError(self._label, str(error))

    async def _recover(self, error: MultiCartError) -> None:
        """Prepare to begin anew, or raise *error*."""
        attempts = self._owner.attempts
        attempts.note(self._label, error, self._tries)
        if isinstance(error, APIError) and error.code == 404 and self._other is not None:
            self._url, self._other = self._other, None
        elif isinstance(error, APIError) and error.code in STALE_LINK and self._refresh is not None:
            self._url, self._refresh, self._other = (await self._refresh(self._wanted)).url, None, None
        elif is_transient(error) and self._tries < attempts.most and not attempts.asks_too_long(error):
            self._owner.emit(Retrying(path=self._label, attempt=self._tries + 1, error=error))
            await attempts.backoff(error, self._tries)
        else:
            raise error
