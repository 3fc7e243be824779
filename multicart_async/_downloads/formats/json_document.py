"""A JSON file, checked as it passes: its first and last byte, or all of it; and whether it is an error instead."""

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
_BLANKS = b" \t\r\n"
_CLOSING = {b"[": b"]", b"{": b"}"}
_ENDS = 1024  # bytes at the start and at the end of a large object
_START_OF_REFUSAL = re.compile(
    rb'\{\s*("status"\s*:\s*0\s*,\s*)?"code"\s*:\s*(-?[0-9]{1,9})\s*,\s*("status"\s*:\s*0\s*,\s*)?"data"\s*:\s*'
)
_END_OF_REFUSAL = re.compile(rb',\s*"status"\s*:\s*0\s*\}\s*\Z')
_INSTEAD = {
    b"<": "HTML or XML",
    b'"': "a bare string",
    b"n": "a bare null",
    b"t": "a bare true",
    b"f": "a bare false",
    **dict.fromkeys((bytes([digit]) for digit in b"-0123456789"), "a number"),
}


class EnvelopeReceivedError(ContentError):
    """The service's envelope came in place of the file; it is in ``envelope``."""

    def __init__(self, envelope: dict[str, Any]) -> None:
        super().__init__("the service sent an answer in place of the file")
        self.envelope = envelope


def is_envelope(value: Mapping[str, Any]) -> bool:
    """Whether an object is an answer of the service: of code, data and status, and a refusal of whatever else too."""
    if not value.keys() >= _ENVELOPE_KEYS:
        return False
    return len(value) == len(_ENVELOPE_KEYS) or (type(value["status"]) is int and value["status"] == 0)


