"""A man in the middle: asks a sandbox for the true answer to each request, and sends what a plan makes of it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import Self

from multicart_async.sandbox import Sandbox
from support.mangling import Mangling, Reply
from support.raw_server import Exchange, RawServer

__all__ = ["Middle"]


class Middle:
    """``with Middle() as middle``: a sandbox and what stands before it, in a thread with a loop of its own.

    So the loop of the client works for the client alone.
    """

    def __init__(self) -> None:
        self._secrets: Sequence[str] = ()
        self._plan: deque[Mangling] = deque()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self.requests = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)

    def plan(self, manglings: Sequence[Mangling], secrets: Sequence[str] = ("",)) -> None:
        """What to do to the next answers, in which *secrets* may come back; those after them are left as they are."""
        self._plan, self._secrets = deque(manglings), secrets

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with RawServer(self._answer) as server:
            self.url = server.url
            async with Sandbox(
                instant=True, links_base=server.url, items_per_page=2, record_bytes=200, category_items=3
            ) as sandbox:
                self.sandbox = sandbox
                self._port = int(sandbox.url.split(":")[2].partition("/")[0])
                self.collections = sandbox.add_collections(2, runs=2, items=5)
                self._ready.set()
                await self._end.wait()

    async def _answer(self, exchange: Exchange) -> bool | None:
        self.requests += 1
        status, body = await self._ask(exchange)
        mangling = self._plan.popleft() if self._plan else Mangling(chance=0)
        return await _send(exchange, mangling.reply(status, body, self._secrets))

    async def _ask(self, exchange: Exchange) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        kept = ("x-api-key", "authorization", "content-type")
        lines = [exchange.line, f"Host: 127.0.0.1:{self._port}", "Connection: close"]
        lines += [f"{name}: {exchange.headers[name]}" for name in kept if name in exchange.headers]
        lines += [f"Content-Length: {len(exchange.body)}", "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + exchange.body)
        try:
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        if b"chunked" in head.lower():
            body = _joined(body)
        return int(head.split(b" ", 2)[1]), body


def _joined(chunks: bytes) -> bytes:
    parts = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        parts.append(rest[:length])
        chunks = rest[length + 2 :]
    return b"".join(parts)


async def _send(exchange: Exchange, reply: Reply) -> bool:
    for piece in reply.pieces:
        await exchange.send(piece)
        await asyncio.sleep(reply.pause)
    if reply.end == "hang":
        await asyncio.sleep(3)
    elif reply.end == "reset":
        exchange.reset()
    return reply.end == "keep"
