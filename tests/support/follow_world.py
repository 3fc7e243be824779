"""A service in memory with thousands of collections on schedules, for `follow` in virtual time.

It does without JSON, so that a week of 10,000 collections takes minutes. Everything follows from one number.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import attrs

from multicart_async import Limits
from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async.errors import APITimeoutError, ServerError
from multicart_async.models import Collection, Run
from multicart_async.resources.runs._api import RunApi
from support.fakes import FakeTransport
from support.groups import context_over

__all__ = ["DAY", "Planned", "ScheduledWorld", "at_once"]

T = TypeVar("T")
DAY = 86_400.0
_EPOCH = datetime(2026, 11, 1, tzinfo=UTC)


@attrs.frozen
class Trouble:
    """How likely each misfortune is."""

    short_list: float = 0.02  # a list of collections that lacks a third of them
    shuffled: float = 0.1  # runs in no order
    cut: float = 0.1  # a page of runs that is shorter than it could be
    failure: float = 0.005  # a call that fails for a transient reason


@attrs.frozen
class Planned:
    """A run, as it will happen; ``end`` is infinite if it fails."""

    id: int
    collection: int
    start: float
    end: float


class ScheduledWorld:
    """Collections with the numbers 1 to *count*, whose runs start on schedules; a few of them come later."""

    def __init__(
        self, count: int, seconds: float, seed: int, trouble: Trouble = Trouble(), *, before: float = DAY
    ) -> None:
        self.chance = chance = random.Random(seed)
        self.trouble = trouble
        self.calls: Counter[str] = Counter()
        self.lists: list[float] = []
        self.born = {
            number: chance.uniform(0, seconds) if chance.random() < 0.02 else -math.inf
            for number in range(1, count + 1)
        }
        starts = [each for number in self.born for each in self._starts(number, -before, seconds)]
        starts.sort()
        self.planned: dict[int, list[Planned]] = {number: [] for number in self.born}
        for run_id, (start, number, length) in enumerate(starts, 1):
            end = math.inf if chance.random() < 0.03 else start + length
            self.planned[number].append(Planned(run_id, number, start, end))
        self._runs = {plan.id: _both(plan) for plans in self.planned.values() for plan in plans}
        self._rows: dict[int, Collection] = {}
        self._changes = sorted((at, number, status) for number in self.born for at, status in self._statuses(number))
        self._next = 0

    def _starts(self, number: int, first: float, last: float) -> list[tuple[float, int, float]]:
        """Moments and lengths of its runs; now and then one is started by hand while another is in progress."""
        chance = self.chance
        every = chance.choices([DAY, 3_600.0, 7 * DAY], [80, 5, 15])[0]
        first = max(first, self.born[number])
        found: list[tuple[float, int, float]] = []
        at = first + chance.uniform(0, every)
        while at < last:
            length = chance.uniform(60, min(3_000, every * 0.8))
            found.append((at, number, length))
            if chance.random() < 0.05:
                found.append((at + chance.uniform(1, length), number, chance.uniform(30, 2_000)))
            at += every
        return found

    def _statuses(self, number: int) -> list[tuple[float, str]]:
        """When its row changes, and to what; the end of a run is shown a little early or late, or never."""
        chance = self.chance
        found = [(max(self.born[number], -1e9), "Pending")]
        for plan in self.planned[number]:
            over = plan.start + 600 if plan.end == math.inf else plan.end
            found.append((plan.start, "Processing"))
            if chance.random() > 0.01:
                word = "Failed" if plan.end == math.inf else "Completed"
                found.append((max(plan.start, over + chance.choice([0, 0, 0, -20, 20])), word))
        return found

    @staticmethod
    def now() -> float:
        """Seconds since the beginning."""
        return asyncio.get_running_loop().time()

    async def list(self) -> tuple[Collection, ...]:
        """The call for all collections."""
        self.calls["list"] += 1
        self.lists.append(self.now())
        await self._answer("/schedules/get_schedules/", 0.5)
        while self._next < len(self._changes) and self._changes[self._next][0] <= self.now():
            at, number, status = self._changes[self._next]
            moment = _EPOCH + timedelta(seconds=max(at, -DAY * 30))
            self._rows[number] = Collection(id=number, schedule_status=status, updated_at=moment)
            self._next += 1
        rows = tuple(self._rows.values())
        if self.chance.random() < self.trouble.short_list:
            return tuple(row for row in rows if self.chance.random() > 1 / 3)
        return rows

    def runs_of(self, number: int) -> list[Run]:
        """Its runs, as the service has them now, the newest first."""
        now = self.now()
        return [self._runs[plan.id][plan.end <= now] for plan in reversed(self.planned[number]) if plan.start <= now]

    async def page(self, number: int, skip: int, limit: int) -> tuple[Run, ...]:
        """The call for a page of the runs of a collection."""
        self.calls["page"] += 1
        self.calls["reading"] += not skip
        await self._answer("/schedules/collections/results/download/", 0.05)
        runs = self.runs_of(number)
        if self.chance.random() < self.trouble.shuffled:
            self.chance.shuffle(runs)
        page = runs[skip : skip + limit]
        if len(page) > 1 and self.chance.random() < self.trouble.cut:
            page = page[: self.chance.randrange(1, len(page))]
        return tuple(page)

    async def _answer(self, path: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.chance.random() < self.trouble.failure:
            raise self.chance.choice([ServerError(path, 500, "no"), APITimeoutError(path, "no answer")])

    def api(self) -> RunApi:
        """The calls for runs, over this world."""
        world = self

        class Api(RunApi):
            def page(self, collection_id: int, *, skip: int = 0, limit: int = 50) -> Any:
                return world.page(collection_id, skip, limit)

        return Api(context_over(FakeTransport()))

    def context(self, requests: int = 8) -> Any:
        """The infrastructure of a client whose clock is the loop's."""
        lifetime = ClientLifetime()
        clock = Clock(now=self.now, sleep=lifetime.sleep)
        return context_over(FakeTransport(), limits=Limits(requests=requests), lifetime=lifetime, clock=clock)


def _both(plan: Planned) -> tuple[Run, Run]:
    unfinished = Run(id=plan.id, collection=plan.collection, is_download_generated=False)
    return unfinished, attrs.evolve(unfinished, is_download_generated=True)


async def at_once(work: Callable[..., T], *args: Any) -> T:
    """In place of `run_in_thread`: threads have no place in virtual time."""
    return work(*args)
