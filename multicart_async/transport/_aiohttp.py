"""HTTP through aiohttp, with the defaults that this service needs instead of aiohttp's own.

No redirects for calls, only within the origin for files (aiohttp would repeat the key anywhere); no total time for
files (aiohttp's is five minutes); no cookies; three kinds of connections, so that a poll never queues behind
downloads and a call that changes something never meets a stale connection.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Literal, TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
import attrs
from yarl import URL

from multicart_async._lifeline import Lifeline
from multicart_async._pacing import ByteThrottle
from multicart_async._response_headers import note_headers
from multicart_async._version import __version__
from multicart_async.config import Limits, Settings, Timeouts, conceal_text
from multicart_async.errors import (
    ConfigurationError,
    InvalidResponseError,
    MultiCartError,
    ResponseTooLargeError,
    UnreachableResultError,
)
from multicart_async.transport._faults import FAULTS, fault_of_call
from multicart_async.transport._seam import ByteStream, Form, Response
from multicart_async.transport._stream import AiohttpStream, lower
from multicart_async.transport._throttled import ThrottledStream

__all__ = ["AiohttpTransport", "Network"]

USER_AGENT: Final = f"multicart_async/{__version__} aiohttp/{aiohttp.__version__}"
_HOPS = 5
E = TypeVar("E", bound=MultiCartError)
_Kind = Literal["calls", "new calls", "files", "new files"]


@attrs.frozen
class Network:
    """How to get out: what is handed to aiohttp as it is."""

    proxy: str | None = attrs.field(default=None, repr=False)  # may hold a password
    trust_env: bool = False
    ssl_context: ssl.SSLContext | None = None
    session: aiohttp.ClientSession | None = None
    trace_configs: Sequence[aiohttp.TraceConfig] = ()


class AiohttpTransport:
    """`Transport` over aiohttp. Sessions are made at the first request, in the loop that makes it."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeouts: Timeouts = Timeouts(),
        limits: Limits = Limits(),
        network: Network = Network(),
        life: Lifeline | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._common = settings.extra.headers(USER_AGENT)
        self._base = URL(settings.base_url)
        self._origin = _origin(self._base)
        self._timeouts = timeouts
        self._of_call = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        self._of_file = aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_read=timeouts.read)
        self._limits = limits
        self._network = network
        self._proxy = network.proxy or (_environment_proxy(self._base) if network.trust_env else None)
        self._life = life or Lifeline()
        self._now = now
        rate = limits.bytes_per_second
        self._throttle = None if rate is None else ByteThrottle(rate, now=now, sleep=self._life.sleep)
        self._sessions: dict[_Kind, aiohttp.ClientSession] = {}

    async def post(self, path: str, body: bytes | Form, *, fresh: bool = False, public: bool = False) -> Response:
        """See `Transport.post`."""
        return await self._call("POST", path, body, "new calls" if fresh else "calls", public=public)

    async def get(self, path: str, *, fresh: bool = False, public: bool = False) -> Response:
        """See `Transport.get`."""
        return await self._call("GET", path, None, "new calls" if fresh else "calls", public=public)

    async def _call(self, method: str, path: str, body: bytes | Form | None, kind: _Kind, *, public: bool) -> Response:
        if not public and self._settings.credential is None:
            raise ConfigurationError(
                f"{path} needs a credential: pass api_key or token, or set MULTICART_API_KEY or MULTICART_TOKEN"
            )
        fault: MultiCartError
        try:
            with self._life.guard(self._timeouts.request):
                return await self._exchange(method, path, body, kind, {} if public else self._credential())
        except MultiCartError:
            raise
        except FAULTS as error:
            fault = fault_of_call(path, error, trust_env=self._network.trust_env)
        raise fault

    async def _exchange(
        self, method: str, path: str, body: bytes | Form | None, kind: _Kind, credential: dict[str, str]
    ) -> Response:
        session = self._session(kind)
        data = _multipart(body) if isinstance(body, Form) else body
        headers = {"Content-Type": "application/json"} if isinstance(body, bytes) else {}
        async with session.request(
            method,
            URL(self._settings.base_url + path, encoded=True),
            data=data,
            headers={**self._common, **headers, "Accept": "application/json", **credential},
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=True,
            proxy=self._proxy,
            timeout=self._of_call,
        ) as answer:
            return Response(answer.status, await self._body(path, answer), lower(answer))

    async def _body(self, path: str, answer: aiohttp.ClientResponse) -> bytes:
        """The whole body, decoded, and never more of it than the limit: 100 kB of gzip can hold 100 MB."""
        most = self._limits.response_bytes
        pieces = _Pieces()
        promised = answer.content_length or 0
        while promised <= most and pieces.size <= most:
            if not pieces.take(await answer.content.readany()):
                return b"".join(pieces)
        answer.close()
        raise self._noted(ResponseTooLargeError(path, f"more than {most} bytes (Limits.response_bytes)"), answer)

    def _noted(self, error: E, answer: aiohttp.ClientResponse) -> E:
        """*error*, with those headers of *answer* that it keeps."""
        note_headers(error, lower(answer), partial(conceal_text, self._settings.conceal))
        return error

    @asynccontextmanager
    async def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = {}, fresh: bool = False
    ) -> AsyncGenerator[ByteStream, None]:
        """See `Transport.stream`."""
        prime_allocator()
        answer = await self._open(url, label, headers, "new files" if fresh else "files")
        stream: ByteStream = AiohttpStream(answer, label, self._timeouts.read, self._life, self._now)
        try:
            yield stream if self._throttle is None else ThrottledStream(stream, self._throttle)
        finally:
            answer.close()  # at the end of the body the connection has gone back already; before it, it is no good

    async def _open(self, url: str, label: str, headers: Mapping[str, str], kind: _Kind) -> aiohttp.ClientResponse:
        place, hops = URL(url, encoded=True), 0
        while True:
            if not self._same_origin(place):
                raise UnreachableResultError(
                    label, f"leads to another origin ({_origin(place)}), where the key must not go"
                )
            answer = await self._get(place, label, headers, kind)
            if not 300 <= answer.status <= 399:
                return answer
            answer.close()
            there = _redirected(place, answer.headers.get("Location"))
            if there is None or hops == _HOPS:
                reason = "a redirect that leads nowhere" if there is None else f"more than {_HOPS} redirects"
                raise self._noted(InvalidResponseError(label, reason, http_status=answer.status), answer)
            place, hops = there, hops + 1

    async def _get(self, place: URL, label: str, headers: Mapping[str, str], kind: _Kind) -> aiohttp.ClientResponse:
        fault: MultiCartError
        try:
            with self._life.guard(self._timeouts.request):  # of the headers; a drip of them counts too
                return await self._session(kind).get(
                    place,
                    headers={
                        **self._common,
                        "Accept-Encoding": "identity",  # coded, a length proves nothing
                        **headers,
                        **self._credential(),
                    },
                    allow_redirects=False,
                    raise_for_status=False,
                    auto_decompress=False,
                    proxy=self._proxy,
                    timeout=self._of_file,
                )
        except MultiCartError:
            raise
        except FAULTS as error:
            fault = fault_of_call(label, error, trust_env=self._network.trust_env)
        raise fault

    def _credential(self) -> dict[str, str]:
        credential = self._settings.credential
        return credential.headers() if credential else {}

    def _same_origin(self, place: URL) -> bool:
        return place.user is None and place.password is None and _origin(place) == self._origin

    def _session(self, kind: _Kind) -> aiohttp.ClientSession:
        if self._network.session is not None:
            return self._network.session
        if kind not in self._sessions:
            self._sessions[kind] = self._make_session(kind)
        return self._sessions[kind]

    def _make_session(self, kind: _Kind) -> aiohttp.ClientSession:
        network = self._network
        tls = network.ssl_context if network.ssl_context is not None else True
        calls, fresh = kind.endswith("calls"), kind.startswith("new")
        connector = aiohttp.TCPConnector(
            ssl=tls,
            limit=self._limits.requests if calls else self._limits.downloads,
            force_close=fresh,  # aiohttp never repeats a POST that met a stale connection
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=list(network.trace_configs),
        )

    async def aclose(self) -> None:
        """Close what was opened here; a borrowed session stays open."""
        while self._sessions:
            kind, session = next(iter(self._sessions.items()))
            await session.close()
            self._sessions.pop(kind, None)  # not before: who is cancelled here leaves it to the next


