"""Evidence about one request: whether any byte was written, and whether its connection came from the pool.

The class of an exception proves neither: aiohttp raises the same `aiohttp.ServerDisconnectedError` for a proxy that
drops the CONNECT and for a service that drops the connection after reading the request.
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

_SLICE: Final = 1 << 18  # bytes written at a time, so that a large body does not block the loop
_current: ContextVar[SendEvidence | None] = ContextVar("multicart_async_evidence", default=None)


class SendEvidence:
    """Record what is known about the sending of one request, on any session.

    aiohttp sends the headers together with the first bytes of the body, so a request with a body has begun when its body
    was first written. For a request without a body, aiohttp's own upload tracker tells; the tracker also covers a body
    that a middleware of a borrowed session substituted. It makes a call about 5 % slower, so *tracked* is set only in
    these two cases.

    ``reused`` is known for the client's own sessions only; it is ``False`` for a borrowed one.
    """

    def __init__(self, *, tracked: bool) -> None:
        self.reused = False
        self.tracker = aiohttp.UploadTracker() if tracked else None
        self._writers: list[AbstractStreamWriter] = []
        self._has_body = False
        self._connected: bool | None = None  # unknown for a borrowed session
        self._repeated = False

    @property
    def begun(self) -> bool:
        """Whether any byte of the request may have been sent."""
        if any(writer.output_size for writer in self._writers):
            return True
        if self.tracker is None:
            return False
        complete = self.tracker.upload_complete
        if complete.done() and complete.exception() is None:
            return True
        # aiohttp repeats a lost GET once; the tracker only knows the last attempt
        repeated = self.tracker.attempts > 1 if self._connected is None else self._repeated
        return repeated and not self._has_body

    def connecting(self) -> None:
        """Record that a connection is requested; a second one means that the request was lost on the first."""
        self._repeated = self._repeated or bool(self._connected)
        self._connected = False

    def connected(self, *, reused: bool) -> None:
        """Record that a connection was acquired, over which the request is sent next."""
        self._connected = True
        self.reused = reused

    def body(self, content: bytes | RedactedBody) -> aiohttp.Payload:
        """Return *content* as a payload that records when it is written."""
        self._has_body = True
        return _NotedPayload(content, self._writers)

    def __enter__(self) -> None:
        """Let a `PoolConnector` that is used inside the block record its connection here."""
        self._token = _current.set(self)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)

    def mark(self, error: asyncio.CancelledError) -> None:
        """Set ``request_sent`` on *error* if the request has begun: a cancelled start may have taken effect."""
        if self.begun:
            error.request_sent = True  # type: ignore[attr-defined]


class _NotedPayload(aiohttp.Payload):
    """A body that records each writer to which it is written.

    A writer counts the bytes that it has sent. The count is read later, because a trace may raise before the first byte,
    and a writer may wait for a peer that does not read.
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
        """True: bytes hold no resource that must be closed."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the content as a string."""
        return self._part().decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the content, without recording it as written."""
        del encoding, errors
        return self._part()

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the whole content."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write at most *content_length* bytes of the content."""
        self._writers.append(writer)
        end = self.size if content_length is None else min(self.size, content_length)
        for start in range(0, end, _SLICE):
            await writer.write(self._part(start, min(start + _SLICE, end)))

    def _part(self, start: int = 0, end: int | None = None) -> bytes:
        content = self._content
        return RedactedBytes(content.reveal()[start:end]) if isinstance(content, RedactedBody) else content[start:end]


class PoolConnector(aiohttp.TCPConnector):
    """A connector that reports to the `SendEvidence` of a request whether its connection was used before."""

    def __init__(self, *, tls: ssl.SSLContext | None, limit: int, force_close: bool) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] -- one of aiohttp's types is incomplete
            ssl=True if tls is None else tls, limit=limit, force_close=force_close
        )
        self._used: WeakSet[asyncio.BaseProtocol] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's signature
    ) -> Connection:
        """Return a connection from the pool, or a new one."""
        evidence = _current.get()
        if evidence is None:
            return await super().connect(req, traces, timeout)
        evidence.connecting()
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        assert protocol is not None  # until it is released
        while (reused := protocol in self._used) and protocol.should_close:
            connection.close()  # data that arrived while it was idle would be read as the response to this request
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None
        if not reused:
            self._used.add(protocol)
        evidence.connected(reused=reused)
        return connection

    def abandon(self) -> asyncio.AbstractEventLoop:
        """Close all connections without waiting until they are closed, also where no event loop runs; return their loop."""
        self._close(abort_ssl=True)
        return self._loop


async def multipart(form: MultipartForm) -> tuple[bytes, str]:
    """Encode *form*; return the body, and the content type, which contains the boundary."""
    data = aiohttp.FormData()
    for name, value in form.fields.items():
        data.add_field(name, value)
    content = io.BytesIO(form.content)  # aiohttp warns about bytes objects above 1 MiB
    data.add_field(form.file_field, content, filename=form.file_name, content_type="text/csv")
    payload = data()
    return await payload.as_bytes(), payload.content_type
