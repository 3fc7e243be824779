"""Waiting for something that only shows when it is asked: pace, patience, and what ends a wait."""

from __future__ import annotations

import math
import time
from contextlib import aclosing
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock

from multicart_async._core.clock import Clock
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    InsufficientCreditsError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseTooLargeError,
    RunFailedError,
    ServerError,
    WaitTimeoutError,
)
from multicart_async.resources import _polling
from multicart_async.resources._polling import PollFailures, PollResult, PollTimer, poll_changes

STEADY = PollPolicy(poll_interval=10, growth=1, max_poll_interval=10, wait_timeout=100, jitter=0)
DONE = PollResult("done", "done", finished=True)
MISSING = NotFoundError("/p/", 404, "no")
DOWN = ServerError("/p/", 503, "down")
Script = list[PollResult[str] | Exception]


@attrs.define
class Wait:
    """A wait over a script of looks; the last entry is repeated."""

    script: Script
    policy: PollPolicy = STEADY
    clock: FakeClock = attrs.field(factory=FakeClock)
    looks: int = 0

    async def look(self) -> PollResult[str]:
        seen = self.script[min(self.looks, len(self.script) - 1)]
        self.looks += 1
        if isinstance(seen, Exception):
            raise seen
        return seen

    async def all(self) -> list[str]:
        """Everything that the wait tells."""
        pace = PollTimer(self.policy, self.clock.clock)
        async with aclosing(poll_changes(self.look, pace, lambda _: WaitTimeoutError("over"))) as told:
            return [value async for value in told]


async def test_each_change_is_told_once() -> None:
    """The mark decides what a change is; the finished value is the last."""
    wait = Wait([PollResult(None, "nothing"), PollResult("a", 1), PollResult("a again", 1), PollResult("b", 2), DONE])

    assert await wait.all() == ["a", "b", "done"]
    assert wait.looks == 5


async def test_what_is_finished_at_once_needs_no_pause() -> None:
    """No sleep before the first look."""
    wait = Wait([DONE])

    assert await wait.all() == ["done"]
    assert wait.clock.slept == []


async def test_a_finished_look_without_news_ends_the_wait_too() -> None:
    """It was told already."""
    assert await Wait([PollResult("a", 1), PollResult("a", 1, finished=True)]).all() == ["a"]


async def test_the_pause_grows_up_to_its_limit() -> None:
    """5 s, then half as much again each time, 60 s at most."""
    wait = Wait([PollResult(None, 0)] * 9 + [DONE], PollPolicy(jitter=0))

    await wait.all()

    assert wait.clock.slept == [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60, 60]


async def test_an_interval_above_the_limit_stays() -> None:
    """Who asks every two minutes is not made to ask every minute."""
    wait = Wait([PollResult(None, 0)] * 3 + [DONE], PollPolicy(poll_interval=120, jitter=0))

    await wait.all()

    assert wait.clock.slept == [120, 120, 120]


@pytest.mark.parametrize(("spread", "slept"), [(0.0, 9.0), (0.5, 10.0), (1.0, 11.0)])
async def test_jitter_spreads_a_pause_to_both_sides(spread: float, slept: float) -> None:
    """0.1 is plus or minus 10 %."""
    clock = FakeClock()

    await PollTimer(PollPolicy(poll_interval=10, jitter=0.1), clock.clock, lambda: spread).sleep()

    assert clock.slept == [pytest.approx(slept)]


@given(
    interval=st.floats(0, 100),
    growth=st.floats(1, 5),
    most=st.floats(0, 200),
    jitter=st.floats(0, 1),
    timeout=st.floats(0, 1000) | st.none(),
    spreads=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30),
)
def test_a_pause_is_within_its_bounds(
    interval: float, growth: float, most: float, jitter: float, timeout: float | None, spreads: list[float]
) -> None:
    """Never negative, never beyond interval and limit with their jitter, never beyond the deadline."""
    clock = FakeClock()
    rest = iter(spreads)
    policy = PollPolicy(interval, growth, most, timeout, jitter)

    async def pauses() -> None:
        pace = PollTimer(policy, clock.clock, lambda: next(rest))
        for _ in spreads:
            if not await pace.sleep():
                return

    anyio.run(pauses)

    longest = max(interval, most) * (1 + jitter)
    assert all(0 <= slept <= longest * 1.000001 for slept in clock.slept)
    assert timeout is None or clock.time <= timeout * 1.000001


