"""Run blocking work in threads of this library, which end before the caller continues, even after a cancellation.

Native cancellation passes through anyio's worker threads and shields: the thread would keep a file that another task
closes, and write to the next file that gets its descriptor. So the wait ends only with the thread. The event loop's
default executor is not used: it resolves host names, which a slow disk must not delay.
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
_MAX_BATCH = 16  # jobs collected for one hop; jobs that arrive while it runs join it
_RELIEF_DELAY = 0.02  # seconds that jobs wait for a running hop before another one is started
_TURN = 0.02  # seconds after which a hop gives up its thread and queues again
_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork


def _pool() -> ThreadPoolExecutor:
    pid = os.getpid()
    if pid not in _pools:
        _pools[pid] = ThreadPoolExecutor(_WORKERS, thread_name_prefix="multicart-files")
    return _pools[pid]


def submit(work: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
    """Start *work* in a thread. Its future must be passed to `join_thread` on every path."""
    return asyncio.get_running_loop().run_in_executor(_pool(), work, *args)


def submit_batched(work: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
    """Start work that takes about as long as a hop to a thread and back: such jobs share hops.

    A job may have to wait for other short jobs, at most until these are done.
    """
    loop = asyncio.get_running_loop()
    hops = _executors.get(loop)
    if hops is None:
        hops = _executors[loop] = BatchExecutor()
    future: asyncio.Future[T] = loop.create_future()
    hops.add(loop, future, partial(work, *args))
    return future


async def join_thread(future: asyncio.Future[T]) -> T:
    """Return or raise the outcome of the thread. A cancellation is raised only after the thread has ended."""
    if future.done():
        return future.result()
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # keeps anyio's repeated cancellation from spinning here
        while not future.done():
            try:
                await asyncio.shield(future)
            except asyncio.CancelledError as error:
                cancelled = error
            except BaseException:  # noqa: BLE001 -- the error of the future itself, raised below
                break
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()


async def open_in_thread(work: Callable[[Unpack[Args]], F], *args: *Args) -> F:
    """Open a file in a thread. After a cancellation it is closed again, because the caller never receives it."""
    opening = submit(work, *args)
    try:
        return await join_thread(opening)
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            opening.result().close()
        raise


async def run_in_thread(work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Run *work* in a thread from start to end."""
    return await join_thread(submit(work, *args))


class BatchExecutor:
    """The short jobs of one event loop. Jobs that arrive while a hop runs join it, and the loop is woken once.

    A hop wakes a thread and then the loop, which costs as much as writing a small file. A running hop sees every job
    that is added, because it checks the queue again, under the lock, before it ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._ended: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        self._under_way: set[object] = set()  # a token for each hop
        self._gathered = 0
        self._gathering = self._watching = False

    def add(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
        """Queue *work* for a running hop, or for a new one once no further jobs arrive."""
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
        if not self._watching and waiting > idle:  # the hop takes one job immediately; others may have to wait
            self._watching = True
            loop.call_later(_RELIEF_DELAY, self._relieve, loop)

    def _relieve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start another hop if jobs are still waiting: a slow disk may do several things at a time."""
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
        except RuntimeError as error:  # no thread can be started, or the interpreter is shutting down
            self._give_up(hop, error)

    def _give_up(self, hop: object, error: RuntimeError) -> None:
        with self._lock:
            self._under_way.discard(hop)  # the pool may still run it: then it finds itself removed
            if self._under_way:
                return  # another hop does the waiting jobs
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
                notify = not self._ended
                self._ended.append((future, result, error))
            if notify:
                future.get_loop().call_soon_threadsafe(self._deliver)
            del future, work, result, error  # otherwise an idle thread would keep them alive
            if time.monotonic() >= until:  # let other jobs use the thread
                try:
                    _pool().submit(self._hop, hop)
                except RuntimeError:
                    until = math.inf  # no other hop can be started
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
    except BaseException as error:  # noqa: BLE001 -- raised in the waiting caller
        return None, error


_executors: WeakKeyDictionary[asyncio.AbstractEventLoop, BatchExecutor] = WeakKeyDictionary()
