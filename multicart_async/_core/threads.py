"""Blocking work in threads of our own, finished before the caller goes on, also after any kind of cancellation.

Native cancellation goes straight through anyio's worker threads and through its shields: the thread would keep a file
that another task closes, and write into the next file that gets its descriptor. So the wait ends only with the thread.
The loop's default executor is left alone: it resolves names, and a slow disk must not delay that.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

import anyio

__all__ = ["join_thread", "open_in_thread", "run_in_thread", "submit", "submit_batched"]

T = TypeVar("T")
F = TypeVar("F", bound=BinaryIO)
Args = TypeVarTuple("Args")

_WORKERS = 8
_MAX_BATCH = 16  # pieces of short work that gather for a hop; what comes while it is under way goes with it too
_RELIEF_DELAY = 0.02  # seconds that short work waits for the hop under way before another one is begun
_TURN = 0.02  # seconds after which a hop lets others have its thread, and goes on behind them
_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork


def _pool() -> ThreadPoolExecutor:
    pid = os.getpid()
    if pid not in _pools:
        _pools[pid] = ThreadPoolExecutor(_WORKERS, thread_name_prefix="multicart-files")
    return _pools[pid]


def submit(work: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
    """Begin *work* in a thread. Its future must be given to `finish`, on every way out."""
    return asyncio.get_running_loop().run_in_executor(_pool(), work, *args)


def submit_batched(work: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
    """Do the same for work that takes about as long as a hop to a thread and back: such work shares hops.

    It may wait for other short work, at most until that is done.
    """
    loop = asyncio.get_running_loop()
    hops = _executors.get(loop)
    if hops is None:
        hops = _executors[loop] = BatchExecutor()
    future: asyncio.Future[T] = loop.create_future()
    hops.add(loop, future, partial(work, *args))
    return future


async def join_thread(future: asyncio.Future[T]) -> T:
    """Return or raise what the thread does. A cancellation is raised only after the thread has ended."""
    if future.done():
        return future.result()
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


async def open_in_thread(work: Callable[[Unpack[Args]], F], *args: *Args) -> F:
    """Open a file in a thread. After a cancellation it is closed again, because the caller never gets it."""
    opening = submit(work, *args)
    try:
        return await join_thread(opening)
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            opening.result().close()
        raise


async def run_in_thread(work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """*work* in a thread, from start to end."""
    return await join_thread(submit(work, *args))


class BatchExecutor:
    """The short work of one loop. What gathers while a hop is under way goes with it, and the loop is told once.

    Each hop wakes a thread, and then the loop: for a small file that costs as much as the file does. What is added is
    seen by a hop that is under way, because a hop looks once more, under the lock, before it is so no more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._ended: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        self._under_way: set[object] = set()  # a token for each hop
        self._gathered = 0
        self._gathering = self._watching = False

    def add(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
        """Let a hop do *work*: one that is under way, or another one, when nothing else comes to go with it."""
        self._waiting.append((future, work))
        if not self._gathering:
            self._gathering, self._gathered = True, 1
            loop.call_soon(self._gather, loop)

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = len(self._waiting)
        if self._gathered < waiting < _MAX_BATCH:
            self._gathered = waiting
            loop.call_soon(self._gather, loop)
            return
        self._gathering = False
        with self._lock:
            idle = not self._under_way
        if idle:
            self._send()
        if not self._watching and waiting > idle:  # the hop takes one at once; what else there is may have to wait
            self._watching = True
            loop.call_later(_RELIEF_DELAY, self._relieve, loop)

    def _relieve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another hop, if something still waits: a slow disk may do several things at a time."""
        self._watching = bool(self._waiting)
        if self._watching:
            self._send()
            loop.call_later(_RELIEF_DELAY, self._relieve, loop)

    def _send(self) -> None:
        hop = object()
        with self._lock:
            if not self._waiting or len(self._under_way) >= _WORKERS:
                return
            self._under_way.add(hop)
        try:
            _pool().submit(self._hop, hop)
        except RuntimeError as error:  # no thread can be started, or the interpreter is about to end
            self._give_up(hop, error)

    def _give_up(self, hop: object, error: RuntimeError) -> None:
        with self._lock:
            self._under_way.discard(hop)  # the pool may have kept it all the same: then it finds that it is none
            if self._under_way:
                return  # another one does what waits
            lost, self._waiting = self._waiting, deque()
        for future, _ in lost:
            future.set_exception(error)

    def _hop(self, hop: object) -> None:
        until = time.monotonic() + _TURN
        while True:
            with self._lock:
                if hop not in self._under_way:
                    return
                if not self._waiting:
                    self._under_way.discard(hop)
                    return
                future, work = self._waiting.popleft()
            result, error = _outcome(work)
            with self._lock:
                tell = not self._ended
                self._ended.append((future, result, error))
            if tell:
                future.get_loop().call_soon_threadsafe(self._deliver)
            del future, work, result, error  # or an idle thread would hold them
            if time.monotonic() >= until:  # the threads are for others too
                try:
                    _pool().submit(self._hop, hop)
                except RuntimeError:
                    until = math.inf  # no other hop can come
                else:
                    return

    def _deliver(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for future, result, error in ended:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)


def _outcome(work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 -- it is raised where it is waited for
        return None, error


_executors: WeakKeyDictionary[asyncio.AbstractEventLoop, BatchExecutor] = WeakKeyDictionary()
