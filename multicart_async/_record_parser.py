"""Bytes of a JSON array to records, as they come. No I/O; the C parser of ijson does the work."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from decimal import Decimal
from importlib import import_module
from typing import Any

from multicart_async._content import Defect
from multicart_async._content.document import DocumentCheck
from multicart_async.errors import MultiCartWarning

__all__ = ["InexactNumberError", "NotRecordsError", "RecordCount", "RecordParser"]

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_SLICE = 1 << 16
_DEEPEST = 1_000  # as deep as Python's own parser goes, about
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


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

    A file that is one object is one record. ``exact`` takes numbers of any size, and its time.
    """

    def __init__(self, *, exact: bool = False) -> None:
        self._exact = exact
        self._start: bytes | None = b""
        self._out: list[Any] = []
        self._parser: Any = None
        self._one = False
        self._most_digits = sys.get_int_max_str_digits() if exact else 0
        self._depth = 0  # since the last record, at the most
        self._digits = b""  # at the end of what was fed so far

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The records that *piece* brings to their end.

        Raises:
            NotRecordsError: This is no JSON array of objects, and no object.
            InexactNumberError: Without ``exact``, at a number beyond 64 bits.
        """
        if self._parser is None:
            piece = self._open(piece)
        if self._parser is not None and piece:  # nothing is the end, to ijson
            self._refuse_endless_number(piece)
            for start in range(0, len(piece), _SLICE):
                self._refuse_depth(piece[start : start + _SLICE])
                self._run(self._parser.send, piece[start : start + _SLICE])
        return self._take()

    def finish(self) -> list[dict[str, Any]]:
        """The last records. Raises `NotRecordsError` if the file must not end here."""
        if self._parser is None:
            raise NotRecordsError("it is empty or blank")
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

    def _refuse_endless_number(self, piece: bytes) -> None:
        """An integer that Python refuses to make ends the whole process in ijson's C parser, so it must not get there."""
        if not self._most_digits:
            return
        text = self._digits + piece
        if re.search(rb"[0-9]{%d}" % (self._most_digits + 1), text):
            raise NotRecordsError(f"it holds a number of more than {self._most_digits} digits")
        self._digits = text[len(text.rstrip(b"0123456789")) :]

    def _refuse_depth(self, piece: bytes) -> None:
        """Keep nesting within bounds: ijson's memory and time grow with its square, and 80 kB could ask for all there is.

        Counted without looking at texts, which may hold brackets too: it takes a thousand of them without their
        counterparts in one slice of the file to mislead it.
        """
        brackets = piece.translate(None, _NO_BRACKETS)
        rounds = 0
        while self._depth + len(brackets) > _DEEPEST:
            fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")  # one level of each nest
            rounds += 1
            if rounds > _DEEPEST or len(fewer) == len(brackets):
                raise NotRecordsError(f"it is nested more than {_DEEPEST} deep")
            brackets = fewer
        opened = brackets.count(b"[") + brackets.count(b"{")
        self._depth = 0 if self._out else max(0, self._depth + 2 * opened - len(brackets))

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
        try:
            return [_plain(record) for record in records] if self._exact else records
        except RecursionError as error:
            raise NotRecordsError("a record is nested too deeply") from error


class RecordCount:
    """A `Check` that parses all of a page and counts its records."""

    def __init__(self, *, full: bool) -> None:
        del full  # it always is
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
