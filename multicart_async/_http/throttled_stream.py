"""A stream that keeps to the client's limit of bytes per second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from multicart_async._http.pacing import ByteThrottle
from multicart_async._http.transport import ByteStream

__all__ = ["ThrottledStream"]


class ThrottledStream:
    """Delay each piece of a `ByteStream` by the throttle. The delay does not count as a silence of the server."""

    def __init__(self, stream: ByteStream, throttle: ByteThrottle) -> None:
        self._stream = stream
        self._throttle = throttle
        self._pieces = aiter(stream)
        self.status: int = stream.status
        self.headers: Mapping[str, str] = stream.headers
        self.length: int | None = stream.length

    @property
    def self_delimited(self) -> bool:
        """See `ByteStream`. It may become true at the end only."""
        return self._stream.self_delimited

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        await self._throttle.pay(len(piece))
        return piece
