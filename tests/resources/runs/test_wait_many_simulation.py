"""Random histories in virtual time: whatever happens, each started run gets the outcome that is its own, in time."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator

import attrs
import pytest
from support.fake_service import HISTORY, LIST, Told, World
from support.fakes import refused
from support.virtual import run_virtually

from multicart_async.config import PollPolicy
from multicart_async.errors import APITimeoutError, RunFailedError, WaitTimeoutError
from multicart_async.models import StartedRun

CALM = 1_500.0  # from here on the service makes no trouble
POLICY = PollPolicy(wait_timeout=2_400.0)
WIDTH = 4


@attrs.frozen
class Case:
    """One started run: when it is handed in, when it ends, what its row tells."""

    started: StartedRun
    handed: float
    ready: float
    fails: bool


class Story:
    """A world with random collections, made from a number."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.world = World(latency=chance.choice([0.01, 0.2]), requests=WIDTH, trouble=self._trouble)
        self.rough = chance.choice([0.0, 0.02, 0.3])
        self.cases = [case for number in range(1, chance.randrange(1, 40)) for case in self._collection(number)]
        self.cases.sort(key=lambda case: case.handed)

    def _trouble(self, path: str, number: int, now: float) -> object:
        if now > CALM or self.chance.random() > self.rough:
            return None
        return self.chance.choice([refused(500), refused(429), APITimeoutError(path, "no answer"), 70.0])

    def _collection(self, number: int) -> list[Case]:
        chance, world = self.chance, self.world
        listed = chance.random() > 0.1
        older = number * 1_000 + 1
        world.add(number, ready=-1, shown=math.inf, run=older, listed=listed)
        if chance.random() < 0.1:
            world.add(number, ready=math.inf, shown=chance.uniform(10, 2_000), after=older, status="Failed")
            return [Case(StartedRun(number, older), chance.uniform(0, 300), math.inf, fails=True)]
        cases: list[Case] = []
        for nth in range(chance.choice([1, 1, 1, 2])):
            ready = chance.choice([0.0, chance.uniform(0, 2_000), chance.uniform(0, 2_000), math.inf])
            shown = ready + chance.choice([0.0, 0.0, 0.0, -8.0, 8.0, math.inf])
            run = older + 1 + nth
            started = world.add(number, ready=ready, shown=max(shown, 0.0), after=run - 1, run=run, listed=listed)
            cases.append(Case(started, chance.uniform(0, 300), ready, fails=False))
        return cases

    async def source(self) -> AsyncIterator[StartedRun]:
        for case in self.cases:
            await asyncio.sleep(max(0.0, case.handed - self.world.now()))
            yield case.started

    def told(self) -> list[Told]:
        told: list[Told] = run_virtually(self.world.outcomes(self.source(), POLICY))
        return told


@pytest.mark.parametrize("part", range(6))
def test_each_run_gets_its_own_end_in_time(part: int) -> None:
    """Never an older run; an end before the deadline is never missed; nobody waits beyond the deadline."""
    for seed in range(part * 2, part * 2 + 2):
        story = Story(seed)
        random.seed(seed)  # for the spread of the ticks

        told = {each.outcome.key: each for each in story.told()}

        assert len(story.cases) == len(told)
        for case in story.cases:
            _check(case, told[case.started], story.cases)


def _check(case: Case, told: Told, cases: list[Case]) -> None:
    deadline = case.handed + (POLICY.wait_timeout or 0)
    siblings = [each for each in cases if each.started.collection_id == case.started.collection_id]
    assert deadline + 5 > told.at
    if told.outcome.ok:
        run = told.outcome.unwrap()
        assert case.started.after_run_id < run.id
        assert run.collection == case.started.collection_id
        assert told.at >= next(each.ready for each in siblings if each.started.after_run_id == run.id - 1)
    else:
        assert isinstance(told.outcome.error, RunFailedError if case.fails else WaitTimeoutError | RunFailedError)
        assert math.inf == case.ready


@pytest.mark.parametrize("seed", range(5))
def test_requests_are_bounded(seed: int) -> None:
    """One list call at a time, one poll of a collection at a time, history for all in every tenth tick and for changes."""
    story = Story(seed)
    story.rough = 0.0
    world = story.world
    random.seed(seed)

    told = story.told()

    ticks = len(world.asked(LIST))
    assert max(each.at for each in told) / (POLICY.poll_interval * 0.9) + 1 > ticks
    assert world.most["list"] <= 1
    assert world.most["look"] <= WIDTH
    assert {count for kind, count in world.most.items() if isinstance(kind, int)} == {1}
    for number, fake in world.fakes.items():
        if fake.listed and ticks > 30:
            changes = 4 * len(fake.statuses)
            runs = len(fake.runs)
            assert runs * (ticks / 10 + changes + 12) > len(world.asked(HISTORY, number)), number
