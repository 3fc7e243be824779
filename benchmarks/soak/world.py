"""What goes on at the service meanwhile: runs by schedule, failures, a lack of credits, and collections that come and go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Final

from soak.checks import finished
from soak.given import Given
from soak.plan import Plan
from soak.service import Control, Runs

__all__ = ["KINDS", "World"]

KINDS: Final = ("scheduled", "1", "2")
"""Collections with a schedule, and those that the one or the other process starts."""

_CREDITS: Final = 10**9
_GONE: Final = 4  # no more than one of so many collections of a mirror may be gone: beyond half, nothing is pruned


class World:
    """The collections by kind; those that are *busy* stay. ``gone`` are the finished runs of those that were deleted."""

    def __init__(self, plan: Plan, control: Control, chance: random.Random) -> None:
        self._plan = plan
        self._control = control
        self._chance = chance
        self.ids: dict[str, list[int]] = {}
        self.busy: set[int] = set()
        self.gone: set[int] = set()
        self.given = {who: Given(plan.place(f"followed-{who}.txt")) for who in ("1", "2")}
        self.scheduled = 0
        self._one = asyncio.Lock()  # nothing is started while a collection is chosen and deleted

    async def begin(self) -> None:
        """Make the collections."""
        await self._control.credits(_CREDITS)
        for kind in KINDS:
            self.ids[kind] = [await self._new() for _ in range(self._plan.collections)]

    async def _new(self) -> int:
        return await self._control.add(self._chance.randrange(3, 8))

    def all_ids(self) -> list[int]:
        """All collections."""
        return [number for ids in self.ids.values() for number in ids]

    async def schedule(self) -> None:
        """Start runs, some of which fail."""
        while True:
            async with self._one:
                number = self._chance.choice(self.ids["scheduled"])
                if self._chance.random() < 0.04:
                    await self._control.fail_next(number)
                self.scheduled += await self._control.start(number)
            await asyncio.sleep(self._plan.pace * self._chance.uniform(0.2, 2.2))

    async def starve(self) -> None:
        """Take the credits away for a moment."""
        while True:
            await asyncio.sleep(self._plan.pace * self._chance.uniform(20, 60))
            await self._control.credits(0)
            await asyncio.sleep(self._chance.uniform(0.1, 1))
            await self._control.credits(_CREDITS)

    async def renew(self) -> None:
        """Replace collections with many runs by new ones, so that nothing at the service grows for ever."""
        while True:
            await asyncio.sleep(self._plan.pace * 2)
            self.refresh()
            if self._mirrors_can_lose_one():
                async with self._one:
                    await self._renew_one()

    async def _renew_one(self) -> None:
        runs = await self._control.runs()
        for kind, number in self._old(runs):
            self.ids[kind].remove(number)  # before the next suspension, so that nothing chooses it
            self.gone |= finished(runs)[number].keys()
            await self._control.delete(number)
            self.ids[kind].append(await self._new())
            return

    def refresh(self) -> None:
        """Read what was given out meanwhile."""
        for given in self.given.values():
            given.refresh()

    def _old(self, runs: Runs) -> Iterator[tuple[str, int]]:
        for kind, ids in self.ids.items():
            for number in ids:
                states = runs[number]
                settled = "running" not in states.values() and number not in self.busy
                done = finished(runs)[number].keys()
                given = all(done <= each.runs.keys() for each in self.given.values())
                if len(states) >= self._plan.most_runs and settled and given:
                    yield kind, number

    def _mirrors_can_lose_one(self) -> bool:
        known = set(self.all_ids())
        for who in ("1", "2"):
            mirror = self._plan.place(f"mirror-{who}")
            there = {int(path.name) for path in mirror.glob("*") if path.name.isdecimal()}
            if _GONE * (len(there - known) + 1) > len(there):
                return False
        return True

    async def settle(self) -> Runs:
        """Wait until no run is under way; return all runs."""
        await self._control.credits(_CREDITS)
        for _ in range(100):
            runs = await self._control.runs()
            if all("running" not in states.values() for states in runs.values()):
                break
            await asyncio.sleep(0.2)
        return runs
