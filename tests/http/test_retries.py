"""What is tried again, when, and what everybody hears of it."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import attrs
import pytest
from support.fakes import FakeClock

from multicart_async._core.clock import Clock
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async.config import RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    IncompleteDownloadError,
    MultiCartError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from multicart_async.events import Event, RateLimited, Retrying


def down() -> ServerError:
    """An error that passes."""
    return ServerError("/p/", 500, "down")


def busy(seconds: float | None, path: str = "/p/") -> RateLimitError:
    """An answer that asks for a pause."""
    return RateLimitError(path, 429, "busy", retry_after=seconds)


def always(_: BaseException) -> bool:
    """A verdict."""
    return True


def never(_: BaseException) -> bool:
    """Another one."""
    return False


@attrs.define
class Bench:
    """Attempts with a clock that is turned by hand, and what they told and did."""

    policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    clock: FakeClock = attrs.field(factory=FakeClock)
    events: list[Event] = attrs.field(factory=list)
    numbers: list[int] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.retrier = Retrier(self.policy, emit=self.events.append, clock=self.clock.clock)

    retrier: Retrier = attrs.field(init=False)

    async def run(self, *script: Exception | str, verdict: Callable[[BaseException], bool] = always) -> str:
        """What comes of work that follows a script; its last entry is repeated."""
        begun: list[int] = []

        async def work(number: int) -> str:
            await self.retrier.wait_for_rate_limit()
            begun.append(number)
            self.numbers.append(number)
            entry = script[min(len(begun), len(script)) - 1]
            if isinstance(entry, Exception):
                raise entry
            return entry

        return await self.retrier.run("/p/", work, verdict)


async def test_what_works_is_done_once() -> None:
    """And nothing is told."""
    bench = Bench()

    assert await bench.run("fine") == "fine"
    assert (bench.numbers, bench.events) == ([1], [])


async def test_what_may_be_repeated_is_repeated_until_it_works() -> None:
    """Each repetition is told, with what made it necessary."""
    bench = Bench()
    first, second = down(), APIConnectionError("/p/", "reset")

    assert await bench.run(first, second, "fine") == "fine"

    assert bench.numbers == [1, 2, 3]
    told = [Retrying(path="/p/", attempt=2, error=first), Retrying(path="/p/", attempt=3, error=second)]
    assert told == bench.events


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_the_policy_says_how_often(most: int) -> None:
    """The last error comes as itself, and knows how many attempts there were."""
    bench = Bench(RetryPolicy(attempts=most))
    error = down()

    with pytest.raises(ServerError) as caught:
        await bench.run(error)

    assert error is caught.value
    assert most == error.attempts == len(bench.numbers) == bench.retrier.max_attempts


async def test_a_verdict_of_no_ends_it_at_once() -> None:
    """The error comes as itself."""
    bench = Bench()
    error = NotFoundError("/p/", 404, "no")

    with pytest.raises(NotFoundError) as caught:
        await bench.run(error, verdict=never)

    assert error is caught.value
    assert (bench.numbers, bench.events, error.attempts) == ([1], [], 1)


async def test_the_verdict_is_asked_for_each_error() -> None:
    """One that passes, then one that does not."""
    bench = Bench()

    with pytest.raises(NotFoundError) as caught:
        await bench.run(
            down(), NotFoundError("/p/", 404, "no"), verdict=lambda error: not isinstance(error, NotFoundError)
        )

    assert bench.numbers == [1, 2]
    assert caught.value.attempts == 2


async def test_a_broken_transfer_has_no_count_of_its_own() -> None:
    """Only errors of calls tell attempts; the others are repeated all the same."""
    bench = Bench()

    error = IncompleteDownloadError("f", "cut")

    assert await bench.run(error, "fine") == "fine"
    assert bench.events == [Retrying(path="/p/", attempt=2, error=error)]
    assert not hasattr(error, "attempts")


async def test_a_bug_is_let_through() -> None:
    """An exception that is not ours is judged too, and raised as itself."""
    bench = Bench()

    with pytest.raises(ZeroDivisionError):
        await bench.run(ZeroDivisionError(), verdict=never)

    assert (bench.numbers, bench.events) == ([1], [])


@pytest.mark.backoff
async def test_no_backoff_is_added_to_a_retry_after() -> None:
    """After an error with Retry-After there is no backoff in addition."""
    bench = Bench(RetryPolicy(wait_initial=60, wait_max=60))

    assert await bench.run(busy(30.0), "fine") == "fine"

    assert bench.clock.slept == [30.0]


async def test_a_pause_that_was_asked_for_is_kept() -> None:
    """The repetition comes after it, and not much later: no pause of our own on top."""
    bench = Bench()

    assert await bench.run(busy(30.0), "fine") == "fine"

    assert bench.clock.slept == [30.0]
    assert RateLimited(path="/p/", seconds=30.0) in bench.events


@pytest.mark.backoff
@pytest.mark.parametrize("seconds", [121.0, 1e20])
async def test_a_pause_above_the_maximum_is_not_waited_for(seconds: float) -> None:
    """The error is raised at once and tells the pause; other calls of the client are not held back."""
    bench = Bench(RetryPolicy(retry_after_max=120))

    with pytest.raises(RateLimitError) as caught:
        await bench.run(busy(seconds), "fine")
    await bench.retrier.wait_for_rate_limit()

    assert caught.value.retry_after == seconds
    assert (bench.numbers, bench.clock.slept, bench.events) == ([1], [], [])


@pytest.mark.backoff
async def test_a_pause_of_exactly_the_maximum_is_kept() -> None:
    """The bound itself is allowed."""
    bench = Bench(RetryPolicy(retry_after_max=120))

    assert await bench.run(busy(120.0), "fine") == "fine"

    assert bench.clock.slept == [120.0]


@pytest.mark.backoff
async def test_a_stale_connection_costs_no_pause() -> None:
    """The first repetition of a request that met a reused connection comes at once; a second one after a pause."""
    bench = Bench(RetryPolicy(wait_initial=60, wait_max=60))
    stale = APIConnectionError("/p/", "reset", reused=True)

    assert await bench.run(stale, stale, "fine") == "fine"

    assert bench.clock.slept == [60.0]


@pytest.mark.parametrize("seconds", [None, 0.0])
async def test_without_a_pause_to_keep_nothing_is_told(seconds: float | None) -> None:
    """A 429 without Retry-After holds nobody else back."""
    bench = Bench()

    await bench.run(busy(seconds), "fine")

    assert bench.clock.slept == []
    assert [type(event) for event in bench.events] == [Retrying]


async def test_a_pause_holds_everybody_back() -> None:
    """Another call of the same client begins after it."""
    bench = Bench()
    with pytest.raises(RateLimitError):
        await bench.run(busy(30.0), verdict=never)
    bench.clock.advance(10)

    assert await bench.run("fine") == "fine"

    assert bench.clock.slept == [20.0]


async def test_many_who_wait_go_on_together() -> None:
    """The pause is one for all of them, not one after the other."""
    bench = Bench()
    with pytest.raises(RateLimitError):
        await bench.run(busy(30.0), verdict=never)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(bench.run, "fine")

    assert len(bench.numbers) - 1 == 5
    assert bench.clock.time >= 30


async def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    """The later end counts, and only what makes it later is told."""
    bench = Bench()
    for seconds in (30.0, 30.0, 5.0, 40.0):
        error = busy(seconds)
        bench.retrier.record_failure("/p/", error, 1)

    assert [event.seconds for event in bench.events if isinstance(event, RateLimited)] == [30.0, 40.0]
    await bench.retrier.wait_for_rate_limit()
    assert bench.clock.slept == [40.0]


async def test_a_pause_that_grows_meanwhile_is_kept_to_its_new_end() -> None:
    """Who wakes up looks again."""
    bench = Bench()
    bench.retrier.record_failure("/p/", busy(10.0), 1)

    async def sleep(seconds: float) -> None:
        if not bench.clock.slept:
            bench.retrier.record_failure("/p/", busy(25.0), 1)
        await bench.clock.sleep(seconds)

    bench.retrier._clock = Clock(bench.clock.now, sleep)
    await bench.retrier.wait_for_rate_limit()

    assert bench.clock.slept == [10.0, 15.0]


async def test_a_pause_that_is_over_holds_nobody() -> None:
    """Nor is there one in the beginning."""
    bench = Bench()
    await bench.retrier.wait_for_rate_limit()
    bench.retrier.record_failure("/p/", busy(10.0), 1)
    bench.clock.advance(10)
    await bench.retrier.wait_for_rate_limit()

    assert bench.clock.slept == []


async def test_a_listener_that_fails_ends_the_call() -> None:
    """Its error comes as itself, at once."""
    numbers = []

    def listener(_: Event) -> None:
        raise LookupError

    async def work(number: int) -> str:
        numbers.append(number)
        raise down()

    retrier = Retrier(emit=listener)
    with pytest.raises(LookupError):
        await retrier.run("/p/", work, lambda error: isinstance(error, MultiCartError))

    assert numbers == [1]


@pytest.mark.backoff
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 40, 5000])
async def test_a_backoff_grows_and_is_bounded(number: int) -> None:
    """0.5 s, 1 s, 2 s … and up to a second more, never above 8 s."""
    bench = Bench()

    await bench.retrier.backoff(down(), number)

    least = min(8.0, 0.5 * 2 ** min(number - 1, 10))
    assert least <= bench.clock.slept[0] <= min(8.0, least + 1)


@pytest.mark.backoff
async def test_a_pause_for_all_counts_from_its_request() -> None:
    """A backoff of our own that ends before the pause is a part of it."""
    bench = Bench(RetryPolicy(wait_initial=1, wait_jitter=0))
    bench.retrier.record_failure("/p/", busy(30.0), 1)

    await bench.retrier.backoff(down(), 1)
    await bench.retrier.wait_for_rate_limit()

    assert bench.clock.slept == [1.0, 29.0]


@pytest.mark.backoff
async def test_pauses_of_our_own_follow_the_policy() -> None:
    """Between two attempts there is one; its length is the policy's."""
    bench = Bench(RetryPolicy(attempts=4, wait_initial=1, wait_max=3, wait_jitter=0))

    with pytest.raises(ServerError):
        await bench.run(down())

    assert bench.clock.slept == [1, 2, 3]


def test_nobody_listens_by_default() -> None:
    """Events go nowhere, and do no harm."""
    ignore_event(RateLimited(path="/p/", seconds=1.0))
