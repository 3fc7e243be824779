"""The port of a sandbox, and an end for all connections that came by it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Final

from aiohttp import web

__all__ = ["Listener"]

_SHUTDOWN_TIMEOUT: Final = 2.0  # seconds that handlers may still run once their connections are closed
_TURNS: Final = 3  # of the loop, between accepting a connection and the server's knowledge of it


class Listener:
    """Serves an application on a port."""

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        self._server: asyncio.Server | None = None

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The host and the port of each socket that listens."""
        return [socket.getsockname()[:2] for socket in self._server.sockets] if self._server else []

    async def open(self, host: str, port: int, ssl_context: ssl.SSLContext | None) -> None:
        """Listen. Call `aclose` also if this fails."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(server, host, port, ssl=ssl_context, backlog=128)

    async def aclose(self) -> None:
        """Close the port and all connections, also those that are just being accepted: asyncio would forget them."""
        if self._server is not None:
            loop = asyncio.get_running_loop()
            with suppress(NotImplementedError):  # Windows
                for socket in self._server.sockets:
                    loop.remove_reader(socket)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            self._server.close()
        await self._runner.cleanup()
        await asyncio.sleep(0)  # connections finish closing in the next iteration of the loop
