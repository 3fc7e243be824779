"""Find the end of a JSON value by its brackets and quotation marks. No I/O."""

from __future__ import annotations

import re
from itertools import accumulate

__all__ = ["BARE", "ValueEnd"]

_NO_SIGNS = bytes(set(range(256)) - set(b"[]{},"))
_LEVEL = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
BARE = re.compile(r"[-+.0-9A-Za-z]*+")  # numbers and literals
_BARE = re.compile(BARE.pattern.encode())
_PART = re.compile(rb'"[^"]*+"?|[\[\]{}]')


class ValueEnd:
    """Find the end of a value that arrives in pieces, without decoding it.

    The result is right for valid JSON; whether it is valid is not checked. ``signs`` counts the brackets, commas and
    quotation marks so far: each stands for about one Python object, or a slot in one.
    """

    def __init__(self) -> None:
        self.signs = 0
        self._first = b""  # the first byte of the value
        self._depth = 1
        self._in_text = False
        self._escaped = False  # the next byte is escaped by a backslash

    def find(self, piece: bytes) -> int:
        """Return the index after the value in *piece*, the next bytes, or -1 if the value continues after them."""
        start = 0
        if not self._first:
            self._first, start = piece[:1], 1
        if self._first in {b"[", b"{"}:
            return self._end_of_brackets(self._plain(piece), start)
        if self._first == b'"':
            return self._plain(piece).find(b'"', start) + 1 or -1
        bare = _BARE.match(piece)
        return -1 if bare is None or bare.end() == len(piece) else bare.end()

    def _plain(self, piece: bytes) -> bytes:
        """Return *piece* with masked escapes, so that each remaining quotation mark begins or ends a string."""
        if self._escaped:
            piece = b"_" + piece[1:]
        self._escaped = False
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"__").replace(b'\\"', b"__")
            self._escaped = piece.endswith(b"\\")
        return piece

    def _end_of_brackets(self, plain: bytes, start: int) -> int:
        parts = plain[start:].split(b'"')
        signs = b"".join(parts[self._in_text :: 2]).translate(None, _NO_SIGNS)
        marks = len(parts) - 1
        self.signs += start + len(signs) + marks
        brackets = signs.replace(b",", b"")
        if 0 in accumulate(map(_LEVEL.__getitem__, brackets), initial=self._depth):
            return self._walk(plain, start)
        self._depth += 2 * (brackets.count(b"[") + brackets.count(b"{")) - len(brackets)
        self._in_text ^= bool(marks & 1)
        return -1

    def _walk(self, plain: bytes, start: int) -> int:
        """Return the index after the bracket that closes the value."""
        depth = self._depth
        place = plain.find(b'"') + 1 if self._in_text else start
        for part in _PART.finditer(plain, place):
            depth += _LEVEL.get(plain[part.start()], 0)
            if not depth:
                return part.end()
        raise AssertionError("the value ends in this piece")  # pragma: no cover -- for the type checkers
