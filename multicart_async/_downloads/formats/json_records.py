"""Parse a JSON file into its records incrementally, with the decoder of the standard library and without I/O.

Each element of an array is decoded separately. The beginning of an element that is cut is decoded again, together with the
next piece. If it is longer than a quarter of a piece, the element is buffered until its end has arrived, and then decoded
once, a large one in steps.
"""

from __future__ import annotations

import json
import re
from codecs import utf_8_decode
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from multicart_async._http.incremental_json import parse_incrementally, skip_whitespace
from multicart_async._http.json_values import BARE, ValueEnd
from multicart_async.config import Limits

__all__ = ["STEP", "NotRecordsError", "RecordParser"]

STEP = 1 << 16
"""The number of bytes that are decoded at a time, which takes less than a millisecond. The allocator of the C library
returns the memory of larger texts to the system each time, which makes parsing slower by a quarter."""

_DECODER = json.JSONDecoder()
_decode = _DECODER.raw_decode
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_BOM = "\ufeff"
_UTF8 = ("utf-8", "surrogatepass")  # like `json.loads`
_CUT_CONTEXT = 16  # characters: a cut causes an error at most this far before it, or in an unterminated string
_SELF_DELIMITED = '[{"'  # values that start with one of these mark their own end
_SHORT = 1 << 14  # characters: an error of the decoder costs the more, the more text precedes it
_MANY = 1000  # elements between two pauses
_TAIL = 2  # characters: in 1e+, the start of 1e+5, the decoder reads 1 and leaves these
_SHARE = 4  # a cut element is decoded again if it takes at most one part in so many of a piece, and of the limit
_LONG = 1 << 20  # characters; making such a text of its bytes takes about as long as a step
_LARGE = 1 << 18  # brackets, commas and quotation marks; an element with more is decoded in steps, at thrice the cost
_SCAN_BYTES = 1 << 14
_BYTES_PER_SIGN = 32  # estimated memory for each bracket, comma and quotation mark
_NARROW = bytes(range(0xF0))  # without the bytes that start a character of four bytes
_MEMORY_FACTOR = 4  # memory per element, in multiples of `Limits.record_bytes`
_MIN_MEMORY = 1 << 24  # bytes that an element may take in any case


