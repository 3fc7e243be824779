"""The data of one member of a ZIP archive, unpacked and summed as it passes; where it ends is found out here too."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

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

__all__ = ["Unpacked", "unpack"]

_STEP = 64 * 1024  # packed bytes per call: zlib copies what it leaves over
_MOST = 1024 * 1024  # unpacked bytes per call: what a bomb can make of one step
_RATIO = 200
_FREE = 64 * 2**20  # unpacked bytes: up to here the ratio is not looked at

_NEXT = re.compile(b"|".join(re.escape(signature) for signature in (LOCAL, CENTRAL)))
_HELD = LONGEST_DESCRIPTOR + len(LOCAL) - 1  # bytes that may turn out to be no data as soon as one more has come


class Unpacked:
    """Count the unpacked bytes of a whole archive, and bound them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0

    def add(self, size: int) -> None:
        """Count *size* more bytes. Raises a final `ContentError` beyond ``Limits.unpacked_bytes``."""
        self._total += size
        if self._total > self._most:
            raise ContentError(
                f"the archive unpacks to more than Limits.unpacked_bytes allows, {self._most} bytes; "
                "set it higher if the archive may be that large",
                final=True,
            )

    def check_so_far(self, packed: int) -> None:
        """Stop a bomb early. What comes later may still lower the ratio, so only what is far beyond it ends here."""
        self._check(self._total - _FREE, packed)

    def check_all(self, packed: int) -> None:
        """Compare all that was unpacked with the *packed* bytes of the archive."""
        if self._total > _FREE:
            self._check(self._total, packed)

    def _check(self, unpacked: int, packed: int) -> None:
        if unpacked > _RATIO * packed:
            raise ContentError(
                f"the archive unpacks to more than {_FREE // 2**20} MiB, and to more than {_RATIO} times its size",
                final=True,
            )


@attrs.define
class _Sums:
    """What the data of one member comes to."""

    _unpacked: Unpacked
    crc: int = 0
    size: int = 0

    def add(self, data: bytes | memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self._unpacked.add(len(data))


def unpack(reader: PieceReader, entry: MemberHeader, unpacked: Unpacked) -> Reading[MemberHeader]:
    """Consume the data behind the local header *entry*; return the entry with the checksum and sizes of the data."""
    sums = _Sums(unpacked)
    start, size = reader.position, entry.stored_size
    if entry.method == DEFLATED and size != 0:  # older releases of zipstream-ng deflate a folder to no byte at all
        yield from _inflate(reader, sums, unpacked, None if entry.streamed else entry.packed)
    elif size is not None:
        while sums.size < size:
            sums.add((yield from reader.some(size - sums.size)))
    else:
        yield from _search(reader, sums)
    return attrs.evolve(entry, crc=sums.crc, packed=reader.position - start, size=sums.size)


def _inflate(reader: PieceReader, sums: _Sums, unpacked: Unpacked, packed: int | None) -> Reading[None]:
    """Consume a deflate stream, of *packed* bytes where that is known; else it shows its own end."""
    inflater = _Inflater()
    done = 0
    while not inflater.ended:
        step = _STEP - done % _STEP  # when the ratio is checked must not depend on how the pieces are cut
        if packed is not None:
            step = min(step, packed - done)
        if not step:
            raise ContentError("a member's compressed data does not end where it should")
        view = yield from reader.some(step)
        for part in inflater.parts(view):
            sums.add(part)
        reader.skip(-inflater.over)
        done += len(view) - inflater.over
        if inflater.ended or done % _STEP == 0:
            unpacked.check_so_far(reader.position)
    if packed not in {None, done}:
        raise ContentError("a member's compressed data does not end where it should")


class _Inflater:
    """A deflate stream that is unpacked in bounded parts."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    @property
    def over(self) -> int:
        """How many of the last bytes lie behind the end. zlib keeps them in ``unconsumed_tail`` too."""
        return len(self._zlib.unused_data)

    def parts(self, view: bytes | memoryview) -> Iterator[bytes]:
        """Unpack all of *view*. Each part but the last is full: zlib may hold more of it back."""
        full = True
        while full and not self.ended:
            try:
                part = self._zlib.decompress(view, _MOST)
            except zlib.error as error:
                raise ContentError("a member's compressed data is damaged") from error
            yield part
            view, full = self._zlib.unconsumed_tail, len(part) == _MOST


def _search(reader: PieceReader, sums: _Sums) -> Reading[None]:
    """Consume stored data of unknown length: it ends where a descriptor fits all that came before it.

    Python's zipfile writes such members to a stream that cannot seek.
    """
    view = yield from reader.peek(1)
    while True:
        base, done = sums.size, 0
        for found in _NEXT.finditer(view):
            for start, crc in descriptors_before(view, found.start(), base):  # starts rise: each byte is summed once
                sums.add(view[done:start])
                done = start
                if sums.crc == crc:
                    reader.skip(done)
                    return
        sure = max(done, len(view) - _HELD)
        sums.add(view[done:sure])
        reader.skip(sure)
        view = yield from reader.peek(len(view) - sure + 1)
