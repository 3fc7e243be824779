"""The ZIP of all pages: stored entries, as Python's zipfile writes them to a disk, generated while they are sent."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, MutableMapping, Sequence

import attrs

from multicart_async.sandbox._content.body import Body, BytesBody, concatenated

_LIMIT = 0xFFFFFFFF  # sizes and offsets from here on need ZIP64
_COUNT_LIMIT = 0xFFFF
_UTF8 = 0x800
_DOS_DATE = (2026 - 1980) << 9 | 6 << 5 | 20  # a fixed date, so that the bytes never change
_DOS_TIME = 12 << 11


@attrs.frozen
class _Entry:
    name: bytes
    flags: int
    body: Body
    offset: int

    @property
    def zip64(self) -> bool:
        return self.body.size >= _LIMIT

    @property
    def local_size(self) -> int:
        return 30 + len(self.name) + (20 if self.zip64 else 0)

    def local(self, crc: int) -> bytes:
        size = self.body.size
        extra = struct.pack("<HHQQ", 1, 16, size, size) if self.zip64 else b""
        shown = _LIMIT if self.zip64 else size
        version = 45 if self.zip64 else 20
        fields = (version, self.flags, 0, _DOS_TIME, _DOS_DATE, crc, shown, shown, len(self.name), len(extra))
        return b"PK\3\4" + struct.pack("<5H3I2H", *fields) + self.name + extra

    def central(self, crc: int) -> bytes:
        size = self.body.size
        wide = [size, size] if self.zip64 else []
        wide += [self.offset] if self.offset >= _LIMIT else []
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        version = 45 if wide else 20
        head = (version, version, self.flags, 0, _DOS_TIME, _DOS_DATE, crc, min(size, _LIMIT), min(size, _LIMIT))
        rest = (len(self.name), len(extra), 0, 0, 0, 0o600 << 16, min(self.offset, _LIMIT))
        return b"PK\1\2" + struct.pack("<6H3I", *head) + struct.pack("<5H2I", *rest) + self.name + extra


class _LazyHeader:
    """A header whose size is known before its checksum."""

    def __init__(self, size: int, source: Iterator[bytes]) -> None:
        self.size = size
        self._source = source

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        for piece in self._source:
            yield piece[start:stop]


class Archive:
    """A ZIP file with the given names and bodies.

    *checksums* keeps the CRC of each name, because its computation generates the whole body.
    """

    def __init__(self, files: Sequence[tuple[str, Body]], checksums: MutableMapping[str, int]) -> None:
        self._checksums = checksums
        self._entries: list[_Entry] = []
        offset = 0
        for name, body in files:
            flags = 0 if name.isascii() else _UTF8
            entry = _Entry(name.encode(), flags, body, offset)
            self._entries.append(entry)
            offset += entry.local_size + body.size
        self._directory_offset = offset
        self._directory_size = sum(len(entry.central(0)) for entry in self._entries)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._directory_offset + self._directory_size + len(self._end_record())

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Return an iterator of the bytes from *start* to *stop*."""
        return concatenated(self._parts(), start, stop)

    def _parts(self) -> Iterator[Body]:
        for entry in self._entries:
            yield _LazyHeader(entry.local_size, self._local(entry))
            yield entry.body
        yield _LazyHeader(self._directory_size, self._directory())
        yield BytesBody(self._end_record())

    def _local(self, entry: _Entry) -> Iterator[bytes]:
        yield from self._compute_crc(entry)
        yield entry.local(self._checksums[entry.name.decode()])

    def _directory(self) -> Iterator[bytes]:
        for entry in self._entries:
            yield from self._compute_crc(entry)
        yield b"".join(entry.central(self._checksums[entry.name.decode()]) for entry in self._entries)

    def _compute_crc(self, entry: _Entry) -> Iterator[bytes]:
        """Compute the checksum of an entry; the empty pieces let other tasks run meanwhile."""
        name = entry.name.decode()
        if name in self._checksums:
            return
        crc = 0
        for piece in entry.body.pieces(0, entry.body.size):
            crc = zlib.crc32(piece, crc)
            yield b""
        self._checksums[name] = crc

    def _end_record(self) -> bytes:
        count, size, offset = len(self._entries), self._directory_size, self._directory_offset
        shown = min(count, _COUNT_LIMIT)
        end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, shown, shown, min(size, _LIMIT), min(offset, _LIMIT), 0)
        if count < _COUNT_LIMIT and size < _LIMIT and offset < _LIMIT:
            return end
        wide = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, offset)
        return wide + b"PK\6\7" + struct.pack("<IQI", 0, offset + size, 1) + end
