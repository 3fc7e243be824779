"""The course of a soak test: start everything, watch it for the time that is given, end it, and check."""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs

from soak.checks import growth, left_open
from soak.findings import Findings, read_findings
from soak.last import Verdict, last_checks
from soak.measures import Measure
from soak.plan import Plan
from soak.service import Control
from soak.victims import Batches, Killed, Watched
from soak.world import World

__all__ = ["Course", "Figures"]

_LAST_BATCHES: Final = 32.0  # seconds for batches that wait for a run that may never have been started


@attrs.define
class Figures:
    """All that is told at the end."""

    begin: Measure
    warm: Measure
    last: Measure
    idle: Measure
    end: Measure
    cores: float
    counts: dict[str, Any]
    batches: dict[str, int]
    scheduled: int
    kills: dict[str, int]
    through: dict[str, int]
    done: dict[str, int]
    errors: dict[str, int]
    again: int
    interruptions: int
    verdict: Verdict
    findings: list[dict[str, str]]

    @property
    def ok(self) -> bool:
        """Whether all is as it must be."""
        return self.verdict.ok and not self.findings


class Course:
    """One test. *say* gets a line from time to time."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._measures: list[Measure] = []
        self._warm: Measure | None = None

    async def run(self) -> Figures:
        """Do it all."""
        async with Control(self._plan) as control:
            self._plan = attrs.evolve(self._plan, url=control.url, key=control.key)
            self._control = control
            self._findings = Findings(self._plan.place("findings.jsonl"), "soak")
            self._findings.watch_process()
            self._findings.watch_loop()
            chance = random.Random(self._plan.seed + 2)
            self._world = World(self._plan, control, chance)
            await self._world.begin()
            self._watched = Watched(self._plan)
            self._killed = Killed(self._plan, self._findings, chance)
            self._batches = Batches(self._plan, control, self._world, chance)
            try:
                await self._watched.start()
                return await self._course()
            finally:
                await asyncio.gather(self._watched.end(), self._killed.end())
                self._findings.close()

    async def _course(self) -> Figures:
        await self._control.faults(on=True)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._watched.listen())
            batches = [group.create_task(self._batches.again("1", self._watched.run)) for _ in range(2)]
            batches.append(group.create_task(self._killed_batches()))
            loads = [group.create_task(each) for each in self._loads()]
            began = time.monotonic()
            await self._watch()
            self._batches.stopping = True
            await self._control.faults(on=False)
            last = await self._watched.measure()
            await asyncio.wait(batches, timeout=_LAST_BATCHES)
            for task in (*batches, *loads):
                task.cancel()
            await asyncio.wait([*batches, *loads])
            told = await self._watched.finish()
            await listening
        await asyncio.gather(self._killed.end(), self._watched.end())
        self._cores = await self._cpu() / (time.monotonic() - began)
        return await self._figures(Measure(**last["measure"]), told)

    async def _cpu(self) -> float:
        """Seconds of all processes."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        seconds: float = (await self._control.counts())["cpu"]
        return seconds + sum(each.ru_utime + each.ru_stime for each in used)

    def _loads(self) -> list[Coroutine[Any, Any, None]]:
        killed, world = self._killed, self._world
        return [
            *(world.schedule(), world.starve(), world.renew()),
            killed.again("sync", 4.0, 2.0),
            killed.again("export", 6.0, 0.6),
            killed.again("follow", 0.0, 8.0),
        ]

    async def _killed_batches(self) -> None:
        nursery = await self._killed.nursery()

        async def run(number: int, ids: list[int]) -> dict[int, str]:
            return await self._killed.batch(nursery, number, ids)

        await self._batches.again("2", run)

    async def _watch(self) -> None:
        began = time.monotonic()
        pause = min(60.0, self._plan.seconds / 4)
        moments = sorted({*(pause * n for n in range(1, int(self._plan.seconds / pause) + 1)), self._plan.warm})
        for moment in moments:
            await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
            self._watched.set_ids(self._world.all_ids())
            measure = Measure(**(await self._watched.measure())["measure"])
            self._measures.append(measure)
            if moment == self._plan.warm:
                self._warm = measure
            counts = await self._control.counts()
            self._say(
                f"{moment / 60:6.1f} min: {measure}; {counts['requests']} requests, {sum(counts['faults'].values())} "
                f"faults, {self._killed.kills.total()} kills, {len(read_findings(self._plan.place('findings.jsonl')))} "
                f"findings, {len(self._batches.wrong)} double starts"
            )

    async def _figures(self, last: Measure, told: dict[str, Any]) -> Figures:
        begin, warm, idle, end = self._watched.begin, self._warm, Measure(**told["idle"]), Measure(**told["end"])
        assert begin is not None
        assert warm is not None
        counts = await self._control.counts()
        verdict = await last_checks(self._plan, self._control, self._world, self._findings)
        verdict.add("double starts", counts["starts"], self._batches.wrong)
        verdict.add("memory", len(self._measures), growth(warm, last))
        verdict.add("left open", 3, left_open(begin, idle))
        verdict.add("left open", 3, left_open(begin, end))
        if told["status"]:
            self._findings.add(f"the process that is watched has ended with status {told['status']}")
        given = self._world.given
        return Figures(
            begin=begin,
            warm=warm,
            last=last,
            idle=idle,
            end=end,
            cores=self._cores,
            counts=counts,
            batches=dict(self._batches.ends),
            scheduled=self._world.scheduled,
            kills=dict(self._killed.kills),
            through=dict(self._killed.through),
            done=told["done"],
            errors=told["errors"],
            again=sum(each.again for each in given.values()),
            interruptions=sum(each.opened for each in given.values()),
            verdict=verdict,
            findings=read_findings(self._plan.place("findings.jsonl")),
        )
