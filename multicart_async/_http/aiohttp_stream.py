"""Stream the body of one file, with an error for a stalled transfer and for one that ends too early."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing

import aiohttp
import anyio.lowlevel

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http.aiohttp_errors import Route, forget_request, stream_error
from multicart_async._http.gzip_decoder import Gunzip, GzipError, codings
from multicart_async.config import Timeouts
from multicart_async.errors import IncompleteDownloadError, IntegrityError, MultiCartError, StalledDownloadError

__all__ = ["AiohttpStream", "lower"]

SLOWEST = 1024.0  # bytes per second; a slower transfer, for `Timeouts.read` seconds, is a stall
_CODING = "content-encoding"
_REST = re.compile(r"bytes=(\d{1,19})-\Z", re.ASCII)


def lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with lower-case names. A repeated header has its first value; all codings are kept."""
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        headers.setdefault(name.lower(), value)
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
        names = ",".join(self._answer.headers.getall("Transfer-Encoding", ())).lower()
        outermost = names.rpartition(",")[2].strip()  # only this one frames the body
        framed = self._promised is not None or outermost == "chunked"
        return framed or (self._gunzip is not None and self._gunzip.members == 1 and self._gunzip.whole)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        decoded = 0
        async with aclosing(self._received()) as pieces:
            async for piece in pieces:
                if self._gunzip is None:
                    yield piece
                    continue
                try:
                    for part in self._gunzip.feed(piece):
                        decoded += len(part)
                        self._check_size(decoded)
                        yield part
                        await anyio.lowlevel.checkpoint()  # a few bytes may decode to very many pieces
                except GzipError as error:
                    raise IntegrityError(self._label, str(error)) from error
        if self._gunzip is not None and not self._gunzip.whole:
            raise IncompleteDownloadError(self._label, "the transfer ended in the middle of the gzip data")

    async def _received(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes as they are received, before decoding."""
        received = 0
        waited = total = 0.0
        fresh = 0
        while True:
            asked = self._now()
            piece = await self._next(received, self._transfer - total)
            took = self._now() - asked  # without the time that the consumer takes
            waited, total = waited + took, total + took
            if not piece:
                break
            received += len(piece)
            self._check_size(received)
            if total > self._transfer:
                raise self._too_slow(received)
            fresh += len(piece)
            if waited >= self._read:
                if fresh < SLOWEST * waited:
                    raise StalledDownloadError(
                        self._label,
                        f"expected at least {SLOWEST:.0f} bytes per second, got {fresh} bytes in {waited:.0f} s",
                    )
                waited, fresh = 0.0, 0
            yield piece
        if self._promised is not None and received != self._promised:
            raise IncompleteDownloadError(self._label, f"expected {self._promised} bytes, got {received}")

    def _too_slow(self, received: int) -> StalledDownloadError:
        reason = f"not complete within {self._transfer:g} s (Timeouts.transfer), got {received} bytes"
        error = StalledDownloadError(self._label, reason)
        error.retryable = False  # another attempt would take as long
        return error

    async def _next(self, received: int, left: float) -> bytes:
        """Wait for the next bytes of the body, for *left* seconds at most.

        The wait is timed here, because aiohttp's ``sock_read`` restarts with any byte, also one outside the body, and
        keeps running in the pool, where it ends the next request on the connection.
        """
        fault: MultiCartError
        try:
            body = self._answer.content
            if not self._lifetime.closed and ((piece := body.read_nowait()) or body.at_eof()):
                return piece  # without the cost of a wait
            with self._lifetime.track(min(self._read, left)):
                try:
                    return await body.readany()
                except asyncio.CancelledError as error:
                    forget_request(error)
                    raise
        except MultiCartError:
            raise
        except Exception as error:  # noqa: BLE001 -- a borrowed session may raise anything
            if isinstance(error, TimeoutError) and left <= self._read:
                fault = self._too_slow(received)
            else:
                fault = stream_error(self._label, error, received, self._read, self._route)
        raise fault
