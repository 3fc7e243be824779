"""`wait_many` and failures that may be accidents: one bad tick, or one bad poll, ends no wait."""

from __future__ import annotations

import math

import attrs
import pytest
from support.fake_service import GET, HISTORY, LIST, STEADY, World
from support.fakes import refused

from multicart_async._http import Response
from multicart_async.errors import APIConnectionError, WaitTimeoutError

NEVER = math.inf
ACCIDENTS = [refused(404), Response(403, b"<html>"), Response(409, b""), Response(200, b"no JSON")]


@pytest.mark.parametrize("accident", ACCIDENTS, ids=["404", "403 of a proxy", "409 of a proxy", "no envelope"])
@pytest.mark.parametrize("path", [LIST, HISTORY, GET])
def test_an_accident_ends_waits_only_at_the_third_in_a_row(path: str, accident: Response) -> None:
    """A possible accident, of the list or of a collection's own calls, ends no wait before the third in a row."""
    world = World(trouble=lambda asked, _, now: accident if asked == path and now % 30 > 5 else None)

    told = world.wait(*(world.add(number, ready=80) for number in range(1, 6)))

    assert all(each.outcome.ok for each in told)
    assert {round(each.at) for each in told} <= {80, 90}


@pytest.mark.parametrize("accident", ACCIDENTS, ids=["404", "403 of a proxy", "409 of a proxy", "no envelope"])
def test_a_list_failing_three_times_in_a_row_ends_all_waits(accident: Response) -> None:
    """A list that is not found or has a wrong shape three times in a row ends all waits with its error."""
    world = World(trouble=lambda path, _, now: accident if path == LIST and now > 15 else None)

    told = world.wait(*(world.add(number, ready=80) for number in range(1, 6)))

    assert {round(each.at) for each in told} == {40}
    assert len({type(each.outcome.error) for each in told}) == 1
    assert not any(isinstance(each.outcome.error, WaitTimeoutError) for each in told)


@pytest.mark.parametrize("code", [400, 401, 402, 403])
def test_one_refusal_of_the_list_ends_no_wait(code: int) -> None:
    """Nor do two that are not in a row: five hundred paid runs are not given up for one bad tick."""
    world = World(trouble=lambda path, _, now: refused(code) if path == LIST and now % 20 > 5 else None)

    told = world.wait(*(world.add(number, ready=75) for number in range(1, 6)))

    assert all(each.outcome.ok for each in told)


class _ForeignError(Exception):
    """Of a borrowed session, or of its middleware."""


@pytest.mark.parametrize("path", [LIST, HISTORY, GET])
def test_a_foreign_error_is_a_poll_that_failed(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """It ends no wait, and no other one: the next poll may do better."""
    world = World(trouble=lambda asked, _, now: _ForeignError("secret") if asked == path and now < 45 else None)

    told = world.wait(*(world.add(number, ready=55) for number in range(1, 6)))

    assert all(each.outcome.ok for each in told)
    assert any("the poll raised _ForeignError" in message for message in caplog.messages)
    assert "secret" not in caplog.text


def test_a_foreign_error_that_stays_is_told_at_the_deadline() -> None:
    """As the cause of the cause; only that run has it."""
    world = World(trouble=lambda _, number, now: _ForeignError() if number == 1 else None)
    started = [world.add(number, ready=15) for number in range(1, 6)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=35))

    assert [each.id for each in told if not each.outcome.ok] == [1]
    error = told[-1].outcome.error
    assert isinstance(error, WaitTimeoutError)
    assert isinstance(error.__cause__, APIConnectionError)
    assert isinstance(error.__cause__.__cause__, _ForeignError)


def busy(seconds: float) -> Response:
    """A refusal for now, with a pause that no call waits for."""
    return refused(429, headers={"retry-after": f"{seconds:g}"})


@pytest.mark.parametrize("path", [LIST, HISTORY])
def test_a_pause_that_the_service_asks_for_is_kept(path: str) -> None:
    """Nothing is asked meanwhile, of no collection."""
    world = World(trouble=lambda asked, _, now: busy(300) if asked == path and 15 < now < 25 else None, requests=1)
    started = [world.add(number, ready=15) for number in range(1, 6)]

    told = world.wait(*started)

    assert all(each.outcome.ok for each in told)
    assert not [at for at, _, _ in world.calls if 20.1 < at < 320]
    assert {round(each.at) for each in told} == {320}


def test_a_deadline_in_such_a_pause_is_kept_without_a_last_look() -> None:
    """The wait ends when it should, and the service is left alone."""
    world = World(trouble=lambda _, __, now: busy(300) if now > 15 else None)
    started = [world.add(number, ready=NEVER) for number in range(1, 6)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=100))

    assert {round(each.at) for each in told} == {100}
    assert all(isinstance(each.outcome.error, WaitTimeoutError) for each in told)
    assert not [at for at, _, _ in world.calls if at > 20.1]


def test_a_poll_running_in_a_requested_pause_is_the_last_one() -> None:
    """A poll that runs when a pause passes its deadline decides that wait; the other wait times out without a poll."""
    policy = attrs.evolve(STEADY, poll_interval=19, max_poll_interval=19, wait_timeout=95.5)

    def trouble(_: str, number: int, now: float) -> Response | float | None:
        if now < 94:
            return None
        return 0.8 if number == 1 else busy(300)

    world = World(trouble=trouble)

    told = world.wait(world.add(1, ready=95.2), world.add(2, ready=NEVER), policy=policy)

    assert [(each.id, round(each.at, 1)) for each in told] == [(2, 95.5), (1, 96.0)]
    assert told[1].outcome.ok


def test_one_that_waits_behind_such_a_pause_keeps_its_deadline() -> None:
    """One request at a time: the first brings the pause, the second waits behind it and has asked nothing."""
    world = World(trouble=lambda _, __, now: busy(300), requests=1)
    started = [world.add(number, ready=NEVER) for number in range(1, 3)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=100))

    assert {round(each.at) for each in told} == {100}
    assert world.requests.total() == 1


class _EndOfTheProcess(BaseException):
    """As what a signal raises: it is no failure of a poll."""


@pytest.mark.parametrize("path", [LIST, HISTORY])
def test_what_is_no_error_of_a_poll_ends_all(path: str) -> None:
    """An exception that a signal raises, for instance, ends the call unchanged."""
    world = World(trouble=lambda asked, _, now: _EndOfTheProcess() if asked == path and now > 15 else None)

    with pytest.raises(_EndOfTheProcess):
        world.wait(*(world.add(number, ready=80) for number in range(1, 6)))
