"""A JSON file, checked as it passes: its first and last byte, or all of it; and whether it is an error instead."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from multicart_async._content import Defect
from multicart_async._json_steps import STRICT
from multicart_async.config import Limits

__all__ = ["ENVELOPE_BYTES", "DocumentCheck", "EnvelopeInstead", "Tokens", "envelope_in", "is_envelope"]

ENVELOPE_BYTES = 64 * 1024
_ENVELOPE_KEYS = frozenset({"code", "data", "status"})
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_CLOSING = {b"[": b"]", b"{": b"}"}
_NUMBER = b"+-.0123456789Ee"
_MARK, _BLANK = b'" '
_FEW_ESCAPES = 512  # in a piece
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


class EnvelopeInstead(Defect):
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
    text = body.removeprefix(_BOM)
    if len(body) > ENVELOPE_BYTES or not text.lstrip(_BLANKS).startswith(b"{"):
        return None
    try:
        envelope: dict[str, Any] = json.loads(text.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return envelope if is_envelope(envelope) else None


def _large_refusal(start: bytes, end: bytes) -> dict[str, Any] | None:
    """The refusal that an object is which is too large to be kept, if its two ends leave no doubt."""
    opening = _START_OF_REFUSAL.match(start)
    if opening is None or not (opening[1] or opening[3] or _END_OF_REFUSAL.search(end)):
        return None
    words = start[opening.end() :].decode(errors="replace").rpartition(" ")[0]  # half a credential could not be hidden
    return {"code": int(opening[2]), "data": f"{words} …", "status": 0}


class DocumentCheck:
    """Is this a whole JSON array or object?

    With *full*, every byte is parsed, and a number that Python cannot hold is refused too. Without, only the outermost
    brackets are looked at: enough where the transfer itself proved that nothing is missing. A small object is parsed in
    any case: refusals are small objects, and one that is damaged must not pass for a page of one record.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        del limits
        self._start: bytes | None = b""  # until it is clear whether a byte order mark comes first
        self._opening = b""
        self._last = b""
        self._kept: bytearray | None = bytearray()
        self._ends = (b"", b"")  # of a file that is too large to be kept
        self._parser = _Parser() if full else None
        self._late = b""  # an object that is small so far: if it is a refusal, that says more than that it is damaged

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `Defect` as soon as they cannot belong to a JSON array or object."""
        self._keep(piece)
        if not self._opening:
            piece = self._open(piece)
        if piece:
            # O(1) unless a piece ends in a long run of blanks
            self._last = (piece[-64:].rstrip(_BLANKS) or piece.rstrip(_BLANKS))[-1:] or self._last
            if self._parser:
                self._late += piece
                if self._kept is None or self._opening != b"{":
                    self._parser.feed(self._late)
                    self._late = b""

    def finish(self) -> None:
        """The file ended here. Raises `EnvelopeInstead` for an error of the service, `Defect` unless JSON ends here."""
        kept = None if self._kept is None else bytes(self._kept)
        envelope = _large_refusal(*self._ends) if kept is None else envelope_in(kept)
        if envelope is not None:
            raise EnvelopeInstead(envelope)
        if not self._opening:
            raise Defect("the file is empty or blank")
        if self._last != _CLOSING[self._opening]:
            raise Defect(f"the JSON is cut off: it starts with {self._opening.decode()} and does not end the same way")
        if kept is not None and self._opening == b"{":
            _refuse_damaged(kept)
        if self._parser:
            self._parser.feed(self._late)
            self._parser.finish()

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
            raise Defect(f"the file is not a JSON array or object: it starts like {instead}")
        self._opening = piece[:1]
        return piece


def _refuse_damaged(body: bytes) -> None:
    """Raises unless it is JSON from its start to its end."""
    try:
        STRICT.decode(body.removeprefix(_BOM).decode())
    except (ValueError, RecursionError) as error:
        raise Defect("the file is not JSON throughout") from error


class Tokens:
    """A file in pieces as a parser should get them: nothing of a long token while it goes on.

    yajl begins a token that is open anew with each piece, so a text of 32 MB in pieces of 64 KiB would be read 256 times
    over. What comes in the middle of one is held until it is as long as what was given of it, or the token ends.
    """

    def __init__(self) -> None:
        self.in_text = False
        self._escape = b""  # a backslash at the end of what came so far: what it means comes with the next piece
        self._held: list[bytes] = []
        self._size = 0  # of what is held
        self._given = 0  # of the token that is open, at the most

    def plain(self, piece: bytes) -> bytes:
        """What came, with its escapes undone: each quotation mark that is left begins or ends a text. As long as it was."""
        piece = self._escape + piece
        if b"\\" not in piece:
            self._escape = b""
            return piece
        cut = len(piece) - (len(piece) - len(piece.rstrip(b"\\"))) % 2
        piece, self._escape = piece[:cut], piece[cut:]
        marks: list[int] = []
        find = piece.find
        place = find(b"\\")
        for _ in range(_FEW_ESCAPES):  # three times as fast as replace(), where they are few
            if place < 0:
                break
            if piece[place + 1] == _MARK:
                marks.append(place + 1)
            place = find(b"\\", place + 2)
        else:
            return piece.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        if not marks:
            return piece
        plain = bytearray(piece)
        for place in marks:
            plain[place] = _BLANK
        return bytes(plain)

    def ready(self, piece: bytes, plain: bytes, marks: int) -> bytes:
        """What is to be parsed now, when *piece* has come, which is *plain* with so many quotation marks."""
        goes_on = not marks and (self.in_text or not plain.strip(_NUMBER))
        self.in_text ^= bool(marks & 1)
        self._held.append(piece)
        self._size += len(piece)
        return b"" if goes_on and self._size < self._given else self._all(goes_on=goes_on)

    def rest(self) -> bytes:
        """What is held when the file ends."""
        return self._all(goes_on=False)

    def _all(self, *, goes_on: bool) -> bytes:
        pieces, self._held = self._held, []
        self._given = self._size + (self._given if goes_on else 0)
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Nowhere(deque[object]):
    """Where the events of a parser go: it looks like a coroutine, and costs no Python code per event."""

    send = deque[object].append


class _Parser:
    """All of a JSON text, parsed and thrown away."""

    def __init__(self) -> None:
        # Loaded here because most programs never need it. The C backend is 24 times as fast as the one in Python.
        ijson = import_module("ijson")
        try:
            backend = import_module("ijson.backends.yajl2_c")
        except ImportError:
            backend = ijson
        # use_float would refuse integers beyond 64 bits.
        self._events: Any = backend.basic_parse_coro(_Nowhere(maxlen=0), use_float=False)
        # Numbers beyond what Python converts: ArithmeticError, ValueError, and SystemError where ijson loses one.
        self._errors = (ijson.JSONError, ValueError, ArithmeticError, SystemError)
        self._tokens = Tokens()

    def feed(self, piece: bytes) -> None:
        plain = self._tokens.plain(piece)
        self._parse(self._tokens.ready(piece, plain, plain.count(b'"')))

    def _parse(self, piece: bytes) -> None:
        try:
            if piece:  # nothing is the end, to ijson
                self._events.send(piece)
        except self._errors as error:
            raise Defect("the file is not JSON throughout") from error

    def finish(self) -> None:
        self._parse(self._tokens.rest())
        try:
            self._events.close()
        except self._errors as error:
            raise Defect("the JSON is cut off, or there is something behind its end") from error
