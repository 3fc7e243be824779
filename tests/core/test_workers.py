"""Many things at once, bounded; plain errors instead of groups."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

from multicart_async._core.tasks import run_workers


@pytest.mark.parametrize("count", [1, 3, 20])
async def test_every_item_is_worked_on_once(count: int) -> None:
    """By however many workers."""
    done = []

    async def work(item: int) -> None:
        await anyio.lowlevel.checkpoint()
        done.append(item)

    await run_workers(count, range(10), work)

    assert list(range(10)) == sorted(done)


async def test_no_more_than_count_are_under_way() -> None:
    """And as many as that, while there are items."""
    now = 0
    most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.lowlevel.checkpoint()
        now -= 1

    await run_workers(4, range(50), work)

    assert most == 4


async def test_items_are_taken_as_they_are_needed() -> None:
    """A source of a million is not read ahead: memory does not grow with it."""
    taken = 0
    ahead = 0
    done = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    async def work(_: int) -> None:
        nonlocal ahead, done
        ahead = max(ahead, taken - done)
        await anyio.lowlevel.checkpoint()
        done += 1

    await run_workers(3, source(), work)

    assert done == 100
    assert ahead == 3


async def test_the_first_error_comes_as_itself() -> None:
    """No group around it, and nothing new is begun after it."""
    begun = []

    async def work(item: int) -> None:
        begun.append(item)
        await anyio.lowlevel.checkpoint()
        if item == 2:
            raise KeyError(item)
        await anyio.sleep(0.001)

    with pytest.raises(KeyError) as caught:
        await run_workers(3, range(100), work)

    assert caught.value.args == (2,)
    assert begun == [0, 1, 2]


async def test_an_error_ends_what_is_under_way() -> None:
    """The others are cancelled and have ended when it is raised."""
    ended = []

    async def work(item: int) -> None:
        if item == 1:
            await anyio.lowlevel.checkpoint()
            raise KeyError(item)
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(item)

    with anyio.fail_after(10), pytest.raises(KeyError):
        await run_workers(2, range(2), work)

    assert ended == [0]


async def test_an_error_of_the_source_comes_as_itself() -> None:
    """Whoever gives the items may fail too."""

    def source() -> Iterator[int]:
        yield 1
        raise LookupError

    async def work(_: int) -> None:
        await anyio.lowlevel.checkpoint()

    with pytest.raises(LookupError):
        await run_workers(2, source(), work)


async def test_of_two_errors_the_first_is_raised() -> None:
    """The second one is a consequence of nothing, and is dropped."""

    async def work(item: int) -> None:
        try:
            await anyio.sleep(0 if item else 60)
        finally:
            raise KeyError(item)

    with anyio.fail_after(10), pytest.raises(KeyError) as caught:
        await run_workers(2, range(2), work)

    assert caught.value.args == (1,)


async def test_a_cancellation_from_outside_ends_all() -> None:
    """It goes through, and is no error of the work."""
    ended = []

    async def work(item: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(item)

    with anyio.move_on_after(0.01) as scope:
        await run_workers(2, range(5), work)

    assert scope.cancelled_caught
    assert sorted(ended) == [0, 1]


async def test_without_items_nothing_happens() -> None:
    """Not even with workers."""

    async def work(_: int) -> None:
        raise AssertionError

    await run_workers(3, [], work)


async def test_a_worker_that_is_cancelled_by_others_ends_the_call() -> None:
    """A task group suppresses that; the call must not look complete."""

    async def work(item: int) -> None:
        if item == 1:
            raise asyncio.CancelledError
        await anyio.lowlevel.checkpoint()

    with pytest.raises(asyncio.CancelledError):
        await run_workers(2, range(5), work)
