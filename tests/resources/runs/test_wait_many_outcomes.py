"""What `wait_many` says of each run, and when."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import attrs
import pytest
from support.fake_service import HISTORY, LIST, STEADY, Told, World
from support.virtual import run_virtually

from multicart_async.errors import AmbiguousRunError, NotFoundError, RunFailedError, WaitTimeoutError
from multicart_async.events import RunProgress
from multicart_async.models import Run, StartedRun

NEVER = math.inf


def error_of(told: list[Told], number: int) -> Exception | None:
    """The error for a collection."""
    (one,) = (each for each in told if each.id == number)
    return one.outcome.error


async def one_by_one(*items: tuple[float, StartedRun]) -> AsyncIterator[StartedRun]:
    """Started runs, each at its moment."""
    for moment, started in items:
        await asyncio.sleep(moment - asyncio.get_running_loop().time())
        yield started


def test_outcomes_come_in_the_order_of_the_ends() -> None:
    """Whatever the order in which the runs were started."""
    world = World()
    ends = {1: 55, 2: 15, 3: 35, 4: 75}

    told = world.wait(*(world.add(number, ready=ready) for number, ready in ends.items()))

    assert [(each.id, round(each.at)) for each in told] == [(2, 20), (3, 40), (1, 60), (4, 80)]
    assert [each.outcome.unwrap().id for each in told] == [2001, 3001, 1001, 4001]


def test_an_outcome_does_not_wait_for_the_others_of_its_tick() -> None:
    """Thirty rows change at once: each outcome comes with its own look."""
    world = World(latency=0.25, requests=1)

    told = world.wait(*(world.add(number, ready=15) for number in range(1, 31)))

    assert len({each.at for each in told}) == 30
    assert pytest.approx(told[-1].at - told[0].at) == 14.5  # two pages each: the second one is empty


def test_nothing_to_wait_for_ends_at_once() -> None:
    """No started runs: no outcome, no request."""
    world = World()

    assert world.wait() == []
    assert world.calls == []


def test_two_runs_of_one_collection_are_told_apart() -> None:
    """Each has its own baseline, and ends with the smallest finished run above it."""
    world = World()
    first = world.add(1, ready=35, run=88)
    second = world.add(1, ready=65, run=90, after=88)

    told = world.wait(first, second, *(world.add(number, ready=95) for number in range(2, 6)))

    assert [(each.outcome.key, each.outcome.unwrap().id, round(each.at)) for each in told[:2]] == [
        (first, 88, 40),
        (second, 90, 70),
    ]
    assert [each.outcome.unwrap().ambiguous for each in told[:2]] == [True, False]  # the first could have been either


def test_an_older_run_is_never_the_outcome() -> None:
    """Finished runs at or below the baseline are not looked at, wherever they stand."""
    world = World()
    world.add(1, ready=0, run=87, shown=0)
    started = [world.add(1, ready=45, run=88, after=87), *(world.add(number, ready=45) for number in range(2, 6))]

    told = world.wait(*started)

    assert next(each for each in told if each.id == 1).outcome.unwrap().id == 88


def test_a_late_one_is_taken_in_while_the_others_are_waited_for() -> None:
    """Started runs come from an async iterable; outcomes do not wait for its end."""
    world = World()
    early = [world.add(number, ready=200) for number in range(1, 5)]
    late, last = world.add(5, ready=60), world.add(6, ready=20)
    items = [*((0.0, each) for each in early), (47.0, late), (300.0, last)]

    told = run_virtually(world.outcomes(one_by_one(*items)))

    assert [told[0].id, told[-1].id] == [5, 6]
    assert [round(told[0].at), round(told[-1].at)] == [60, 300]


def test_nothing_is_asked_while_nothing_is_waited_for() -> None:
    """The source may be slow: until it gives something there is no tick, and then there is one at once."""
    world = World()
    policy = attrs.evolve(STEADY, growth=2, max_poll_interval=60)

    told = run_virtually(world.outcomes(one_by_one((100.0, world.add(1, ready=50))), policy))

    assert [round(each.at) for each in told] == [100]
    assert [round(at) for at in world.asked(HISTORY)] == [100]


def test_one_that_comes_after_all_have_ended_is_looked_at() -> None:
    """The tick that was planned when the last one ended is not waited for."""
    world = World()
    items = [(0.0, world.add(1, ready=15)), (33.0, world.add(2, ready=15))]

    told = run_virtually(world.outcomes(one_by_one(*items)))

    assert [(each.id, round(each.at)) for each in told] == [(1, 20), (2, 33)]


def test_each_timeout_counts_from_when_the_run_was_added() -> None:
    """Two runs that were added at different times time out at different times."""
    world = World()
    items = [(0.0, world.add(1, ready=NEVER)), (53.0, world.add(2, ready=NEVER))]

    told = run_virtually(world.outcomes(one_by_one(*items), attrs.evolve(STEADY, wait_timeout=75)))

    assert [(each.id, round(each.at)) for each in told] == [(1, 75), (2, 128)]


def test_patience_of_the_first_counts_from_its_arrival_too() -> None:
    """However long the source let everybody wait before, and however far the ticks were apart."""
    world = World()
    policy = attrs.evolve(STEADY, wait_timeout=7)

    told = run_virtually(world.outcomes(one_by_one((33.0, world.add(1, ready=NEVER))), policy))

    assert [round(each.at) for each in told] == [40]


def test_without_patience_each_gets_one_look_at_once() -> None:
    """``wait_timeout=0`` asks whether they have ended."""
    world = World()
    started = [world.add(number, ready=-1 if number % 2 else NEVER, shown=NEVER) for number in range(1, 21)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=0))

    assert max(each.at for each in told) < 1
    assert set(range(1, 21, 2)) == {each.id for each in told if each.outcome.ok}
    assert len(told) == 20


def test_a_deadline_carries_what_is_needed_to_go_on() -> None:
    """The started run, to wait for it again, and what was seen of it last."""
    world = World()
    started = world.add(1, ready=NEVER)

    told = world.wait(started, world.add(2, ready=15), policy=attrs.evolve(STEADY, wait_timeout=30))

    error = error_of(told, 1)
    assert isinstance(error, WaitTimeoutError)
    assert started == error.started
    assert (error.last.run.id, error.last.schedule_status) == (1001, "Processing")
    assert str(error) == "no finished run of collection 1 above 0 in 30 s"


def test_a_run_that_ended_at_the_last_moment_is_no_timeout() -> None:
    """When patience is over there is a last look, also for one whose row does not show it."""
    world = World()
    started = [world.add(number, ready=34.5, shown=NEVER) for number in range(1, 8)]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=35))

    assert len(told) == 7
    assert all(each.outcome.ok for each in told)


@pytest.mark.parametrize("others", [1, 8], ids=["asked directly", "watched by the list"])
def test_a_failed_run_stops_nothing(others: int) -> None:
    """Its outcome is the error that `wait` would raise, with the service's reason; the others go on."""
    world = World()
    started = world.add(1, ready=NEVER, shown=25, status="Failed")
    world.fakes[1].failed_message = "Scraping failed"

    told = world.wait(started, *(world.add(number, ready=95) for number in range(2, 2 + others)))

    error = error_of(told, 1)
    assert isinstance(error, RunFailedError)
    assert ("Scraping failed", started, 30) == (error.failed_message, error.started, round(told[0].at))
    assert others == sum(each.outcome.ok for each in told)