def envelope_in(body: bytes) -> dict[str, Any] | None:
    """The envelope that *body* is, or ``None``.

    All answers have HTTP status 200, refusals too, so a small body can be a refusal whatever was asked for. One in
    another encoding than UTF-8 is one too.
    """
    if len(body) > ENVELOPE_BYTES or not starts_as_object(body):
        return None
    try:
        envelope: dict[str, Any] = json.loads(body.removeprefix(_BOM).decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return envelope if is_envelope(envelope) else None


def starts_as_object(body: bytes) -> bool:
    """Whether its first byte that means something opens an object."""
    return body.removeprefix(_BOM).lstrip(_BLANKS).startswith(b"{")


def _large_refusal(start: bytes, end: bytes) -> dict[str, Any] | None:
    """The refusal that an object is which is too large to be kept, if its two ends leave no doubt."""
    opening = _START_OF_REFUSAL.match(start)
    if opening is None or not (opening[1] or opening[3] or _END_OF_REFUSAL.search(end)):
        return None
    words = start[opening.end() :].decode(errors="replace").rpartition(" ")[0]  # half a credential could not be hidden
    return {"code": int(opening[2]), "data": f"{words} …", "status": 0}


class DocumentCheck:
    """Is this a whole JSON array or object?

    With *full*, every byte is parsed. Without, only the outermost brackets are looked at: enough where the transfer
    itself proved that nothing is missing. A small object is parsed in any case, because refusals are small objects; a
    damaged one is taken only if it cannot be one.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        self._start: bytes | None = b""  # until it is clear whether a byte order mark comes first
        self._opening = b""
        self._last = b""
        self._kept: bytearray | None = bytearray()
        self._ends = (b"", b"")  # of a file that is too large to be kept
        self._proved = not full
        self._parser = RecordParser(limits) if full else None
        self._late = b""  # an object that is small so far: if it is a refusal, that says more than that it is damaged

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `ContentError` as soon as they cannot belong to a JSON array or object."""
        self._keep(piece)
        rest = piece if self._opening else self._open(piece)
        if rest:
            # O(1) unless a piece ends in a long run of blanks
            self._last = (rest[-64:].rstrip(_BLANKS) or rest.rstrip(_BLANKS))[-1:] or self._last
        if self._parser:
            self._late += piece
            if self._kept is None or self._opening == b"[":
                late, self._late = self._late, b""
                self._parse(self._parser, late)

    def finish(self) -> None:
        """End the file. Raises `EnvelopeReceivedError` for an error of the service, `ContentError` unless JSON ends here."""
        envelope = _large_refusal(*self._ends) if self._kept is None else None
        if envelope is not None:
            raise EnvelopeReceivedError(envelope)
        if not self._opening:
            raise ContentError("the file is empty or blank")
        if self._last != _CLOSING[self._opening]:
            raise ContentError(
                f"the JSON is cut off: it starts with {self._opening.decode()} and does not end the same way"
            )
        if self._kept is not None and self._opening == b"{":
            self._finish_small(bytes(self._kept))
        elif self._parser:
            try:
                self._parser.finish()
            except NotRecordsError as error:
                self._fail(error)

    def _finish_small(self, body: bytes) -> None:
        try:
            value = _only_value(body)
        except NotRecordsError as error:
            envelope = envelope_in(body)  # it may be in another encoding
            if envelope is None and all(name in body for name in _ENVELOPE_NAMES):
                raise ContentError(f"it may be an answer of the service in place of the file: {error}") from error
            if envelope is None:
                self._fail(error)
        else:
            envelope = value if is_envelope(value) else None
            self._note([value])
        if envelope is not None:
            raise EnvelopeReceivedError(envelope)

    def _parse(self, parser: RecordParser, piece: bytes) -> None:
        try:
            for start in range(0, len(piece), STEP):
                self._note(parser.feed(piece[start : start + STEP]))
        except NotRecordsError as error:
            self._fail(error)

    def _note(self, values: list[Any]) -> None:
        """Take the values that were parsed: the file is only checked, so they are nothing."""

    def _fail(self, error: NotRecordsError) -> None:
        if not self._proved:
            raise ContentError(str(error), final=error.final) from error

    def _keep(self, piece: bytes) -> None:
        start, end = self._ends
        if self._kept is None:
            self._ends = (start, (end + piece[-_ENDS:])[-_ENDS:])
        elif len(self._kept) + len(piece) <= ENVELOPE_BYTES:
            self._kept += piece
        else:
            kept, self._kept = bytes(self._kept), None
            start = (kept + piece[:_ENDS]).removeprefix(_BOM).lstrip(_BLANKS)[:_ENDS]
            self._ends = (start, (kept[-_ENDS:] + piece[-_ENDS:])[-_ENDS:])

    def _open(self, piece: bytes) -> bytes:
        """Find the first byte that means something; return what there is from it on."""
        if self._start is not None:
            piece = self._start + piece
            if len(piece) < len(_BOM) and _BOM.startswith(piece):
                self._start = piece
                return b""
            piece, self._start = piece.removeprefix(_BOM), None
        piece = piece.lstrip(_BLANKS)
        if piece and piece[:1] not in _CLOSING:
            instead = _INSTEAD.get(piece[:1], "something else")
            raise ContentError(f"the file is not a JSON array or object: it starts like {instead}")
        self._opening = piece[:1]
        return piece


class RecordCount(DocumentCheck):
    """Check a page, and count its records, which are objects.

    Where the transfer proved the page, what cannot be counted is no defect: it is in ``oddity``.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        super().__init__(full=full, limits=limits)
        self._parser = RecordParser(limits)
        self._objects = self._others = 0
        self._fault: str | None = None

    @property
    def records(self) -> int | None:
        """The number of records, unless the page could not be parsed."""
        return None if self._fault else self._objects

    @property
    def oddity(self) -> str | None:
        """What is unusual about the page, if anything is."""
        if self._fault:
            return f"not counted: {self._fault}"
        return f"not counted as no objects: {self._others} of its values" if self._others else None

    def _note(self, values: list[Any]) -> None:
        objects = sum(isinstance(value, dict) for value in values)
        self._objects += objects
        self._others += len(values) - objects

    def _fail(self, error: NotRecordsError) -> None:
        super()._fail(error)
        self._fault, self._parser = str(error), None


def _only_value(body: bytes) -> Any:
    parser = RecordParser()
    values = parser.feed(body)
    parser.finish()
    return values[0]
