"""Is this the whole file? Answered from the bytes as they pass, without a second look at the disk."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ContentCheck", "ContentError"]


class ContentError(Exception):
    """Why the bytes are not the promised file. Where it is ``final``, another transfer of them would not help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class ContentCheck(Protocol):
    """Looks at a file as it passes, in order, in pieces of any size. Not thread-safe; used by one thread at a time."""

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `ContentError` as soon as they cannot belong to a good file."""

    def finish(self) -> None:
        """The file ended here. Raises `ContentError` if it must not end here."""
