"""The body of one file: every piece as it comes, an error when it stops coming, no end that is not the end."""

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

SLOWEST = 1024.0  # bytes per second; below that for as long as the longest silence is a stall
_CODING = "content-encoding"
_REST = re.compile(r"bytes=(\d{1,19})-\Z", re.ASCII)


def lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with names in lower case; a repeated one keeps its first value, codings are all kept."""
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        headers.setdefault(name.lower(), value)
    if _CODING in headers:
        headers[_CODING] = ", ".join(answer.headers.getall(_CODING))
    return headers


class AiohttpStream:
    """A `ByteStream` over aiohttp. gzip is decoded; any other coding is left to the caller, who finds it in the headers."""

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
        self._start = 0 if rest is None else int(rest[1])  # bytes of the file that came before this response

    def check_length(self) -> None:
        """Raise `IntegrityError` if the headers promise a file above ``Limits.file_bytes``."""
        if self.status in {200, 206}:
            self._check_size(self._promised or 0)

    def _check_size(self, size: int) -> None:
        if self._start + size > self._most:
            raise IntegrityError(
                self._label,
                f"the file has more bytes than Limits.file_bytes allows, {self._most}; set it higher to get it",
            )

    @property
    def status(self) -> int:
        """HTTP's status."""
        return self._answer.status

    @property
    def length(self) -> int | None:
        """How many bytes will be yielded, where the headers say it: they do not if the body is coded."""
        return self._promised if self._gunzip is None else None

    @property
    def self_delimited(self) -> bool:
        """Whether the end of the body shows. One that ends with the connection may be cut anywhere.

        gzip shows its end too, but a body of several members may be cut between two of them.
        """
        names = ",".join(self._answer.headers.getall("Transfer-Encoding", ())).lower()
        outermost = names.rpartition(",")[2].strip()  # the only one that frames
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
                        await anyio.lowlevel.checkpoint()  # a few bytes can decode to very many pieces
                except GzipError as error:
                    raise IntegrityError(self._label, str(error)) from error
        if self._gunzip is not None and not self._gunzip.whole:
            raise IncompleteDownloadError(self._label, "the transfer ended in the middle of its gzip")

    async def _received(self) -> AsyncGenerator[bytes, None]:
        """Yield what comes over the network, coded or not."""
        received = 0
        waited = total = 0.0
        fresh = 0
        while True:
            asked = self._now()
            piece = await self._next(received, self._transfer - total)
            took = self._now() - asked  # time that the consumer takes is not the network's
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
                    raise StalledDownloadError(self._label, f"only {fresh} bytes in {waited:.0f} s")
                waited, fresh = 0.0, 0
            yield piece
        if self._promised is not None and received != self._promised:
            raise IncompleteDownloadError(self._label, f"{received} of {self._promised} bytes came")

    def _too_slow(self, received: int) -> StalledDownloadError:
        reason = f"not complete within {self._transfer:g} s (Timeouts.transfer), {received} bytes have come"
        error = StalledDownloadError(self._label, reason)
        error.retryable = False  # it would take as long again
        return error

    async def _next(self, received: int, left: float) -> bytes:
        """Wait for the next bytes of the body, for *left* seconds at most.

        The silence is timed here. aiohttp's ``sock_read`` begins again with any byte, those that are no body too, and
        goes on in the pool, where it ends the next request on the connection.
        """
        fault: MultiCartError
        try:
            body = self._answer.content
            if not self._lifetime.closed and ((piece := body.read_nowait()) or body.at_eof()):
                return piece  # waiting costs more than reading
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
