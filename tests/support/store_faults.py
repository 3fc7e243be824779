"""Requests to object stores by what they ask for, and what can go wrong with them on the way."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import attrs

from support.http_messages import Head

__all__ = ["Answer", "Cut", "Fault", "Stall", "error_body", "kind_of"]

_S3 = {
    ("POST", "uploads"): "POST uploads",
    ("POST", "uploadId"): "POST complete",
    ("PUT", "partNumber"): "PUT part",
    ("DELETE", "uploadId"): "DELETE upload",
    ("POST", "delete"): "POST delete",
    ("GET", "list-type"): "LIST",
}
_AZURE = {
    ("PUT", "block"): "PUT part",
    ("PUT", "blocklist"): "POST complete",
    ("POST", "batch"): "POST delete",
    ("GET", "list"): "LIST",
}


def kind_of(head: Head) -> str:
    """Name what a request asks for; the calls of Azure have the names of those of S3 that do the same.

    ``GET``, ``HEAD``, ``PUT``, ``DELETE``, ``COPY``, ``LIST``, ``POST delete`` (several at once), and of a multipart
    upload ``POST uploads`` (create; Azure has no such call), ``PUT part``, ``POST complete`` and ``DELETE upload``
    (abort; Azure has no such call).
    """
    method, target, _ = head.words
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    if "x-amz-copy-source" in head.headers or "x-ms-copy-source" in head.headers:
        return "COPY"
    for name in query:
        if (method, name) in _S3:
            return _S3[method, name]
    return _AZURE.get((method, query.get("comp", [""])[0]), method)


def error_body(code: str, message: str = "made by a test") -> bytes:
    """The body of an error of S3."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


@attrs.define(kw_only=True)
class Fault:
    """Goes wrong with requests of a *kind* whose target holds *path*: not with the first *skip*, then *times* times.

    ``times=None`` is for ever. ``seen`` counts the requests that it was applied to.
    """

    kind: str
    path: str = ""
    skip: int = 0
    times: int | None = None
    seen: int = attrs.field(default=0, init=False)
    _met: int = attrs.field(default=0, init=False)

    def applies(self, kind: str, target: str) -> bool:
        """Whether it goes wrong with this request, which is counted."""
        if kind != self.kind or self.path not in target:
            return False
        self._met += 1
        if self._met <= self.skip or (self.times is not None and self.seen >= self.times):
            return False
        self.seen += 1
        return True


@attrs.define(kw_only=True)
class Answer(Fault):
    """The server does not see the request: its body is read, and *status* is the answer."""

    status: int
    body: bytes = b""
    headers: tuple[str, ...] = ()

    @property
    def raw(self) -> bytes:
        """The bytes of the response."""
        lines = [
            f"HTTP/1.1 {self.status} Made",
            f"Content-Length: {len(self.body)}",
            "Content-Type: application/xml",
            *self.headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@attrs.define(kw_only=True)
class Cut(Fault):
    """Both connections end after so many bytes of the *request* body, or of the *response* in all.

    ``response=0`` is the lost answer: the server has done what it was asked for.
    """

    request: int | None = None
    response: int | None = None


@attrs.define(kw_only=True)
class Stall(Fault):
    """The request is read, and goes on when *released* is set. *arrived* is set at once.

    ``answered=True``: the server gets it at once, and its response is what waits.
    """

    answered: bool = False
    arrived: threading.Event = attrs.field(factory=threading.Event, init=False)
    released: threading.Event = attrs.field(factory=threading.Event, init=False)
