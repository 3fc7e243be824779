"""Blocking work in threads: whatever cancels, the thread has ended before anybody goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import anyio
import attrs
import pytest

from multicart_async import _threads
from multicart_async._threads import _WORKERS, _hops, finish, in_thread, start, start_short


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
    assert "done" == await in_thread(job.work)


async def asyncio_timeout(job: Job) -> None:
    """``asyncio.timeout``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await in_thread(job.work)


async def wait_for(job: Job) -> None:
    """``asyncio.wait_for``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(in_thread(job.work), 0.02)


async def fail_after(job: Job) -> None:
    """``anyio.fail_after``."""
    with suppress(TimeoutError), anyio.fail_after(0.02):
        await in_thread(job.work)


async def sibling(job: Job) -> None:
    """Another task of an ``asyncio.TaskGroup`` fails."""

    async def fail() -> None:
        await job.has_begun()
        raise KeyError

    with suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await in_thread(job.work)


async def anyio_group(job: Job) -> None:
    """An anyio task group is cancelled."""
    async with anyio.create_task_group() as group:
        group.start_soon(in_thread, job.work)
        await job.has_begun()
        group.cancel_scope.cancel()


async def cancel_twice(job: Job) -> None:
    """``task.cancel()``, and again while it is ending."""
    task = asyncio.ensure_future(in_thread(job.work))
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
        await in_thread(job.fail)


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
    assert 0 == task.cancelling()


async def test_waiting_for_a_cancelled_thread_does_not_spin() -> None:
    """It costs next to no processor time, in a scope that is cancelled too."""
    job = Job(lasts=0.2)
    await in_thread(int)  # the first use loads what it needs

    with anyio.CancelScope() as scope:
        future = start(job.work)
        await job.has_begun()
        scope.cancel()
        before = time.thread_time()
        with suppress(asyncio.CancelledError):
            await finish(future)
        spent = time.thread_time() - before

    assert job.ended
    assert 0.1 > spent


async def test_a_cancellation_hides_an_error_of_the_thread() -> None:
    """The owner wanted the end; nothing complains about an error that nobody took."""
    job = Job()
    task = asyncio.ensure_future(in_thread(job.fail))
    await job.has_begun()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.ended


async def test_arguments_and_result_go_through() -> None:
    """As in a plain call."""
    assert (7, 3) == await in_thread(divmod, 38, 5)


async def test_work_can_be_begun_before_it_is_waited_for() -> None:
    """Two threads at once, then both results."""
    jobs = Job(lasts=20), Job(lasts=20)
    futures = [start(job.work) for job in jobs]
    for job in jobs:
        await job.has_begun()

    assert [False, False] == [job.ended for job in jobs]
    for job in jobs:
        job.may_end.set()
    assert ["done", "done"] == [await finish(future) for future in futures]


async def test_the_threads_are_our_own() -> None:
    """The loop's default executor is left alone: a slow disk must not delay the names of hosts."""
    jobs = [Job(lasts=20) for _ in range(_WORKERS)]
    futures = [start(job.work) for job in jobs]
    for job in jobs:
        await job.has_begun()

    await asyncio.get_running_loop().run_in_executor(None, int)
    assert not any(job.ended for job in jobs)

    for job, future in zip(jobs, futures, strict=True):
        job.may_end.set()
        await finish(future)
    assert all(job.name.startswith("multicart-files") for job in jobs)


