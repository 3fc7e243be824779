"""What is under way ends when a client is closed, and a client stays in its loop and process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from multicart_async._core.lifetime import ClientLifetime
from multicart_async.errors import ClientClosedError


async def guarded(lifetime: ClientLifetime, work: Callable[[], Awaitable[None]]) -> None:
    """*work* as something under way."""
    with lifetime.track():
        await work()


async def test_what_runs_to_its_end_is_let_alone() -> None:
    """A guard adds nothing then."""
    lifetime = ClientLifetime()

    with lifetime.track():
        await anyio.lowlevel.checkpoint()

    assert not lifetime.closed


async def test_an_error_goes_through() -> None:
    """As itself."""
    with pytest.raises(KeyError), ClientLifetime().track():
        raise KeyError


async def test_what_is_under_way_ends_with_the_client() -> None:
    """All of it with `ClientClosedError`, and the closing waits until it has ended."""
    lifetime = ClientLifetime()
    ended = []

    async def last() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(1)

    async def work() -> None:
        with pytest.raises(ClientClosedError, match="during the call"):
            await guarded(lifetime, last)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            await lifetime.shutdown()
            assert len(ended) == 50


async def test_guards_within_guards_end_too() -> None:
    """Once, with one error."""
    lifetime = ClientLifetime()

    async def work() -> None:
        with pytest.raises(ClientClosedError), lifetime.track(), lifetime.track():
            await anyio.sleep_forever()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            await lifetime.shutdown()


async def test_nothing_begins_after_the_end() -> None:
    """Neither a guard nor a check nor a sleep."""
    lifetime = ClientLifetime()
    await lifetime.shutdown()

    assert lifetime.closed
    with pytest.raises(ClientClosedError, match="make a new one"):
        lifetime.ensure_open()
    with pytest.raises(ClientClosedError), lifetime.track():
        raise AssertionError
    with pytest.raises(ClientClosedError):
        await lifetime.sleep(0)


async def test_a_sleep_ends_with_the_client() -> None:
    """A wait of an hour does not hold it."""
    lifetime = ClientLifetime()

    async def wait() -> None:
        with pytest.raises(ClientClosedError):
            await lifetime.sleep(3600)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await lifetime.shutdown()


async def test_a_sleep_sleeps() -> None:
    """If nobody closes."""
    begun = time.monotonic()

    await ClientLifetime().sleep(0.01)

    assert time.monotonic() - begun > 0.009


async def test_ending_twice_is_ending_once() -> None:
    """One after the other."""
    lifetime = ClientLifetime()
    await lifetime.shutdown()
    await lifetime.shutdown()

    assert lifetime.closed


async def test_two_who_end_at_once_both_come_back() -> None:
    """Neither of them waits for longer than what is under way takes."""
    lifetime = ClientLifetime()
    release = anyio.Event()

    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await release.wait()

    async def work() -> None:
        with pytest.raises(ClientClosedError):
            await guarded(lifetime, slow)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(lifetime.shutdown)
            group.start_soon(lifetime.shutdown)
            await anyio.wait_all_tasks_blocked()
            release.set()


async def test_an_end_from_within_does_not_wait_for_itself() -> None:
    """Who closes the client in the middle of a call gets the error of that call."""
    lifetime = ClientLifetime()

    with anyio.fail_after(5), pytest.raises(ClientClosedError), lifetime.track():
        await lifetime.shutdown()


async def test_a_cancellation_from_outside_is_not_the_end() -> None:
    """It goes on as a cancellation."""
    lifetime = ClientLifetime()

    with anyio.move_on_after(0.01) as scope, lifetime.track():
        await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert not lifetime.closed


async def test_a_native_cancellation_is_not_the_end() -> None:
    """The task is cancelled, as its owner wants it."""
    lifetime = ClientLifetime()

    async def work() -> None:
        with lifetime.track():
            await anyio.sleep_forever()

    task = asyncio.ensure_future(work())
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert task.cancelled()


async def test_the_work_may_answer_its_end_with_an_error_of_its_own() -> None:
    """That is raised then."""
    lifetime = ClientLifetime()

    async def stubborn() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise KeyError

    async def work() -> None:
        with pytest.raises(KeyError):
            await guarded(lifetime, stubborn)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            await lifetime.shutdown()


def test_another_loop_is_refused() -> None:
    """Connections belong to the loop that they were made in; the error says what to do."""
    lifetime = ClientLifetime()

    async def use() -> None:
        lifetime.ensure_open()
        with lifetime.track():
            await anyio.lowlevel.checkpoint()

    asyncio.run(use())

    with pytest.raises(RuntimeError, match=r"belongs to another event loop: .* make a client in each"):
        asyncio.run(use())


def test_a_loop_is_needed() -> None:
    """Outside of one nothing can be under way."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        ClientLifetime().ensure_open()


