"""The body of one file: every piece as it comes, an error when it stops coming, no end that is not the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import aiohttp

from multicart_async._lifeline import Lifeline
from multicart_async.errors import IncompleteDownloadError, MultiCartError, StalledDownloadError
from multicart_async.transport._faults import FAULTS, fault_of_stream

__all__ = ["AiohttpStream", "lower"]

SLOWEST = 1024.0  # bytes per second; below that for as long as the longest silence is a stall


def lower(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Headers with names in lower case; a repeated one keeps its first value."""
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        headers.setdefault(name.lower(), value)
    return headers


class AiohttpStream:
    """A `ByteStream` over aiohttp."""

    def __init__(
        self, answer: aiohttp.ClientResponse, label: str, read: float, life: Lifeline, now: Callable[[], float]
    ) -> None:
        self._answer = answer
        self._label = label
        self._read = read
        self._life = life
        self._now = now
        self.headers: Mapping[str, str] = lower(answer)
        text = self.headers.get("content-length", "")
        self.length: int | None = int(text) if text.isascii() and text.isdigit() else None
        """How many bytes the body has, where the headers say it."""

    @property
    def status(self) -> int:
        """HTTP's status."""
        return self._answer.status

    @property
    def proved(self) -> bool:
        """Whether the framing shows where the body ends. One that ends with the connection may be cut anywhere."""
        codings = ",".join(self._answer.headers.getall("Transfer-Encoding", ())).lower()
        return self.length is not None or codings.rpartition(",")[2].strip() == "chunked"  # only the outermost frames

    async def __aiter__(self) -> AsyncIterator[bytes]:
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
        if self.length is not None and received != self.length:
            raise IncompleteDownloadError(self._label, f"{received} of {self.length} bytes came")

    async def _next(self, received: int) -> bytes:
        fault: MultiCartError
        try:
            body = self._answer.content
            if not self._life.closed and ((piece := body.read_nowait()) or body.at_eof()):
                return piece  # waiting costs more than reading
            with self._life.guard():
                return await body.readany()
        except MultiCartError:
            raise
        except FAULTS as error:
            fault = fault_of_stream(self._label, error, received, self._read)
        raise fault
