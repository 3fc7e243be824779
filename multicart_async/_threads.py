"""Blocking work in threads of our own, finished before anybody goes on, whatever cancels.

Native cancellation goes straight through anyio's worker threads and through its shields: the thread would keep a file
that somebody else closes, and write into the next file that gets its descriptor. So the wait ends only with the thread.
The loop's default executor is left alone: it resolves names, and a slow disk must not delay that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple, Unpack

import anyio

__all__ = ["finish", "in_thread", "start"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_WORKERS = 8
_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork


def _pool() -> ThreadPoolExecutor:
    pid = os.getpid()
    if pid not in _pools:
        _pools[pid] = ThreadPoolExecutor(_WORKERS, thread_name_prefix="multicart-files")
    return _pools[pid]


def start(work: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
    """Begin *work* in a thread. Its future must be given to `finish`, on every way out."""
    return asyncio.get_running_loop().run_in_executor(_pool(), work, *args)


async def finish(future: asyncio.Future[T]) -> T:
    """What the thread returns or raises; after a cancellation, the cancellation, but not before the thread has ended."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # keeps anyio's repeated cancellation from spinning here
        while not future.done():
            try:
                await asyncio.shield(future)
            except asyncio.CancelledError as error:
                cancelled = error
            except BaseException:  # noqa: BLE001 -- the future's own; it is raised below
                break
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()


async def in_thread(work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """*work* in a thread, from start to end."""
    return await finish(start(work, *args))
