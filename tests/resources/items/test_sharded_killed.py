"""SIGKILL at any moment, and the same call again, against the sandbox: no ASIN lost or twice, no draft unknown."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from support import sharded_killed
from support.eventually import until

from multicart_async.models import Shard
from multicart_async.sandbox import Sandbox

ASINS = [f"B{number:03}" for number in range(5)]
LINES = 17  # of the journal of the whole call
CREATE = "/schedules/add_schedule/"


@attrs.define
class Driver:
    """The process whose children do the work."""

    process: asyncio.subprocess.Process

    async def say(self, job: dict[str, Any]) -> int:
        """The pid of the child that works on *job* now."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        return int(await self.hear())

    async def hear(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()


@pytest_asyncio.fixture
async def driver() -> AsyncIterator[Driver]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, sharded_killed.__file__, stdin=pipe, stdout=pipe)
    try:
        yield Driver(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True) as made:
        yield made


async def again(sandbox: Sandbox, journal: Path) -> tuple[tuple[Shard, ...], Counter[str]]:
    """The same call, left alone, and the drafts that it warns of."""
    async with sandbox.client() as client:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            shards = await client.collections.create_sharded(
                sharded_killed.NAME, ASINS, size=sharded_killed.SIZE, journal=journal, **sharded_killed.PLACE
            )
    return shards, Counter(str(one.message).split("'")[1] for one in told)


async def held(sandbox: Sandbox, shards: tuple[Shard, ...]) -> list[tuple[str, ...]]:
    """What the service has in each collection."""
    async with sandbox.client() as client:
        return [tuple([row.asin async for row in client.asins.iterate(shard.collection_id)]) for shard in shards]


def creations(sandbox: Sandbox) -> Counter[str]:
    """How often each name was sent to be created."""
    return Counter(request.fields["name"] for request in sandbox.requests if request.path == CREATE)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", range(2))
@pytest.mark.heavy
async def test_killed_at_any_moment_the_same_call_finishes_the_work(
    sandbox: Sandbox, driver: Driver, tmp_path: Path, part: int
) -> None:
    """Nothing is created twice but what the warning names, and nothing is anywhere twice."""
    for lines in range(part, LINES, 2):
        sandbox.recording.clear()
        journal = tmp_path / f"{lines}.journal"
        job = {"url": sandbox.url, "key": sandbox.api_key, "asins": ASINS, "journal": str(journal)}

        pid = await driver.say(job)
        ended = asyncio.ensure_future(driver.hear())
        await until(
            lambda j=journal, n=lines, e=ended: e.done() or (j.exists() and j.read_bytes().count(b"\n") >= n), 60
        )
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert await ended == "ended"
        shards, drafts = await again(sandbox, journal)

        assert await held(sandbox, shards) == [("B000", "B001"), ("B002", "B003"), ("B004",)]
        assert [shard.added.success_count for shard in shards] == [2, 2, 1]
        assert set(creations(sandbox)) == {"AU 1", "AU 2", "AU 3"}
        assert creations(sandbox) <= Counter(["AU 1", "AU 2", "AU 3"]) + drafts
        assert drafts.total() <= 1


async def test_left_alone_the_process_does_everything(sandbox: Sandbox, driver: Driver, tmp_path: Path) -> None:
    """Otherwise the kills above would prove nothing."""
    journal = tmp_path / "journal"
    await driver.say({"url": sandbox.url, "key": sandbox.api_key, "asins": ASINS, "journal": str(journal)})

    assert await driver.hear() == "ended"
    assert Counter(["AU 1", "AU 2", "AU 3"]) == creations(sandbox)
    assert journal.read_bytes().count(b"\n") == LINES
    assert (sum(sandbox.counts.values()), (await again(sandbox, journal))[1].total()) == (6, 0)
