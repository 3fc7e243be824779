"""`wait_many` when the service, the clock, the caller or the client goes wrong."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import attrs
import pytest
from support.fake_service import GET, HISTORY, LIST, STEADY, World, first
from support.fakes import refused
from support.virtual import run_virtually

from multicart_async._http import Response
from multicart_async.errors import (
    APIConnectionError,
    AuthenticationError,
    ClientClosedError,
    InsufficientCreditsError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    WaitTimeoutError,
)
from multicart_async.models import StartedRun

NEVER = math.inf
HTML = Response(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"})


def test_a_refused_key_ends_all_with_that_error() -> None:
    """The list is refused at two ticks in a row, and so would be everything else: no wait lasts until its deadline."""
    world = World(trouble=lambda path, _, now: refused(401) if path == LIST and now > 25 else None)
    started = [world.add(1, ready=15), *(world.add(number, ready=95) for number in range(2, 7))]

    told = world.wait(*started)

    assert [each.id for each in told] == [1, 2, 3, 4, 5, 6]
    assert told[0].outcome.ok
    assert all(isinstance(each.outcome.error, AuthenticationError) and round(each.at) == 40 for each in told[1:])


def test_a_run_added_after_all_ended_is_waited_for() -> None:
    """A run that is added after all waits ended is waited for, also if a late poll of the same collection comes back."""

    def trouble(path: str, number: int, now: float) -> Response | float | None:
        if path == LIST and now < 25:
            return refused(401)
        return 30.0 if path == HISTORY and number == 1 and now < 25 else None

    world = World(trouble=trouble)
    early = [world.add(number, ready=20) for number in range(1, 6)]
    again = world.add(1, ready=95, run=2_000, after=1_500)

    async def source() -> AsyncIterator[StartedRun]:
        for started in early:
            yield started
        await asyncio.sleep(21)
        yield again

    told = run_virtually(world.outcomes(source()))

    assert [each.outcome.key for each in told] == [*early, again]
    assert [each.outcome.ok for each in told] == [False] * 5 + [True]
    assert told[-1].outcome.unwrap().id == 2_000
    assert world.most[1] == 1 or world.most[1] == 2  # the one of no account is not counted


@pytest.mark.parametrize(
    ("code", "kind"), [(401, AuthenticationError), (402, InsufficientCreditsError), (403, PermissionDeniedError)]
)
def test_a_look_that_is_refused_for_good_ends_that_one(code: int, kind: type[Exception]) -> None:
    """A 401, 402 or 403 about one collection says nothing about the others."""
    world = World(trouble=lambda path, number, now: refused(code) if number == 2 else None)

    told = world.wait(*(world.add(number, ready=35) for number in range(1, 6)))

    assert [type(each.outcome.error) for each in told if each.id == 2] == [kind]
    assert sum(each.outcome.ok for each in told) == 4


@pytest.mark.parametrize("path", [LIST, HISTORY, GET])
@pytest.mark.parametrize(
    "failure",
    [refused(500), refused(429), HTML, APIConnectionError(LIST, "no answer"), refused(408), Response(425, b"<html>")],
    ids=["500", "429", "proxy", "no answer", "408", "425"],
)
def test_a_failure_that_passes_does_not_end_the_wait(path: str, failure: Response | Exception) -> None:
    """It counts against the deadline, not against the wait."""
    world = World(trouble=lambda asked, _, now: failure if asked == path and now < 65 else None)

    told = world.wait(*(world.add(number, ready=15) for number in range(1, 6)))

    assert len(told) == 5
    assert all(each.outcome.ok for each in told)


def test_a_list_that_keeps_failing_leaves_a_last_poll_of_each() -> None:
    """If the list fails until the timeout, each run is polled a last time: one that has ended is an outcome, not a timeout."""
    world = World(trouble=lambda path, _, now: refused(500) if path == LIST else None)
    started = [world.add(1, ready=41), *(world.add(number, ready=NEVER) for number in range(2, 6))]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=45))

    assert {round(each.at) for each in told} == {45}
    assert [each.id for each in told if each.outcome.ok] == [1]
    assert all(isinstance(each.outcome.error, WaitTimeoutError) for each in told if each.id != 1)


def test_the_tenth_tick_asks_all_also_when_its_list_fails() -> None:
    """A list that fails for long must not hide the ends of runs for as long as anybody has patience."""
    world = World(trouble=lambda path, _, now: refused(500) if path == LIST else None)

    told = world.wait(*(world.add(number, ready=15) for number in range(1, 6)))

    assert sum(each.outcome.ok for each in told) == 5
    assert {round(each.at) for each in told} == {90}


def test_a_list_that_never_answers_does_not_outlast_patience() -> None:
    """A deadline is a deadline, whatever is under way."""
    world = World(trouble=lambda path, _, now: 1e6 if path == LIST and now > 25 else None)

    told = world.wait(
        *(world.add(number, ready=NEVER) for number in range(1, 6)), policy=attrs.evolve(STEADY, wait_timeout=100)
    )

    assert len(told) == 5
    assert max(each.at for each in told) < 102


@pytest.mark.parametrize("others", [0, 6], ids=["asked directly", "watched by the list"])
def test_a_look_that_never_answers_does_not_outlast_patience(others: int) -> None:
    """Nor does it hold the others up."""
    world = World(trouble=lambda path, number, now: 1e6 if number == 1 else None)
    started = [world.add(1, ready=5), *(world.add(number, ready=35) for number in range(2, 2 + others))]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=100))

    assert told[-1].id == 1
    assert isinstance(told[-1].outcome.error, WaitTimeoutError)
    assert told[-1].at < 102
    assert all(round(each.at) == 40 for each in told[:-1])


def test_a_timeout_tells_what_the_last_look_failed_at() -> None:
    """The passing error is the cause."""
    world = World(trouble=lambda path, _, now: refused(503, "busy") if now > 5 else None)

    (told,) = world.wait(world.add(1, ready=NEVER), policy=attrs.evolve(STEADY, wait_timeout=30))

    assert isinstance(told.outcome.error, WaitTimeoutError)
    assert isinstance(told.outcome.error.__cause__, ServerError)


def test_two_times_not_found_and_then_found_is_a_hiccup() -> None:
    """The count begins anew with each look that finds something."""
    world = World(trouble=lambda path, number, now: refused(404) if path == HISTORY and now % 30 > 5 else None)

    (told,) = world.wait(world.add(1, ready=80))

    assert told.outcome.ok
    assert round(told.at) == 90


def test_a_list_that_is_not_found_twice_ends_no_wait() -> None:
    """A list that is not found twice and then found ends no wait; three times in a row would."""
    world = World(trouble=lambda path, _, now: refused(404) if path == LIST and now % 30 > 5 else None)

    told = world.wait(*(world.add(number, ready=80) for number in range(1, 6)))

    assert all(each.outcome.ok for each in told)
    assert {round(each.at) for each in told} == {90}


def test_a_list_that_is_not_found_three_times_in_a_row_ends_all() -> None:
    """There is no such call here."""
    world = World(trouble=lambda path, _, now: refused(404) if path == LIST and now > 15 else None)

    told = world.wait(*(world.add(number, ready=80) for number in range(1, 6)))

    assert [NotFoundError] * 5 == [type(each.outcome.error) for each in told]
    assert {round(each.at) for each in told} == {40}


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_jumps_of_the_wall_clock_have_no_effect(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience and pace are kept by a clock that only goes forward."""
    wall = time.time
    world = World()
    monkeypatch.setattr(time, "time", lambda: wall() + (jump if world.calls else 0.0))
    started = [world.add(1, ready=35), world.add(2, ready=NEVER), world.add(3, ready=65)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=100))

    assert [(each.id, round(each.at)) for each in told] == [(1, 40), (3, 70), (2, 100)]


