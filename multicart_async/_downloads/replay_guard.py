"""Whether a file that is read again begins with the bytes whose records were yielded before."""

from __future__ import annotations

import zlib

import attrs

__all__ = ["ReplayGuard"]


@attrs.frozen
class _Prefix:
    """The length and CRC-32 of the first bytes of a file.

    CRC-32 detects a change, not an attacker, who could send any records the first time. SHA-256 would make reading 6 %
    slower, and much slower on a processor without instructions for it.
    """

    size: int = 0
    checksum: int = 0

    def extended(self, piece: bytes) -> _Prefix:
        return _Prefix(self.size + len(piece), zlib.crc32(piece, self.checksum))


class ReplayGuard:
    """Compare a new transfer of a file with the prefix whose records were yielded.

    Feed each piece of a transfer with `update`, split by `split_replayed` first; `commit` moves the end of the prefix
    to what was fed.
    """

    def __init__(self) -> None:
        self._given = _Prefix()
        self._read = _Prefix()
        self.changed = False

    def restart(self) -> None:
        """Begin a new transfer at the first byte."""
        self._read, self.changed = _Prefix(), False

    def commit(self) -> None:
        """Record that the records of all bytes so far were yielded."""
        self._given = self._read

    def split_replayed(self, piece: bytes) -> tuple[bytes, bytes]:
        """Split *piece* into bytes whose records were yielded already, and new ones."""
        replayed = max(self._given.size - self._read.size, 0)
        return piece[:replayed], piece[replayed:]

    def update(self, piece: bytes) -> None:
        """Add *piece*; ``changed`` is true if the prefix is complete now and differs from the one before."""
        self._read = self._read.extended(piece)
        if self._read.size == self._given.size:
            self.changed = self._read != self._given

    @property
    def incomplete(self) -> bool:
        """Whether the transfer has not reached the end of the prefix."""
        return self._read.size < self._given.size

    @property
    def size(self) -> int:
        """The number of bytes of this transfer so far."""
        return self._read.size
