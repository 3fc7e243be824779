"""A SOCKS 5 proxy (RFC 1928, RFC 1929) that wants a user and a password, and connects to this machine alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["Socks", "socks"]

USER, PASSWORD = b"alice", b"s3cr3t-word"


@attrs.define
class Socks:
    """Where it listens, with user and password, and the names to which it was asked to connect."""

    url: str
    asked: list[str] = attrs.field(factory=list)

    async def serve(self, client: SocketStream) -> None:
        """One connection."""
        reader = BufferedByteReceiveStream(client)
        async with client:
            _, count = await reader.receive_exactly(2)
            assert 2 in await reader.receive_exactly(count), "it offers no user and password"
            await client.send(b"\x05\x02")
            await reader.receive_exactly(1)
            given = [await reader.receive_exactly((await reader.receive_exactly(1))[0]) for _ in range(2)]
            if given != [USER, PASSWORD]:
                await client.send(b"\x01\x01")
                return
            await client.send(b"\x01\x00")
            assert (await reader.receive_exactly(4))[3] == 3, "not a name"
            self.asked.append((await reader.receive_exactly((await reader.receive_exactly(1))[0])).decode())
            port = int.from_bytes(await reader.receive_exactly(2), "big")
            async with await anyio.connect_tcp("127.0.0.1", port) as service, anyio.create_task_group() as group:
                await client.send(b"\x05\x00\x00\x01" + bytes(6))
                group.start_soon(_pump, service, client)
                await _pump(reader, service)
                group.cancel_scope.cancel()


async def _pump(source: SocketStream | BufferedByteReceiveStream, sink: SocketStream) -> None:
    try:
        while True:
            await sink.send(await source.receive())
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


@asynccontextmanager
async def socks() -> AsyncIterator[Socks]:
    """A proxy on a free port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    place = f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
    proxy = Socks(f"socks5://{USER.decode()}:{PASSWORD.decode()}@{place}")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, proxy.serve)
        yield proxy
        group.cancel_scope.cancel()