async def test_patience_counts_from_the_beginning() -> None:
    """``waited`` and ``left`` add up to the timeout; ``left`` is never negative."""
    clock = FakeClock()
    clock.advance(1000)
    pace = PollTimer(STEADY, clock.clock)
    assert (pace.elapsed, pace.remaining) == (0, 100)

    clock.advance(30)
    assert (pace.elapsed, pace.remaining) == (30, 70)

    clock.advance(500)
    assert (pace.elapsed, pace.remaining) == (530, 0)
    assert not await pace.sleep()


async def test_the_deadline_ends_the_wait() -> None:
    """The last pause is cut at the deadline, and there is one look after it."""
    wait = Wait([PollResult("a", 1)], attrs.evolve(STEADY, wait_timeout=25))

    with pytest.raises(WaitTimeoutError, match="over"):
        await wait.all()

    assert wait.clock.slept == [10, 10, 5]
    assert wait.looks == 4


async def test_what_is_there_at_the_deadline_counts() -> None:
    """The look at the deadline may be the one that sees the end."""
    wait = Wait([PollResult(None, 0)] * 3 + [DONE], attrs.evolve(STEADY, wait_timeout=25))

    assert await wait.all() == ["done"]


async def test_a_timeout_of_0_looks_once() -> None:
    """A look without a wait."""
    assert await Wait([DONE], attrs.evolve(STEADY, wait_timeout=0)).all() == ["done"]

    wait = Wait([PollResult("a", 1)], attrs.evolve(STEADY, wait_timeout=0))
    with pytest.raises(WaitTimeoutError):
        await wait.all()
    assert (wait.looks, wait.clock.slept) == (1, [])


async def test_no_timeout_waits_for_ever() -> None:
    """Ten thousand looks later it goes on still."""
    policy = attrs.evolve(STEADY, wait_timeout=None)
    wait = Wait([PollResult(None, 0)] * 10_000 + [DONE], policy)

    assert await wait.all() == ["done"]
    assert wait.clock.time == 100_000
    assert math.inf == PollTimer(policy, wait.clock.clock).remaining


PASSING = [
    APIConnectionError("/p/", "reset"),
    APITimeoutError("/p/", "slow"),
    DOWN,
    RateLimitError("/p/", 429, "busy"),
    *[
        APIError.of("/p/", code, "later", in_envelope=told)
        for code in (408, 421, 425, 499, 503)
        for told in (True, False)
    ],
]


@pytest.mark.parametrize("error", PASSING, ids=str)
async def test_a_passing_error_does_not_end_the_wait(error: Exception) -> None:
    """However often it comes."""
    assert await Wait([PollResult("a", 1), error, error, error, error, DONE]).all() == ["a", "done"]


async def test_passing_errors_count_against_the_deadline() -> None:
    """The wait ends in time, and the timeout tells the last of them as its cause."""
    wait = Wait([PollResult("a", 1), DOWN])

    with pytest.raises(WaitTimeoutError) as caught:
        await wait.all()

    assert DOWN is caught.value.__cause__
    assert wait.clock.time == 100


async def test_an_error_that_has_passed_is_not_the_cause() -> None:
    """A timeout after a good look has nothing to do with it."""
    with pytest.raises(WaitTimeoutError) as caught:
        await Wait([DOWN, PollResult("a", 1)]).all()

    assert caught.value.__cause__ is None


DOUBTFUL = [
    MISSING,
    InvalidResponseError("/p/", "a proxy's page", http_status=200),
    *[
        APIError.of("/p/", code, "<html>", http_status=code, in_envelope=False)
        for code in (400, 401, 402, 403, 404, 409)
    ],
]


