"""A proxy that opens tunnels (CONNECT), until it is told to do something else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import attrs

from support.raw_server import Exchange

__all__ = ["Tunnels"]


@attrs.define
class Tunnels:
    """A handler of a `RawServer`: leads each CONNECT to *port* on this machine, or does *instead*, where that is set."""

    port: int
    instead: Callable[[Exchange], Awaitable[None]] | None = None

    async def __call__(self, exchange: Exchange) -> None:
        """One CONNECT."""
        if self.instead is not None:
            await self.instead(exchange)
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with anyio.create_task_group() as group:
                group.start_soon(_pump, exchange.reader, writer)
                await _pump(reader, exchange.writer)
                group.cancel_scope.cancel()
        finally:
            writer.transport.abort()
            with anyio.CancelScope(shield=True), suppress(ConnectionError):
                await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
