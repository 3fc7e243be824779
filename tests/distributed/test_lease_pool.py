"""A lease is passed on to the next request while it is young, and never lost."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.eventually import until
from support.fake_cluster import FakeLeases

from multicart_async.distributed._lease_pool import LeasePool


class Time:
    """A clock that is turned by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_young_lease_goes_to_the_next_request() -> None:
    """The cluster is asked once more at a time, whatever waits, and is told nothing of what is passed on."""
    source, time = FakeLeases(limit=1), Time()
    pool = LeasePool(source, now=time)
    first = await pool.acquire()
    others = [asyncio.ensure_future(pool.acquire()) for _ in range(3)]
    await until(lambda: source.requests == 2)

    pool.release(first)
    second = await others[0]
    assert (source.given_out, source.requests) == (1, 2)

    time.now = 1.5  # old enough
    pool.release(second)
    third = await others[1]
    assert third.since == 1.5
    pool.release(third)
    pool.release(await others[2])
    await until(lambda: source.given_out == 0)
    await pool.aclose()


async def test_a_lease_without_a_request_goes_back() -> None:
    """Those who wanted it were cancelled before it came, or just then."""
    source = FakeLeases(limit=1)
    pool = LeasePool(source)
    held = await pool.acquire()
    waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(2)]
    await until(lambda: source.requests == 2)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])

    pool.release(held)  # to the second one, which is cancelled before it can see it
    waiting[1].cancel()
    await asyncio.wait(waiting)

    await until(lambda: source.given_out == 0)


async def test_who_waits_in_vain_asks_again() -> None:
    """The cluster answers after a while, also if there is no lease."""
    source = FakeLeases(limit=1)
    pool = LeasePool(source)
    held = await pool.acquire()
    waiting = asyncio.ensure_future(pool.acquire())
    await until(lambda: source.requests == 2)

    source.expire()
    await until(lambda: source.requests == 3)
    pool.release(held)
    pool.release(await waiting)
    await until(lambda: source.given_out == 0)


async def test_a_cluster_that_does_not_answer_fails_all_requests() -> None:
    """Each of them; the next one asks again. One that was cancelled meanwhile is forgotten."""
    source = FakeLeases()
    source.fault = OSError("closed")
    pool = LeasePool(source)
    waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[2].cancel()

    ended = await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(error) for error in ended] == [
        "the scheduler of the cluster does not grant a lease: OSError: closed",
        "the scheduler of the cluster does not grant a lease: OSError: closed",
        "",
    ]
    source.fault = None
    pool.release(await pool.acquire())


async def test_an_answer_that_was_withdrawn_is_a_failure() -> None:
    """The loop of the cluster's client is gone."""
    source = FakeLeases(limit=0)
    pool = LeasePool(source)
    waiting = asyncio.ensure_future(pool.acquire())
    await until(lambda: source.requests == 1)

    source._waiting.popleft().cancel()

    with pytest.raises(ConnectionError, match="does not grant a lease"):
        await waiting


async def test_what_is_granted_after_the_end_goes_back() -> None:
    """In the thread in which it is granted; an answer without a lease changes nothing."""
    source = FakeLeases(limit=1)
    pools = [LeasePool(source) for _ in range(2)]
    held = await pools[0].acquire()
    waiting = [asyncio.ensure_future(pool.acquire()) for pool in pools]
    await until(lambda: source.requests == 3)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    for pool in pools:
        await pool.aclose()

    thread = threading.Thread(target=pools[0].release, args=(held,))
    thread.start()
    thread.join()

    await until(lambda: source.given_out == 0)

    third = LeasePool(source)
    held = await third.acquire()
    waiting = [asyncio.ensure_future(third.acquire())]
    await until(lambda: source.requests == 5)
    waiting[0].cancel()
    await asyncio.wait(waiting)
    await third.aclose()
    source.expire()
    third.release(held)
    assert source.given_out == 0