@pytest.mark.parametrize("error", DOUBTFUL, ids=str)
async def test_an_accident_ends_the_wait_at_the_third_in_a_row(error: Exception) -> None:
    """A wrong shape, "not found" or a rejection without an envelope ends the wait at the third in a row, and not before."""
    wait = Wait([PollResult("a", 1), error, error, PollResult("b", 2), error, error, DOWN, error, error, error])

    with pytest.raises(type(error)) as caught:
        await wait.all()

    assert caught.value is error
    assert wait.looks == 10


async def test_different_accidents_in_a_row_are_the_end_too() -> None:
    """The last of them is told."""
    wait = Wait([MISSING, *DOUBTFUL[1:3]])

    with pytest.raises(APIError) as caught:
        await wait.all()

    assert caught.value is DOUBTFUL[2]


def asking(seconds: float, code: int = 429) -> APIError:
    """A failure that asks for a pause."""
    return APIError.of("/p/", code, "busy", retry_after=seconds)


@pytest.mark.parametrize("code", [429, 503])
async def test_a_pause_that_the_service_asks_for_is_kept(code: int) -> None:
    """It is longer than the interval, and longer than any call would wait for; afterwards the pace is as before."""
    wait = Wait([asking(25, code), asking(3, code), PollResult("a", 1), DONE])

    assert await wait.all() == ["a", "done"]
    assert wait.clock.slept == [25, 10, 10]


async def test_there_is_no_last_poll_in_a_requested_pause() -> None:
    """If the deadline falls into a pause that the service asked for, the wait ends at the deadline without a poll."""
    wait = Wait([PollResult("a", 1), asking(300)])

    with pytest.raises(WaitTimeoutError) as caught:
        await wait.all()

    assert isinstance(caught.value.__cause__, RateLimitError)
    assert (wait.clock.time, wait.looks) == (100, 2)


async def test_a_pause_that_ends_with_patience_is_followed_by_a_look() -> None:
    """Both end at the same moment: the last look is not in the pause."""
    wait = Wait([asking(100), DONE])

    assert await wait.all() == ["done"]
    assert wait.clock.time == 100


async def test_a_pause_without_an_end_is_kept_for_an_hour() -> None:
    """No header keeps a wait without a deadline from asking again."""
    wait = Wait([asking(1e20), DONE], attrs.evolve(STEADY, wait_timeout=None))

    assert await wait.all() == ["done"]
    assert wait.clock.slept == [3600]


def test_refusals_can_be_given_another_chance() -> None:
    """What would end one wait at once ends many at the second in a row; anything in between breaks the row."""
    refused = AuthenticationError("/p/", 401, "no")
    failures = PollFailures(max_rejections=2)

    verdicts = [failures.is_final(error) for error in (refused, DOWN, refused, MISSING, refused, refused)]

    assert verdicts == [False, False, False, False, False, True]
    failures.succeeded()
    assert (failures.last, failures.is_final(refused)) == (None, False)


ENDING = [
    AuthenticationError("/p/", 401, "no"),
    InsufficientCreditsError("/p/", 402, "no"),
    PermissionDeniedError("/p/", 403, "no"),
    BadRequestError("/p/", 400, "no"),
    APIError("/p/", None, "no"),
    ResponseTooLargeError("/p/", "64 MiB"),
    RunFailedError("failed"),
    ClientClosedError(),
    APIConnectionError("/p/", "the certificate is not trusted", sent=False, retryable=False),
    ValueError("a bug"),
]


@pytest.mark.parametrize("error", ENDING, ids=lambda error: type(error).__name__)
async def test_another_error_ends_the_wait_at_once(error: Exception) -> None:
    """It would come again at each look."""
    wait = Wait([PollResult("a", 1), error])

    with pytest.raises(type(error)) as caught:
        await wait.all()

    assert error is caught.value
    assert wait.looks == 2


