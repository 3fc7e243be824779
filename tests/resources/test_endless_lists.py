"""Lists without an end, and answers that never come: each look and each reading is bounded."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import pytest
from support.fake_service import GET, HISTORY, LIST, START, STEADY, World
from support.groups import groups_over
from support.virtual import run_virtually
from support.wire_rows import RUN, RUNS, ByPath, collection_row, in_turn, lost, ok, run_row

from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidResponseError,
    OutcomeUnknownError,
)
from multicart_async.models import StartedRun
from multicart_async.resources import _pagination
from multicart_async.resources.runs import _new_runs

FOR_EVER = attrs.evolve(STEADY, wait_timeout=None)
NEVER = 1e9


class Endless(ByPath):
    """New, rising ids on every page."""

    def __init__(self, start: Any = "Queued!") -> None:
        super().__init__({RUN: in_turn(start), RUNS: self.runs, GET: in_turn(collection_row())})
        self.numbers = itertools.count(1_000)
        self.ended = False

    def runs(self, fields: dict[str, Any]) -> Any:
        """A full page."""
        return ok([] if self.ended else [run_row(next(self.numbers)) for _ in range(fields["limit"])])


async def test_a_baseline_that_has_no_end_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the list."""
    monkeypatch.setattr(_pagination, "_MOST_PAGES", 200)
    service = Endless()

    with pytest.raises(InvalidResponseError, match=rf"^{RUNS}: the list has no end: more than 200 pages$"):
        await groups_over(service).runs.start(101)
    assert service.count(RUN) == 0


async def test_a_wait_for_a_run_of_a_list_without_end_ends() -> None:
    """Three looks, a few thousand runs each: then it is the error, also where patience has no end."""
    service = Endless()
    groups = groups_over(service)

    with pytest.raises(InvalidResponseError, match=r"the list has no end: more than 10000 runs above 87"):
        await groups.runs.wait(StartedRun(101, 87), policy=FOR_EVER)
    assert service.count(RUNS) < 620
    assert groups.clock.now() == 20


async def test_many_waits_for_runs_of_lists_without_end_end() -> None:
    """S4: an outcome of each, also where patience has no end."""
    groups = groups_over(Endless())

    (outcome,) = [one async for one in groups.runs.wait_many([StartedRun(101, 87)], policy=FOR_EVER)]

    assert isinstance(outcome.error, InvalidResponseError)


async def test_the_search_after_a_lost_start_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """S4: it looks for thirty seconds, at so many runs a look, and then says that it does not know."""
    monkeypatch.setattr(_new_runs, "_MOST_NEW", 500)
    service = Endless(lost())
    service.ended = True
    groups = groups_over(service)

    async def intend(_: StartedRun) -> None:
        service.ended = False

    with pytest.raises(OutcomeUnknownError, match="no new run appeared within 30 s"):
        await groups.runs._starter.start(101, intend)
    assert groups.clock.now() == pytest.approx(30)
    assert service.count(RUNS) < 200


def hanging(path: str, *, begin: float = 0.0, end: float = NEVER) -> World:
    """A service that does not answer *path* between two moments; a start's answer is lost."""

    def trouble(asked: str, _: int, now: float) -> Any:
        if asked == START:
            return APIConnectionError(START, "the connection broke")
        return NEVER if asked == path and begin <= now < end else None

    return World(trouble=trouble)


def test_a_slow_page_does_not_prolong_the_search_for_a_run() -> None:
    """The search after a lost start takes thirty seconds, and one for the last poll, also with a slow page."""
    world = hanging(HISTORY, begin=0.0035)
    world.add(1, ready=0, run=88)

    async def story() -> None:
        with pytest.raises(OutcomeUnknownError):
            await world.runs.start(1)
        assert 30 < world.now() < 32

    run_virtually(story())


def test_a_baseline_has_a_deadline() -> None:
    """It is named in the error, and nothing was started."""
    world = hanging(HISTORY)

    async def story() -> None:
        with pytest.raises(APITimeoutError, match=r"could not be read within 300 s; nothing was started"):
            await world.runs.start(1)
        assert round(world.now()) == 300

    run_virtually(story())
    assert not world.asked(START)


@pytest.mark.parametrize("path", [HISTORY, LIST])
@pytest.mark.parametrize("many", [2, 5])
def test_a_look_has_a_deadline_where_patience_has_no_end(path: str, many: int) -> None:
    """An answer that never comes is given up after ten minutes; the next look may do better."""
    world = hanging(path, end=1)

    told = world.wait(*(world.add(number, ready=15) for number in range(1, 1 + many)), policy=FOR_EVER)

    assert all(one.outcome.ok for one in told)
    assert max(one.at for one in told) < 700