class NotRecordsError(Exception):
    """The reason why the bytes cannot be parsed. If it is ``final``, another transfer of the file would not help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class RecordParser:
    """Parse the elements of a JSON array that is fed in pieces of any size, each as soon as it is complete.

    A file with a single object has one element. UTF-8 arrays and objects are accepted exactly as by `json.loads`. An
    element above ``Limits.record_bytes``, or a large one that would take more than four times as much memory, is rejected
    before it is decoded.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.one_object = False
        self._limit = limits.record_bytes
        self._text = ""
        self._fed = 0
        self._rest: bytes = b""  # of the bytes that were fed: those after the text
        self._most_kept = 0  # characters of an element that are kept there
        self._is_cut = False  # the rest begins with an element
        self._values: list[Any] = []  # of this piece
        self._due = 0  # number of values after which there is a pause
        self._count = 0  # of values in earlier pieces
        self._partial: _PartialElement | None = None
        self._read_next: Callable[[int], int] = self._read_start  # reads at a position, and returns where it stopped

    def feed(self, piece: bytes) -> list[Any]:
        """Return the elements that *piece* completes. Small pieces, such as of `STEP` bytes, keep memory small.

        Raises:
            NotRecordsError: The file is not a JSON array or object, or an element is too large or nested too deeply.
        """
        steps = self.feed_incrementally(piece)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                values: list[Any] = end.value
                return values

    def feed_incrementally(self, piece: bytes) -> Generator[None, None, list[Any]]:
        """Feed *piece* as `feed` does; each ``yield`` is a pause for other tasks, in a large element or after many."""
        try:
            for start in range(0, len(piece) or 1, STEP):
                part = piece[start : start + STEP]
                if self._partial is not None:
                    part = yield from self._continue_partial(self._partial, part)
                yield from self._read(part)
        except NotRecordsError as error:
            error.__context__ = None  # the error of the decoder holds the whole text
            raise
        values, self._values = self._values, []
        self._count += len(values)
        return values

    def finish(self) -> None:
        """Raise `NotRecordsError` if the file is incomplete."""
        if self._read_next == self._read_start:
            raise NotRecordsError("the file is empty or has only whitespace")
        self.feed(b"")  # the text that was kept may be complete, and invalid
        if self._partial is not None or self._read_next != self._reject_rest:
            raise NotRecordsError(f"the JSON is incomplete: it ends in {self._name}")
        if self._rest:
            raise NotRecordsError(f"invalid JSON: byte {self._fed - len(self._rest):,} is not UTF-8")

    @property
    def _name(self) -> str:
        return f"record {self._count + len(self._values) + 1}"

    def _byte_offset(self, place: int, text: str | None = None) -> int:
        """Return the offset in the file of a place in the text, which ends with the last whole character that was fed."""
        rest = (self._text if text is None else text)[place:]
        return self._fed - len(self._rest) - len(rest.encode(*_UTF8))

    def _read(self, piece: bytes) -> Generator[None, None, None]:
        self._fed += len(piece)
        self._most_kept = min(len(piece), self._limit) // _SHARE
        piece = self._rest + piece
        try:
            self._text, used = utf_8_decode(piece, _UTF8[1])
        except UnicodeDecodeError as error:
            raise self._error_from(error) from None
        self._rest = piece[used:]
        is_cut, self._is_cut = self._is_cut, False
        place = self._read_element(0) if is_cut else 0
        self._due = _MANY
        while (place := skip_whitespace(self._text, place)) < len(self._text):
            place = self._read_next(place)
            if len(self._values) >= self._due:
                self._due += _MANY
                yield

    def _read_start(self, place: int) -> int:
        sign = self._text[place]
        if sign == _BOM and self._byte_offset(place) == 0:
            return 1
        if sign not in "[{":
            raise NotRecordsError("expected a JSON array or object, got something else")
        self.one_object = sign == "{"
        self._read_next = self._read_object if self.one_object else self._read_first
        return place if self.one_object else place + 1

    def _read_object(self, place: int) -> int:
        self._read_next = self._reject_rest
        return self._read_element(place)

    def _read_first(self, place: int) -> int:
        self._read_next = self._read_elements
        return self._read_separator(place) if self._text[place] == "]" else place

    def _read_elements(self, place: int) -> int:
        """Read elements as long as each is followed by a comma, and no pause is due."""
        text, size = self._text, len(self._text)
        while place < size and len(self._values) < self._due:
            if size - place < _SHORT < place:
                self._text = text[place:]
                return 0
            end = self._read_element(place)
            comma = _COMMA.match(text, end)
            if comma is None:
                self._read_next = self._read_separator
                return end
            place = comma.end()
        return place

    def _read_separator(self, place: int) -> int:
        sign = self._text[place]
        if sign not in ",]":
            number = self._count + len(self._values)
            raise NotRecordsError(
                f"invalid JSON: expected ',' or ']' after record {number}, at byte {self._byte_offset(place):,}"
            )
        self._read_next = self._read_elements if sign == "," else self._reject_rest
        return place + 1

    def _reject_rest(self, place: int) -> int:
        raise NotRecordsError(f"invalid JSON: expected the end of the file, at byte {self._byte_offset(place):,}")

    def _read_element(self, place: int) -> int:
        """Read one element, or store it if it is incomplete."""
        text = self._text
        try:
            value, end = _decode(text, place)
        except (ValueError, RecursionError) as error:
            self._raise_if_invalid(error)
            return self._store_partial(place, error)
        if len(text) - end <= _TAIL and text[place] not in _SELF_DELIMITED and BARE.fullmatch(text, place):
            return self._store_partial(place, _decode_error("Expecting ',' delimiter", text, end))
        if (end - place) * 4 > self._limit:
            self._check_size(len(text[place:end].encode(*_UTF8)))
        self._values.append(value)
        return end

    def _raise_if_invalid(self, error: Exception) -> None:
        """Raise unless *error* may be caused by the end of the text within an element."""
        invalid = isinstance(error, RecursionError)
        if isinstance(error, json.JSONDecodeError):
            invalid = error.pos + _CUT_CONTEXT < len(self._text) and self._text[error.pos] != '"'
        if invalid:
            raise self._error_from(error) from None

    def _store_partial(self, place: int, error: Exception) -> int:
        text = self._text
        cut = text[place:].encode(*_UTF8) + self._rest
        if len(text) - place <= self._most_kept:
            self._rest, self._is_cut = cut, True
            return len(text)
        partial = self._partial = _PartialElement()
        if partial.feed(cut) is not None:  # it is complete, so the error is real
            raise self._error_from(error)
        self._check_size(len(partial.content), partial.memory)
        self._rest = b""
        return len(text)

    def _continue_partial(self, partial: _PartialElement, piece: bytes) -> Generator[None, None, bytes]:
        """Continue a partial element; return the bytes after its end."""
        rest = partial.feed(piece)
        self._check_size(len(partial.content), partial.memory)
        if rest is None:
            self._fed += len(piece)
            return b""
        self._fed += len(piece) - len(rest)
        self._partial = None
        try:
            text = partial.content.decode(*_UTF8)
            partial.content.clear()
            self._values.append((yield from _decode_alone(text, partial.signs)))
        except (ValueError, RecursionError) as error:
            raise self._error_from(error) from None
        return rest

    def _check_size(self, size: int, memory: int = 0) -> None:
        limit, what = self._limit, "JSON"
        if size <= limit:
            size, limit, what = memory, max(_MEMORY_FACTOR * limit, _MIN_MEMORY), "memory"
        if size > limit:
            reason = f"{self._name} takes more than {limit:,} bytes of {what}: raise Limits.record_bytes to read it"
            raise NotRecordsError(reason, final=True)

    def _error_from(self, error: Exception) -> NotRecordsError:
        """Return the error for *error*, which was raised while decoding the last bytes that were fed."""
        if isinstance(error, RecursionError):
            return NotRecordsError(f"{self._name} is nested too deeply", final=True)
        if isinstance(error, UnicodeDecodeError):
            place = self._fed - len(error.object) + error.start  # not all of these bytes are text
            return NotRecordsError(f"invalid JSON: byte {place:,} is not UTF-8")
        if isinstance(error, json.JSONDecodeError):
            place = self._byte_offset(error.pos, error.doc)
            reason = error.msg.removesuffix(" at")
            return NotRecordsError(f"invalid JSON: {reason}, at byte {place:,} in {self._name}")
        return NotRecordsError(f"unsupported JSON: {str(error).partition(':')[0]}, in {self._name}")


