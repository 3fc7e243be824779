"""A proxy on loopback between obstore and an object store: counts requests, and lets them go wrong."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from typing import Self, TypeVar

import attrs

from support.http_messages import Head, body_pieces, read_head
from support.store_faults import Answer, Cut, Fault, Stall, kind_of

__all__ = ["StoreProxy"]

_AnyFault = TypeVar("_AnyFault", bound=Fault)


class _CutHereError(ConnectionError):
    """A fault ends both connections."""


@attrs.frozen
class _Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class StoreProxy:
    """``with StoreProxy(port) as proxy``: give ``proxy.url`` to obstore as the address of the store on *port*.

    It has a thread and a loop of its own, so that blocking calls can go through it. Host and all other headers are
    passed on as they are, because signatures cover them. ``counts`` are the requests by kind, and ``targets`` their
    kinds and paths in the order of arrival. ``latency`` in seconds is waited before each request is passed on.
    """

    def __init__(self, port: int, *, latency: float = 0) -> None:
        self._target = port
        self.latency = latency
        self.counts: Counter[str] = Counter()
        self.targets: list[tuple[str, str]] = []
        self._faults: list[Fault] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="store proxy", daemon=True)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, fault: _AnyFault) -> _AnyFault:
        """Let that go wrong from now on. Of several faults for a request, the one that was added last is taken."""
        self._faults.insert(0, fault)
        return fault

    def reset(self) -> None:
        """Nothing goes wrong any more, and counts begin at 0. What stalls goes on."""
        self._release()
        self._faults.clear()
        self.counts.clear()
        self.targets.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._release()
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _release(self) -> None:
        for fault in self._faults:
            if isinstance(fault, Stall):
                fault.released.set()

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client, store = _Peer(reader, writer), None
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                store = _Peer(*await asyncio.open_connection("127.0.0.1", self._target, limit=1 << 20))
                while await self._exchange(client, store):
                    pass
        finally:
            self._tasks.discard(task)
            for peer in (client, store):
                if peer is not None:
                    peer.writer.transport.abort()

    async def _exchange(self, client: _Peer, store: _Peer) -> bool:
        head = await read_head(client.reader)
        kind, target = kind_of(head), head.words[1]
        self.counts[kind] += 1
        self.targets.append((kind, target))
        fault = next((fault for fault in self._faults if fault.applies(kind, target)), None)
        await asyncio.sleep(self.latency)
        if isinstance(fault, Answer):
            async for _ in body_pieces(client.reader, head):
                pass
            await client.send(fault.raw)
            return True
        await _send_request(client, store, head, fault)
        return await _send_response(client, store, head, fault)


async def _send_request(client: _Peer, store: _Peer, head: Head, fault: Fault | None) -> None:
    left = fault.request if isinstance(fault, Cut) else None
    if isinstance(fault, Stall):
        fault.arrived.set()
        if not fault.answered:
            await asyncio.to_thread(fault.released.wait)
    # A store that answers before it has read the body may close its side: the answer is still there to be read.
    with suppress(BrokenPipeError, ConnectionResetError):
        await store.send(head.raw)
        async for piece in body_pieces(client.reader, head):
            await store.send(piece[:left])
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    raise _CutHereError
    if left is not None:
        raise _CutHereError


async def _send_response(client: _Peer, store: _Peer, request: Head, fault: Fault | None) -> bool:
    head = await read_head(store.reader)
    if isinstance(fault, Stall) and fault.answered:
        await asyncio.to_thread(fault.released.wait)
    if isinstance(fault, Cut) and fault.response is not None:
        left = fault.response
        await client.send(head.raw[:left])
        left -= len(head.raw)
        async for piece in body_pieces(store.reader, head, answers=request.words[0]):
            if left <= 0:
                break
            await client.send(piece[:left])
            left -= len(piece)
        raise _CutHereError
    await client.send(head.raw)
    async for piece in body_pieces(store.reader, head, answers=request.words[0]):
        await client.send(piece)
    return not head.closes and not request.closes
