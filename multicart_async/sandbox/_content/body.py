"""Bodies of answers: a size known beforehand and any stretch of it in pieces, never the whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

PIECE = 128 * 1024


class Body(Protocol):
    """What can be sent."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``; an empty piece means: still working, let others have a turn."""
        ...


class Plain:
    """A few bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self._content)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``."""
        for first in range(start, stop, PIECE):
            yield self._content[first : min(first + PIECE, stop)]


def joined(bodies: Iterable[Body], start: int, stop: int) -> Iterator[bytes]:
    """A stretch of several bodies laid end to end."""
    offset = 0
    for body in bodies:
        if offset >= stop:
            return
        first, last = max(start - offset, 0), min(stop - offset, body.size)
        offset += body.size
        if first < last:
            yield from body.pieces(first, last)