async def nobody_is_left() -> None:
    """Only the task that asks is there, and what was under way has noticed that it ended."""
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_closed_early_it_leaves_nothing_behind() -> None:
    """Looks, the list, the pull and the pause end with the generator."""
    world = World(latency=3, requests=4)
    started = [world.add(number, ready=15 * (1 + number % 2)) for number in range(1, 41)]

    async def story() -> None:
        outcome = await first(world.runs.wait_many(started, policy=STEADY))

        assert outcome.ok
        await nobody_is_left()
        assert sum(world.under_way.values()) == 0

    run_virtually(story())


@pytest.mark.parametrize("moment", [0.0, 10.5, 12.0, 15.0, 22.5])
def test_cancelled_it_leaves_nothing_behind(moment: float) -> None:
    """The cancellation comes through, and after it nothing is under way."""
    world = World(latency=1)

    async def story() -> None:
        started = [world.add(number, ready=20) for number in range(1, 41)]
        task = asyncio.ensure_future(world.outcomes(started))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nobody_is_left()
        assert sum(world.under_way.values()) == 0

    run_virtually(story())


@pytest.mark.parametrize("moment", [5.0, 10.5, 15.0, 25.0])
@pytest.mark.parametrize("many", [1, 9])
def test_a_closed_client_ends_it(moment: float, many: int) -> None:
    """Not an outcome for each: the call itself ends with `ClientClosedError`."""
    world = World(latency=1)

    async def story() -> None:
        waiting = asyncio.ensure_future(world.outcomes([world.add(number, ready=900) for number in range(1, many + 1)]))
        await asyncio.sleep(moment)
        await world.lifetime.shutdown()
        with pytest.raises(ClientClosedError):
            await waiting
        await nobody_is_left()

    run_virtually(story())


