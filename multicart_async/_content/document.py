"""A JSON file, checked as it passes: its first and last byte, or all of it; and whether it is an error instead."""

from __future__ import annotations

import json
from collections import deque
from importlib import import_module
from typing import Any

from multicart_async._content import Defect

__all__ = ["DocumentCheck", "EnvelopeInstead", "envelope_in"]

ENVELOPE_BYTES = 64 * 1024
_ENVELOPE_KEYS = frozenset({"code", "data", "status"})
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_CLOSING = {b"[": b"]", b"{": b"}"}
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


def envelope_in(body: bytes) -> dict[str, Any] | None:
    """The envelope that *body* is, a JSON object of exactly code, data and status, or ``None``.

    All answers have HTTP status 200, refusals too, so a small body can be a refusal whatever was asked for.
    """
    text = body.removeprefix(_BOM)
    if len(body) > ENVELOPE_BYTES or not text.lstrip(_BLANKS).startswith(b"{"):
        return None
    try:
        envelope: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return envelope if envelope.keys() == _ENVELOPE_KEYS else None


class DocumentCheck:
    """Is this a whole JSON array or object?

    With *full*, every byte is parsed, and a number that Python cannot hold is refused too. Without, only the outermost
    brackets are looked at: enough where the transfer itself proved that nothing is missing.
    """

    def __init__(self, *, full: bool) -> None:
        self._start: bytes | None = b""  # until it is clear whether a byte order mark comes first
        self._opening = b""
        self._last = b""
        self._kept: bytearray | None = bytearray()
        self._parser = _Parser() if full else None

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `Defect` as soon as they cannot belong to a JSON array or object."""
        self._keep(piece)
        if not self._opening:
            piece = self._open(piece)
        if piece:
            # O(1) unless a piece ends in a long run of blanks
            self._last = (piece[-64:].rstrip(_BLANKS) or piece.rstrip(_BLANKS))[-1:] or self._last
            if self._parser:
                self._parser.feed(piece)

    def finish(self) -> None:
        """The file ended here. Raises `EnvelopeInstead` for an error of the service, `Defect` unless JSON ends here."""
        if self._kept is not None and (envelope := envelope_in(bytes(self._kept))) is not None:
            raise EnvelopeInstead(envelope)
        if not self._opening:
            raise Defect("the file is empty or blank")
        if self._last != _CLOSING[self._opening]:
            raise Defect(f"the JSON is cut off: it starts with {self._opening.decode()} and does not end the same way")
        if self._parser:
            self._parser.finish()

    def _keep(self, piece: bytes) -> None:
        if self._kept is None:
            return
        if len(self._kept) + len(piece) > ENVELOPE_BYTES:
            self._kept = None
        else:
            self._kept += piece

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

    def feed(self, piece: bytes) -> None:
        try:
            self._events.send(piece)
        except self._errors as error:
            raise Defect("the file is not JSON throughout") from error

    def finish(self) -> None:
        try:
            self._events.close()
        except self._errors as error:
            raise Defect("the JSON is cut off, or there is something behind its end") from error
