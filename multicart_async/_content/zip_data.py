"""The data of one member of a ZIP archive, unpacked and summed as it passes; where it ends is found out here too."""

from __future__ import annotations

import re
import zlib
from typing import Protocol

from multicart_async._content import Defect
from multicart_async._content.zip_records import DEFLATED, DESCRIPTOR, DESCRIPTOR_WINDOW, Entry, descriptor_size

__all__ = ["Data", "data_of"]

_STEP = 64 * 1024  # packed bytes per call: zlib copies what it leaves over
_MOST = 1024 * 1024  # unpacked bytes per call: what a bomb can make of one step
_RATIO = 200
_FLOOR = 1024

_SIGNATURE = re.compile(re.escape(DESCRIPTOR))
_PREFIX = re.compile(b"P(?:K\x07?)?\\Z")


class Data(Protocol):
    """The data of one member: fed until it has ended."""

    crc: int
    packed: int
    size: int
    ended: bool

    def feed(self, view: memoryview) -> memoryview:
        """Take what belongs to the member and return the rest, which is not empty only if the data has ended."""
        ...


def data_of(entry: Entry) -> Data:
    """What reads the data behind this local header."""
    if entry.method == DEFLATED:
        return _Deflated(None if entry.streamed else entry.packed)
    if entry.streamed and not entry.packed:
        return _Sought()
    return _Stored(entry.packed)


def _check_ratio(packed: int, size: int, slack: int = 0) -> None:
    if size > _RATIO * max(packed, _FLOOR) + slack:
        raise Defect(f"a member of the archive unpacks to more than {_RATIO} times its size")


class _Stored:
    def __init__(self, packed: int) -> None:
        self.crc = self.packed = self.size = 0
        self._left = packed
        self.ended = not packed

    def feed(self, view: memoryview) -> memoryview:
        taken, rest = view[: self._left], view[self._left :]
        self.crc = zlib.crc32(taken, self.crc)
        self.size = self.packed = self.packed + len(taken)
        self._left -= len(taken)
        self.ended = not self._left
        return rest


class _Deflated:
    def __init__(self, packed: int | None) -> None:
        self.crc = self.packed = self.size = 0
        self.ended = False
        self._whole = packed
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def feed(self, view: memoryview) -> memoryview:
        while view and not self.ended:
            step = view[:_STEP] if self._whole is None else view[: min(_STEP, self._whole - self.packed)]
            if not step:
                raise Defect("a member's compressed data does not end where it should")
            over = self._inflate(step)
            view = view[len(step) - over :]
        return view

    def _inflate(self, step: memoryview) -> int:
        """Unpack *step* in bounded portions; return how many of its bytes lie behind the end of the data."""
        start, todo, full = self.packed, step, True
        while full and not self._inflater.eof:
            made = self._portion(todo)
            todo = memoryview(self._inflater.unconsumed_tail)
            full = len(made) == _MOST
            self.crc, self.size = zlib.crc32(made, self.crc), self.size + len(made)
            self.packed = start + len(step) - len(todo) - len(self._inflater.unused_data)
            _check_ratio(self._whole or self.packed, self.size, 0 if self._whole else _MOST)
        if self._inflater.eof:
            self._end()
        return len(self._inflater.unused_data)

    def _portion(self, todo: memoryview) -> bytes:
        try:
            return self._inflater.decompress(todo, _MOST)
        except zlib.error as error:
            raise Defect("a member's compressed data is damaged") from error

    def _end(self) -> None:
        if self._whole not in {None, self.packed}:
            raise Defect("a member's compressed data does not end where it should")
        _check_ratio(self.packed, self.size)
        self.ended = True


class _Sought:
    """Stored data of unknown length: it ends where a descriptor fits all that came before it.

    Python's zipfile writes such members to a stream that cannot seek.
    """

    def __init__(self) -> None:
        self.crc = self.packed = self.size = 0
        self.ended = False
        self._held = b""

    def feed(self, view: memoryview) -> memoryview:
        if self._held:  # a few bytes, so that this copies a piece at most once
            view, self._held = memoryview(self._held + view), b""
        at, done = 0, 0
        while found := _SIGNATURE.search(view, at):
            at = found.start()
            if len(view) - at < DESCRIPTOR_WINDOW:
                return self._wait(view, done, at)
            if self._sizes_fit(view, done, at):
                self._take(view[done:at])
                done = at
                if self.crc == int.from_bytes(view[at + 4 : at + 8], "little"):
                    self.ended = True
                    return view[at:]
            at += 1
        prefix = _PREFIX.search(view, max(len(view) - len(DESCRIPTOR) + 1, at))
        return self._wait(view, done, prefix.start() if prefix else len(view))

    def _sizes_fit(self, view: memoryview, done: int, at: int) -> bool:
        """Whether what starts at *at* could be the descriptor, but for the checksum, which costs more to know."""
        window, size = view[at : at + DESCRIPTOR_WINDOW], self.size + at - done
        if int.from_bytes(window[8:12], "little") != size & 0xFFFF_FFFF:
            return False  # nearly always; the rest is slower
        claimed = int.from_bytes(window[4:8], "little")
        return descriptor_size(window, claimed, size, size, signed=True) > 0

    def _wait(self, view: memoryview, done: int, at: int) -> memoryview:
        self._take(view[done:at])
        self._held = bytes(view[at:])
        return view[:0]

    def _take(self, data: memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        self.size = self.packed = self.packed + len(data)
