"""Work that goes on while an async generator is paused: bounded, in the order of its ends, and over when it is over."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import attrs
import pytest
from support.virtual import run_virtually

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.tasks import TaskPool, map_unordered, next_or_end, to_async_iter


@attrs.define
class Works:
    """Work that takes as many seconds as its item says, and notes what is under way."""

    begun: list[float] = attrs.field(factory=list)
    ended: list[float] = attrs.field(factory=list)
    cancelled: list[float] = attrs.field(factory=list)
    under_way: int = 0
    most: int = 0
    farewell: float = 0.0

    async def __call__(self, seconds: float) -> str:
        self.begun.append(seconds)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(self.farewell)
            self.cancelled.append(seconds)
            raise
        finally:
            self.under_way -= 1
        self.ended.append(seconds)
        return f"{seconds:g}"


async def slowly(items: list[float], pause: float = 1.0) -> AsyncIterator[float]:
    for item in items:
        await asyncio.sleep(pause)
        yield item


def alone() -> bool:
    """Whether no other task is there."""
    return {asyncio.current_task()} == asyncio.all_tasks()


def virtual(story: Any) -> Any:
    """The result of a story in virtual time; nothing may be left under way."""

    async def told() -> Any:
        result = await story()
        assert alone()
        return result

    return run_virtually(told())


async def listed(items: Any, work: Any, width: int) -> list[tuple[Any, Any]]:
    return [pair async for pair in map_unordered(items, work, width, ClientLifetime())]


def test_results_come_in_the_order_in_which_they_are_known() -> None:
    """Not in the order of the items."""
    pairs = virtual(lambda: listed([3.0, 1.0, 2.0], Works(), 3))

    assert pairs == [(1.0, "1"), (2.0, "2"), (3.0, "3")]


@pytest.mark.parametrize("width", [1, 2, 5])
def test_so_many_are_under_way_and_no_more(width: int) -> None:
    """All places are used, and no more than all."""
    works = Works()

    pairs = virtual(lambda: listed([1.0 + nth / 100 for nth in range(20)], works, width))

    assert len(pairs) == 20
    assert width == works.most


@pytest.mark.parametrize("items", [[], iter(()), slowly([])], ids=["list", "iterator", "async"])
def test_of_nothing_comes_nothing(items: Any) -> None:
    """An empty source ends at once."""
    assert virtual(lambda: listed(items, Works(), 3)) == []


def test_items_are_pulled_as_they_are_needed() -> None:
    """A source of a hundred thousand is not read ahead."""
    pulled: list[float] = []

    def source() -> Iterator[float]:
        for nth in range(100):
            pulled.append(nth)
            yield 1.0 + nth

    async def story() -> None:
        async with aclosing(map_unordered(source(), Works(), 4, ClientLifetime())) as pairs:
            await anext(pairs)

            assert len(pulled) == 4
            await anext(pairs)
            assert len(pulled) == 5

    virtual(story)


def test_a_slow_source_does_not_delay_results() -> None:
    """What is known is given while the next item is still to come."""
    moments: list[float] = []

    async def story() -> None:
        pairs = map_unordered(slowly([0.25, 0.25, 0.25]), Works(), 3, ClientLifetime())
        moments.extend([asyncio.get_running_loop().time() async for _ in pairs])

    virtual(story)

    assert moments == [1.25, 2.25, 3.25]


def test_errors_are_values() -> None:
    """One failure stops nothing."""

    async def work(item: float) -> float:
        await asyncio.sleep(item)
        if item == 2:
            raise ValueError("two")
        return item

    pairs = virtual(lambda: listed([1.0, 2.0, 3.0], work, 2))

    assert [pairs[0], pairs[2]] == [(1.0, 1.0), (3.0, 3.0)]
    assert pairs[1][0] == 2.0
    assert isinstance(pairs[1][1], ValueError)


class _Stop(BaseException):
    """What nobody should take for a result."""


def test_what_is_no_exception_ends_all() -> None:
    """It is raised, and what was under way has ended then."""
    works = Works()

    async def work(item: float) -> str:
        if item == 2:
            await asyncio.sleep(item)
            raise _Stop
        return await works(item)

    async def story() -> None:
        with pytest.raises(_Stop):
            await listed([1.0, 2.0, 30.0], work, 3)
        assert works.cancelled == [30.0]

    virtual(story)


def test_an_error_of_the_source_leaves_as_itself() -> None:
    """After what was known before; what is under way ends."""
    works = Works()

    def source() -> Iterator[float]:
        yield 1.0
        yield 50.0
        raise LookupError

    async def story() -> None:
        with pytest.raises(LookupError):
            await listed(source(), works, 8)
        assert works.under_way == 0
        assert works.begun == works.cancelled

    virtual(story)


def test_closing_ends_what_is_under_way_and_waits_for_it() -> None:
    """Also when saying farewell takes its time."""
    works = Works(farewell=5)

    async def story() -> float:
        async with aclosing(map_unordered([1.0, 20.0, 30.0, 40.0], works, 3, ClientLifetime())) as pairs:
            await anext(pairs)
            await asyncio.sleep(1)
        assert set(works.cancelled) - {40.0} == {20.0, 30.0}
        assert works.under_way == 0
        return asyncio.get_running_loop().time()

    assert virtual(story) == 7


def test_a_source_that_is_pulled_is_ended_too() -> None:
    """An async generator that waits for its next item does not wait on."""
    ended: list[bool] = []

    async def source() -> AsyncIterator[float]:
        try:
            yield 1.0
            await asyncio.sleep(1_000)
        finally:
            ended.append(True)

    async def story() -> None:
        async with aclosing(map_unordered(source(), Works(), 3, ClientLifetime())) as pairs:
            await anext(pairs)
            await asyncio.sleep(1)
        assert ended == [True]

    virtual(story)


@pytest.mark.parametrize("moment", [0.5, 1.0, 1.5, 2.5])
def test_a_cancellation_comes_through_after_all_have_ended(moment: float) -> None:
    """Also one that comes again while they say farewell."""
    works = Works(farewell=3)

    async def story() -> float:
        task = asyncio.ensure_future(listed([1.0, 20.0, 30.0, 40.0], works, 3))
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert works.under_way == 0
        return asyncio.get_running_loop().time()

    assert moment + 3 == virtual(story)


def test_the_end_of_a_cancel_scope_does_not_spin_while_all_end() -> None:
    """anyio repeats its cancellation in each turn of the loop; here time stands still for who does not wait."""
    works = Works(farewell=3)

    async def story() -> float:
        with anyio.move_on_after(2):
            await listed([20.0, 30.0], works, 2)
        assert works.cancelled == [20.0, 30.0]
        return asyncio.get_running_loop().time()

    assert virtual(story) == 5


def test_a_cancellation_while_closing_comes_through() -> None:
    """`TaskPool.aclose` returns when all have ended, and is cancelled then."""
    works = Works(farewell=3)

    async def story() -> None:
        crew: TaskPool[str] = TaskPool()
        crew.spawn("one", works(10.0))
        await asyncio.sleep(1)
        closing = asyncio.ensure_future(crew.aclose())
        await asyncio.sleep(1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert works.cancelled == [10.0]
        assert len(crew) == 0

    virtual(story)


def test_an_error_that_nobody_hears_is_no_complaint_of_the_loop() -> None:
    """What fails while all is closed has been seen."""
    complaints: list[Any] = []

    async def fails() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            raise ValueError

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        crew: TaskPool[str] = TaskPool()
        crew.spawn("one", fails())
        await asyncio.sleep(1)
        await crew.aclose()
        gc.collect()

    virtual(story)

    assert complaints == []


def test_a_pool_reports_ended_tasks_in_their_order_of_start() -> None:
    """A pool reports the tasks that have ended in the order of their start, and knows how many are left."""

    async def story() -> list[str]:
        crew: TaskPool[str] = TaskPool()
        for key, seconds in (("a", 2.0), ("b", 1.0), ("c", 3.0), ("d", 1.0)):
            crew.spawn(key, asyncio.sleep(seconds))
        keys = [key for key, _ in await crew.wait_any()]
        assert len(crew) == 2
        await crew.aclose()
        return keys

    assert virtual(story) == ["b", "d"]


def test_both_kinds_of_iterables_can_be_read() -> None:
    """`each` and `pull` make one of them."""

    async def story() -> list[Any]:
        async with aclosing(to_async_iter([1])) as plain, aclosing(to_async_iter(slowly([2.0]))) as slow:
            return [
                await next_or_end(plain, ClientLifetime()),
                await next_or_end(plain, ClientLifetime()),
                await next_or_end(slow, ClientLifetime()),
                await next_or_end(slow, ClientLifetime()),
            ]

    assert virtual(story) == [(1,), (), (2.0,), ()]
