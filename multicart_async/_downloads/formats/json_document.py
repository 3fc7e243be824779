"""Check a JSON file while it is read, in full or only its ends, and recognize an error envelope in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.json_records import STEP, NotRecordsError, RecordParser
from multicart_async.config import Limits

__all__ = [
    "ENVELOPE_BYTES",
    "DocumentCheck",
    "EnvelopeReceivedError",
    "RecordCount",
    "envelope_in",
    "is_envelope",
    "starts_as_object",
]

ENVELOPE_BYTES = 64 * 1024
_ENVELOPE_KEYS = frozenset({"code", "data", "status"})
_ENVELOPE_NAMES = tuple(name.encode() for name in sorted(_ENVELOPE_KEYS))
_BOM = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r\n"
_CLOSING = {b"[": b"]", b"{": b"}"}
_END_BYTES = 1024  # bytes that are stored from each end of a large object
_ERROR_START = re.compile(
    rb'\{\s*("status"\s*:\s*0\s*,\s*)?"code"\s*:\s*(-?[0-9]{1,9})\s*,\s*("status"\s*:\s*0\s*,\s*)?"data"\s*:\s*'
)
_ERROR_END = re.compile(rb',\s*"status"\s*:\s*0\s*\}\s*\Z')
_KINDS = {
    b"<": "HTML or XML",
    b'"': "a bare string",
    b"n": "a bare null",
    b"t": "a bare true",
    b"f": "a bare false",
    **dict.fromkeys((bytes([digit]) for digit in b"-0123456789"), "a number"),
}


class EnvelopeReceivedError(ContentError):
    """The response is an ``envelope`` of the service, not the file."""

    def __init__(self, envelope: dict[str, Any]) -> None:
        super().__init__("expected the file, got an envelope of the service")
        self.envelope = envelope


def is_envelope(value: Mapping[str, Any]) -> bool:
    """Return whether an object is an envelope: only code, data and status; an error may have more fields."""
    if not value.keys() >= _ENVELOPE_KEYS:
        return False
    return len(value) == len(_ENVELOPE_KEYS) or (type(value["status"]) is int and value["status"] == 0)


def envelope_in(body: bytes) -> dict[str, Any] | None:
    """Return the envelope in *body*, or ``None``.

    Errors have HTTP status 200 too, so any small body can be an error envelope. An envelope in another encoding than
    UTF-8 is recognized as well.
    """
    if len(body) > ENVELOPE_BYTES or not starts_as_object(body):
        return None
    try:
        envelope: dict[str, Any] = json.loads(body.removeprefix(_BOM).decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return envelope if is_envelope(envelope) else None


def starts_as_object(body: bytes) -> bool:
    """Return whether the first byte after a byte order mark and whitespace opens an object."""
    return body.removeprefix(_BOM).lstrip(_WHITESPACE).startswith(b"{")


def _large_error_envelope(start: bytes, end: bytes) -> dict[str, Any] | None:
    """Return the error envelope of which only *start* and *end* were stored, if they leave no doubt."""
    opening = _ERROR_START.match(start)
    if opening is None or not (opening[1] or opening[3] or _ERROR_END.search(end)):
        return None
    words = start[opening.end() :].decode(errors="replace").rpartition(" ")[0]  # part of a key could not be redacted
    return {"code": int(opening[2]), "data": f"{words} …", "status": 0}


class DocumentCheck:
    """Check that a file is a complete JSON array or object.

    With *full*, every byte is parsed. Otherwise only the outermost brackets are checked, which is enough if the transfer
    has proved that nothing is missing. A small object is always parsed, because error envelopes are small objects; a
    damaged one is accepted only if it cannot be an envelope.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        self._bom_start: bytes | None = b""  # the beginning, until it is known whether it is a byte order mark
        self._opening = b""
        self._last = b""
        self._stored: bytearray | None = bytearray()
        self._ends = (b"", b"")  # of a file that is too large to be stored
        self._end_proved = not full
        self._parser = RecordParser(limits) if full else None
        self._unparsed = b""  # of an object that may still be an error envelope, which is reported as such

    def feed(self, piece: bytes) -> None:
        """Check the next bytes. Raises `ContentError` as soon as they cannot belong to a JSON array or object."""
        self._store(piece)
        rest = piece if self._opening else self._skip_to_opening(piece)
        if rest:
            # O(1) unless a piece ends in much whitespace
            self._last = (rest[-64:].rstrip(_WHITESPACE) or rest.rstrip(_WHITESPACE))[-1:] or self._last
        if self._parser:
            self._unparsed += piece
            if self._stored is None or self._opening == b"[":
                unparsed, self._unparsed = self._unparsed, b""
                self._parse(self._parser, unparsed)

    def finish(self) -> None:
        """Check the end of the file. Raises `EnvelopeReceivedError` for an envelope, `ContentError` for incomplete JSON."""
        envelope = _large_error_envelope(*self._ends) if self._stored is None else None
        if envelope is not None:
            raise EnvelopeReceivedError(envelope)
        if not self._opening:
            raise ContentError("the file is empty or has only whitespace")
        if self._last != _CLOSING[self._opening]:
            raise ContentError(f"the JSON is incomplete: expected {_CLOSING[self._opening].decode()} at its end")
        if self._stored is not None and self._opening == b"{":
            self._finish_small(bytes(self._stored))
        elif self._parser:
            try:
                self._parser.finish()
            except NotRecordsError as error:
                self._fail(error)

    def _finish_small(self, body: bytes) -> None:
        try:
            value = _only_value(body)
        except NotRecordsError as error:
            envelope = envelope_in(body)  # which may be in another encoding
            if envelope is None and all(name in body for name in _ENVELOPE_NAMES):
                raise ContentError(f"the file may be a damaged envelope of the service: {error}") from error
            if envelope is None:
                self._fail(error)
        else:
            envelope = value if is_envelope(value) else None
            self._count([value])
        if envelope is not None:
            raise EnvelopeReceivedError(envelope)

    def _parse(self, parser: RecordParser, piece: bytes) -> None:
        try:
            for start in range(0, len(piece), STEP):
                self._count(parser.feed(piece[start : start + STEP]))
        except NotRecordsError as error:
            self._fail(error)

    def _count(self, values: list[Any]) -> None:
        """Count the parsed values; this class only checks the file, and ignores them."""

    def _fail(self, error: NotRecordsError) -> None:
        if not self._end_proved:
            raise ContentError(str(error), final=error.final) from error

    def _store(self, piece: bytes) -> None:
        start, end = self._ends
        if self._stored is None:
            self._ends = (start, (end + piece[-_END_BYTES:])[-_END_BYTES:])
        elif len(self._stored) + len(piece) <= ENVELOPE_BYTES:
            self._stored += piece
        else:
            stored, self._stored = bytes(self._stored), None
            start = (stored + piece[:_END_BYTES]).removeprefix(_BOM).lstrip(_WHITESPACE)[:_END_BYTES]
            self._ends = (start, (stored[-_END_BYTES:] + piece[-_END_BYTES:])[-_END_BYTES:])

    def _skip_to_opening(self, piece: bytes) -> bytes:
        """Skip a byte order mark and whitespace; return *piece* from the opening bracket on."""
        if self._bom_start is not None:
            piece = self._bom_start + piece
            if len(piece) < len(_BOM) and _BOM.startswith(piece):
                self._bom_start = piece
                return b""
            piece, self._bom_start = piece.removeprefix(_BOM), None
        piece = piece.lstrip(_WHITESPACE)
        if piece and piece[:1] not in _CLOSING:
            kind = _KINDS.get(piece[:1], "something else")
            raise ContentError(f"expected a JSON array or object, got {kind}")
        self._opening = piece[:1]
        return piece


class RecordCount(DocumentCheck):
    """Check a page, and count its records, which are objects.

    If the transfer has proved that the page is complete, values that cannot be counted are not an error, but described
    by ``anomaly``.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        super().__init__(full=full, limits=limits)
        self._parser = RecordParser(limits)
        self._objects = self._skipped = 0
        self._error: str | None = None

    @property
    def records(self) -> int | None:
        """The number of records, unless the page could not be parsed."""
        return None if self._error else self._objects

    @property
    def anomaly(self) -> str | None:
        """A description of the values that could not be counted, if there are any."""
        if self._error:
            return f"not counted: {self._error}"
        return f"values not counted because they are not objects: {self._skipped}" if self._skipped else None

    def _count(self, values: list[Any]) -> None:
        objects = sum(isinstance(value, dict) for value in values)
        self._objects += objects
        self._skipped += len(values) - objects

    def _fail(self, error: NotRecordsError) -> None:
        super()._fail(error)
        self._error, self._parser = str(error), None


def _only_value(body: bytes) -> Any:
    parser = RecordParser()
    values = parser.feed(body)
    parser.finish()
    return values[0]
