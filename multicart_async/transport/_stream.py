"""The body of one file: every piece as it comes, an error when it stops coming, no end that is not the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing

import aiohttp
import anyio.lowlevel

from multicart_async._lifeline import Lifeline
from multicart_async.errors import IncompleteDownloadError, IntegrityError, MultiCartError, StalledDownloadError
from multicart_async.transport._faults import Route, fault_of_stream
from multicart_async.transport._gzip import Gunzip, GzipError, codings

__all__ = ["AiohttpStream", "lower"]

SLOWEST = 1024.0  # bytes per second; below that for as long as the longest silence is a stall
_CODING = "content-encoding"


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
        read: float,
        life: Lifeline,
        now: Callable[[], float],
        route: Route,
    ) -> None:
        self._answer = answer
        self._label = label
        self._read = read
        self._life = life
        self._now = now
        self._route = route
        self.headers: Mapping[str, str] = lower(answer)
        text = self.headers.get("content-length", "")
        self._promised = int(text) if text.isascii() and text.isdigit() else None
        self._gunzip = Gunzip() if codings(self.headers.get(_CODING, "")) == ("gzip",) else None

    @property
    def status(self) -> int:
        """HTTP's status."""
        return self._answer.status

    @property
    def length(self) -> int | None:
        """How many bytes will be yielded, where the headers say it: they do not if the body is coded."""
        return self._promised if self._gunzip is None else None

    @property
    def proved(self) -> bool:
        """Whether the end of the body shows. One that ends with the connection may be cut anywhere.

        gzip shows its end too, but a body of several members may be cut between two of them.
        """
        names = ",".join(self._answer.headers.getall("Transfer-Encoding", ())).lower()
        outermost = names.rpartition(",")[2].strip()  # the only one that frames
        framed = self._promised is not None or outermost == "chunked"
        return framed or (self._gunzip is not None and self._gunzip.members == 1 and self._gunzip.whole)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._received()) as pieces:
            async for piece in pieces:
                if self._gunzip is None:
                    yield piece
                    continue
                try:
                    for part in self._gunzip.feed(piece):
                        yield part
                        await anyio.lowlevel.checkpoint()  # a few bytes can decode to very many pieces
                except GzipError as error:
                    raise IntegrityError(self._label, str(error)) from error
        if self._gunzip is not None and not self._gunzip.whole:
            raise IncompleteDownloadError(self._label, "the transfer ended in the middle of its gzip")

    async def _received(self) -> AsyncGenerator[bytes, None]:
        """Yield what comes over the network, coded or not."""
        received = 0
        waited = 0.0
        fresh = 0
        while True:
            asked = self._now()
            piece = await self._next(received)
            waited += self._now() - asked  # time that the consumer takes is not the network's
            if not piece:
                break
            received += len(piece)
            fresh += len(piece)
            if waited >= self._read:
                if fresh < SLOWEST * waited:
                    raise StalledDownloadError(self._label, f"only {fresh} bytes in {waited:.0f} s")
                waited, fresh = 0.0, 0
            yield piece
        if self._promised is not None and received != self._promised:
            raise IncompleteDownloadError(self._label, f"{received} of {self._promised} bytes came")

    async def _next(self, received: int) -> bytes:
        """Wait for the next bytes of the body.

        The silence is timed here. aiohttp's ``sock_read`` begins again with any byte, those that are no body too, and
        goes on in the pool, where it ends the next request on the connection.
        """
        fault: MultiCartError
        try:
            body = self._answer.content
            if not self._life.closed and ((piece := body.read_nowait()) or body.at_eof()):
                return piece  # waiting costs more than reading
            with self._life.guard(self._read):
                return await body.readany()
        except MultiCartError:
            raise
        except Exception as error:  # noqa: BLE001 -- a borrowed session may raise anything
            fault = fault_of_stream(self._label, error, received, self._read, self._route)
        raise fault
