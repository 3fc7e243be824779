"""The process that is watched: one client, which does everything at the same time for the whole test.

``python -m soak.subject PLAN`` takes batches as lines of JSON, and gives what it measures and how batches have ended.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from multicart_async._core.threads import WORKERS
from soak.findings import Findings
from soak.loads import Loads, disturbed
from soak.measures import measure, resident
from soak.plan import Plan, open_client

__all__: list[str] = []

_ATTEMPTS: Final = 60
_SAMPLES: Final = 30
_END: Final = 10.0  # seconds for threads to end


class _Subject:
    def __init__(self, plan: Plan, loads: Loads, findings: Findings, chance: random.Random) -> None:
        self._plan = plan
        self._loads = loads
        self._findings = findings
        self._chance = chance
        self._ids: list[int] = []
        self._batches: set[asyncio.Task[None]] = set()
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self.closed = 0  # followers that were closed
        self.done: dict[str, int] = {}

    async def work(self) -> None:
        """Do everything at once until standard input ends; then stop what is under way."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._again("sync", self._sync, 3.0)),
                group.create_task(self._again("follow", self._follow, 1.0)),
                group.create_task(self._again("export", self._export, 3.0)),
                group.create_task(self._again("read", self._read, 1.0)),
                group.create_task(self._again("look", self._look, 3.0)),
                group.create_task(self._sample()),
            ]
            await self._obey(group)
            for task in (*tasks, *self._batches):
                task.cancel()

    async def _again(self, what: str, once: Callable[[], Awaitable[object]], pause: float) -> None:
        while True:
            with self._findings.watching(what):
                await once()
            self.done[what] = self.done.get(what, 0) + 1
            await asyncio.sleep(self._plan.pace * pause * self._chance.uniform(0.2, 1.8))

    async def _sync(self) -> None:
        if self._chance.random() < 0.1:
            await self._loads.mirror_for(self._chance.uniform(1, 10))
        else:
            await disturbed(self._loads.sync(), self._chance, 1.5)

    async def _follow(self) -> None:
        most = self._chance.choice((1, 3, 20))
        try:
            await disturbed(self._loads.follow(most=most), self._chance, 20.0, calm=0.0)
        finally:
            self.closed += 1

    async def _export(self) -> None:
        await disturbed(self._loads.export(), self._chance, 0.3)

    async def _read(self) -> None:
        if self._ids:
            await disturbed(self._loads.read(self._chance.choice(self._ids)), self._chance, 0.2)

    async def _look(self) -> None:
        if self._ids:
            await disturbed(self._loads.look(self._chance.choice(self._ids)), self._chance, 0.1)

    async def _sample(self) -> None:
        while True:
            self._samples.append(resident())
            await asyncio.sleep(min(1.0, self._plan.seconds / 120))

    async def _obey(self, group: asyncio.TaskGroup) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            told = json.loads(line)
            if "batch" in told:
                batch = group.create_task(self._batch(told["batch"], told["ids"]))
                self._batches.add(batch)
                batch.add_done_callback(self._batches.discard)
            elif "ids" in told:
                self._ids = told["ids"]
            else:
                _say({"measure": measure(self._samples).to_json(), "done": self.done, "errors": self._findings.errors})

    async def _batch(self, number: int, ids: list[int]) -> None:
        ended: dict[int, str] = {}
        for attempt in range(_ATTEMPTS):
            with self._findings.watching("run_many"):
                calm = 0.3 if attempt < 5 else 1.0
                await disturbed(self._loads.batch(number, ids, ended), self._chance, 2.0, calm)
            if all(ended.get(collection) in {"done", "unknown"} for collection in ids):
                break
            await asyncio.sleep(self._plan.pace * 0.2)
        _say({"batch": number, "ended": ended})


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


async def _live(plan: Plan, findings: Findings) -> dict[str, Any]:
    findings.watch_loop()
    begin = measure()
    _say({"begin": begin.to_json()})
    chance = random.Random(plan.seed + 1)
    async with open_client(plan) as client:
        subject = _Subject(plan, Loads(plan, client, findings, chance, "1"), findings, chance)
        await subject.work()
    await asyncio.sleep(0.1)  # the loop closes the connections in its next turns
    gc.collect()
    return {"idle": measure().to_json(), "closed": subject.closed, "done": subject.done, "errors": findings.errors}


def main() -> None:
    """Work until standard input ends, and tell what is left then."""
    plan = Plan(**json.loads(sys.argv[1]))
    findings = Findings(plan.place("findings.jsonl"), "subject")
    findings.watch_process()
    if find_spec("pyarrow"):
        import_module("pyarrow.parquet")
        import_module("pyarrow").array(
            [1]
        )  # its first array imports pandas, if that is there: 50 MiB, which are no growth
    told = asyncio.run(_live(plan, findings))
    gc.collect()
    until = time.monotonic() + _END
    while measure().threads > 1 + WORKERS and time.monotonic() < until:
        time.sleep(0.2)
    _say({"end": measure().to_json(), **told})
    findings.close()


if __name__ == "__main__":
    main()
