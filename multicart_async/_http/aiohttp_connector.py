"""Evidence of one request: whether a byte of it was written, and whether its connection came from the pool.

The class of an exception proves neither: the same `aiohttp.ServerDisconnectedError` comes from a proxy that drops the
CONNECT and from a service that drops the connection after it has read the request.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from multicart_async._core.redaction import RedactedBody, RedactedBytes
from multicart_async._http.transport import MultipartForm

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["PoolConnector", "SendEvidence", "multipart"]

_SLICE: Final = 1 << 18  # bytes handed to the transport at a time, so that a large body does not hold the loop
_current: ContextVar[SendEvidence | None] = ContextVar("multicart_async_evidence", default=None)


class SendEvidence:
    """What is known of one request, on any session.

    aiohttp sends the headers together with the first bytes of the body, so a request with a body has begun when its body
    was first written. A request without one has begun when aiohttp's own tracker says so; the tracker also sees a body
    that a middleware of a borrowed session has put in the place of ours. It costs a twentieth of a call on this machine,
    so *tracked* is for these two.

    ``reused`` is known for the sessions that are made here; it is ``False`` for a borrowed one.
    """

    def __init__(self, *, tracked: bool) -> None:
        self.reused = False
        self.tracker = aiohttp.UploadTracker() if tracked else None
        self._writers: list[AbstractStreamWriter] = []
        self._has_body = False
        self._connected: bool | None = None  # unknown, of a borrowed session
        self._repeated = False

    @property
    def begun(self) -> bool:
        """Whether a byte of the request may have left."""
        if any(writer.output_size for writer in self._writers):
            return True
        if self.tracker is None:
            return False
        complete = self.tracker.upload_complete
        if complete.done() and complete.exception() is None:
            return True
        # aiohttp repeats a lost GET once; the tracker knows of the last attempt alone
        repeated = self.tracker.attempts > 1 if self._connected is None else self._repeated
        return repeated and not self._has_body

    def connecting(self) -> None:
        """Note that a connection is asked for; where that is not the first one, a request was lost on the one before."""
        self._repeated = self._repeated or bool(self._connected)
        self._connected = False

    def connected(self, *, reused: bool) -> None:
        """Note that there is a connection, which the request goes out on next."""
        self._connected = True
        self.reused = reused

    def body(self, content: bytes | RedactedBody) -> aiohttp.Payload:
        """Return *content* as a payload whose writing is noted here."""
        self._has_body = True
        return _NotedPayload(content, self._writers)

    def __enter__(self) -> None:
        """Let a `PoolConnector` that is asked inside of the block note its connection here."""
        self._token = _current.set(self)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)

    def mark(self, error: asyncio.CancelledError) -> None:
        """Set ``request_sent`` on *error* if the request has begun: the caller of a cancelled start must look for its effect."""
        if self.begun:
            error.request_sent = True  # type: ignore[attr-defined]


class _NotedPayload(aiohttp.Payload):
    """Bytes that note each writer that they are written to.

    A writer counts what it has put out. That is asked for later: a trace may raise before the first byte, and a writer
    may wait for a peer that does not read.
    """

    def __init__(self, content: bytes | RedactedBody, writers: list[AbstractStreamWriter]) -> None:
        super().__init__(content)
        self._content = content
        self._writers = writers

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self._content.size if isinstance(self._content, RedactedBody) else len(self._content)

    @property
    def autoclose(self) -> bool:
        """Bytes hold no resource that must be closed."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the content as text."""
        return self._part().decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the content; reading it is no writing."""
        del encoding, errors
        return self._part()

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it up to *content_length* bytes."""
        self._writers.append(writer)
        end = self.size if content_length is None else min(self.size, content_length)
        for start in range(0, end, _SLICE):
            await writer.write(self._part(start, min(start + _SLICE, end)))

    def _part(self, start: int = 0, end: int | None = None) -> bytes:
        content = self._content
        return RedactedBytes(content.reveal()[start:end]) if isinstance(content, RedactedBody) else content[start:end]


class PoolConnector(aiohttp.TCPConnector):
    """A connector that tells the `SendEvidence` of a request whether its connection was used before."""

    def __init__(self, *, tls: ssl.SSLContext | None, limit: int, force_close: bool) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] -- a type of aiohttp's is incomplete
            ssl=True if tls is None else tls, limit=limit, force_close=force_close
        )
        self._used: WeakSet[asyncio.BaseProtocol] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's signature
    ) -> Connection:
        """Get a connection from the pool, or make a new one."""
        evidence = _current.get()
        if evidence is None:
            return await super().connect(req, traces, timeout)
        evidence.connecting()
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        assert protocol is not None  # until it is released
        while protocol in self._used and protocol.should_close:
            connection.close()  # something came while it was idle, and would be taken for the response to this request
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None
        evidence.connected(reused=protocol in self._used)
        self._used.add(protocol)
        return connection


async def multipart(form: MultipartForm) -> tuple[bytes, str]:
    """Return the body of *form*, encoded, and its content type, which holds the boundary."""
    data = aiohttp.FormData()
    for name, value in form.fields.items():
        data.add_field(name, value)
    content = io.BytesIO(form.content)  # aiohttp warns of bytes above 1 MiB
    data.add_field(form.file_field, content, filename=form.file_name, content_type="text/csv")
    payload = data()
    return await payload.as_bytes(), payload.content_type
