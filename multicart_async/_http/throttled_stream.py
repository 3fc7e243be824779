"""A file whose bytes come no faster than all files of a client together may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from multicart_async._http.pacing import ByteThrottle
from multicart_async._http.transport import ByteStream

__all__ = ["ThrottledStream"]


class ThrottledStream:
    """A `ByteStream` that hands a piece on when it is paid for. The pause lies between two readings, so it is no silence."""

    def __init__(self, stream: ByteStream, throttle: ByteThrottle) -> None:
        self._stream = stream
        self._throttle = throttle
        self._pieces = aiter(stream)
        self.status: int = stream.status
        self.headers: Mapping[str, str] = stream.headers
        self.length: int | None = stream.length

    @property
    def self_delimited(self) -> bool:
        """See `ByteStream`: it may become true at the end."""
        return self._stream.self_delimited

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        await self._throttle.pay(len(piece))
        return piece
