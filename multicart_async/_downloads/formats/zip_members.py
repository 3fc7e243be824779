"""Unpack and checksum the data of one member of a ZIP archive while it is read, and find its end."""

from __future__ import annotations

import re
import zlib

import attrs

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_headers import (
    CENTRAL,
    DEFLATED,
    LOCAL,
    LONGEST_DESCRIPTOR,
    MemberHeader,
    descriptors_before,
)
from multicart_async._downloads.formats.zip_reader import PieceReader, Reading

__all__ = ["UnpackLimit", "unpack"]

_STEP = 64 * 1024  # packed bytes per call, because zlib copies the rest
_PART = 1024 * 1024  # unpacked bytes per call, to limit what a bomb can make of one step
_MAX_RATIO = 200
_ALWAYS_ALLOWED = 64 * 2**20  # unpacked bytes up to which any ratio is accepted

_NEXT_HEADER = re.compile(b"|".join(re.escape(signature) for signature in (LOCAL, CENTRAL)))
_UNCERTAIN = LONGEST_DESCRIPTOR + len(LOCAL) - 1  # bytes at the end of a piece that may turn out to be a descriptor


class UnpackLimit:
    """Count the unpacked bytes of the whole archive, and reject too many."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._total = 0

    def add(self, size: int) -> None:
        """Count *size* more bytes. Raises a final `ContentError` beyond ``Limits.unpacked_bytes``."""
        self._total += size
        if self._total > self._maximum:
            raise ContentError(
                f"the archive unpacks to more than Limits.unpacked_bytes allows, {self._maximum} bytes; "
                "set it higher if the archive may be that large",
                final=True,
            )

    def check_so_far(self, packed: int) -> None:
        """Reject a bomb early. Later data may still lower the ratio, so only a total far above it is rejected here."""
        self._check(self._total - _ALWAYS_ALLOWED, packed)

    def check_all(self, packed: int) -> None:
        """Check the ratio of the unpacked bytes to the *packed* bytes of the whole archive."""
        if self._total > _ALWAYS_ALLOWED:
            self._check(self._total, packed)

    def _check(self, unpacked: int, packed: int) -> None:
        if unpacked > _MAX_RATIO * packed:
            raise ContentError(
                f"the archive unpacks to more than {_ALWAYS_ALLOWED // 2**20} MiB, and to more than {_MAX_RATIO} times its size",
                final=True,
            )


@attrs.define
class _DataSums:
    """Checksum and size of the data of one member so far."""

    _limit: UnpackLimit
    crc: int = 0
    size: int = 0

    def add(self, data: bytes | memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self._limit.add(len(data))


def unpack(reader: PieceReader, header: MemberHeader, limit: UnpackLimit) -> Reading[MemberHeader]:
    """Consume the data after a local header; return the header with the actual checksum and sizes."""
    sums = _DataSums(limit)
    start, size = reader.position, header.stored_size
    if header.method == DEFLATED and size != 0:  # older releases of zipstream-ng deflate a folder to no bytes
        yield from _inflate(reader, sums, limit, None if header.streamed else header.packed)
    elif size is not None:
        while sums.size < size:
            sums.add((yield from reader.read_some(size - sums.size)))
    else:
        yield from _read_until_descriptor(reader, sums)
    return attrs.evolve(header, crc=sums.crc, packed=reader.position - start, size=sums.size)


def _inflate(reader: PieceReader, sums: _DataSums, limit: UnpackLimit, packed: int | None) -> Reading[None]:
    """Consume a deflate stream of *packed* bytes; if that is ``None``, the stream marks its own end."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    done = 0
    while not inflater.eof:
        step = _STEP - done % _STEP  # so that the ratio is checked at the same places however the pieces are cut
        if packed is not None:
            step = min(step, packed - done)
        if not step:
            raise ContentError("a member's compressed data does not end where it should")
        view = yield from reader.read_some(step)
        rest: bytes | memoryview = view
        full = True
        try:
            while full and not inflater.eof:  # zlib may have more after a full part
                part = inflater.decompress(rest, _PART)
                sums.add(part)
                rest, full = inflater.unconsumed_tail, len(part) == _PART
        except zlib.error as error:
            raise ContentError("a member's compressed data is damaged") from error
        unused = len(inflater.unused_data)  # bytes after the end; zlib keeps them in `unconsumed_tail` too
        reader.skip(-unused)
        done += len(view) - unused
        if inflater.eof or done % _STEP == 0:
            limit.check_so_far(reader.position)
    if packed not in {None, done}:
        raise ContentError("a member's compressed data does not end where it should")


def _read_until_descriptor(reader: PieceReader, sums: _DataSums) -> Reading[None]:
    """Consume stored data of unknown length: it ends where a descriptor matches all data before it.

    Python's zipfile writes such members to a stream that cannot seek.
    """
    view = yield from reader.peek(1)
    while True:
        base, done = sums.size, 0
        for header in _NEXT_HEADER.finditer(view):
            for start, crc in descriptors_before(view, header.start(), base):  # in order: each byte is summed once
                sums.add(view[done:start])
                done = start
                if sums.crc == crc:
                    reader.skip(done)
                    return
        certain = max(done, len(view) - _UNCERTAIN)
        sums.add(view[done:certain])
        reader.skip(certain)
        view = yield from reader.peek(len(view) - certain + 1)