def test_a_closed_client_gives_no_outcomes() -> None:
    """Looks that are under way beside the list fail with the client's end, which is not what became of their runs."""
    world = World(latency=1, trouble=lambda path, _, __: 30.0 if path == HISTORY else None)
    told: list[StartedRun] = []

    async def wait() -> None:
        started = [world.add(number, ready=900) for number in range(1, 6)]
        async for outcome in world.runs.wait_many(started, policy=STEADY):
            told.append(outcome.key)  # noqa: PERF401 -- as they come

    async def story() -> None:
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(5)
        while not world.under_way["list"]:  # noqa: ASYNC110 -- in virtual time
            await asyncio.sleep(0.5)
        assert world.under_way["look"]
        await world.lifetime.shutdown()
        with pytest.raises(ClientClosedError):
            await waiting

    run_virtually(story())
    assert told == []


class _OwnError(Exception):
    """The caller's."""


def test_an_error_of_the_callers_iterable_leaves_as_itself() -> None:
    """It is not wrapped, not an outcome, and nothing is left under way."""
    world = World()

    def source() -> Iterator[StartedRun]:
        yield world.add(1, ready=100)
        yield world.add(2, ready=100)
        raise _OwnError

    async def story() -> None:
        with pytest.raises(_OwnError):
            await world.outcomes(source())
        await nobody_is_left()

    run_virtually(story())


def test_an_error_of_the_callers_iterable_is_raised_unchanged() -> None:
    """An error of the caller's async iterable is raised unchanged, at any time."""
    world = World()

    async def source() -> AsyncIterator[StartedRun]:
        yield world.add(1, ready=100)
        await asyncio.sleep(42)
        raise _OwnError

    async def story() -> None:
        with pytest.raises(_OwnError):
            await world.outcomes(source())
        assert round(world.now()) == 42
        await nobody_is_left()

    run_virtually(story())


def test_an_error_of_the_consumer_is_the_consumers() -> None:
    """What is raised between two outcomes ends the generator, and everything under way with it."""
    world = World()
    started = [world.add(number, ready=10 * number) for number in range(1, 9)]

    async def consume() -> None:
        async with aclosing(world.runs.wait_many(started, policy=STEADY)) as outcomes:
            async for _ in outcomes:
                raise _OwnError

    async def story() -> None:
        with pytest.raises(_OwnError):
            await consume()
        await nobody_is_left()

    run_virtually(story())
