"""An HTTP server made of bare sockets, for answers that no proper server gives."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

import attrs


@attrs.define
class Exchange:
    """One request that arrived, and the connection to answer on. ``number`` counts requests of the server, from 1."""

    number: int
    line: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def path(self) -> str:
        """The target of the request line, as it came over the wire."""
        return self.line.split(" ")[1]

    async def send(self, *parts: bytes) -> None:
        """Write bytes as they are."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self, body: bytes, *, status: str = "200 OK", **headers: str) -> None:
        """A proper answer, with its length; underscores in header names stand for hyphens."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """End the connection with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def cut(self) -> None:
        """End the connection with a FIN; over TLS without a close_notify."""
        self.writer.transport.abort() if self.writer.get_extra_info("sslcontext") else self.writer.close()

    async def hang(self) -> None:
        """Say nothing until the server ends."""
        await asyncio.Event().wait()


def framed(body: bytes, framing: str, *lines: str) -> bytes:
    """An answer with that body; the *framing* is "length", "chunked", or else the end of the connection."""
    if framing == "length":
        lines = (f"Content-Length: {len(body)}", *lines)
    if framing == "chunked":
        lines = ("Transfer-Encoding: chunked", *lines)
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + body


Handler = Callable[[Exchange], Awaitable[bool | None]]
"""Answers one request. Return True to keep the connection for the next one; else it is closed with a FIN."""


class RawServer:
    """``async with RawServer(handler) as server``: on 127.0.0.1, ``server.requests`` are the exchanges so far."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self.requests: list[Exchange] = []
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: socket.socket | None = None

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL to give to a client."""
        return f"{self.origin}/api/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, reuse_port=True)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if self._held is not None:
            self._held.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def refuse(self) -> None:
        """No connections from now on. The port is kept: a server of another test could get it, and what is sent here."""
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind(("127.0.0.1", self.port))
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                while exchange := await self._read(reader, writer):
                    if not await self._handler(exchange):
                        break
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rest)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        exchange = Exchange(len(self.requests) + 1, line, headers, body, reader, writer)
        self.requests.append(exchange)
        return exchange
