"""Write blocks in threads while the next bytes arrive."""

from __future__ import annotations

from abc import ABC, abstractmethod

from multicart_async._core.threads import ThreadJob, join_thread

__all__ = ["BlockWriter"]


class BlockWriter(ABC):
    """Collect pieces to blocks of at least *block* bytes, and write one of them at a time in a thread."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._held: list[bytes] = []
        self._size = 0
        self._writing: ThreadJob[None] | None = None

    @abstractmethod
    def _begin(self, pieces: list[bytes]) -> ThreadJob[None]:
        """Begin to write a block in a thread."""

    async def write(self, piece: bytes) -> None:
        """Append *piece*; wait only if a block is full while the one before is still being written."""
        self._held.append(piece)
        self._size += len(piece)
        if self._size >= self._block:
            await self._join()
            held, self._held, self._size = self._held, [], 0
            self._writing = self._begin(held)

    async def _join(self) -> None:
        if self._writing is not None:
            await join_thread(self._writing)
            self._writing = None
