"""The transport over aiohttp, with defaults for this service in place of aiohttp's own.

Calls follow no redirects, and files only those within the origin, because aiohttp would send the key to any other.
Files have no total timeout (aiohttp's is five minutes). There are no cookies. Four kinds of connections ensure that a
poll never queues behind downloads, and that a call that changes something, or is repeated, never uses a stale connection.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import ModuleType
from typing import Any, Final, Literal, TypeVar

import aiohttp
import attrs
from yarl import URL

from multicart_async._core.credentials import Settings
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import RedactedBody
from multicart_async._core.response_headers import note_headers
from multicart_async._core.version import __version__
from multicart_async._http.aiohttp_connector import PoolConnector, SendEvidence, multipart
from multicart_async._http.aiohttp_errors import HEADERS, LINE_BYTES, Route, call_error, forget_request
from multicart_async._http.aiohttp_files import FileStreams
from multicart_async._http.aiohttp_proxy import Proxy, address, environment_proxy, seal_proxy
from multicart_async._http.aiohttp_stream import lower
from multicart_async._http.lazy_headers import LazyHeaders
from multicart_async._http.transport import ByteStream, MultipartForm, Response
from multicart_async.config import Limits, Timeouts
from multicart_async.errors import (
    ConfigurationError,
    MultiCartError,
    ResponseTooLargeError,
)

__all__ = ["AiohttpTransport", "NetworkOptions"]

USER_AGENT: Final = f"multicart_async/{__version__} aiohttp/{aiohttp.__version__}"
T = TypeVar("T")
_Kind = Literal["calls", "new calls", "files", "new files"]


@attrs.frozen
class NetworkOptions:
    """Options that are passed to aiohttp unchanged, except for the password of a proxy."""

    proxy: Proxy | None = attrs.field(default=None, converter=seal_proxy)
    trust_env: bool = False
    ssl_context: ssl.SSLContext | None = None
    session: aiohttp.ClientSession | None = None
    trace_configs: Sequence[aiohttp.TraceConfig] = ()


class AiohttpTransport:
    """A `Transport` over aiohttp. Sessions are created by the first request, in its event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeouts: Timeouts = Timeouts(),
        limits: Limits = Limits(),
        network: NetworkOptions = NetworkOptions(),
        lifetime: ClientLifetime | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._base = URL(settings.base_url)
        self._timeouts = timeouts
        self._connecting = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)  # the rest is timed here
        self._limits = limits
        self._network = network
        self._proxy = network.proxy or (environment_proxy(self._base) if network.trust_env else None)
        self.redactor = settings.redactor.including(self._proxy.secrets() if self._proxy else ())
        self._route = Route(
            self._base.scheme,
            address(self._base.raw_host, self._base.port),
            self._proxy.address if self._proxy else None,
            trust_env=network.trust_env,
            ssl_context=network.ssl_context if network.session is None else None,
            redactor=self.redactor,
        )
        self._lifetime = lifetime or ClientLifetime()
        self._files = FileStreams(
            self._base, route=self._route, timeouts=timeouts, limits=limits, lifetime=self._lifetime, now=now
        )
        self._sessions: dict[_Kind, aiohttp.ClientSession] = {}

    def post(
        self,
        path: str,
        body: bytes | RedactedBody | MultipartForm,
        *,
        new_connection: bool = False,
        public: bool = False,
    ) -> Coroutine[Any, Any, Response]:
        """See `Transport.post`."""
        return self._call("POST", path, body, "new calls" if new_connection else "calls", public=public)

    def get(self, path: str, *, new_connection: bool = False, public: bool = False) -> Coroutine[Any, Any, Response]:
        """See `Transport.get`."""
        return self._call("GET", path, None, "new calls" if new_connection else "calls", public=public)

    def _call(
        self, method: str, path: str, body: bytes | RedactedBody | MultipartForm | None, kind: _Kind, *, public: bool
    ) -> Coroutine[Any, Any, Response]:
        if not public and self._settings.credential is None:
            raise ConfigurationError(
                f"{path} needs a credential: pass api_key or token, or set MULTICART_API_KEY or MULTICART_TOKEN"
            )
        evidence = SendEvidence(tracked=body is None or self._network.session is not None)
        work = partial(self._exchange, method, path, body, kind, evidence, public=public)
        return self._bounded(path, kind, evidence, work)

    async def _bounded(self, path: str, kind: _Kind, evidence: SendEvidence, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of *work*, limited to ``Timeouts.request``; translate its exceptions to errors of this library.

        A cancellation is raised as it is, with the attribute ``request_sent = True`` if the request had begun.
        """
        operation = self._lifetime.bound(self._timeouts.request)
        fault: MultiCartError
        try:
            with operation:
                try:
                    return await work()
                except (asyncio.CancelledError, MultiCartError) as error:
                    forget_request(error)
                    raise
        except MultiCartError:
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled():
                evidence.mark(error)
                raise
            fault = self._fault(path, kind, ConnectionError("the session cancelled the request"), evidence)
        except Exception as error:  # noqa: BLE001 -- a borrowed session and trace_configs may raise anything
            fault = self._fault(path, kind, error, evidence)
        raise fault

    def _fault(self, path: str, kind: _Kind, error: Exception, evidence: SendEvidence) -> MultiCartError:
        session = self._network.session or self._sessions.get(kind)
        return call_error(path, error, evidence, self._route, usable=session is None or _is_usable(session))

    async def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | RedactedBody | MultipartForm | None,
        kind: _Kind,
        evidence: SendEvidence,
        *,
        public: bool,
    ) -> Response:
        headers = {"Accept": "application/json"}
        data: aiohttp.Payload | None = None
        if body is not None:
            content, content_type = (
                await multipart(body) if isinstance(body, MultipartForm) else (body, "application/json")
            )
            data, headers["Content-Type"] = evidence.body(content), content_type
        place = URL(self._settings.base_url + path, encoded=True)
        async with await self._request(kind, method, place, headers, evidence, data=data, public=public) as answer:
            evidence.reused = False  # a connection that delivers a response was not dead
            return Response(answer.status, await self._body(path, answer), LazyHeaders(answer.headers))

    async def _request(
        self,
        kind: _Kind,
        method: str,
        place: URL,
        headers: Mapping[str, str],
        evidence: SendEvidence,
        *,
        data: aiohttp.Payload | None = None,
        decode: bool = True,
        public: bool = False,
    ) -> aiohttp.ClientResponse:
        """Send a request to *place* and wait for the headers of the response.

        All options are set explicitly, so that those of a borrowed session have no effect. Credentials are no local
        variables: functions that have returned before the wait begins add them to *headers*.
        """
        proxy = self._proxy
        tunnel = place.scheme == "https"
        with evidence:
            return await self._session(kind).request(
                method,
                place,
                data=data,
                headers=self._headers(headers, public=public, tunnel=tunnel),
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=decode,
                proxy=proxy.location() if proxy else None,
                proxy_headers=proxy.headers() if proxy and tunnel else None,
                timeout=self._connecting,
                max_line_size=LINE_BYTES,
                max_field_size=LINE_BYTES,
                max_headers=HEADERS,
                upload_tracker=evidence.tracker,
            )

    async def _body(self, path: str, answer: aiohttp.ClientResponse) -> bytes:
        """Read and decode the body up to the limit, because 100 kB of gzip may decode to 100 MB."""
        most = self._limits.response_bytes
        pieces = _Pieces()
        content, promised = answer.content, answer.content_length or 0
        while promised <= most and pieces.size <= most:
            last = not pieces.take(await content.readany())
            if last or (content.at_eof() and pieces.size <= most):
                return pieces.joined()
        answer.close()
        error = _too_large(path, most)
        note_headers(error, lower(answer), self.redactor.text)
        raise error

    def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = {}, new_connection: bool = False
    ) -> AbstractAsyncContextManager[ByteStream]:
        """See `Transport.stream`."""
        prime_allocator()
        kind: _Kind = "new files" if new_connection else "files"
        return self._files.stream(url, label, partial(self._get, label, headers, kind))

    def _get(
        self, label: str, headers: Mapping[str, str], kind: _Kind, place: URL
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        asked = {"Accept-Encoding": "identity", **headers}  # the length of an encoded body proves nothing
        evidence = SendEvidence(tracked=True)
        # the timeout covers all headers, also when they arrive one by one
        work = partial(self._request, kind, "GET", place, asked, evidence, decode=False)
        return self._bounded(label, kind, evidence, work)

    def _headers(self, own: Mapping[str, str], *, public: bool, tunnel: bool) -> dict[str, str]:
        """Return all headers of a request; those for the proxy are left out if it only forwards a *tunnel*."""
        credential, proxy = self._settings.credential, self._proxy
        headers = self._settings.extra.headers(USER_AGENT)
        headers.update(own)
        if credential and not public:
            headers.update(credential.as_headers())
        if proxy and not tunnel:
            headers.update(proxy.headers())
        return headers

    def _session(self, kind: _Kind) -> aiohttp.ClientSession:
        if self._network.session is not None:
            return self._network.session
        if kind not in self._sessions:
            self._sessions[kind] = self._make_session(kind)
        return self._sessions[kind]

    def _make_session(self, kind: _Kind) -> aiohttp.ClientSession:
        prime_allocator()
        network = self._network
        calls, fresh = kind.endswith("calls"), kind.startswith("new")
        connector = PoolConnector(
            tls=network.ssl_context,
            limit=self._limits.requests if calls else self._limits.downloads,
            force_close=fresh,  # aiohttp never repeats a POST that was sent on a stale connection
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=list(network.trace_configs),
        )

    async def aclose(self) -> None:
        """Close the sessions that were created here; a borrowed session stays open."""
        while self._sessions:
            kind, session = next(iter(self._sessions.items()))
            await session.close()
            self._sessions.pop(kind, None)  # only now: after a cancellation, the next call must close it

    def __del__(self, warnings: ModuleType = warnings) -> None:
        """Close the connections of a client that was never closed, and name it: aiohttp names only its own objects."""
        # Absent if the constructor failed.
        sessions: dict[_Kind, aiohttp.ClientSession] = getattr(self, "_sessions", {})
        if not sessions:
            return
        message = (
            f"the AsyncMultiCart client of {self._settings.base_url} was never closed: use "
            "`async with AsyncMultiCart() as client:`, or call `await client.aclose()` at the end"
        )
        loop, *_ = [_abandon(session) for session in sessions.values()]
        loop.call_exception_handler({"message": message})  # few programs show a ResourceWarning, but this is logged
        warnings.warn(message, ResourceWarning, source=self, stacklevel=1)


def _abandon(session: aiohttp.ClientSession) -> asyncio.AbstractEventLoop:
    """Close the connections of *session*, one of ours, without waiting for that; return the event loop they belong to."""
    connector = session.connector
    session.detach()  # or it would warn, too
    assert isinstance(connector, PoolConnector)
    return connector.abandon()


class _Pieces:
    """The received pieces of a body. They may contain a token, so a traceback with local variables shows only the size."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"

    def take(self, piece: bytes) -> bool:
        """Append *piece*; return false for an empty one, which is the end of the body."""
        self._parts.append(piece)
        self.size += len(piece)
        return bool(piece)

    def joined(self) -> bytes:
        """Return the body."""
        return b"".join(self._parts)


def _is_cancelled() -> bool:
    """Return whether the running task was cancelled; otherwise a session raised `asyncio.CancelledError` by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_usable(session: aiohttp.ClientSession) -> bool:
    """Return whether *session* is open and belongs to the running loop; aiohttp's property for the loop is deprecated."""
    loop = asyncio.get_running_loop()
    return not session.closed and getattr(session, "_loop", loop) is loop


def _too_large(path: str, most: int) -> ResponseTooLargeError:
    reason = f"expected at most {most} bytes (Limits.response_bytes), got more; raise the limit to read it"
    return ResponseTooLargeError(path, reason)


_primed = False


def prime_allocator() -> None:
    """Allocate and free a block larger than asyncio's 256 KiB receive buffer, once in a process.

    glibc serves such a buffer with a new mmap for each read until a larger block was freed, which raises its threshold.
    After that it reuses memory, and downloads need between a half and an eighth of the system time. No page of the block
    is touched; other allocators are not affected.
    """
    global _primed  # noqa: PLW0603 -- it must happen only once in a process
    if not _primed:
        _primed = True
        bytes(16 << 20)
