"""Several calls at once that share workers: each one gets on, and together they do not have more than one alone."""

from __future__ import annotations

import asyncio

import anyio
import anyio.lowlevel
import pytest

from multicart_async._core.shared_workers import SharedWorkers


class Watched:
    """Work that counts how often it is under way at a time."""

    def __init__(self, turns: int = 1) -> None:
        self.now = self.most = 0
        self.done: list[int] = []
        self._turns = turns

    async def work(self, item: int) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(self._turns):
            await anyio.lowlevel.checkpoint()
        self.now -= 1
        self.done.append(item)


@pytest.mark.parametrize("count", [1, 3, 20])
async def test_one_call_has_the_workers_alone(count: int) -> None:
    """Each item is worked on once, by as many workers as there may be."""
    watched = Watched()

    await SharedWorkers().run(count, range(10), watched.work)

    assert sorted(watched.done) == list(range(10))
    assert watched.most == min(count, 10)


async def test_without_items_nothing_is_done() -> None:
    """Not even a task is started."""
    await SharedWorkers().run(3, [], Watched().work)


async def test_calls_share_the_count() -> None:
    """Three calls of 20 items with four workers have four or, because each call has one of its own, six for a moment."""
    workers, watched = SharedWorkers(), Watched()

    async with anyio.create_task_group() as group:
        for start in (0, 20, 40):
            group.start_soon(workers.run, 4, range(start, start + 20), watched.work)

    assert sorted(watched.done) == list(range(60))
    assert 4 <= watched.most <= 6


async def test_each_call_has_a_worker_however_many_there_are() -> None:
    """More calls than workers: none of them waits for the end of another one."""
    workers = SharedWorkers()
    begun = 0

    async def work(_: int) -> None:
        nonlocal begun
        begun += 1
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05):
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(workers.run, 2, range(10), work)

    assert begun == 6  # the first call had both workers when the others came


async def test_a_worker_that_ends_is_replaced_in_another_call() -> None:
    """A call of long items gets the workers of one that ended, without an item of its own having ended."""
    workers, free = SharedWorkers(), anyio.Event()
    long: list[int] = []

    async def short_work(_: int) -> None:
        await free.wait()

    async def long_work(item: int) -> None:
        long.append(item)
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(workers.run, 3, range(3), short_work)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(workers.run, 3, range(10), long_work)
        await anyio.wait_all_tasks_blocked()
        before = len(long)
        free.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert (before, len(long)) == (1, 3)


async def test_the_first_error_is_raised_and_ends_the_call() -> None:
    """No group is around it, the other items of that call are not begun, and those under way are cancelled."""
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        try:
            await anyio.sleep(0 if item == 2 else 60)
        finally:
            raise KeyError(item)

    with anyio.fail_after(10), pytest.raises(KeyError) as caught:
        await SharedWorkers().run(3, range(100), work)

    assert caught.value.args == (2,)
    assert begun == [0, 1, 2]


@pytest.mark.parametrize("end", ["error", "cancellation"])
async def test_a_call_that_failed_leaves_all_workers(end: str) -> None:
    """Also those that were cancelled before they had begun."""
    workers, watched = SharedWorkers(), Watched()

    async def work(_: int) -> None:
        if end == "error":
            raise KeyError
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        with pytest.raises(KeyError) if end == "error" else anyio.CancelScope():
            await workers.run(4, range(10), work)
    await workers.run(4, range(10), watched.work)

    assert watched.most == 4


async def test_a_cancelled_call_begins_no_further_item() -> None:
    """Work that survives its cancellation for a while is not followed by more."""
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)
        await anyio.lowlevel.checkpoint()

    with anyio.move_on_after(0.001):
        await SharedWorkers().run(2, range(50), work)

    assert begun == [0, 1]


async def test_a_cancellation_that_meets_the_caller_in_a_thread_is_not_lost() -> None:
    """Its own worker is shielded until the thread has ended, and the other one is cancelled: the call does not return."""
    workers = SharedWorkers()
    began = anyio.Event()
    done: list[str] = []

    async def work(item: str) -> None:
        if item == "in a thread":
            with anyio.CancelScope(shield=True):
                await began.wait()
                scope.cancel()
                await anyio.sleep(0.01)
        else:
            began.set()
            await anyio.sleep(30)
        done.append(item)

    returned = False
    with anyio.CancelScope() as scope:
        await workers.run(2, ["in a thread", "on the network"], work)
        returned = True

    assert (done, returned) == (["in a thread"], False)


async def test_a_worker_that_is_cancelled_by_others_ends_the_call() -> None:
    """Not by its scope: a call never returns with items left."""
    workers = SharedWorkers()

    async def work(item: int) -> None:
        if item == 2:
            raise asyncio.CancelledError
        await anyio.sleep(0.01)

    with pytest.raises(asyncio.CancelledError):
        await workers.run(2, [1, 2, 3], work)
