"""Bytes of a JSON file to its records, as they come. No I/O; the decoder is the one of the standard library.

Each element of an array is decoded by itself. One that is cut is held as bytes until its end has come, and decoded once.
"""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any

from multicart_async._http.incremental_json import skip_whitespace
from multicart_async._http.json_values import BARE, ValueEnd
from multicart_async.config import Limits

__all__ = ["STEP", "NotRecordsError", "RecordParser"]

STEP = 1 << 17
"""Bytes to feed at a time: decoding them takes about a millisecond."""

_decode = json.JSONDecoder().raw_decode
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_BOM = "\ufeff"
_UTF8 = ("utf-8", "surrogatepass")  # as `json.loads` decodes bytes
_NEAR = 16  # characters: a cut shows as an error no farther before it, or as a string without an end
_SHOWS_END = '[{"'  # values that begin so
_TAIL = 2  # characters: 1 is complete in 1, but also in 1e+, which goes on
_LOOK = 1 << 14  # bytes
_SIGN_BYTES = 32  # of memory, for each bracket, comma and quotation mark
_NARROW = bytes(range(0xF0))  # the others begin characters of four bytes
_MEMORY = 4  # times `Limits.record_bytes`,
_LITTLE = 1 << 24  # or so many bytes


class NotRecordsError(Exception):
    """Why the bytes are no records. Where it is ``final``, another transfer of the same file would not help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class RecordParser:
    """Give the elements of a JSON array, fed in pieces of any size, each as soon as it is complete.

    A file that is one object has one element. What `json.loads` takes is taken, and nothing else, as far as it is UTF-8
    and an array or object. An element above ``Limits.record_bytes`` is refused before it is decoded, and so is a large
    one that would take more than four times as much memory.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.one_object = False
        self._limit = limits.record_bytes
        self._utf8 = getincrementaldecoder(_UTF8[0])(_UTF8[1])
        self._text = ""
        self._start = 0  # bytes of the file before the text
        self._fed = 0
        self._values: list[Any] = []  # of this piece
        self._given = 0  # values of the pieces before
        self._held: _Held | None = None
        self._next: Callable[[int], int] = self._opening  # reads what may come next, and returns where that ends

    def feed(self, piece: bytes) -> list[Any]:
        """Return the elements that *piece* completes; pieces of at most `STEP` bytes keep memory small.

        Raises:
            NotRecordsError: This is no JSON array or object, or an element is too large or nested too deeply.
        """
        try:
            if self._held is not None:
                piece = self._go_on(self._held, piece)
            if piece:
                self._read(piece)
        except NotRecordsError as error:
            error.__context__ = None  # an error of the decoder, which holds the whole text
            raise
        values, self._values = self._values, []
        self._given += len(values)
        return values

    def finish(self) -> None:
        """Raise `NotRecordsError` unless the file may end here."""
        if self._next == self._opening:
            raise NotRecordsError("it is empty or blank")
        if self._held is not None or self._next != self._nothing:
            raise NotRecordsError(f"it is not whole JSON: it ends in {self._name}")
        self._read(b"", final=True)

    @property
    def _name(self) -> str:
        return f"record {self._given + len(self._values) + 1}"

    def _byte(self, place: int) -> int:
        return self._start + len(self._text[:place].encode(*_UTF8))

    def _read(self, piece: bytes, *, final: bool = False) -> None:
        self._start = self._fed - len(self._utf8.getstate()[0])
        self._fed += len(piece)
        try:
            text = self._text = self._utf8.decode(piece, final)
        except UnicodeDecodeError as error:
            raise self._refusal(error, "", self._start) from None
        place = skip_whitespace(text, 0)
        while place < len(text):
            place = skip_whitespace(text, self._next(place))

    def _opening(self, place: int) -> int:
        sign = self._text[place]
        if sign == _BOM and self._start == place == 0:
            return 1
        if sign not in "[{":
            raise NotRecordsError("it is neither an array nor an object")
        self.one_object = sign == "{"
        self._next = self._object if self.one_object else self._first
        return place if self.one_object else place + 1

    def _object(self, place: int) -> int:
        self._next = self._nothing
        return self._element(place)

    def _first(self, place: int) -> int:
        self._next = self._elements
        return self._separator(place) if self._text[place] == "]" else place

    def _elements(self, place: int) -> int:
        """Read elements as long as each has a comma behind it."""
        text, size = self._text, len(self._text)
        while place < size:
            end = self._element(place)
            comma = _COMMA.match(text, end)
            if comma is None:
                self._next = self._separator
                return end
            place = comma.end()
        return place

    def _separator(self, place: int) -> int:
        sign = self._text[place]
        if sign not in ",]":
            number = self._given + len(self._values)
            raise NotRecordsError(
                f"it is not JSON: expected , or ] after record {number}, at byte {self._byte(place):,}"
            )
        self._next = self._elements if sign == "," else self._nothing
        return place + 1

    def _nothing(self, place: int) -> int:
        raise NotRecordsError(f"it is not JSON: something follows its end, at byte {self._byte(place):,}")

    def _element(self, place: int) -> int:
        """Read one element, or hold it if it is cut."""
        text = self._text
        try:
            value, end = _decode(text, place)
        except (ValueError, RecursionError) as error:
            self._refuse_wrong(error)
            return self._hold(place, error)
        if len(text) - end <= _TAIL and text[place] not in _SHOWS_END and BARE.fullmatch(text, place):
            return self._hold(place, _error("Expecting ',' delimiter", text, end))
        if (end - place) * 4 > self._limit:
            self._refuse_large(len(text[place:end].encode(*_UTF8)))
        self._values.append(value)
        return end

    def _refuse_wrong(self, error: Exception) -> None:
        """Raise unless *error* can come from the cut at the end of the text."""
        wrong = isinstance(error, RecursionError)
        if isinstance(error, json.JSONDecodeError):
            wrong = error.pos + _NEAR < len(self._text) and self._text[error.pos] != '"'
        if wrong:
            raise self._refusal(error, self._text, self._start) from None

    def _hold(self, place: int, error: Exception) -> int:
        text = self._text
        cut = text[place:].encode(*_UTF8) + self._utf8.getstate()[0]
        held = self._held = _Held(self._fed - len(cut))
        if held.take(cut) is not None:  # it is not cut
            raise self._refusal(error, text, self._start)
        self._refuse_large(len(held.content), held.memory)
        self._utf8.reset()
        return len(text)

    def _go_on(self, held: _Held, piece: bytes) -> bytes:
        """Add to what is held, and return what is behind its end."""
        rest = held.take(piece)
        self._refuse_large(len(held.content), held.memory)
        if rest is None:
            self._fed += len(piece)
            return b""
        self._fed += len(piece) - len(rest)
        self._held = None
        text = ""
        try:
            text = held.content.decode(*_UTF8)
            held.content.clear()
            value, end = _decode(text)
            if end < len(text):
                raise _error("Expecting ',' delimiter", text, end)
        except (ValueError, RecursionError) as error:
            raise self._refusal(error, text, held.start) from None
        self._values.append(value)
        return rest

    def _refuse_large(self, size: int, memory: int = 0) -> None:
        most, what = self._limit, "JSON"
        if size <= most:
            size, most, what = memory, max(_MEMORY * most, _LITTLE), "memory"
        if size > most:
            reason = f"{self._name} takes more than {most:,} bytes of {what}: raise Limits.record_bytes to read it"
            raise NotRecordsError(reason, final=True)

    def _refusal(self, error: Exception, text: str, start: int) -> NotRecordsError:
        """Return what *error* means, which came from decoding *text*, at byte *start* of the file."""
        if isinstance(error, RecursionError):
            return NotRecordsError(f"{self._name} is nested too deeply", final=True)
        if isinstance(error, UnicodeDecodeError):
            return NotRecordsError(f"it is not JSON: byte {start + error.start:,} is no UTF-8")
        if isinstance(error, json.JSONDecodeError):
            place = start + len(text[: error.pos].encode(*_UTF8))
            reason = error.msg.removesuffix(" at")
            return NotRecordsError(f"it is not JSON: {reason}, at byte {place:,} in {self._name}")
        return NotRecordsError(f"it is not JSON that Python can read: {str(error).partition(':')[0]}, in {self._name}")


class _Held:
    """An element that is not complete yet."""

    def __init__(self, start: int) -> None:
        self.start = start  # in the file
        self.content = bytearray()
        self._end = ValueEnd()
        self._width = 1

    def take(self, piece: bytes) -> bytes | None:
        """Add the next bytes; return what is behind the end of the element, ``None`` if it is not complete."""
        for start in range(0, len(piece), _LOOK):
            part = piece[start : start + _LOOK]  # as a rule the end is near
            end = self._end.find(part)
            self.content += part if end < 0 else part[:end]
            if not part.isascii():
                self._width = max(self._width, 8 if part.translate(None, _NARROW) else 4)
            if end >= 0:
                return piece[start + end :]
        return None

    @property
    def memory(self) -> int:
        """About the bytes that its text and its value take; one wide character makes all of a text wide."""
        return self._width * len(self.content) + _SIGN_BYTES * self._end.signs


def _error(reason: str, text: str, place: int) -> json.JSONDecodeError:
    return json.JSONDecodeError(reason, text, place)