FORKED = """
import asyncio, os
from multicart_async._threads import in_thread

async def use():
    return await in_thread(os.getpid)

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

    assert (0, "") == (found.returncode, found.stderr)


def noted(threads: list[str], number: int) -> int:
    """Short work that says where it was done."""
    threads.append(threading.current_thread().name)
    return number * number


async def test_short_work_shares_a_hop(monkeypatch) -> None:
    """What is begun together is done in one thread, one after the other, and the loop is told of all of it."""
    threads: list[str] = []
    monkeypatch.setattr(_threads, "_TURN", 60.0)
    futures = [start_short(noted, threads, number) for number in range(10)]

    assert [number * number for number in range(10)] == [await finish(future) for future in futures]
    assert 1 == len(set(threads))


async def test_short_work_that_comes_during_a_hop_goes_with_it() -> None:
    """A hop that is under way takes what gathers meanwhile."""
    threads: list[str] = []
    gate = threading.Event()
    first = start_short(gate.wait)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    then = start_short(noted, threads, 3)
    await asyncio.sleep(0)
    gate.set()

    assert [True, 9] == [await finish(first), await finish(then)]


async def test_short_work_that_turns_out_long_holds_nobody_up() -> None:
    """Others get a hop of their own after a moment, up to as many as there are threads, and all come to their end."""
    gate = threading.Event()
    stuck = [start_short(gate.wait) for _ in range(_WORKERS + 2)]
    await asyncio.sleep(0.05)
    assert not any(future.done() for future in stuck)
    with anyio.fail_after(20):
        while len(_hops[asyncio.get_running_loop()]._waiting) > 2:  # noqa: ASYNC110 -- threads take them
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert 2 == len(_hops[asyncio.get_running_loop()]._waiting)
    gate.set()

    assert [True] * (_WORKERS + 2) == [await finish(future) for future in stuck]


async def test_an_error_of_short_work_is_its_own() -> None:
    """The others of the same hop are done."""
    threads: list[str] = []
    bad, good = start_short(divmod, 1, 0), start_short(noted, threads, 2)

    with pytest.raises(ZeroDivisionError):
        await finish(bad)
    assert 4 == await finish(good)


async def test_short_work_is_waited_for_when_cancelled() -> None:
    """As in a thread of its own."""
    job = Job()
    task = asyncio.ensure_future(finish(start_short(job.work)))
    await job.has_begun()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.ended


@attrs.define
class Pool:
    """Threads that are refused, all but so many times; ``kept`` is what was asked for then."""

    good: int = 0
    kept: list[tuple[Callable[..., object], tuple[object, ...]]] = attrs.field(factory=list)
    refused: asyncio.Event = attrs.field(factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop)
    threads: ThreadPoolExecutor = attrs.field(factory=lambda: ThreadPoolExecutor(1))

    def submit(self, work: Callable[..., object], *args: object) -> object:
        if self.good:
            self.good -= 1
            return self.threads.submit(work, *args)
        self.kept.append((work, args))
        self.loop.call_soon_threadsafe(self.refused.set)
        raise RuntimeError("can't start new thread")


@pytest.fixture
async def pool(monkeypatch):
    """The pool of this module, with a single thread or none."""
    pool = Pool()
    monkeypatch.setattr(_threads, "_pool", lambda: pool)
    yield pool
    pool.threads.shutdown()


async def test_work_that_no_thread_takes_fails(pool) -> None:
    """Nobody waits for ever; a hop that the pool has kept all the same finds that it is none."""
    for future in [start_short(divmod, 1, 1), start_short(divmod, 2, 1)]:
        with pytest.raises(RuntimeError, match="new thread"):
            await finish(future)
    ((hop, args),) = pool.kept
    then = start_short(divmod, 3, 1)
    hop(*args)

    assert not then.done()
    with pytest.raises(RuntimeError, match="new thread"):
        await finish(then)


async def test_work_waits_for_the_hop_under_way_where_no_other_can_be_had(pool) -> None:
    """A second thread is refused: the first one does it all."""
    pool.good = 1
    gate = threading.Event()
    both = [start_short(gate.wait), start_short(divmod, 7, 2)]
    await pool.refused.wait()
    gate.set()

    assert [True, (3, 1)] == [await finish(future) for future in both]


async def test_a_hop_lets_others_have_its_thread(pool, monkeypatch) -> None:
    """After its turn it goes on behind them: other work of the threads is not held up while short work keeps coming."""
    monkeypatch.setattr(_threads, "_TURN", 0.0)
    monkeypatch.setattr(_threads, "_PATIENCE", 60.0)
    pool.good = 10
    gate, order = threading.Event(), list[str]()

    def noting(name: str) -> None:
        gate.wait()
        order.append(name)

    short = [start_short(noting, name) for name in ("first", "second", "third")]
    for _ in range(5):  # the hop is sent when nothing else gathers
        await asyncio.sleep(0)
    other = pool.threads.submit(noting, "other")
    gate.set()
    for future in short:
        await finish(future)

    assert other.done()
    assert ["first", "other", "second", "third"] == order


async def test_a_hop_goes_on_where_nobody_else_can_come(pool, monkeypatch) -> None:
    """Its turn is over, and the pool takes nothing more: then it ends what there is."""
    monkeypatch.setattr(_threads, "_TURN", 0.0)
    monkeypatch.setattr(_threads, "_PATIENCE", 60.0)
    pool.good = 1
    short = [start_short(divmod, number, 1) for number in range(3)]

    assert [(0, 0), (1, 0), (2, 0)] == [await finish(future) for future in short]
    assert 1 == len(pool.kept)


async def test_help_is_called_off_when_nothing_waits_any_more(pool) -> None:
    """The hop has done it all meanwhile."""
    pool.good = 1
    loop = asyncio.get_running_loop()
    assert (3, 1) == await finish(start_short(divmod, 7, 2))
    _hops[loop]._watching = True
    _hops[loop]._relieve(loop)

    assert not _hops[loop]._watching
    assert [] == pool.kept
