"""Verified files for a sink that only has `Sink.put`: the stream of chunks ends only after the verification."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio

from multicart_async._core.tasks import TaskPool
from multicart_async._core.thread_batches import submit_batched
from multicart_async._core.threads import join_thread
from multicart_async.sinks._protocol import Receive, Sink

__all__ = ["put_pulled"]


async def put_pulled(sink: Sink, name: str, receive: Receive, verify: Callable[[], None]) -> None:
    """Let *sink* pull what *receive* writes; an error of *receive* or *verify* is raised in place of the end.

    If the sink stops pulling before the end, *verify* is not called.
    """
    async with aclosing(_pieces(receive, verify)) as pieces:
        await sink.put(name, pieces)


async def _pieces(receive: Receive, verify: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    """Yield what *receive* writes. It runs in a task of its own, at most one piece ahead."""
    send, pieces = anyio.create_memory_object_stream[bytes]()

    async def receive_all() -> None:
        with send:
            await receive(send.send)

    async with aclosing(TaskPool[None]()) as pool:
        pool.spawn(None, receive_all())
        with pieces:
            async for piece in pieces:
                yield piece
        for _, receiving in await pool.wait_any():
            receiving.result()
    await join_thread(submit_batched(verify))
