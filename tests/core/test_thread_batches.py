"""Short work shares hops to threads: what is begun together is done together, and none of it is lost or held up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import attrs
import pytest
from test_threads import Job

from multicart_async._core import thread_batches
from multicart_async._core.thread_batches import BatchExecutor, _executors, shared_in_batch, submit_batched
from multicart_async._core.threads import WORKERS, join_thread


def noted(names: list[str], number: int) -> int:
    """Short work that says where it was done."""
    names.append(threading.current_thread().name)
    return number * number


async def test_short_work_shares_a_hop(monkeypatch) -> None:
    """What is begun together is done in one thread, one after the other, and the loop is told of all of it."""
    names: list[str] = []
    monkeypatch.setattr(thread_batches, "_TURN", 60.0)
    futures = [submit_batched(noted, names, number) for number in range(10)]

    assert [number * number for number in range(10)] == [await join_thread(future) for future in futures]
    assert len(set(names)) == 1


async def test_short_work_that_comes_during_a_hop_goes_with_it(monkeypatch) -> None:
    """A hop that is under way takes what gathers meanwhile."""
    names: list[str] = []
    monkeypatch.setattr(thread_batches, "_TURN", 60.0)
    monkeypatch.setattr(thread_batches, "_RELIEF_DELAY", 60.0)
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> int:
        loop.call_soon_threadsafe(begun.set)
        gate.wait()
        return noted(names, 1)

    first = submit_batched(wait)
    await begun.wait()
    then = submit_batched(noted, names, 3)
    await asyncio.sleep(0)
    gate.set()

    assert [await join_thread(first), await join_thread(then)] == [1, 9]
    assert len(set(names)) == 1


async def test_short_work_that_turns_out_long_holds_nobody_up() -> None:
    """Others get a hop of their own after a moment, up to as many as there are threads, and all come to their end."""
    gate = threading.Event()
    stuck = [submit_batched(gate.wait) for _ in range(WORKERS + 2)]
    await asyncio.sleep(0.05)
    assert not any(job.ended for job in stuck)
    with anyio.fail_after(20):
        while len(_executors[asyncio.get_running_loop()]._waiting) > 2:  # noqa: ASYNC110 -- threads take them
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert len(_executors[asyncio.get_running_loop()]._waiting) == 2
    gate.set()

    assert [await join_thread(job) for job in stuck] == [True] * (WORKERS + 2)


async def test_an_error_of_short_work_is_its_own() -> None:
    """The others of the same hop are done."""
    names: list[str] = []
    bad, good = submit_batched(divmod, 1, 0), submit_batched(noted, names, 2)

    with pytest.raises(ZeroDivisionError):
        await join_thread(bad)
    assert await join_thread(good) == 4


async def test_short_work_is_waited_for_when_cancelled() -> None:
    """As in a thread of its own."""
    job = Job()
    task = asyncio.ensure_future(join_thread(submit_batched(job.work)))
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
    monkeypatch.setattr(thread_batches, "thread_pool", lambda: pool)
    yield pool
    pool.threads.shutdown()


async def test_work_that_no_thread_takes_fails(pool) -> None:
    """Nobody waits for ever; a hop that the pool has kept all the same finds that it is none."""
    for future in [submit_batched(divmod, 1, 1), submit_batched(divmod, 2, 1)]:
        with pytest.raises(RuntimeError, match="new thread"):
            await join_thread(future)
    ((hop, args),) = pool.kept
    then = submit_batched(divmod, 3, 1)
    hop(*args)

    assert not then.ended
    with pytest.raises(RuntimeError, match="new thread"):
        await join_thread(then)


async def test_work_waits_for_the_running_hop_if_no_thread_is_free(pool) -> None:
    """If a second thread is refused, the running hop does the work of both."""
    pool.good = 1
    gate = threading.Event()
    both = [submit_batched(gate.wait), submit_batched(divmod, 7, 2)]
    await pool.refused.wait()
    gate.set()

    assert [await join_thread(future) for future in both] == [True, (3, 1)]


async def test_a_hop_lets_others_have_its_thread(pool, monkeypatch) -> None:
    """After its turn it goes on behind them: other work of the threads is not held up while short work keeps coming."""
    monkeypatch.setattr(thread_batches, "_TURN", 0.0)
    monkeypatch.setattr(thread_batches, "_RELIEF_DELAY", 60.0)
    pool.good = 10
    gate, order = threading.Event(), list[str]()

    def noting(name: str) -> None:
        gate.wait()
        order.append(name)

    short = [submit_batched(noting, name) for name in ("first", "second", "third")]
    for _ in range(5):  # the hop is sent when nothing else gathers
        await asyncio.sleep(0)
    other = pool.threads.submit(noting, "other")
    gate.set()
    for future in short:
        await join_thread(future)

    assert other.done()
    assert order == ["first", "other", "second", "third"]


async def test_a_hop_goes_on_where_nobody_else_can_come(pool, monkeypatch) -> None:
    """Its turn is over, and the pool takes nothing more: then it ends what there is."""
    monkeypatch.setattr(thread_batches, "_TURN", 0.0)
    monkeypatch.setattr(thread_batches, "_RELIEF_DELAY", 60.0)
    pool.good = 1
    short = [submit_batched(divmod, number, 1) for number in range(3)]

    assert [await join_thread(future) for future in short] == [(0, 0), (1, 0), (2, 0)]
    assert len(pool.kept) == 1


async def test_help_is_called_off_when_nothing_waits_any_more(pool) -> None:
    """The hop has done it all meanwhile."""
    pool.good = 1
    loop = asyncio.get_running_loop()
    assert await join_thread(submit_batched(divmod, 7, 2)) == (3, 1)
    _executors[loop]._watching = True
    _executors[loop]._relieve(loop)

    assert not _executors[loop]._watching
    assert pool.kept == []


@attrs.define
class Resource:
    """What the jobs of a batch share."""

    disposed: bool = False

    def dispose(self) -> None:
        self.disposed = True


async def test_jobs_of_a_batch_share_a_resource(monkeypatch) -> None:
    """It is made once for the jobs that are done in one hop, and disposed of before the last of them is reported."""
    monkeypatch.setattr(thread_batches, "_TURN", 60.0)
    made: list[Resource] = []

    def make() -> Resource:
        made.append(Resource())
        return made[-1]

    first, second, third = (submit_batched(shared_in_batch, "key", make) for _ in range(3))

    assert await join_thread(third) is await join_thread(second) is await join_thread(first) is made[0]
    assert [resource.disposed for resource in made] == [True]
    assert await join_thread(submit_batched(shared_in_batch, "key", make)) is made[1]


async def test_a_disposed_resource_is_made_again() -> None:
    """A job that finds it unusable disposes of it, and the next one gets a new one."""
    made: list[Resource] = []

    def make() -> Resource:
        made.append(Resource())
        return made[-1]

    def spoil() -> None:
        resource = shared_in_batch("key", make)
        assert resource is not None
        resource.dispose()

    jobs = [submit_batched(spoil), submit_batched(spoil)]
    for job in jobs:
        await join_thread(job)

    assert len(made) == 2


def test_outside_of_a_batch_nothing_is_shared() -> None:
    """The caller makes a resource of its own, and closes it."""
    assert shared_in_batch("key", Resource) is None


async def test_a_resource_is_disposed_of_before_the_last_report(monkeypatch) -> None:
    """So whoever has waited for all jobs finds nothing open."""
    made = Resource()
    states: list[bool] = []
    report = BatchExecutor._report

    def noting(executor: BatchExecutor, job: object) -> None:
        states.append(made.disposed)
        report(executor, job)

    monkeypatch.setattr(BatchExecutor, "_report", noting)
    await join_thread(submit_batched(shared_in_batch, "key", lambda: made))

    assert states == [True]


def test_a_resource_is_disposed_of_when_the_loop_is_closed() -> None:
    """A job whose loop has gone cannot be reported, and those behind it are not done, but nothing stays open."""
    made, gate = Resource(), threading.Event()
    loop = asyncio.new_event_loop()

    def work() -> None:
        gate.wait(10)
        shared_in_batch("key", lambda: made)

    async def submit_and_leave() -> None:
        for _ in range(2):
            submit_batched(work)
        for _ in range(5):
            await asyncio.sleep(0)

    loop.run_until_complete(submit_and_leave())
    loop.close()
    gate.set()
    for _ in range(200):
        if made.disposed:
            break
        time.sleep(0.01)

    assert made.disposed
