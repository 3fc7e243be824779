"""Run blocking work in threads of this library, which end before the caller continues, even after a cancellation.

Native cancellation passes through anyio's worker threads and shields: the thread would keep a file that another task
closes, and write to the next file that gets its descriptor. So the wait ends only with the thread. The event loop's
default executor is not used: it resolves host names, which a slow disk must not delay.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO, Final, Generic, TypeVar, TypeVarTuple, Unpack, cast

import anyio

__all__ = [
    "WORKERS",
    "ThreadJob",
    "ThreadPool",
    "join_thread",
    "open_in_thread",
    "run_in_thread",
    "submit",
    "submit_to",
    "thread_pool",
]

T = TypeVar("T")
F = TypeVar("F", bound=BinaryIO)
Args = TypeVarTuple("Args")

WORKERS: Final = 8
"""The number of threads."""


class ThreadPool:
    """Threads that are started when they are needed, in each process anew: they do not survive a fork."""

    def __init__(self, workers: int, name: str) -> None:
        self._workers = workers
        self._name = name
        self._executors: dict[int, ThreadPoolExecutor] = {}  # by process

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads of this process."""
        pid = os.getpid()
        found = self._executors.get(pid)
        if found is None:  # another thread may make one, too; those without work have no threads
            new = ThreadPoolExecutor(self._workers, thread_name_prefix=self._name)
            found = self._executors.setdefault(pid, new)
        return found

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from one that has used the threads."""
        return any(pid != os.getpid() for pid in self._executors)


_FILES: Final = ThreadPool(WORKERS, "multicart-files")


def thread_pool() -> ThreadPoolExecutor:
    """Return the threads for files in this process."""
    return _FILES.executor()


class ThreadJob(Generic[T]):
    """Work for a thread, and then its outcome. Unlike a future it cannot be cancelled, since a thread cannot be."""

    __slots__ = ("_error", "_result", "_work", "ended", "loop", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> None:
        self.loop = loop
        self.ended = False
        self.waiters: list[asyncio.Future[None]] = []
        self._work: Callable[[], T] | None = work
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do the work, in a thread. The outcome counts once `end` was called in the loop."""
        assert self._work is not None
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 -- raised in the waiting caller
            self._error = error
        self._work = None  # what it refers to may be large

    def fail(self, error: BaseException) -> None:
        """End without having run."""
        self._error = error
        self.end()

    def end(self) -> None:
        """Let those who wait continue; call it in the loop."""
        self.ended = True
        for waiter in self.waiters:
            if not waiter.done():  # the waiting task may be cancelled
                waiter.set_result(None)

    def result(self) -> T:
        """Return what the work returned, or raise its exception once, since it leads back to here; it must have ended."""
        error, self._error = self._error, None
        if error is None:
            return cast("T", self._result)
        try:
            raise error
        finally:
            del error


def submit(work: Callable[[Unpack[Args]], T], *args: *Args) -> ThreadJob[T]:
    """Start *work* in a thread. The job must be passed to `join_thread` on every path."""
    return submit_to(thread_pool(), work, *args)


def submit_to(executor: Executor, work: Callable[[Unpack[Args]], T], *args: *Args) -> ThreadJob[T]:
    """Start *work* in a thread of *executor*. The job must be passed to `join_thread` on every path."""
    job = ThreadJob(asyncio.get_running_loop(), partial(work, *args))
    executor.submit(_run, job)
    return job


def _run(job: ThreadJob[T]) -> None:
    job.run()
    with suppress(RuntimeError):  # the loop was closed meanwhile
        job.loop.call_soon_threadsafe(job.end)


async def join_thread(job: ThreadJob[T]) -> T:
    """Return or raise the outcome of the thread. A cancellation is raised only after the thread has ended."""
    if not job.ended:
        await _wait(job)
    return job.result()


async def _wait(job: ThreadJob[Any]) -> None:
    """Wait for the thread. A native cancellation is raised afterwards, that of a scope at the next checkpoint.

    So the caller of a write that is complete learns of it, and anyio's repeated cancellation does not spin here.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not job.ended:
            try:
                await _wait_once(job)
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        try:
            raise cancelled
        finally:
            del cancelled


async def _wait_once(job: ThreadJob[Any]) -> None:
    waiter = job.loop.create_future()
    job.waiters.append(waiter)
    await waiter


async def open_in_thread(work: Callable[[Unpack[Args]], F], *args: *Args) -> F:
    """Open a file in a thread. After a cancellation it is closed again, because the caller never receives it."""
    opening = submit(work, *args)
    try:
        return await join_thread(opening)
    except asyncio.CancelledError:
        with suppress(Exception):  # it could not be opened
            opening.result().close()
        raise


async def run_in_thread(work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Run *work* in a thread from start to end."""
    return await join_thread(submit(work, *args))
