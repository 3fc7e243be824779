"""Read the pieces of an archive as one stream: generators suspend until the next piece is fed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

__all__ = ["PieceReader", "Reading"]

T = TypeVar("T")
Reading: TypeAlias = Generator[None, bytes, T]
"""A generator that returns T; each ``yield`` waits for the next piece, which must not be empty."""


class PieceReader:
    """Buffer the bytes that were fed and not consumed, and wait for more when there are too few."""

    def __init__(self) -> None:
        self._piece = memoryview(b"")
        self._at = 0
        self._before = 0  # bytes before the piece

    @property
    def position(self) -> int:
        """The number of bytes consumed."""
        return self._before + self._at

    @property
    def started(self) -> bool:
        """True once any byte has arrived."""
        return len(self._piece) > 0

    def peek(self, minimum: int) -> Reading[memoryview]:
        """Return all available bytes, at least *minimum*, without consuming them."""
        while len(self._piece) - self._at < minimum:
            rest = self._piece[self._at :]
            piece = yield
            self._before += self._at
            self._piece, self._at = memoryview(b"".join((rest, piece)) if rest else piece), 0
        return self._piece[self._at :]

    def skip(self, size: int) -> None:
        """Consume *size* available bytes; a negative size returns the last ones from `read_some`."""
        self._at += size

    def read_some(self, maximum: int) -> Reading[memoryview]:
        """Consume the available bytes, at least one and at most *maximum*."""
        view = yield from self.peek(1)
        taken = view[:maximum]
        self._at += len(taken)
        return taken

    def read_exact(self, size: int) -> Reading[bytes]:
        """Consume *size* bytes."""
        taken = bytearray(self._piece[self._at : self._at + size])
        self._at += len(taken)
        while len(taken) < size:
            taken += yield from self.read_some(size - len(taken))
        return bytes(taken)
