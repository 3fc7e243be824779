"""The parent's side of the loads: batches for the process that is watched, and jobs for those that are killed."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final

from soak.checks import double_starts
from soak.findings import Findings
from soak.measures import Measure
from soak.plan import Plan
from soak.processes import Process
from soak.service import Control
from soak.world import World

__all__ = ["Batches", "Killed", "Watched"]

_ATTEMPTS: Final = 60
_CLOSING: Final = 25.0  # seconds to cancel everything and to close the client


class Watched:
    """The process that is watched; ``ended`` gets how batches have ended, ``measures`` what it has measured."""

    def __init__(self, plan: Plan) -> None:
        self._process = Process("soak.subject", plan)
        self._waiting: dict[int, asyncio.Future[dict[int, str]]] = {}
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.begin: Measure | None = None

    async def start(self) -> None:
        """Start it, and wait for its first figures."""
        await self._process.start()
        self.begin = Measure(**json.loads(await self._process.line())["begin"])

    async def listen(self) -> None:
        """Take what it says, until it ends."""
        while True:
            told = json.loads(await self._process.line())
            if "batch" in told:
                ended = {int(key): how for key, how in told["ended"].items()}
                self._waiting.pop(told["batch"]).set_result(ended)
            else:
                self._told.put_nowait(told)
            if "end" in told:
                return

    def set_ids(self, ids: list[int]) -> None:
        """The collections that it may read."""
        self._process.say({"ids": ids})

    async def run(self, number: int, ids: list[int]) -> dict[int, str]:
        """Have a batch done."""
        future: asyncio.Future[dict[int, str]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._process.say({"batch": number, "ids": ids})
        return await future

    async def measure(self) -> dict[str, Any]:
        """Its figures of this moment."""
        self._process.say({"measure": True})
        return await self._told.get()

    async def finish(self) -> dict[str, Any]:
        """Have it end, and return its last figures."""
        ending = asyncio.ensure_future(self._process.end(_CLOSING))
        told = await self._told.get()
        status = await ending
        return {**told, "status": status}

    async def end(self) -> None:
        """End it, if it has not."""
        await self._process.end()


class Killed:
    """Jobs in processes that are killed at random moments, and done again until they are through."""

    def __init__(self, plan: Plan, findings: Findings, chance: random.Random) -> None:
        self._plan = plan
        self._findings = findings
        self._chance = chance
        self._open: list[Process] = []
        self.kills: Counter[str] = Counter()
        self.through: Counter[str] = Counter()

    async def nursery(self) -> Process:
        """A process that starts jobs."""
        process = Process("soak.nursery", self._plan)
        self._open.append(process)
        await process.start()
        return process

    async def end(self) -> None:
        """End all of them."""
        await asyncio.gather(*(process.end() for process in self._open))

    async def again(self, kind: str, pause: float, longest: float) -> None:
        """Jobs of one kind, each killed up to three times; one that follows is always killed."""
        nursery = await self.nursery()
        while True:
            kills = self._chance.randrange(4)
            while kills or kind == "follow":
                kills -= 1
                await self._job(nursery, {"kind": kind}, self._chance.uniform(0.05, longest))
                await asyncio.sleep(self._plan.pace * 0.3)
            await self._job(nursery, {"kind": kind}, None)
            await asyncio.sleep(self._plan.pace * pause * self._chance.uniform(0.2, 1.8))

    async def batch(self, nursery: Process, number: int, ids: list[int]) -> dict[int, str]:
        """A batch that is killed, and called again until each collection is through or of unknown outcome."""
        place = self._plan.place(f"ended-{number}.json")
        ended: dict[int, str] = dict.fromkeys(ids, "open")
        kills = self._chance.randrange(4)
        for attempt in range(_ATTEMPTS):
            unknown = [key for key, how in ended.items() if how == "unknown"]
            job = {"kind": "batch", "number": number, "ids": ids, "unknown": unknown}
            await self._job(nursery, job, self._chance.uniform(0.05, 2) if attempt < kills else None)
            if place.exists():
                ended |= {int(key): how for key, how in json.loads(place.read_bytes()).items()}
                place.unlink()
            if all(how in {"done", "unknown"} for how in ended.values()):
                break
            await asyncio.sleep(self._plan.pace * 0.2)
        return ended

    async def _job(self, nursery: Process, job: dict[str, Any], seconds: float | None) -> None:
        nursery.say({**job, "seconds": seconds, "seed": self._chance.getrandbits(32)})
        told = json.loads(await nursery.line())
        if told["status"] == -signal.SIGKILL and not told["late"]:
            self.kills[job["kind"]] += 1
        elif told["status"] == 0:
            self.through[job["kind"]] += 1
        elif told["status"] != 3 or told["late"]:
            self._findings.add(f"a {job['kind']} has ended with status {told['status']}", repr(told))


class Batches:
    """Batches of collections that nothing else starts, and a check of each for double starts."""

    def __init__(self, plan: Plan, control: Control, world: World, chance: random.Random) -> None:
        self._plan = plan
        self._control = control
        self._world = world
        self._chance = chance
        self._numbers = count(1)
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()
        self.stopping = False

    async def again(self, who: str, run: Callable[[int, list[int]], Awaitable[dict[int, str]]]) -> None:
        """One batch after another."""
        while not self.stopping:
            free = [number for number in self._world.ids[who] if number not in self._world.busy]
            ids = self._chance.sample(free, min(len(free), self._chance.randrange(2, 6)))
            self._world.busy.update(ids)
            try:
                await self._batch(who, ids, run)
            finally:
                self._world.busy.difference_update(ids)
            await asyncio.sleep(self._plan.pace * self._chance.uniform(0.5, 3))

    async def _batch(
        self, who: str, ids: list[int], run: Callable[[int, list[int]], Awaitable[dict[int, str]]]
    ) -> None:
        number, before = next(self._numbers), await self._control.runs()
        ended: dict[int, str] = dict.fromkeys(ids, "open")
        try:
            ended = await run(number, ids)
        finally:  # a batch that the end of the test leaves open is checked too
            after = await self._control.runs()
            self.wrong += double_starts(before, after, ended)
            self.ends.update(ended.values())
            self._plan.place(f"batch-{who}-{number}.jsonl").unlink(missing_ok=True)
