"""A transport that holds a lease of the cluster during each request, be it a call or the transfer of a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import RedactedBody
from multicart_async._http import ByteStream, MultipartForm, Response, Transport
from multicart_async.distributed._lease_pool import Lease, LeasePool
from multicart_async.errors import APIConnectionError

__all__ = ["LeasedTransport"]


class LeasedTransport:
    """A `Transport` over another one. The time limits of a request begin when it has its lease."""

    def __init__(self, transport: Transport, leases: LeasePool, lifetime: ClientLifetime) -> None:
        self._transport = transport
        self._leases = leases
        self._lifetime = lifetime

    def post(
        self,
        path: str,
        body: bytes | RedactedBody | MultipartForm,
        *,
        new_connection: bool = False,
        public: bool = False,
    ) -> Coroutine[Any, Any, Response]:
        """See `Transport.post`."""
        return self._call(path, lambda: self._transport.post(path, body, new_connection=new_connection, public=public))

    def get(self, path: str, *, new_connection: bool = False, public: bool = False) -> Coroutine[Any, Any, Response]:
        """See `Transport.get`."""
        return self._call(path, lambda: self._transport.get(path, new_connection=new_connection, public=public))

    def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = {}, new_connection: bool = False
    ) -> AbstractAsyncContextManager[ByteStream]:
        """See `Transport.stream`."""
        return self._stream(
            label, self._transport.stream(url, label=label, headers=headers, new_connection=new_connection)
        )

    async def _call(self, path: str, send: Callable[[], Awaitable[Response]]) -> Response:
        lease = await self._lease(path)
        try:
            return await send()
        finally:
            self._leases.release(lease)

    @asynccontextmanager
    async def _stream(
        self, label: str, opening: AbstractAsyncContextManager[ByteStream]
    ) -> AsyncGenerator[ByteStream, None]:
        lease = await self._lease(label)
        try:
            async with opening as stream:
                yield stream
        finally:
            self._leases.release(lease)

    async def _lease(self, path: str) -> Lease:
        try:
            with self._lifetime.track():
                return await self._leases.acquire()
        except ConnectionError as error:
            raise APIConnectionError(path, str(error), sent=False) from error