async def test_a_look_that_hangs_is_cut_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging call cannot stretch the wait; at the very end a look has a moment of its own."""
    monkeypatch.setattr(_polling, "FINAL_POLL_TIMEOUT", 0.01)

    async def look() -> PollResult[str]:
        await anyio.sleep_forever()
        raise AssertionError

    pace = PollTimer(PollPolicy(poll_interval=0, wait_timeout=0.02, jitter=0))

    told = poll_changes(look, pace, lambda _: WaitTimeoutError("over"))

    with anyio.fail_after(10), pytest.raises(WaitTimeoutError):
        await anext(told)


async def test_a_cancellation_from_outside_is_not_a_hanging_look() -> None:
    """Only the wait's own deadline is taken for one."""
    with anyio.move_on_after(0.01) as scope:
        await poll_changes(anyio.sleep_forever, PollTimer(STEADY), lambda _: WaitTimeoutError("over")).__anext__()

    assert scope.cancelled_caught


async def test_a_look_at_the_deadline_has_a_moment() -> None:
    """Patience of zero is no reason to give up before the answer can come."""

    async def look() -> PollResult[str]:
        await anyio.sleep(0.01)
        return DONE

    pace = PollTimer(attrs.evolve(STEADY, wait_timeout=0), FakeClock().clock)

    assert await poll_changes(look, pace, lambda _: WaitTimeoutError("over")).__anext__() == "done"


async def test_jumps_of_the_wall_clock_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day forth or back is not waited: the clock is monotonic."""
    assert time.monotonic is Clock().now
    pace = PollTimer(STEADY)
    for jump in (86_400, -86_400):
        monkeypatch.setattr(time, "time", lambda jump=jump: 1.8e9 + jump)

        assert pace.elapsed < 60
        assert 40 < pace.remaining <= 100


def test_the_documented_defaults() -> None:
    """What the documentation promises to who sets nothing."""
    assert PollPolicy(5, 1.5, 60, 3600, 0.1, "warn") == PollPolicy()


WRONG = [
    *[(name, value) for name in ("poll_interval", "max_poll_interval", "wait_timeout") for value in (-1, "5", True)],
    *[(name, None) for name in ("poll_interval", "growth", "max_poll_interval", "jitter", "on_ambiguous")],
    *[(name, math.nan) for name in ("poll_interval", "growth", "max_poll_interval", "wait_timeout", "jitter")],
    ("wait_timeout", math.inf),
    ("wait_timeout", 10**400),
    ("growth", 0.9),
    ("growth", True),
    ("jitter", -0.1),
    ("jitter", 1.1),
    ("on_ambiguous", "ignore"),
    ("on_ambiguous", ["warn"]),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_policy_is_checked(name: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=rf"\APollPolicy\.{name}: "):
        PollPolicy(**{name: value})  # type: ignore[arg-type]


def test_a_policy_says_what_is_expected_and_what_came() -> None:
    """With the bounds of the field."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"poll_interval": "5"}, "PollPolicy.poll_interval: expected seconds, 0 or more, got '5'"),
        ({"growth": 0.9}, "PollPolicy.growth: expected a number, 1 or more, got 0.9"),
        ({"jitter": 10**5000}, "PollPolicy.jitter: expected a number, 0 to 1, got an integer of 16610 bits"),
        ({"on_ambiguous": "x"}, "PollPolicy.on_ambiguous: expected 'warn' or 'raise', got 'x'"),
    ]
    for fields, message in wrong:
        with pytest.raises(ConfigurationError) as caught:
            PollPolicy(**fields)
        assert str(caught.value) == message


def test_a_policy_takes_its_bounds() -> None:
    """Zero pauses, no growth, full jitter, no end."""
    assert PollPolicy(0, 1, 0, None, 1, "raise").wait_timeout is None


def test_a_policy_of_another_kind_is_refused() -> None:
    """A number where a policy is wanted is told by the name of the argument."""
    with pytest.raises(ArgumentError, match="policy: expected a PollPolicy, got 5"):
        PollTimer(5)  # type: ignore[arg-type]
