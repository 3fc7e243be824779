"""Stream the body of one file, with an error for a stalled transfer and for one that ends too early."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Self

import aiohttp
import anyio.lowlevel

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http.aiohttp_errors import Route, forget_request, stream_error
from multicart_async._http.gzip_decoder import Gunzip, GzipError, codings
from multicart_async._http.lazy_headers import lower_names
from multicart_async.config import Timeouts
from multicart_async.errors import IncompleteDownloadError, IntegrityError, MultiCartError, StalledDownloadError

__all__ = ["AiohttpStream", "lower"]

SLOWEST = 1024.0  # bytes per second; a slower transfer, for `Timeouts.read` seconds, is a stall
_CODING = "content-encoding"
_REST = re.compile(r"bytes=(\d{1,19})-\Z", re.ASCII)


def lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with lower-case names. A repeated header has its first value; all codings are kept."""
    headers = lower_names(answer.headers)
    if _CODING in headers:
        headers[_CODING] = ", ".join(answer.headers.getall(_CODING))
    return headers


class AiohttpStream:
    """A `ByteStream` over aiohttp. It decodes gzip; the caller must check the headers for any other coding."""

    def __init__(
        self,
        answer: aiohttp.ClientResponse,
        label: str,
        timeouts: Timeouts,
        most: int | None,
        lifetime: ClientLifetime,
        now: Callable[[], float],
        route: Route,
    ) -> None:
        self._answer = answer
        self._label = label
        self._read = timeouts.read
        self._transfer = math.inf if timeouts.transfer is None else timeouts.transfer
        self._most = math.inf if most is None else most
        self._lifetime = lifetime
        self._now = now
        self._route = route
        self.headers: Mapping[str, str] = lower(answer)
        text = self.headers.get("content-length", "")
        self._promised = int(text) if text.isascii() and text.isdigit() else None
        self._gunzip = Gunzip() if codings(self.headers.get(_CODING, "")) == ("gzip",) else None
        rest = _REST.match(answer.request_info.headers.get("Range", "")) if answer.status == 206 else None
        self._start = 0 if rest is None else int(rest[1])  # bytes of the file that an earlier response transferred
        self._parts: Iterator[bytes] = iter(())  # decoded, but not yielded yet
        self._received = self._decoded = 0
        self._waited = self._paced = 0.0  # seconds for the network: in all, and until the pace was last checked
        self._fresh = 0  # bytes since then

    def check_length(self) -> None:
        """Raise `IntegrityError` if the headers announce a file above ``Limits.file_bytes``."""
        if self.status in {200, 206}:
            self._check_size(self._promised or 0)

    def _check_size(self, size: int) -> None:
        if self._start + size > self._most:
            raise IntegrityError(
                self._label,
                f"expected at most {self._most} bytes (Limits.file_bytes), got a larger file; raise the limit to download it",
            )

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self._answer.status

    @property
    def length(self) -> int | None:
        """The number of bytes that will be yielded, or ``None`` if the headers do not say it or the body is encoded."""
        return self._promised if self._gunzip is None else None

    @property
    def self_delimited(self) -> bool:
        """Whether the framing proves the end of the body. A body that ends with the connection may be truncated anywhere.

        gzip data proves its end too, except that several members may be truncated between two of them.
        """
        if self._promised is not None:
            return True
        names = ",".join(self._answer.headers.getall("Transfer-Encoding", ())).lower()
        outermost = names.rpartition(",")[2].strip()  # only this one frames the body
        return outermost == "chunked" or (self._gunzip is not None and self._gunzip.members == 1 and self._gunzip.whole)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await (self._receive() if self._gunzip is None else self._decode(self._gunzip))
        if not piece:
            raise StopAsyncIteration
        return piece

    async def _decode(self, gunzip: Gunzip) -> bytes:
        """Return the next decoded bytes; none at the end."""
        await anyio.lowlevel.checkpoint()  # a few bytes may decode to very many pieces
        while not (part := self._next_part()):
            piece = await self._receive()
            if not piece and not gunzip.whole:
                raise IncompleteDownloadError(self._label, "the transfer ended in the middle of the gzip data")
            if not piece:
                break
            self._parts = gunzip.feed(piece)
        return part

    def _next_part(self) -> bytes:
        try:
            part = next(self._parts, b"")
        except GzipError as error:
            raise IntegrityError(self._label, str(error)) from error
        self._decoded += len(part)
        self._check_size(self._decoded)
        return part

    async def _receive(self) -> bytes:
        """Return the next bytes as they are received, before decoding; none at the end."""
        piece = await self._next()
        if piece:
            self._received += len(piece)
            self._fresh += len(piece)
            if self._start + self._received > self._most:
                self._check_size(self._received)
            if self._waited > self._transfer:
                raise self._too_slow()
            if self._waited - self._paced >= self._read:
                self._check_pace()
        elif self._promised is not None and self._received != self._promised:
            raise IncompleteDownloadError(self._label, f"expected {self._promised} bytes, got {self._received}")
        return piece

    def _check_pace(self) -> None:
        waited = self._waited - self._paced
        if self._fresh < SLOWEST * waited:
            raise StalledDownloadError(
                self._label,
                f"expected at least {SLOWEST:.0f} bytes per second, got {self._fresh} bytes in {waited:.0f} s",
            )
        self._paced, self._fresh = self._waited, 0

    def _too_slow(self) -> StalledDownloadError:
        reason = f"not complete within {self._transfer:g} s (Timeouts.transfer), got {self._received} bytes"
        error = StalledDownloadError(self._label, reason)
        error.retryable = False  # another attempt would take as long
        return error

    async def _next(self) -> bytes:
        fault: MultiCartError
        body, left = self._answer.content, self._transfer - self._waited
        asked = self._now()
        try:
            if self._lifetime.closed or not ((piece := body.read_nowait()) or body.at_eof()):
                piece = await self._wait(body, left)
        except MultiCartError:
            raise
        except Exception as error:  # noqa: BLE001 -- a borrowed session may raise anything
            if isinstance(error, TimeoutError) and left <= self._read:
                fault = self._too_slow()
            else:
                fault = stream_error(self._label, error, self._received, self._read, self._route)
        else:
            self._waited += self._now() - asked  # without the time that the consumer takes
            return piece
        raise fault

    async def _wait(self, body: aiohttp.StreamReader, left: float) -> bytes:
        """Wait for the next bytes of the body, for *left* seconds at most.

        The wait is timed here, because aiohttp's ``sock_read`` restarts with any byte, also one outside the body, and
        keeps running in the pool, where it ends the next request on the connection.
        """
        with self._lifetime.bound(min(self._read, left)):
            try:
                return await body.readany()
            except asyncio.CancelledError as error:
                forget_request(error)
                raise
