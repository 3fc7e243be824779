"""Starts of one collection, one after another: no two of them share a baseline, and a lost answer is looked for."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from support.fake_service import GET, HISTORY, START, World
from support.fakes import FakeTransport, refused
from support.groups import groups_over
from support.virtual import run_virtually

from multicart_async._http import Response
from multicart_async.errors import (
    APIConnectionError,
    DiskError,
    InsufficientCreditsError,
    InvalidResponseError,
    OutcomeUnknownError,
    ServerError,
)
from multicart_async.models import StartedRun
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._new_runs import NewRunsReader
from multicart_async.resources.runs._start import RunStarter


def world_of(row_delay: float, **options: Any) -> World:
    """A world with a collection 1 whose newest run is 87, and whose rows come so many seconds after their start."""
    world = World(**options)
    world.row_delay = row_delay
    world.add(1, ready=-1, shown=0, run=87)
    return world


def test_the_second_start_waits_for_the_row_of_the_first() -> None:
    """Otherwise both would wait for the same run."""
    world = world_of(3.0)

    async def story() -> tuple[StartedRun, ...]:
        return await world.runs.start(1), await world.runs.start(1), await world.runs.start(1)

    assert run_virtually(story()) == (StartedRun(1, 87), StartedRun(1, 88), StartedRun(1, 89))


def test_starts_at_the_same_time_are_one_after_another() -> None:
    """Within one client; different collections do not wait for each other."""
    world = world_of(3.0)
    world.add(2, ready=-1, shown=0, run=50)

    async def story() -> list[StartedRun]:
        other = asyncio.ensure_future(world.runs.start(2))
        both = await asyncio.gather(world.runs.start(1), world.runs.start(1))
        assert other.done()
        return [*both, await other]

    assert run_virtually(story()) == [StartedRun(1, 87), StartedRun(1, 88), StartedRun(2, 50)]
    assert world.asked(START, 2)[0] < 1


def test_a_row_that_was_seen_by_a_wait_is_not_waited_for_again() -> None:
    """`seen` spares the second start its look."""
    world = world_of(0.0)

    async def story() -> StartedRun:
        await world.runs.wait(await world.runs.start(1))
        world.calls.clear()
        return await world.runs.start(1)

    assert StartedRun(1, 88) == run_virtually(story())
    assert len(world.asked(HISTORY)) == 1


def test_seeing_an_older_run_does_not_release_a_newer_start() -> None:
    """A wait for the first of two starts does not let the third start use the baseline of the second."""
    world = world_of(3.0)

    async def story() -> StartedRun:
        first = await world.runs.start(1)
        await world.runs.start(1)
        await world.runs.wait(first)
        return await world.runs.start(1)

    assert StartedRun(1, 89) == run_virtually(story())


def test_a_cancelled_start_leaves_its_wait_to_the_next_one() -> None:
    """If a start is cancelled while it waits for the first run to appear, the next start waits for that run."""
    world = world_of(10.0)

    async def story() -> StartedRun:
        await world.runs.start(1)
        second = asyncio.ensure_future(world.runs.start(1))
        await asyncio.sleep(2)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        return await world.runs.start(1)

    assert StartedRun(1, 88) == run_virtually(story())


def test_a_missing_row_delays_the_next_start_by_30_seconds(caplog: pytest.LogCaptureFixture) -> None:
    """If the row of a start never appears, the next start is sent after thirty seconds, with a log record."""
    world = world_of(1e6)

    async def story() -> tuple[StartedRun, float]:
        await world.runs.start(1)
        started = await world.runs.start(1)
        return started, world.now()

    started, moment = run_virtually(story())

    assert StartedRun(1, 87) == started
    assert round(moment) == 30
    assert "its run has not appeared" in caplog.text


def test_nobody_is_held_up_twice_for_the_same_row() -> None:
    """The start after one that was refused does not wait for it again."""
    world = world_of(1e6)

    async def story() -> float:
        await world.runs.start(1)
        world.trouble = lambda path, _, __: refused(402) if path == START else None
        with pytest.raises(InsufficientCreditsError):
            await world.runs.start(1)
        world.trouble = lambda *_: None
        held_up = world.now()
        await world.runs.start(1)
        return world.now() - held_up

    assert run_virtually(story()) < 1


def test_a_look_for_a_row_survives_failures() -> None:
    """A failed look is no answer."""
    world = world_of(3.0, trouble=lambda path, _, now: refused(500) if path == HISTORY and 0.5 < now < 8 else None)

    async def story() -> tuple[StartedRun, StartedRun]:
        return await world.runs.start(1), await world.runs.start(1)

    assert run_virtually(story()) == (StartedRun(1, 87), StartedRun(1, 88))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (APIConnectionError(START, "the line broke"), OutcomeUnknownError),
        (Response(200, b"no envelope"), OutcomeUnknownError),
        (Response(502, b"<html>Bad Gateway</html>"), ServerError),
    ],
    ids=["no answer", "no envelope", "a proxy's 502"],
)
@pytest.mark.parametrize("appears", [True, False])
def test_an_answer_that_tells_nothing_is_a_reason_to_look(answer: Any, kind: type[Exception], appears: bool) -> None:
    """A new run within thirty seconds is the one; otherwise it is not known, and never sent again."""
    world = world_of(0.0)

    def trouble(path: str, number: int, now: float) -> Any:
        if path == START and appears:
            world.fakes[1].runs.append((88, now + 12, now + 12))
        return answer if path == START else None

    world.trouble = trouble

    async def story() -> None:
        if appears:
            assert StartedRun(1, 87) == await world.runs.start(1)
            return
        with pytest.raises(kind) as lost:
            await world.runs.start(1)
        assert StartedRun(1, 87) == getattr(lost.value, "started", StartedRun(1, 87))

    run_virtually(story())

    assert len(world.asked(START)) == 1


def test_an_envelope_that_says_no_is_believed_at_once() -> None:
    """The service itself has answered: nobody looks for a run."""
    world = world_of(0.0, trouble=lambda path, _, now: refused(500) if path == START else None)

    async def story() -> float:
        with pytest.raises(ServerError):
            await world.runs.start(1)
        return world.now()

    assert run_virtually(story()) < 1


def test_an_intent_that_cannot_be_kept_is_not_carried_out() -> None:
    """What is told before the start may say no by an error."""
    world = world_of(0.0)

    async def intend(_: StartedRun) -> None:
        raise DiskError("journal", "full")

    async def story() -> None:
        with pytest.raises(DiskError):
            await world.runs._starter.start(1, intend)

    run_virtually(story())

    assert world.asked(START) == []


def test_the_row_from_before_is_kept_until_the_wait_is_over() -> None:
    """It tells a Failed of the run before from one of this run; of other starts it tells nothing."""
    world = world_of(0.0)
    starter = world.runs._starter

    async def story() -> None:
        started = await world.runs.start(1)
        before = starter.status_before_start(started)
        assert before is not None
        assert before.id == 1
        assert starter.status_before_start(attrs.evolve(started, after_run_id=1)) is None

        starter.forget(attrs.evolve(started, after_run_id=1))
        assert before is starter.status_before_start(started)

        await world.runs.wait(started)
        assert starter.status_before_start(started) is None

    run_virtually(story())


@pytest.mark.parametrize("error", [refused(500), InvalidResponseError("/schedules/get/", "odd")])
def test_a_start_does_not_depend_on_the_row_from_before(error: Any) -> None:
    """It is a help, not a condition."""
    world = world_of(0.0, trouble=lambda path, _, __: error if path == "/schedules/get/" else None)

    assert StartedRun(1, 87) == run_virtually(world.runs.start(1))


def test_the_steps_are_all_that_a_start_asks() -> None:
    """Status, newest id, start: in this order."""
    world = world_of(0.0)

    assert run_virtually(world.runs.start(1)) == StartedRun(1, 87)
    assert [path for _, path, _ in world.calls] == [GET, HISTORY, START]


def test_a_run_found_after_a_lost_answer_is_not_sought_again() -> None:
    """After the run of a lost answer was found, the next start does not look for it."""
    world = world_of(0.0)

    def trouble(path: str, number: int, now: float) -> Any:
        if path == START and not world.asked(START)[1:]:
            world.fakes[1].runs.append((88, now + 5, now + 5))
            return APIConnectionError(START, "the line broke")
        return None

    world.trouble = trouble

    async def story() -> None:
        assert StartedRun(1, 87) == await world.runs.start(1)
        before = len(world.asked(HISTORY))
        assert StartedRun(1, 88) == await world.runs.start(1)
        assert len(world.asked(HISTORY)) - before == 1

    run_virtually(story())


def test_a_start_after_a_refused_intent_waits_for_nothing() -> None:
    """Nothing was sent, so there is no run to look for."""
    world = world_of(0.0)

    async def intend(_: StartedRun) -> None:
        raise DiskError("journal", "full")

    async def story() -> float:
        with pytest.raises(DiskError):
            await world.runs._starter.start(1, intend)
        await world.runs.start(1)
        return world.now()

    assert run_virtually(story()) < 1


@pytest.mark.parametrize(
    "failure", [APIConnectionError(GET, "the connection broke"), refused(500), Response(200, b"no JSON")], ids=repr
)
def test_a_start_does_not_need_the_status_from_before(failure: Any) -> None:
    """It is a help to tell one Failed from another, not a condition."""
    world = world_of(0.0, trouble=lambda path, _, __: failure if path == GET else None)

    assert run_virtually(world.runs.start(1)) == StartedRun(1, 87)


async def test_the_last_look_for_a_new_run_reads_the_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before it rely on the order of the list, which the service does not promise."""
    wholes: list[bool] = []

    async def read(_: NewRunsReader, *, whole: bool) -> None:
        wholes.append(whole)

    monkeypatch.setattr(NewRunsReader, "read", read)
    groups = groups_over(FakeTransport())
    starter = RunStarter(RunApi(groups.runs._context), groups.collections, groups.clock.clock)

    assert await starter.wait_until_listed(StartedRun(1, 87)) is False
    assert (any(wholes[:-1]), wholes[-1]) == (False, True)
