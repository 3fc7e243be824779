"""Bytes of a JSON array to records, as they come. No I/O; the C parser of ijson does the work."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from decimal import Decimal
from importlib import import_module
from itertools import accumulate
from typing import Any

from multicart_async._content import Defect
from multicart_async._content.document import DocumentCheck, Tokens
from multicart_async.config import Limits
from multicart_async.errors import MultiCartWarning

__all__ = ["InexactNumberError", "NotRecordsError", "RecordCount", "RecordParser"]

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_SLICE = 1 << 17
_DIGITS = b"0123456789"
_NO_SIGNS = bytes(set(range(256)) - set(b'[]{}"'))
_LEVEL = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_DEEPEST = 100  # levels, the file's own one among them
_LONGEST_WAY = 1 << 15  # bytes of all names that lead to a value
_SHALLOW, _SHORT = 16, 1 << 11  # as many levels with names as long come to no more than that
_PART = re.compile(rb'"[^"]*"?|[\[\]{},]')
_END_OF_NAME = re.compile(rb'"[ \t\r\n]*(?::|\Z)')
_MARK, _COMMA = b'",'


class NotRecordsError(Exception):
    """Why the bytes are no records."""


class InexactNumberError(Exception):
    """A number is too large for the quick way: parse the file again with ``exact=True``."""


@functools.cache
def _backend() -> Any:
    """The fast parser; without it, the best there is, and a word about it, once."""
    try:
        return import_module("ijson.backends.yajl2_c")
    except ImportError:
        ijson = import_module("ijson")
        warnings.warn(
            f"ijson has no C parser here and uses {ijson.backend!r}: reading records takes about 24 times as long; "
            "install a wheel of ijson for this platform",
            MultiCartWarning,
            stacklevel=2,
        )
        return ijson


class RecordParser:
    """Fed with a file in pieces of any size, gives the records that have come to their end.

    A file that is one object is one record. ``exact`` takes numbers of any size, and its time. A file may be nested 100
    levels deep, and the names on the way to any value may take 32 KiB: see `_Bounds`.
    """

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact
        self._start: bytes | None = b""
        self._out: list[Any] = []
        self._parser: Any = None
        self._one = False
        self._tokens = Tokens()
        self._bounds = _Bounds(sys.get_int_max_str_digits() if exact else 0)

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The records that *piece* brings to their end.

        Raises:
            NotRecordsError: This is no JSON array of objects, and no object.
            InexactNumberError: Without ``exact``, at a number beyond 64 bits.
        """
        if self._parser is None:
            piece = self._open(piece)
        if self._parser is not None:
            for start in range(0, len(piece), _SLICE):
                self._look_at(piece[start : start + _SLICE])
        return self._take()

    def finish(self) -> list[dict[str, Any]]:
        """The last records. Raises `NotRecordsError` if the file must not end here, and what `feed` raises."""
        if self._parser is None:
            raise NotRecordsError("it is empty or blank")
        self._parse(self._tokens.rest())
        self._run(self._parser.close)
        return self._take()

    @property
    def one_object(self) -> bool:
        """Whether the file is one object, and so may be an envelope."""
        return self._one

    def _open(self, piece: bytes) -> bytes:
        assert self._start is not None
        piece = self._start + piece
        if len(piece) < len(_BOM) and _BOM.startswith(piece):
            self._start = piece
            return b""
        piece = piece.removeprefix(_BOM).lstrip(_BLANKS)
        self._start = b"" if not piece else None
        if not piece:
            return b""
        if piece[:1] not in {b"[", b"{"}:
            raise NotRecordsError("it is neither an array nor an object")
        self._one = piece[:1] == b"{"
        backend = _backend()
        self._out = import_module("ijson").sendable_list()
        self._parser = backend.items_coro(self._out, "" if self._one else "item", use_float=not self._exact)
        return piece

    def _look_at(self, piece: bytes) -> None:
        plain = self._tokens.plain(piece)
        marks = self._bounds.look_at(plain, in_text=self._tokens.in_text)
        self._parse(self._tokens.ready(piece, plain, marks))

    def _parse(self, piece: bytes) -> None:
        if piece:  # nothing is the end, to ijson
            self._run(self._parser.send, piece)

    def _run(self, step: Any, *piece: bytes) -> None:
        errors = (import_module("ijson").JSONError, ValueError, ArithmeticError, SystemError)
        try:
            step(*piece)
        except errors as error:
            if "overflow" in str(error) and not self._exact:
                raise InexactNumberError from error
            raise NotRecordsError(f"it is not whole JSON: {' '.join(str(error).split())[:100]}") from error

    def _take(self) -> list[dict[str, Any]]:
        records, self._out[:] = list(self._out), []
        for record in records:
            if not isinstance(record, dict):
                raise NotRecordsError("a record is not an object")
        return [_plain(record) for record in records] if self._exact else records


