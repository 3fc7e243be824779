"""Check while a file is read that it is complete, without reading it again from the disk."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ContentCheck", "ContentError"]


class ContentError(Exception):
    """The reason why the bytes are not the expected file. If it is ``final``, another transfer would not help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class ContentCheck(Protocol):
    """Check a file that is fed in order, in pieces of any size. Not thread-safe; used by one thread at a time."""

    def feed(self, piece: bytes) -> None:
        """Check the next bytes. Raises `ContentError` as soon as they cannot belong to a valid file."""

    def finish(self) -> None:
        """Check the end of the file. Raises `ContentError` if the file is incomplete."""
