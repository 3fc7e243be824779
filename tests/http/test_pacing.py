"""So many requests or bytes a second and no more: who may go when, and what a cancelled one leaves behind."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import FakeClock, FakeTransport, ok
from support.raw_server import Exchange, RawServer
from support.virtual import run_virtually

from multicart_async import AsyncMultiCart, Limits
from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async._http.pacing import ByteThrottle, RequestPacer, Schedule
from multicart_async._http.retries import Retrier
from multicart_async.errors import APIConnectionError, ClientClosedError, RateLimitError
from multicart_async.models import DownloadLinks, Run

RATES = st.sampled_from([0.5, 1.0, 8.0])  # whose inverses are exact
TICKS = st.integers(0, 40).map(lambda ticks: ticks / 16)


@given(RATES, st.lists(st.tuples(TICKS, st.integers(0, 8)), max_size=20))
def test_a_schedule_gives_each_its_time_after_all_before(rate: float, steps: list[tuple[float, int]]) -> None:
    """No reservation overlaps another or begins before it was asked for; unused time is not saved up."""
    schedule = Schedule(rate)
    now = ended = 0.0
    for gap, amount in steps:
        now += gap
        due = schedule.reserve(amount, now)
        assert due - amount / rate == max(now, ended)
        ended = due


def virtual_time() -> float:
    """That of the running loop."""
    return anyio.current_time()


@attrs.define
class Gate:
    """A pacer in virtual time, and when each request went through it."""

    rate: float = 2.0
    pause: float = 0.0
    gone: dict[str, float] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.pacer = RequestPacer(self.rate, Clock(virtual_time))

    pacer: RequestPacer = attrs.field(init=False)

    async def send(self, name: str, after: float = 0.0, patience: float = 1e9) -> None:
        """Come *after* so many seconds, and go away without being sent after *patience* more."""
        await anyio.sleep(after)
        with anyio.move_on_after(patience):
            await self.pacer.turn(lambda: self.pause)
            self.gone[name] = virtual_time()

    def times(self, *requests: Any) -> dict[str, float]:
        """When each of *requests* is sent: arguments of `send`, or functions to run beside them."""

        async def main() -> None:
            async with anyio.create_task_group() as group:
                for request in requests:
                    group.start_soon(request) if callable(request) else group.start_soon(self.send, *request)

        run_virtually(main())
        return self.gone


def test_requests_are_spaced_evenly_and_in_order() -> None:
    """The first goes at once, the others follow as they came."""
    assert Gate().times(("a",), ("b",), ("c",), ("d",)) == {"a": 0.0, "b": 0.5, "c": 1.0, "d": 1.5}


def test_idle_time_is_not_saved_up() -> None:
    """After a quiet hour there is no burst."""
    assert Gate().times(("a",), ("b", 3600.0), ("c", 3600.0)) == {"a": 0.0, "b": 3600.0, "c": 3600.5}


def test_a_request_that_comes_late_enough_does_not_wait() -> None:
    """Only what comes too soon is held back."""
    assert Gate().times(("a",), ("b", 0.25), ("c", 7.0)) == {"a": 0.0, "b": 0.5, "c": 7.0}


def test_a_cancelled_request_costs_the_others_nothing() -> None:
    """Those behind it move up, whether it was the next or somewhere in the queue; their order stays."""
    assert Gate().times(("a",), ("b", 0.0, 0.25), ("c",), ("d",)) == {"a": 0.0, "c": 0.5, "d": 1.0}
    assert Gate().times(("a",), ("b",), ("c", 0.0, 0.25), ("d",)) == {"a": 0.0, "b": 0.5, "d": 1.0}


def test_a_queue_keeps_a_pause_that_is_asked_for_meanwhile() -> None:
    """Then they go on evenly spaced, not all at once."""
    gate = Gate()

    async def ask() -> None:
        await anyio.sleep(0.25)
        gate.pause = 10.0

    assert gate.times(("a",), ("b",), ("c",), ("d",), ask) == {"a": 0.0, "b": 10.0, "c": 10.5, "d": 11.0}


@settings(max_examples=100)
@given(RATES, st.lists(st.tuples(TICKS, st.just(1e9) | TICKS.map(lambda ticks: ticks + 1 / 64)), max_size=12))
def test_any_requests_go_as_soon_as_they_may(rate: float, drawn: list[tuple[float, float]]) -> None:
    """In the order in which they came; those that gave up are as if they had never been there."""
    visits = [(after + number / 1024, patience) for number, (after, patience) in enumerate(drawn)]  # no two at once
    gone = Gate(rate).times(*((str(number), after, patience) for number, (after, patience) in enumerate(visits)))

    expected, free = {}, 0.0
    for number, (after, patience) in sorted(enumerate(visits), key=lambda visit: visit[1][0]):
        begun = max(after, free)
        if begun < after + patience:
            expected[str(number)], free = begun, begun + 1 / rate
    assert gone == expected


@attrs.define
class Bench:
    """A caller in virtual time."""

    transport: FakeTransport
    rate: float | None = 2.0
    lifetime: ClientLifetime = attrs.field(factory=ClientLifetime)
    clock: FakeClock = attrs.field(factory=FakeClock)

    def caller(self) -> ApiCaller:
        retrier = Retrier(lifetime=self.lifetime, clock=self.clock.clock, requests_per_second=self.rate)
        return ApiCaller(self.transport, retrier=retrier, lifetime=self.lifetime)


READ = Endpoint("/x/", ANYTHING, safety="safe")


async def test_each_attempt_of_a_call_counts() -> None:
    """A repetition is a request like others."""
    bench = Bench(FakeTransport(APIConnectionError("/x/", "cut"), APIConnectionError("/x/", "cut"), ok(1)))

    await bench.caller().call(READ)

    assert bench.clock.slept == [0.5, 0.5]


async def test_without_a_limit_nothing_waits() -> None:
    """The default."""
    bench = Bench(FakeTransport(ok(1), ok(2)), rate=None)
    caller = bench.caller()

    await caller.call(READ)
    await caller.call(READ)

    assert bench.clock.slept == []


async def test_a_pause_that_the_service_asks_for_is_kept_by_all() -> None:
    """With a limit as without one: the next request is not sent before its end."""
    bench = Bench(FakeTransport(ok(1)))
    caller = bench.caller()

    caller.retrier.record_failure("/x/", RateLimitError("/x/", 429, "busy", retry_after=30.0), 1)
    await caller.call(READ)

    assert bench.clock.time == 30.0


def test_waits_end_with_the_client() -> None:
    """Those that wait for their turn get `ClientClosedError` at once, the next one and those behind it."""

    async def main() -> None:
        lifetime = ClientLifetime()
        retrier = Retrier(lifetime=lifetime, clock=Clock(virtual_time), requests_per_second=0.001)
        ended: list[float] = []

        async def wait() -> None:
            with pytest.raises(ClientClosedError):
                await retrier.wait_for_rate_limit()
            ended.append(virtual_time())

        await retrier.wait_for_rate_limit()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.sleep(5)
            await lifetime.shutdown()
            assert ended == [5.0, 5.0, 5.0]

    run_virtually(main())


def paid(rate: float, *pieces: tuple[float, int], sleep: Callable[[float], Any] = anyio.sleep) -> list[float]:
    """When each piece is handed on: how long it takes to come after the one before, and its size; one reader."""

    async def main() -> list[float]:
        throttle = ByteThrottle(rate, Clock(virtual_time, sleep))
        times = []
        for gap, size in pieces:
            await anyio.sleep(gap)
            await throttle.pay(size)
            times.append(virtual_time())
        return times

    return run_virtually(main())


def test_bytes_are_paid_for_when_they_are_here() -> None:
    """A long piece takes as long as many short ones; an empty one nothing."""
    assert paid(1000, (0, 500), (0, 2000), (0, 0), (0, 500)) == [0.5, 2.5, 2.5, 3.0]


def test_a_network_slower_than_the_limit_is_hardly_held_back() -> None:
    """Only the time of the piece itself is added, and a quiet time is not saved up."""
    assert paid(1000, (0, 100), (10, 100), (10, 1000)) == [0.1, 10.2, 21.2]


def test_readers_share_what_there_is() -> None:
    """The sum over all of them is bounded, in the order in which pieces came."""

    async def main() -> dict[str, float]:
        throttle = ByteThrottle(1000, Clock(virtual_time, anyio.sleep))
        done: dict[str, float] = {}

        async def read(name: str) -> None:
            for _ in range(4):
                await throttle.pay(250)
            done[name] = virtual_time()

        async with anyio.create_task_group() as group:
            for name in "abc":
                group.start_soon(read, name)
        return done

    assert run_virtually(main()) == {"a": 2.5, "b": 2.75, "c": 3.0}


def test_bytes_of_a_cancelled_reader_stay_on_the_bill() -> None:
    """They came over the network all the same."""

    async def main() -> float:
        throttle = ByteThrottle(1000, Clock(virtual_time, anyio.sleep))
        with anyio.move_on_after(0.1):
            await throttle.pay(1000)
        await throttle.pay(500)
        return virtual_time()

    assert run_virtually(main()) == 1.5


def test_a_sleep_that_took_too_long_is_caught_up() -> None:
    """Else a fast limit would be missed by far: each sleep ends a little late."""

    async def oversleep(seconds: float) -> None:
        await anyio.sleep(seconds + 0.0625)

    assert paid(1000, *[(0, 125)] * 4, sleep=oversleep)[-1] == 0.5625


def test_no_more_than_a_moment_is_caught_up() -> None:
    """A loop that was blocked for a minute is no reason for a minute's bytes at once."""
    held = [60.0]

    async def oversleep(seconds: float) -> None:
        await anyio.sleep(seconds + (held.pop() if held else 0))

    first, second = paid(1000, (0, 1000), (0, 1000), sleep=oversleep)

    assert (first, round(second, 9)) == (61.0, 61.9)