class _Bounds:
    """What would cost more than it weighs, seen before the parser gets it.

    ijson keeps the whole way to each level that is open, all names on it joined. Its memory grows with the square of
    the depth, and with that of long names: without bounds 80 kB of brackets could ask for all there is, and 3 MB of names.

    The depth is exact. Names are added up only where the file is deep or one of them is long, for that takes as long as
    parsing; so up to twice as much may pass as they are allowed.
    """

    def __init__(self, most_digits: int) -> None:
        self._most_digits = most_digits
        self._digits = b""  # at the end of what came so far
        self._text = 0  # bytes of the text that was open there
        self._depth = 0
        self._names: list[int] = []  # the bytes of the names on the way, while it is followed; and of all of them
        self._way = 0
        self._name = 0  # of the text that came last, if it may still be a name

    def look_at(self, plain: bytes, *, in_text: bool) -> int:
        """How many quotation marks are in the next bytes, which are without escapes and begin *in_text* or not.

        Raises `NotRecordsError` where something is out of bounds.
        """
        if self._most_digits:
            self._refuse_endless_number(plain, in_text=in_text)
        signs = plain.translate(None, _NO_SIGNS)
        marks = signs.count(_MARK)
        if in_text:
            signs = b'"' + signs
        signs = signs.replace(b'""', b"")  # texts without brackets, and ends that meet beginnings
        if _MARK in signs:
            signs = b"".join(signs.split(b'"')[::2])
        shallow = self._reach(signs) <= _SHALLOW
        if not shallow or self._way + self._name > _SHORT or self._sees_long_name(plain, in_text=in_text):
            self._follow(plain, in_text=in_text)
        else:
            self._names, self._way, self._name = [], 0, 0
        if marks:
            in_text ^= bool(marks & 1)
            self._text = 0
        self._text += len(plain) - plain.rfind(b'"') - 1 if in_text else 0
        return marks

    def _reach(self, brackets: bytes) -> int:
        """How deep the file gets with them, or a little more. Raises if that is too deep."""
        start, rest, reach = self._depth, brackets, 0
        self._depth += 2 * (brackets.count(b"[") + brackets.count(b"{")) - len(brackets)
        while (rest := rest.lstrip(b"]}").rstrip(b"[{")) and reach < _SHALLOW:
            rest = rest.replace(b"[]", b"").replace(b"{}", b"")  # one level or two
            reach += 2
        reach += max(start, self._depth)  # what is left goes up, and then down
        if rest or reach > _SHALLOW:
            reach = max(accumulate(map(_LEVEL.__getitem__, brackets), initial=start))
        if reach > _DEEPEST:
            raise NotRecordsError(f"it is nested more than {_DEEPEST} deep")
        return reach

    def _sees_long_name(self, plain: bytes, *, in_text: bool) -> bool:
        """Whether there may be a name of more than `_SHORT` bytes. Looks at a few bytes only."""
        place = 0
        if in_text:
            place = plain.find(b'"')
            if place < 0:
                return False
            if self._text + place > _SHORT and _END_OF_NAME.match(plain, place):
                return True
            place += 1
        while len(plain) - place > _SHORT:
            mark = plain.rfind(b'"', place, place + _SHORT + 1)
            if mark < 0:
                mark = plain.find(b'"', place + _SHORT)
                if mark < 0:
                    break
                if _END_OF_NAME.match(plain, mark):
                    return True
            place = mark + 1
        return False

    def _follow(self, plain: bytes, *, in_text: bool) -> None:
        """Keep account of the names on the way. Raises if they are too long."""
        place = 0
        if in_text:
            place = plain.find(b'"') + 1
            if not place:
                return
            self._name = self._text + place - 1
        for part in _PART.finditer(plain, place):
            sign = plain[part.start()]
            if sign == _MARK:
                self._name = part.end() - part.start() - 2
                continue
            if sign in b"[{":
                self._names.append(self._name)
                self._way += self._name
            elif sign != _COMMA and self._names:
                self._way -= self._names.pop()
            self._name = 0
            if self._way > _LONGEST_WAY:
                raise NotRecordsError(f"the names on the way to a value take more than {_LONGEST_WAY >> 10} KiB")

    def _refuse_endless_number(self, plain: bytes, *, in_text: bool) -> None:
        """An integer that Python refuses to make ends the whole process in ijson's C parser, so it must not get there."""
        most = self._most_digits
        text = self._digits + plain
        for place in range(most, len(text), most):  # whatever is longer has a digit at one of these
            if not text[place : place + 1].isdigit():
                continue
            before, behind = text[place - most : place], text[place : place + most + 1]
            digits = len(before) - len(before.rstrip(_DIGITS)) + len(behind) - len(behind.lstrip(_DIGITS))
            if digits > most and in_text == bool(text.count(b'"', 0, place) & 1):
                raise NotRecordsError(f"it holds a number of more than {most} digits")
        self._digits = text[len(text.rstrip(_DIGITS)) :][-most - 1 :]


class RecordCount:
    """A `Check` that parses all of a page and counts its records."""

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        del full, limits  # it always is
        self._document = DocumentCheck(full=False)  # knows an envelope in place of a page
        self._parser = RecordParser(exact=True)
        self.records = 0

    def feed(self, piece: bytes) -> None:
        """See `Check.feed`."""
        self._document.feed(piece)
        self._count(self._parser.feed, piece)

    def finish(self) -> None:
        """See `Check.finish`."""
        self._document.finish()
        self._count(self._parser.finish)

    def _count(self, step: Any, *piece: bytes) -> None:
        try:
            self.records += len(step(*piece))
        except NotRecordsError as error:
            raise Defect(str(error)) from error


def _plain(value: Any) -> Any:
    """The same with floats, as `json.loads` gives them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