class _Pieces(list[bytes]):
    """What came of an answer. A token may be in it: a traceback with local variables shows its size alone."""

    size = 0

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"

    def take(self, piece: bytes) -> bool:
        """Keep the next one; an empty one is the end."""
        self.append(piece)
        self.size += len(piece)
        return bool(piece)


def _environment_proxy(base: URL) -> str | None:
    """The proxy that the environment names for the one origin that is ever asked.

    aiohttp's own ``trust_env`` would also read netrc, and send the password there beside our key.
    """
    if proxy_bypass(base.host or ""):
        return None
    proxies = getproxies()
    return proxies.get(base.scheme) or proxies.get("all")


def _origin(place: URL) -> str:
    return f"{place.scheme}://{(place.raw_host or '').lower()}:{place.port}"


def _redirected(place: URL, location: str | None) -> URL | None:
    """Where a redirect leads, or None where that is no URL."""
    if location is None:
        return None
    try:
        there = place.join(URL(location, encoded=_is_wire(location)))
        _origin(there)  # yarl looks at user, host and port no earlier
    except ValueError:
        return None
    return there


def _is_wire(text: str) -> bool:
    return all("\x21" <= character <= "\x7e" for character in text)


def _multipart(form: Form) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for name, value in form.fields.items():
        data.add_field(name, value)
    data.add_field(form.file_field, form.content, filename=form.file_name, content_type="text/csv")
    return data


_primed = False


def prime_allocator() -> None:
    """Once: free a block larger than asyncio's 256 KiB receive buffer.

    glibc serves such a buffer with a fresh mmap for each read, until a larger block was freed and raised its
    threshold; then it reuses memory, and downloads take a half to an eighth of the system time. No page of the block
    is touched; other allocators do not care.
    """
    global _primed  # noqa: PLW0603 -- once in a process is the point
    if not _primed:
        _primed = True
        bytes(16 << 20)
