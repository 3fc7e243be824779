"""Batches of short jobs for threads: jobs that are ready at the same time share a hop to a thread and back.

A hop costs as much as writing a small file.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

from multicart_async._core.threads import WORKERS, ThreadJob, thread_pool

__all__ = ["Shareable", "shared_in_batch", "submit_batched"]

T = TypeVar("T")
S = TypeVar("S", bound="Shareable")
Args = TypeVarTuple("Args")

_MAX_BATCH = 16  # jobs collected for one hop; jobs that arrive while it runs join it
_RELIEF_DELAY = 0.02  # seconds that jobs wait for a running hop before another one is started
_TURN = 0.02  # seconds after which a hop gives up its thread and queues again


def submit_batched(work: Callable[[Unpack[Args]], T], *args: *Args) -> ThreadJob[T]:
    """Start work that takes about as long as a hop to a thread and back: such jobs share hops.

    A job may have to wait for other short jobs, at most until these are done. Pass it to `join_thread` on every path.
    """
    loop = asyncio.get_running_loop()
    hops = _executors.get(loop)
    if hops is None:
        hops = _executors[loop] = BatchExecutor()
    job = ThreadJob(loop, partial(work, *args))
    hops.add(job)
    return job


class Shareable(Protocol):
    """A resource that the jobs of a batch share."""

    @property
    def disposed(self) -> bool:
        """Whether it can no longer be used."""
        ...

    def dispose(self) -> None:
        """Release it. Called twice, it does nothing."""


_batch = threading.local()


def shared_in_batch(key: Hashable, make: Callable[[], S]) -> S | None:
    """Return what *make* made for *key* in the batch of jobs that this thread runs, or ``None`` if it runs none.

    It is disposed of at the end of the batch. Each *key* stands for one type.
    """
    shared: dict[Hashable, Any] | None = getattr(_batch, "shared", None)
    if shared is None:
        return None
    found: S | None = shared.get(key)
    if found is None or found.disposed:
        found = shared[key] = make()
    return found


def _dispose(shared: dict[Hashable, Shareable]) -> None:
    while shared:
        _, resource = shared.popitem()
        with suppress(OSError):  # nothing was written through it
            resource.dispose()


class BatchExecutor:
    """The short jobs of one event loop. Jobs that arrive while a hop runs join it, and the loop is woken once.

    A hop wakes a thread and then the loop, which costs as much as writing a small file. A running hop sees every job
    that is added, because it checks the queue again, under the lock, before it ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[ThreadJob[Any]] = deque()
        self._ended: list[ThreadJob[Any]] = []
        self._under_way: set[object] = set()  # a token for each hop
        self._gathered = 0
        self._gathering = self._watching = False

    def add(self, job: ThreadJob[Any]) -> None:
        """Queue *job* for a running hop, or for a new one once no further jobs arrive."""
        loop = job.loop
        self._waiting.append(job)
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
            if not self._waiting or len(self._under_way) >= WORKERS:
                return
            self._under_way.add(hop)
        try:
            thread_pool().submit(self._hop, hop)
        except RuntimeError as error:  # no thread can be started, or the interpreter is shutting down
            self._give_up(hop, error)

    def _give_up(self, hop: object, error: RuntimeError) -> None:
        with self._lock:
            self._under_way.discard(hop)  # the pool may still run it: then it finds itself removed
            if self._under_way:
                return  # another hop does the waiting jobs
            lost, self._waiting = self._waiting, deque()
        for job in lost:
            job.fail(error)

    def _hop(self, hop: object) -> None:
        shared: dict[Hashable, Shareable] = {}
        _batch.shared = shared
        try:
            self._run_jobs(hop, shared)
        finally:  # also if the loop was closed meanwhile
            _dispose(shared)
            del _batch.shared

    def _run_jobs(self, hop: object, shared: dict[Hashable, Shareable]) -> None:
        until = time.monotonic() + _TURN
        job = self._next_or_end(hop)
        while job is not None:
            done = job
            done.run()
            over = time.monotonic() >= until
            job = None if over else self._next()
            if job is None:
                _dispose(shared)  # before the last outcome is known
            self._report(done)
            del done  # otherwise an idle thread would keep it alive
            if job is None:
                if over and self._is_continued(hop):
                    return
                until = math.inf if over else until  # no other hop can be started
                job = self._next_or_end(hop)

    def _next(self) -> ThreadJob[Any] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _next_or_end(self, hop: object) -> ThreadJob[Any] | None:
        """Return the next job; if there is none, *hop* has ended: jobs that are added from now on need another one."""
        with self._lock:
            if hop not in self._under_way:
                return None
            if self._waiting:
                return self._waiting.popleft()
            self._under_way.discard(hop)
            return None

    def _is_continued(self, hop: object) -> bool:
        """Let other work use the thread first; return false if that is not possible."""
        try:
            thread_pool().submit(self._hop, hop)
        except RuntimeError:
            return False
        return True

    def _report(self, job: ThreadJob[Any]) -> None:
        with self._lock:
            notify = not self._ended
            self._ended.append(job)
        if notify:
            job.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for job in ended:
            job.end()


_executors: WeakKeyDictionary[asyncio.AbstractEventLoop, BatchExecutor] = WeakKeyDictionary()
