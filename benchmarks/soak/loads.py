"""What is done over and over: a mirror, a batch of runs, following, exports and reading, each with settings by chance."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Coroutine, Sequence
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from multicart_async import AsyncMultiCart
from multicart_async.errors import OutcomeUnknownError
from multicart_async.tables import export
from soak.findings import Findings
from soak.plan import FOLLOW, POLICY, Plan

__all__ = ["Loads", "disturbed"]

FORMATS: Final = (".sqlite", ".jsonl", ".csv", *(("",) if find_spec("pyarrow") else ()))
_PATIENCE: Final = 120.0  # seconds for anything that nothing disturbs
_MOST_BYTES: Final = 6 * 2**20  # of a table, which is begun again then
_MOST_PARTS: Final = 40


class Loads:
    """The work of one process on one mirror. *who* names its files; what is left out of them is told by *findings*."""

    def __init__(self, plan: Plan, client: AsyncMultiCart, findings: Findings, chance: random.Random, who: str) -> None:
        self._plan = plan
        self._client = client
        self._findings = findings
        self._chance = chance
        self._who = who
        self._mirror = plan.place(f"mirror-{who}")

    async def sync(self) -> None:
        """One mirror, with options by chance."""
        chance, keep = self._chance, self._plan.keep
        options: dict[str, Any] = {
            "runs": chance.choice(("all", "all", "latest")),
            "check": chance.choice(("changed", "all")),
            "overwrite": chance.random() < 0.05,
            "prune": chance.random() < 0.4,
            "keep": chance.choice((None, keep, keep + 2)),
            "files": chance.choice(("pages", "both")),
            "count_records": chance.random() < 0.1,
            "dry_run": chance.random() < 0.05,
            "shard": (chance.randrange(2), 2) if chance.random() < 0.1 else None,
        }
        report = await self._client.sync(self._mirror, **options)
        for failure in report.failures:
            self._findings.check(failure.error, "a failure of sync")

    async def mirror_for(self, seconds: float) -> None:
        """A mirror that is kept up to date for some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                report = await self._client.sync(self._mirror, runs="all", follow=True, keep=self._plan.keep)
                for failure in report.failures:
                    self._findings.check(failure.error, "a failure of sync")

    async def batch(self, number: int, ids: Sequence[int], ended: dict[int, str]) -> None:
        """One call of ``run_many`` with the journal of a batch; *ended* gets what is known of each collection."""
        journal = self._plan.place(f"batch-{self._who}-{number}.jsonl")
        left = [collection for collection in ids if ended.get(collection) != "unknown"]
        outcomes = self._client.runs.run_many(left, self._mirror, journal=journal, policy=POLICY)
        async with aclosing(outcomes):
            async for outcome in outcomes:
                if outcome.error is None:
                    ended[outcome.key] = "done"
                    continue
                self._findings.check(outcome.error, "an outcome of run_many")
                ended[outcome.key] = "unknown" if isinstance(outcome.error, OutcomeUnknownError) else "failed"

    async def follow(self, *, most: int | None = None) -> None:
        """Follow, and write each run that is given out to a file, until there were *most*."""
        out = os.open(self._plan.place(f"followed-{self._who}.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            state = self._plan.place(f"state-{self._who}.jsonl")
            async with aclosing(self._client.runs.follow(state=state, since="all", policy=FOLLOW)) as runs:
                os.write(out, b"opened\n")
                given = 0
                async for run in runs:
                    os.write(out, f"{run.collection} {run.id}\n".encode())
                    given += 1
                    if given == most:
                        return
        finally:
            os.close(out)

    async def export(self) -> None:
        """One table of the mirror, which has grown since the last time."""
        suffix = self._chance.choice(FORMATS)
        place = self._plan.place(f"table-{self._who}{suffix}")
        if _is_large(place):
            _remove(place)
        if self._mirror.exists():
            await export(self._mirror, place, amounts=["price"])

    async def read(self, collection: int) -> None:
        """Read the records of the newest run, to the end or not."""
        run = await self._client.runs.latest(collection)
        if run is None:
            return
        most = self._chance.choice((1, 3, None))
        count = 0
        async with aclosing(self._client.runs.records(run)) as records:
            async for record in records:
                count += 1
                if not record.get("asin"):
                    self._findings.add(f"a record without asin in run {run.id}", repr(record))
                if count == most:
                    return
        if count != run.total_results:
            self._findings.add(f"run {run.id} has {run.total_results} results, but {count} records were read")

    async def look(self, collection: int) -> None:
        """A few small calls."""
        await asyncio.gather(
            self._client.collections.list(), self._client.account.credits(), self._client.runs.list(collection)
        )


async def disturbed(work: Coroutine[Any, Any, None], chance: random.Random, longest: float, calm: float = 0.5) -> bool:
    """Do some work, and at times cancel it at a random moment, in one way or another; return whether it was cut short."""
    way = chance.random()
    if way < calm:
        async with asyncio.timeout(_PATIENCE):
            await work
        return False
    seconds = chance.uniform(0, longest)
    if way < (1 + calm) / 2:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
        return limit.expired()
    return await _cancelled(work, chance, seconds)


async def _cancelled(work: Coroutine[Any, Any, None], chance: random.Random, seconds: float) -> bool:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:  # the end of the test
        task.cancel()
        await asyncio.wait([task], timeout=_PATIENCE)
        raise
    task.cancel()
    if chance.random() < 0.3:
        await asyncio.sleep(chance.uniform(0, 0.01))
        task.cancel()
    done, _ = await asyncio.wait([task], timeout=_PATIENCE)
    if not done:
        raise RuntimeError(f"a task that was cancelled has not ended: {task!r}")
    if task.cancelled():
        return True
    task.result()
    return False


def _is_large(place: Path) -> bool:
    if place.is_dir():
        return sum(1 for _ in place.glob("*.parquet")) > _MOST_PARTS
    return place.exists() and place.stat().st_size > _MOST_BYTES


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
