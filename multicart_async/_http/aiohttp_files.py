"""Open files over aiohttp: follow redirects within the origin, because aiohttp would send the key to any other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import aiohttp
from yarl import URL

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.response_headers import note_headers
from multicart_async._http.aiohttp_errors import Route, forget_request
from multicart_async._http.aiohttp_stream import AiohttpStream, lower
from multicart_async._http.pacing import ByteThrottle
from multicart_async._http.throttled_stream import ThrottledStream
from multicart_async._http.transport import ByteStream
from multicart_async.config import Limits, Timeouts
from multicart_async.errors import IntegrityError, InvalidResponseError, MultiCartError, UnreachableResultError

__all__ = ["FileStreams", "Get"]

MAX_REDIRECTS: Final = 5
E = TypeVar("E", bound=MultiCartError)
Get = Callable[[URL], Awaitable[aiohttp.ClientResponse]]
"""Send a GET with the credential to a place within the origin, and wait for the headers of the response."""


class FileStreams:
    """Open the files of one service."""

    def __init__(
        self,
        base: URL,
        *,
        route: Route,
        timeouts: Timeouts,
        limits: Limits,
        lifetime: ClientLifetime,
        now: Callable[[], float],
    ) -> None:
        self._origin = _origin(base)
        self._below = f"{base}/"
        self._route = route
        self._timeouts = timeouts
        self._file_bytes = limits.file_bytes
        self._lifetime = lifetime
        self._now = now
        rate = limits.bytes_per_second
        self._throttle = None if rate is None else ByteThrottle(rate, Clock(now, lifetime.sleep))

    def stream(self, url: str, label: str, get: Get) -> _OpenFile:
        """Return the context manager for the stream of the file at *url*; errors name it *label*."""
        return _OpenFile(self, url, label, get)

    async def open(self, url: str, label: str, get: Get) -> aiohttp.ClientResponse:
        """Return the response for *url*, or for the place to which it redirects."""
        place, hops = URL(url, encoded=True), 0
        if not url.startswith(self._below):  # nearly every URL begins with the base
            self._check_origin(place, label)
        while True:
            answer = await get(place)
            if not 300 <= answer.status <= 399:
                return answer
            answer.close()
            target = _redirected(place, answer.headers.get("Location"))
            if target is None or hops == MAX_REDIRECTS:
                reason = (
                    "a redirect without a valid Location" if target is None else f"more than {MAX_REDIRECTS} redirects"
                )
                raise self._noted(InvalidResponseError(label, reason, http_status=answer.status), answer)
            place, hops = target, hops + 1
            self._check_origin(place, label)

    def read(self, answer: aiohttp.ClientResponse, label: str) -> ByteStream:
        """Return the stream of the body of *answer*."""
        stream = AiohttpStream(answer, label, self._timeouts, self._file_bytes, self._lifetime, self._now, self._route)
        try:
            stream.check_length()
        except IntegrityError:
            answer.close()
            raise
        return stream if self._throttle is None else ThrottledStream(stream, self._throttle)

    def _check_origin(self, place: URL, label: str) -> None:
        if place.user is None and place.password is None and _origin(place) == self._origin:
            return
        there = self._route.redactor.text(_origin(place))
        raise UnreachableResultError(label, f"leads to another origin ({there}), which must not get the key")

    def _noted(self, error: E, answer: aiohttp.ClientResponse) -> E:
        """Return *error* with the headers of *answer* that errors keep."""
        note_headers(error, lower(answer), self._route.redactor.text)
        return error


class _OpenFile:
    """The response for a file, as a context manager."""

    __slots__ = ("_answer", "_files", "_get", "_label", "_url")

    def __init__(self, files: FileStreams, url: str, label: str, get: Get) -> None:
        self._files = files
        self._url = url
        self._label = label
        self._get = get

    async def __aenter__(self) -> ByteStream:
        try:
            self._answer = await self._files.open(self._url, self._label, self._get)
            return self._files.read(self._answer, self._label)
        except (asyncio.CancelledError, MultiCartError) as error:
            forget_request(error)  # its frames hold the responses of redirects, and these their requests
            raise

    async def __aexit__(self, *_: object) -> None:
        if not self._answer.content.at_eof():  # otherwise the connection is back in the pool
            self._answer.close()  # it cannot be reused


def _origin(place: URL) -> str:
    return f"{place.scheme}://{(place.raw_host or '').lower()}:{place.port}"


def _redirected(place: URL, location: str | None) -> URL | None:
    """Return the target of a redirect, or ``None`` if it is not a valid URL."""
    if location is None:
        return None
    try:
        there = place.join(URL(location, encoded=_is_wire(location)))
        _origin(there)  # yarl validates user, host and port only when they are read
    except ValueError:
        return None
    return there


def _is_wire(text: str) -> bool:
    return all("\x21" <= character <= "\x7e" for character in text)