def test_a_failure_after_processing_in_the_list_is_trusted() -> None:
    """A failure is trusted at once if the list showed the collection as processing before, without a poll of its own."""
    world = World()
    started = [world.add(number, ready=95) for number in range(2, 9)]
    started.append(world.add(1, ready=NEVER, shown=25, status="Failed"))

    told = world.wait(*started)

    assert (told[0].id, round(told[0].at)) == (1, 30)
    assert len(world.asked(HISTORY, 1)) == 1


def test_a_failure_is_told_apart_from_that_of_the_run_before() -> None:
    """A "Failed" with another date than that before the start is the failure of the run that is waited for."""
    world = World()
    world.add(1, ready=0, shown=0, run=87, status="Failed")
    world.fakes[1].statuses.append((5.0, "Failed"))

    async def story() -> list[Told]:
        started = await world.runs.start(1)
        await asyncio.sleep(6)
        world.fakes[1].runs[-1] = (88, 0.0, NEVER)
        return await world.outcomes([started])

    (told,) = run_virtually(story())

    assert isinstance(told.outcome.error, RunFailedError)
    assert told.at < 7


def test_a_second_run_is_polled_though_its_row_is_unchanged() -> None:
    """A second run of a collection is polled once without a change of the row, which may have changed before it was added."""
    world = World()
    first = world.add(1, ready=NEVER, shown=35, after=1_002, run=1_003)
    second = world.add(1, ready=20, shown=NEVER, after=1_001, run=1_002)
    others = [(0.0, world.add(number, ready=150)) for number in range(2, 6)]

    told = run_virtually(world.outcomes(one_by_one((0.0, first), *others, (75.0, second))))

    assert [(each.outcome.key, round(each.at)) for each in told if each.outcome.key == second] == [(second, 80)]


