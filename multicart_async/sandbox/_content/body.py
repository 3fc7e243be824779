"""Bodies of responses, of which any part is generated in pieces and never kept in memory whole.

Their size is known in advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

PIECE_SIZE = 128 * 1024


class Body(Protocol):
    """A sequence of bytes that can be sent."""

    @property
    def size(self) -> int:
        """The number of bytes."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from *start* to *stop*; an empty piece lets other tasks run during a long computation."""
        ...


class BytesBody:
    """A body in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._content)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from *start* to *stop*."""
        for first in range(start, stop, PIECE_SIZE):
            yield self._content[first : min(first + PIECE_SIZE, stop)]


def concatenated(bodies: Iterable[Body], start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from *start* to *stop* of several bodies in sequence."""
    offset = 0
    for body in bodies:
        if offset >= stop:
            return
        first, last = max(start - offset, 0), min(stop - offset, body.size)
        offset += body.size
        if first < last:
            yield from body.pieces(first, last)