class _PartialElement:
    """The bytes of an element that is not complete yet."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._end = ValueEnd()
        self._width = 1

    def feed(self, piece: bytes) -> bytes | None:
        """Add the next bytes; return those after the end of the element, ``None`` if it is not complete."""
        for start in range(0, len(piece), _SCAN_BYTES):
            part = piece[start : start + _SCAN_BYTES]  # usually the end is near
            end = self._end.find(part)
            self.content += part if end < 0 else part[:end]
            if not part.isascii():
                self._width = max(self._width, 8 if part.translate(None, _NARROW) else 4)
            if end >= 0:
                return piece[start + end :]
        return None

    @property
    def signs(self) -> int:
        """The number of brackets, commas and quotation marks, each of which stands for about one value."""
        return self._end.signs

    @property
    def memory(self) -> int:
        """The estimated memory of its text and value; one wide character makes the whole string wide."""
        return self._width * len(self.content) + _BYTES_PER_SIGN * self.signs


def _decode_alone(text: str, signs: int) -> Generator[None, None, Any]:
    """Return the value of *text*, which is one element, with pauses if it has many values."""
    if len(text) > _LONG:
        yield
    if signs > _LARGE:
        with suppress(RecursionError):  # the decoder in C takes more levels
            return (yield from parse_incrementally(text, _DECODER))
    value, end = _decode(text)
    if end < len(text):
        raise _decode_error("Expecting ',' delimiter", text, end)
    return value


def _decode_error(reason: str, text: str, place: int) -> json.JSONDecodeError:
    return json.JSONDecodeError(reason, text, place)