@pytest.mark.parametrize("others", [1, 8], ids=["asked directly", "watched by the list"])
def test_a_failed_status_from_the_first_poll_on_needs_three(others: int) -> None:
    """ "Failed" from the first poll on may be of the run before: with a new run listed, three polls confirm it."""
    world = World()
    started = world.add(1, ready=NEVER, shown=0, status="Failed")

    told = world.wait(started, *(world.add(number, ready=200) for number in range(2, 2 + others)))

    assert isinstance(error_of(told, 1), RunFailedError)
    assert told[0].id == 1
    assert told[0].at < 31


def test_a_failed_status_without_a_new_run_needs_ten_polls() -> None:
    """ "Failed" without a new run is trusted after ten polls, as by wait, also if many are watched."""
    world = World()
    world.add(1, ready=0, shown=0, run=87, status="Failed")
    started = StartedRun(1, after_run_id=87)

    told = world.wait(started, *(world.add(number, ready=200) for number in range(2, 10)))

    assert isinstance(error_of(told, 1), RunFailedError)
    assert told[0].at < 111


def test_a_collection_that_is_gone_stops_nothing() -> None:
    """Not found, three times in a row, is the end of that one."""
    world = World()
    gone = StartedRun(7, after_run_id=0)

    told = world.wait(gone, *(world.add(number, ready=95) for number in range(1, 6)))

    assert isinstance(error_of(told, 7), NotFoundError)
    assert round(told[0].at) == 20
    assert len(world.asked(HISTORY, 7)) == 3
    assert sum(each.outcome.ok for each in told) == 5


def test_a_second_run_is_an_error_where_that_was_asked_for() -> None:
    """``on_ambiguous="raise"`` ends the one that cannot be told apart; the others go on."""
    world = World()
    started = world.add(1, ready=35)
    world.add(1, ready=NEVER, shown=NEVER)

    told = world.wait(
        started,
        *(world.add(number, ready=65) for number in range(2, 6)),
        policy=attrs.evolve(STEADY, on_ambiguous="raise"),
    )

    error = error_of(told, 1)
    assert isinstance(error, AmbiguousRunError)
    assert tuple(run.id for run in error.runs) == (1001, 1002)
    assert sum(each.outcome.ok for each in told) == 4


def test_progress_is_told_once_for_each_change() -> None:
    """Events are those of `wait`: the last one is the finished run, and a look that sees nothing new tells nothing."""
    world = World()

    world.wait(world.add(1, ready=45), world.add(2, ready=45))

    seen = [(event.run_id, event.status, event.finished) for event in world.events if isinstance(event, RunProgress)]
    assert seen.count((1001, "Processing", False)) == 1
    assert [finished for _, _, finished in seen[-2:]] == [True, True]


def test_outcomes_hold_runs_of_the_model() -> None:
    """The value is the run's row, as `wait` returns it."""
    world = World()

    (told,) = world.wait(world.add(1, ready=5))

    assert Run(id=1001, collection=1, is_download_generated=True) == told.outcome.unwrap()
    assert not world.asked(LIST)
