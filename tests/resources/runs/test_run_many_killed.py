"""SIGKILL at any moment, and the same call again: no second charge, and in the end the files."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from support import bulk_killed
from support.bulk_client import START, impatient, starts
from support.eventually import until

from multicart_async.errors import OutcomeUnknownError
from multicart_async.sandbox import Sandbox

MANY = 6
WHOLE = 36  # requests that a job makes, at least
ROUNDS = 22


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
    process = await asyncio.create_subprocess_exec(sys.executable, bulk_killed.__file__, stdin=pipe, stdout=pipe)
    try:
        yield Driver(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True, items_per_page=2) as made:
        yield made


def moments(sandbox: Sandbox, journal: Path) -> list[Callable[[], bool]]:
    """When to kill: after so many requests, or so many lines of the journal."""

    def requests(count: int) -> Callable[[], bool]:
        return lambda: len(sandbox.requests) >= count

    def lines(count: int) -> Callable[[], bool]:
        return lambda: journal.exists() and journal.read_bytes().count(b"\n") >= count

    by_requests = [requests(count) for count in range(0, WHOLE, 3)]
    return by_requests + [lines(count) for count in range(1, 3 * MANY + 2, 2)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", range(2))
@pytest.mark.heavy
async def test_killed_at_any_moment_nothing_is_started_twice(
    sandbox: Sandbox, driver: Driver, tmp_path: Path, part: int
) -> None:
    """Each collection is asked to run at most once in all; it has its files, or was certainly never seen to start."""
    unknown = 0
    for place in range(part, ROUNDS, 2):
        sandbox.recording.clear()
        ids = list(sandbox.add_collections(MANY, items=3))
        journal, dest = tmp_path / f"{place}.journal", tmp_path / f"{place}"
        job = {"url": sandbox.url, "key": sandbox.api_key, "ids": ids, "dest": str(dest), "journal": str(journal)}

        pid = await driver.say(job)
        ended = asyncio.ensure_future(driver.hear())
        reached = moments(sandbox, journal)[place]
        await until(lambda reached=reached, ended=ended: reached() or ended.done(), 60)
        for _ in range(random.Random(place).randrange(4)):
            await asyncio.sleep(0)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert await ended == "ended"
        before = starts(sandbox)

        async with impatient(sandbox) as client:
            done = {each.key: each async for each in client.runs.run_many(ids, dest, journal=journal)}

        assert set(ids) == set(done)
        assert max(starts(sandbox).values()) == 1
        for number, outcome in done.items():
            if outcome.ok:
                folder = dest / f"{number}" / f"{outcome.unwrap().run.id}"
                assert {file.name for file in folder.iterdir()} == {
                    "page-0001.json",
                    "page-0002.json",
                    "SHA256SUMS",
                    "manifest.json",
                }
            else:
                assert isinstance(outcome.error, OutcomeUnknownError)
                assert number not in before
                assert number not in starts(sandbox)
                unknown += 1
    assert unknown < MANY * ROUNDS / 4


async def test_left_alone_the_process_brings_everything(sandbox: Sandbox, driver: Driver, tmp_path: Path) -> None:
    """Otherwise the kills above would prove nothing."""
    ids = list(sandbox.add_collections(MANY, items=3))
    journal, dest = tmp_path / "journal", tmp_path / "dest"

    await driver.say(
        {"url": sandbox.url, "key": sandbox.api_key, "ids": ids, "dest": str(dest), "journal": str(journal)}
    )

    assert await driver.hear() == "ended"
    assert dict.fromkeys(ids, 1) == starts(sandbox)
    assert sandbox.counts[START] == MANY
    assert len(list(dest.glob("*/*/manifest.json"))) == MANY
    assert sum(sandbox.counts.values()) >= WHOLE