def test_a_cancelled_wait_leaves_nothing_to_catch_up() -> None:
    """What the sleep before it had taken too long was caught up by then, and is no credit of those after a pause."""
    late = [0.0625]

    async def oversleep(seconds: float) -> None:
        await anyio.sleep(seconds + (late.pop() if late else 0))

    async def main() -> float:
        throttle = ByteThrottle(1000, Clock(virtual_time, oversleep))
        await throttle.pay(1000)
        with anyio.move_on_after(0.5):
            await throttle.pay(1000)
        await anyio.sleep(10)
        begun = virtual_time()
        await throttle.pay(1000)
        return virtual_time() - begun

    assert run_virtually(main()) == 1.0


def test_bytes_are_paid_for_in_full_where_a_sleep_ends_early() -> None:
    """It goes on until the time has passed."""

    async def half(seconds: float) -> None:
        await anyio.sleep(max(seconds / 2, 0.125))

    assert paid(1000, (0, 1000), sleep=half) == [1.0]


@given(st.lists(st.tuples(TICKS, st.integers(0, 4096)), max_size=12))
def test_never_more_than_the_limit_has_been_handed_on(pieces: list[tuple[float, int]]) -> None:
    """At any moment, for any times of arrival."""
    times = paid(1024, *pieces)

    total = 0
    for (_, size), when in zip(pieces, times, strict=True):
        total += size
        assert total <= 1024 * when