FORKED = """
import asyncio, os, sys
from multicart_async._core.lifetime import ClientLifetime

lifetime = ClientLifetime()

async def use():
    lifetime.ensure_open()

async def parent():
    lifetime.ensure_open()
    child = os.fork()
    if child == 0:
        return True
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    lifetime.ensure_open()  # the parent goes on
    sys.exit(status)

if asyncio.run(parent()):
    try:
        asyncio.run(use())
    except RuntimeError as error:
        print(error)
        os._exit(0 if "belongs to another process" in str(error) else 3)
    os._exit(4)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_is_refused() -> None:
    """A child shares the parent's sockets: it must not use them. The parent is not disturbed."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED], capture_output=True, text=True, timeout=30, check=False
    )

    assert (found.returncode, found.stderr) == (0, "")


async def test_a_guard_may_have_a_limit() -> None:
    """A TimeoutError when it has passed; a client that is closed then says that instead."""
    lifetime = ClientLifetime()

    with pytest.raises(TimeoutError), lifetime.track(0.01):
        await anyio.sleep_forever()
    with pytest.raises(ClientClosedError):
        async with anyio.create_task_group() as group:
            group.start_soon(lifetime.shutdown)
            try:
                with lifetime.track(60):
                    await anyio.sleep_forever()
            except ClientClosedError as error:
                closed = error
        raise closed


async def test_a_bounded_operation_ends_in_time() -> None:
    """It is cancelled where it waits, and the cancellation is not seen outside."""
    lifetime, task = ClientLifetime(), asyncio.current_task()

    with pytest.raises(TimeoutError), lifetime.bound(0.01):
        await asyncio.sleep(60)

    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
    with lifetime.bound(60):
        await asyncio.sleep(0)


async def test_a_bounded_operation_ends_with_the_client() -> None:
    """As one that is tracked does."""
    lifetime = ClientLifetime()

    async def work() -> None:
        with pytest.raises(ClientClosedError, match="during the call"), lifetime.bound(60):
            await asyncio.sleep(60)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await asyncio.sleep(0.01)
            await lifetime.shutdown()
    with pytest.raises(ClientClosedError):
        lifetime.bound(60)


async def test_code_that_suppresses_a_cancellation_ends() -> None:
    """It is cancelled again, in each turn of the loop."""
    suppressed = 0

    with pytest.raises(TimeoutError), ClientLifetime().bound(0.01):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                suppressed += 1
                if suppressed == 3:
                    raise

    assert suppressed == 3


async def test_an_error_of_a_bounded_operation_goes_through() -> None:
    """Also one that is raised because of the cancellation."""
    with pytest.raises(KeyError), ClientLifetime().bound(60):
        raise KeyError
    with pytest.raises(KeyError), ClientLifetime().bound(0.01):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise KeyError from None
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


@pytest.mark.parametrize("both", [False, True], ids=["alone", "at the same time"])
async def test_a_bounded_operation_is_cancelled_from_outside(both: bool) -> None:
    """The cancellation of the task is not taken for the end of its time."""
    lifetime = ClientLifetime()

    async def work() -> None:
        with lifetime.bound(60) as _:
            await asyncio.sleep(60)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.01)
    if both:
        for scope in lifetime._deadlines:
            scope.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert task.cancelled()


async def test_a_scope_around_a_bounded_operation_is_cancelled() -> None:
    """Its cancellation ends the operation, and goes on to the scope."""
    lifetime = ClientLifetime()

    with anyio.move_on_after(0.01) as scope, lifetime.bound(60):
        await asyncio.sleep(60)

    assert scope.cancelled_caught
    with anyio.move_on_after(0.01) as scope:
        with pytest.raises(TimeoutError), lifetime.bound(0.001):
            await asyncio.sleep(60)
        await asyncio.sleep(60)
    assert scope.cancelled_caught


async def test_what_arrived_while_the_loop_was_busy_counts() -> None:
    """A result that is there when the time is over is not thrown away, however long the loop was held by other work."""
    lifetime, loop = ClientLifetime(), asyncio.get_running_loop()
    arrived: asyncio.Future[str] = loop.create_future()
    loop.call_soon(time.sleep, 0.05)
    loop.call_later(0.005, arrived.set_result, "response")

    with lifetime.bound(0.01):
        assert await arrived == "response"

    with pytest.raises(TimeoutError), lifetime.bound(0.01):
        await asyncio.sleep(60)
