"""A week of an account on schedules, in virtual time: with restarts and trouble, no finished run is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import sys
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import attrs
import pytest
from support.follow_world import DAY, Planned, ScheduledWorld, at_once
from support.virtual import run_virtually

from multicart_async.config import PollPolicy
from multicart_async.models import Run
from multicart_async.resources.runs import _follow_state
from multicart_async.resources.runs._follow import follow_runs

SIZE = int(os.environ.get("MULTICART_FOLLOWED", "1000"))
"""Collections in the long simulation; 10,000 take more than a minute, so they need ``--timeout=0``."""


@pytest.fixture(autouse=True)
def _without_threads_and_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written as always, but in the loop itself, and not flushed to the disk."""
    monkeypatch.setattr(_follow_state, "run_in_thread", at_once)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@attrs.define
class Story:
    """A consumer that is interrupted at random moments, and what it was given."""

    world: ScheduledWorld
    state: Path
    seconds: float
    policy: PollPolicy
    given: list[tuple[float, Run]] = attrs.field(factory=list[tuple[float, Run]])
    restarts: int = 0
    largest: int = 0
    _handling: asyncio.Event | None = None

    async def tell(self, restarts: int) -> None:
        """Follow with so many restarts, each after an outage of up to two hours, and at last until all must be known.

        Every second time the consumer is interrupted while it handles a run.
        """
        chance = self.world.chance
        for number in range(restarts):
            await self._consume(self.seconds / restarts * chance.uniform(0.5, 1), handling=number % 2 == 1)
            self.restarts += 1
            await asyncio.sleep(chance.uniform(0, 7_200))
        await self._consume(max(self.seconds - self.world.now(), 0) + 80 * self.policy.poll_interval)

    async def _consume(self, seconds: float, *, handling: bool = False) -> None:
        task = asyncio.ensure_future(self._follow())
        await asyncio.wait([task], timeout=seconds)
        if handling:
            self._handling = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._handling.wait(), 7_200)
        if task.done():
            task.result()
        task.cancel()
        await asyncio.wait([task])
        self._handling = None
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def _follow(self) -> None:
        runs = follow_runs(
            *(self.world.context(), self.world, self.world.api()),  # type: ignore[arg-type]
            chosen=None,
            state=self.state,
            since="now",
            policy=self.policy,
        )
        async with aclosing(runs):
            async for run in runs:
                self.given.append((self.world.now(), run))
                self.largest = max(self.largest, self.state.stat().st_size)
                if self._handling is not None:
                    self._handling.set()
                    await asyncio.sleep(DAY)
                elif self.world.chance.random() < 0.05:
                    await asyncio.sleep(self.world.chance.uniform(0, 20))

    def expected(self, first: float, last: float) -> list[Planned]:
        """The runs that finish between two moments."""
        plans = (plan for plans in self.world.planned.values() for plan in plans)
        return [plan for plan in plans if first < plan.end < last]


def tell(path: Path, collections: int, seconds: float, *, seed: int, restarts: int, policy: PollPolicy) -> Story:
    random.seed(seed)  # for the spread of the ticks
    story = Story(ScheduledWorld(collections, seconds, seed), path, seconds, policy)
    run_virtually(story.tell(restarts))
    return story


def check(story: Story, *, settled: float) -> dict[str, int]:
    """No run is lost, at most one is given twice per restart, and only a run that finished late comes late."""
    counts = Counter(run.id for _, run in story.given)
    plans = {plan.id: plan for plans in story.world.planned.values() for plan in plans}
    lost = [plan for plan in story.expected(settled, story.seconds) if not counts[plan.id]]
    repeated = sum(counts.values()) - len(counts)
    assert lost == []
    assert repeated <= story.restarts
    assert all(run.is_download_generated and plans[run.id].end > 0 for _, run in story.given)
    late = 0
    seen: dict[int, tuple[int, float]] = {}
    for at, run in story.given:
        highest, moment = seen.get(run.collection, (0, 0.0))
        if run.id < highest:
            late += 1
            assert plans[run.id].end > moment - 60  # it finished when the later one had been read, or was just read
        elif run.id > highest:
            seen[run.collection] = run.id, at
    return {"runs": len(counts), "repeated": repeated, "late": late, "lost": len(lost)}


STEADY = PollPolicy(poll_interval=60, growth=1, wait_timeout=None)


@pytest.mark.parametrize("seed", range(3))
def test_no_finished_run_is_lost(tmp_path: Path, seed: int) -> None:
    """A few collections for a day, with restarts, lists that are short or in no order, and calls that fail."""
    story = tell(tmp_path / "state", 25, DAY, seed=seed, restarts=6, policy=STEADY)

    found = check(story, settled=600)

    assert found["runs"] > 20
    assert story.world.calls["list"] < 1.2 * DAY / 60 + 100


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_a_week_of_many_collections(tmp_path: Path) -> None:
    """As many as ``MULTICART_FOLLOWED`` says. The requests are those of `wait_many`, and the file stays small."""
    began = time.perf_counter()
    policy = PollPolicy(poll_interval=600, growth=1, wait_timeout=None)

    story = tell(tmp_path / "state", SIZE, 7 * DAY, seed=SIZE, restarts=40, policy=policy)

    found = check(story, settled=7_200)
    calls, ticks = story.world.calls, len(story.world.lists)
    found |= {"restarts": story.restarts, "ticks": ticks, "readings": calls["reading"], "pages": calls["page"]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    took = f"{calls['page'] / ticks:.0f} pages a tick, {time.perf_counter() - began:.0f} s, {peak} MiB in all"
    sys.stdout.write(f"{found}, {took}, state at most {story.largest:,} bytes\n")  # shown with -s
    assert ticks < 1.2 * 7 * DAY / 600 + 80 + 2 * story.restarts
    assert calls["reading"] < SIZE * (story.restarts + 1 + ticks / 10) + 8 * found["runs"]
    assert story.largest < SIZE * 600 + (128 << 10)