LINKS = tuple(f"/api/v1/results/101/88/AU_88_Results_Page_{page}.json" for page in (1, 2))
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=LINKS))
PAGE = b'[{"asin": "B0", "text": "' + b"x" * 100_000 + b'"}]'


@asynccontextmanager
async def client_with(limits: Limits) -> AsyncIterator[AsyncMultiCart]:
    """A client of a service with one run of two pages."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.answer(PAGE if exchange.line.startswith("GET") else b'{"code": 200, "data": 1, "status": 1}')
        return True

    async with RawServer(answer) as server, AsyncMultiCart("key", base_url=server.url, limits=limits) as client:
        yield client


async def call_and_download(client: AsyncMultiCart, folder: Path) -> None:
    """Four requests: two calls, two files."""
    await client.request("/a/")
    await client.request("/b/")
    await client.runs.download(RUN, folder)


async def download(client: AsyncMultiCart, folder: Path) -> None:
    """Two files at a time."""
    await client.runs.download(RUN, folder)


async def records(client: AsyncMultiCart, _: Path) -> None:
    """One file after the other."""
    async with aclosing(client.runs.records(RUN)) as found:
        assert len([record async for record in found]) == 2


async def stream(client: AsyncMultiCart, _: Path) -> None:
    """The same."""
    for link in LINKS:
        async with client.stream(link) as pieces:
            assert b"".join([piece async for piece in pieces]) == PAGE


WAYS = {
    "requests": (call_and_download, Limits(requests_per_second=20), 3 / 20),
    "download": (download, Limits(bytes_per_second=1_000_000), 0.2),
    "records": (records, Limits(bytes_per_second=1_000_000), 0.2),
    "stream": (stream, Limits(bytes_per_second=1_000_000), 0.2),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_keeps_its_limits(way: str, tmp_path: Path) -> None:
    """Over a real network: it takes at least as long as the limit says."""
    work, limits, least = WAYS[way]
    async with client_with(limits) as client:
        begun = time.monotonic()
        await work(client, tmp_path)

        assert time.monotonic() - begun >= least
