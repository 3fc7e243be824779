"""Blocking work in threads: whatever cancels, the thread has ended before anybody goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
import attrs
import pytest

from multicart_async._core.threads import WORKERS, join_thread, open_in_thread, run_in_thread, submit


@attrs.define
class Job:
    """Work for a thread that lasts until it may end, at most *lasts* seconds, and says when it is in the middle of it."""

    lasts: float = 0.1
    may_end: threading.Event = attrs.field(factory=threading.Event)
    begun: asyncio.Event = attrs.field(factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop)
    ended: bool = False
    name: str = ""

    def work(self) -> str:
        self.name = threading.current_thread().name
        self.loop.call_soon_threadsafe(self.begun.set)
        self.may_end.wait(self.lasts)
        self.ended = True
        return "done"

    def fail(self) -> None:
        self.work()
        raise LookupError("from the thread")

    async def has_begun(self) -> None:
        """Come back when the thread is in the middle of it."""
        await self.begun.wait()


async def plainly(job: Job) -> None:
    """Nobody cancels."""
    assert await run_in_thread(job.work) == "done"


async def asyncio_timeout(job: Job) -> None:
    """``asyncio.timeout``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await run_in_thread(job.work)


async def wait_for(job: Job) -> None:
    """``asyncio.wait_for``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(run_in_thread(job.work), 0.02)


async def fail_after(job: Job) -> None:
    """``anyio.fail_after``."""
    with suppress(TimeoutError), anyio.fail_after(0.02):
        await run_in_thread(job.work)


async def sibling(job: Job) -> None:
    """Another task of an ``asyncio.TaskGroup`` fails."""

    async def fail() -> None:
        await job.has_begun()
        raise KeyError

    with suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await run_in_thread(job.work)


async def anyio_group(job: Job) -> None:
    """An anyio task group is cancelled."""
    async with anyio.create_task_group() as group:
        group.start_soon(run_in_thread, job.work)
        await job.has_begun()
        group.cancel_scope.cancel()


async def cancel_twice(job: Job) -> None:
    """``task.cancel()``, and again while it is ending."""
    task = asyncio.ensure_future(run_in_thread(job.work))
    await job.has_begun()
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def error(job: Job) -> None:
    """The thread fails."""
    with pytest.raises(LookupError, match="from the thread"):
        await run_in_thread(job.fail)


STYLES: list[Callable[[Job], Awaitable[None]]] = [
    plainly,
    asyncio_timeout,
    wait_for,
    fail_after,
    sibling,
    anyio_group,
    cancel_twice,
    error,
]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
async def test_the_thread_has_ended_before_the_wait_returns(style: Callable[[Job], Awaitable[None]]) -> None:
    """In eight styles of cancellation; and none of them leaves a cancellation behind."""
    job = Job()

    await style(job)

    assert job.ended
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_waiting_for_a_cancelled_thread_does_not_spin() -> None:
    """It costs next to no processor time, in a scope that is cancelled too."""
    job = Job(lasts=0.2)
    await run_in_thread(int)  # the first use loads what it needs

    with anyio.CancelScope() as scope:
        future = submit(job.work)
        await job.has_begun()
        scope.cancel()
        before = time.thread_time()
        with suppress(asyncio.CancelledError):
            await join_thread(future)
        spent = time.thread_time() - before

    assert job.ended
    assert spent < 0.1


async def test_a_cancellation_hides_an_error_of_the_thread() -> None:
    """The owner wanted the end; nothing complains about an error that nobody took."""
    job = Job()
    task = asyncio.ensure_future(run_in_thread(job.fail))
    await job.has_begun()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.ended


async def test_arguments_and_result_go_through() -> None:
    """As in a plain call."""
    assert await run_in_thread(divmod, 38, 5) == (7, 3)


async def test_work_can_be_begun_before_it_is_waited_for() -> None:
    """Two threads at once, then both results."""
    jobs = Job(lasts=20), Job(lasts=20)
    futures = [submit(job.work) for job in jobs]
    for job in jobs:
        await job.has_begun()

    assert [job.ended for job in jobs] == [False, False]
    for job in jobs:
        job.may_end.set()
    assert [await join_thread(future) for future in futures] == ["done", "done"]


async def test_the_threads_are_our_own() -> None:
    """The loop's default executor is left alone: a slow disk must not delay the names of hosts."""
    jobs = [Job(lasts=20) for _ in range(WORKERS)]
    futures = [submit(job.work) for job in jobs]
    for job in jobs:
        await job.has_begun()

    await asyncio.get_running_loop().run_in_executor(None, int)
    assert not any(job.ended for job in jobs)

    for job, future in zip(jobs, futures, strict=True):
        job.may_end.set()
        await join_thread(future)
    assert all(job.name.startswith("multicart-files") for job in jobs)


FORKED = """
import asyncio, os
from multicart_async._core.threads import run_in_thread

async def use():
    return await run_in_thread(os.getpid)

assert asyncio.run(use()) == os.getpid()
child = os.fork()
if child == 0:
    os._exit(0 if asyncio.run(use()) == os.getpid() else 3)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """Threads do not survive a fork: the parent's pool would never answer."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (found.returncode, found.stderr) == (0, "")


async def test_a_file_that_nobody_takes_is_closed(tmp_path) -> None:
    """It was opened while its opener was cancelled."""
    (tmp_path / "page").write_bytes(b"[]")
    files = []
    gate = threading.Event()

    def opening():
        gate.wait()
        files.append((tmp_path / "page").open("rb"))
        return files[0]

    task = asyncio.ensure_future(open_in_thread(opening))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert files[0].closed


async def test_a_file_that_cannot_be_opened_leaves_nothing_to_close(tmp_path) -> None:
    """Cancelled or not."""
    gate = threading.Event()

    def opening():
        gate.wait()
        return (tmp_path / "page").open("rb")

    task = asyncio.ensure_future(open_in_thread(opening))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(FileNotFoundError):
        await open_in_thread(opening)


async def test_a_scope_that_is_cancelled_meanwhile_does_not_hide_the_outcome() -> None:
    """The caller learns what the thread has done; the cancellation comes with its next checkpoint."""
    job, outcome = Job(), None
    with anyio.CancelScope() as scope:
        future = submit(job.work)
        await job.has_begun()
        scope.cancel()
        outcome = await join_thread(future)
        await anyio.lowlevel.checkpoint()
        raise AssertionError

    assert outcome == "done"
