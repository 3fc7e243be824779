"""Parse a JSON file into its records incrementally, with the decoder of the standard library and without I/O.

Each element of an array is decoded separately. An incomplete element is buffered as bytes until its end has arrived, and
decoded once.
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
"""The number of bytes to feed at a time; decoding them takes about a millisecond."""

_decode = json.JSONDecoder().raw_decode
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_BOM = "\ufeff"
_UTF8 = ("utf-8", "surrogatepass")  # like `json.loads`
_CUT_CONTEXT = 16  # characters: a cut causes an error at most this far before it, or in an unterminated string
_SELF_DELIMITED = '[{"'  # values that start with one of these mark their own end
_TAIL = 2  # characters: in 1e+, the start of 1e+5, the decoder reads 1 and leaves these
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
        self._utf8 = getincrementaldecoder(_UTF8[0])(_UTF8[1])
        self._text = ""
        self._start = 0  # offset of the text in the file, in bytes
        self._fed = 0
        self._values: list[Any] = []  # of this piece
        self._count = 0  # of values in earlier pieces
        self._partial: _PartialElement | None = None
        self._read_next: Callable[[int], int] = self._read_start  # reads at a position, and returns where it stopped

    def feed(self, piece: bytes) -> list[Any]:
        """Return the elements that *piece* completes. Pieces of at most `STEP` bytes keep memory small.

        Raises:
            NotRecordsError: The file is not a JSON array or object, or an element is too large or nested too deeply.
        """
        try:
            if self._partial is not None:
                piece = self._continue_partial(self._partial, piece)
            if piece:
                self._read(piece)
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
        if self._partial is not None or self._read_next != self._reject_rest:
            raise NotRecordsError(f"the JSON is incomplete: it ends in {self._name}")
        self._read(b"", final=True)

    @property
    def _name(self) -> str:
        return f"record {self._count + len(self._values) + 1}"

    def _byte_offset(self, place: int) -> int:
        return self._start + len(self._text[:place].encode(*_UTF8))

    def _read(self, piece: bytes, *, final: bool = False) -> None:
        self._start = self._fed - len(self._utf8.getstate()[0])
        self._fed += len(piece)
        try:
            text = self._text = self._utf8.decode(piece, final)
        except UnicodeDecodeError as error:
            raise self._error_from(error, "", self._start) from None
        place = skip_whitespace(text, 0)
        while place < len(text):
            place = skip_whitespace(text, self._read_next(place))

    def _read_start(self, place: int) -> int:
        sign = self._text[place]
        if sign == _BOM and self._start == place == 0:
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
        """Read elements as long as each is followed by a comma."""
        text, size = self._text, len(self._text)
        while place < size:
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
        """Read one element, or buffer it if it is incomplete."""
        text = self._text
        try:
            value, end = _decode(text, place)
        except (ValueError, RecursionError) as error:
            self._raise_if_invalid(error)
            return self._start_partial(place, error)
        if len(text) - end <= _TAIL and text[place] not in _SELF_DELIMITED and BARE.fullmatch(text, place):
            return self._start_partial(place, _decode_error("Expecting ',' delimiter", text, end))
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
            raise self._error_from(error, self._text, self._start) from None

    def _start_partial(self, place: int, error: Exception) -> int:
        text = self._text
        cut = text[place:].encode(*_UTF8) + self._utf8.getstate()[0]
        partial = self._partial = _PartialElement(self._fed - len(cut))
        if partial.feed(cut) is not None:  # it is complete, so the error is real
            raise self._error_from(error, text, self._start)
        self._check_size(len(partial.content), partial.memory)
        self._utf8.reset()
        return len(text)

    def _continue_partial(self, partial: _PartialElement, piece: bytes) -> bytes:
        """Continue a partial element; return the bytes after its end."""
        rest = partial.feed(piece)
        self._check_size(len(partial.content), partial.memory)
        if rest is None:
            self._fed += len(piece)
            return b""
        self._fed += len(piece) - len(rest)
        self._partial = None
        text = ""
        try:
            text = partial.content.decode(*_UTF8)
            partial.content.clear()
            value, end = _decode(text)
            if end < len(text):
                raise _decode_error("Expecting ',' delimiter", text, end)
        except (ValueError, RecursionError) as error:
            raise self._error_from(error, text, partial.start) from None
        self._values.append(value)
        return rest

    def _check_size(self, size: int, memory: int = 0) -> None:
        limit, what = self._limit, "JSON"
        if size <= limit:
            size, limit, what = memory, max(_MEMORY_FACTOR * limit, _MIN_MEMORY), "memory"
        if size > limit:
            reason = f"{self._name} takes more than {limit:,} bytes of {what}: raise Limits.record_bytes to read it"
            raise NotRecordsError(reason, final=True)

    def _error_from(self, error: Exception, text: str, start: int) -> NotRecordsError:
        """Return the error for *error*, raised while decoding *text*, which starts at byte *start* of the file."""
        if isinstance(error, RecursionError):
            return NotRecordsError(f"{self._name} is nested too deeply", final=True)
        if isinstance(error, UnicodeDecodeError):
            return NotRecordsError(f"invalid JSON: byte {start + error.start:,} is not UTF-8")
        if isinstance(error, json.JSONDecodeError):
            place = start + len(text[: error.pos].encode(*_UTF8))
            reason = error.msg.removesuffix(" at")
            return NotRecordsError(f"invalid JSON: {reason}, at byte {place:,} in {self._name}")
        return NotRecordsError(f"unsupported JSON: {str(error).partition(':')[0]}, in {self._name}")


class _PartialElement:
    """The bytes of an element that is not complete yet."""

    def __init__(self, start: int) -> None:
        self.start = start  # its offset in the file
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
    def memory(self) -> int:
        """The estimated memory of its text and value; one wide character makes the whole string wide."""
        return self._width * len(self.content) + _BYTES_PER_SIGN * self._end.signs


def _decode_error(reason: str, text: str, place: int) -> json.JSONDecodeError:
    return json.JSONDecodeError(reason, text, place)
