"""Lists that move while they are read, through the groups of the client.

For more: ``MULTICART_TRIALS=10000 pytest --timeout 600 tests/resources/test_moving_lists.py``.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.fake_service import HISTORY, STEADY, World
from support.fakes import FakeClock
from support.groups import Groups, groups_over
from support.moving import ANY_ORDER, KEPT_ORDER, MovingList, Restless, trials
from support.virtual import run_virtually
from support.wire_rows import GET, RUN, RUNS, ByPath, collection_row, in_turn, ok, run_row

from multicart_async import PollPolicy
from multicart_async._http import Response
from multicart_async.models import StartedRun
from multicart_async.resources import asins as asins_module
from multicart_async.resources.runs import _api as runs_module

ASINS = "/schedules/amazon/asin/list/"
PARTS = 2
COLLECTIONS = range(1, 6)
KINDS = (*ANY_ORDER, *KEPT_ORDER)
POLICY = PollPolicy(poll_interval=10, growth=1, jitter=0)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of a dozen rows have several pages."""
    monkeypatch.setattr(runs_module, "PAGE", 3)
    monkeypatch.setattr(asins_module, "PAGE", 3)


class MovingRuns(ByPath):
    """A collection whose runs move; the one that is started, and those that come later, end after 25 seconds."""

    def __init__(self, seed: int) -> None:
        super().__init__({RUN: self.run, RUNS: self.runs, ASINS: self.asins, GET: in_turn(collection_row())})
        self.moving = MovingList(random.Random(seed), KINDS[seed % len(KINDS)])
        self.clock = FakeClock()
        self.mine = 0

    def row(self, number: int) -> dict[str, Any]:
        """A run."""
        old = not self.mine or number < self.mine
        return run_row(number, finished=old or self.clock.now() > 25)

    def run(self, _: dict[str, Any]) -> Response:
        """Starts mine."""
        self.mine = self.moving.add()
        self.moving.kept.add(self.mine)
        return ok("Queued!")

    def runs(self, fields: dict[str, Any]) -> Response:
        """A page of them."""
        return ok([self.row(number) for number in self.moving.page(fields["skip"], fields["limit"])])

    def asins(self, fields: dict[str, Any]) -> Response:
        """A page of ASINs."""
        ids = self.moving.page(fields["skip"], fields["limit"])
        return ok([{"id": number, "asin": f"B{number}"} for number in ids])

    def groups(self) -> Groups:
        """The client's."""
        return groups_over(self, clock=self.clock)


@pytest.mark.parametrize("part", range(PARTS))
async def test_iterate_loses_no_run_and_no_asin(part: int) -> None:
    """Each that is there all the time comes, once."""
    for seed in trials(200, part, PARTS):
        service = MovingRuns(seed)
        groups = service.groups()
        service.moving.begin()
        runs = [run.id async for run in groups.runs.iterate(101)]
        assert service.moving.stayed <= set(runs), seed

        service.moving.begin()
        asins = [asin.id async for asin in groups.asins.iterate(101)]
        assert service.moving.stayed <= set(asins), seed
        assert (len(set(runs)), len(set(asins))) == (len(runs), len(asins))


@pytest.mark.parametrize("part", range(PARTS))
async def test_latest_is_not_older_than_a_run_that_stays(part: int) -> None:
    """All of them are finished, and the newest may stand anywhere."""
    for seed in trials(200, part, PARTS):
        service = MovingRuns(seed)

        latest = await service.groups().runs.latest(101)

        assert max(service.moving.stayed, default=0) <= (0 if latest is None else latest.id), seed


@pytest.mark.parametrize("part", range(PARTS))
async def test_the_right_run_is_waited_for(part: int) -> None:
    """Never one that was there before the start, nor one that is newer than mine; what came in between may be taken for it."""
    for seed in trials(200, part, PARTS):
        service = MovingRuns(seed)
        before = service.moving.highest
        runs = service.groups().runs

        run = await runs.wait(await runs.start(101), policy=POLICY)

        assert before < run.id <= service.mine, seed


class MovingWorld(World):
    """Collections whose runs move, each in its own way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        chance = random.Random(seed)
        self.lists = {number: MovingList(chance, _kind(seed + number)) for number in COLLECTIONS}
        self.mine: dict[int, int] = {}

    def begin(self) -> list[StartedRun]:
        """One started run of each collection; it and what comes later end after 25 seconds."""
        started: list[StartedRun] = []
        for number, moving in self.lists.items():
            after = moving.highest
            self.mine[number] = moving.add()
            moving.kept.add(self.mine[number])
            started.append(self.add(number, ready=25, after=after))
        return started

    def _answer(self, path: str, number: int, fields: dict[str, Any]) -> Response:
        if path != HISTORY:
            return super()._answer(path, number, fields)
        ended = self.now() > 25
        ids = self.lists[number].page(fields["skip"], fields["limit"])
        return ok([run_row(one, collection=number, finished=ended or one < self.mine[number]) for one in ids])


def _kind(number: int) -> Restless:
    return KINDS[number % len(KINDS)]


@pytest.mark.parametrize("part", range(PARTS))
def test_many_waits_end_with_the_right_runs(part: int) -> None:
    """Each with the one that was started."""
    for seed in trials(150, part, PARTS * len(COLLECTIONS)):
        world = MovingWorld(seed)

        told = run_virtually(world.outcomes(world.begin(), STEADY))

        assert {one.id: one.outcome.unwrap().id for one in told} == world.mine, seed
