"""Follow what finishes in a sandbox, over real sockets, and with real crashes."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest
from support import follow_killed
from support.bulk_client import impatient
from support.eventually import until
from support.mirror_kit import LIST

from multicart_async.sandbox import Sandbox

KILLS = 50


async def test_runs_of_all_origins_are_given_out(tmp_path: Path) -> None:
    """Of a schedule and of this client, each once; after a restart what has finished meanwhile."""
    async with Sandbox(instant=True) as sandbox, impatient(sandbox) as client:
        first, second = sandbox.add_collections(2, items=2)
        sandbox.start_run(first)
        state = tmp_path / "state"

        async with aclosing(client.runs.follow(state=state)) as runs:
            waiting = asyncio.ensure_future(anext(runs))
            await until(lambda: len(sandbox.requests) > 8)  # the old run was read
            by_schedule = sandbox.start_run(first)
            assert (await waiting).id == by_schedule
            by_client = await client.runs.start_and_wait(second)
            assert (await anext(runs)).id == by_client.id
        meanwhile = sandbox.start_run(second)
        async with aclosing(client.runs.follow(state=state)) as runs:
            found = [(await anext(runs)).id, (await anext(runs)).id]

    assert found == [by_client.id, meanwhile]  # the first was not acknowledged


async def test_a_failed_run_is_never_given_out() -> None:
    """Nor does it hold back what follows."""
    async with Sandbox(instant=True) as sandbox, impatient(sandbox) as client:
        (number,) = sandbox.add_collections(1, items=2)
        sandbox.fail_next_run(number)
        sandbox.start_run(number)

        async with aclosing(client.runs.follow(collections=[number])) as runs:
            waiting = asyncio.ensure_future(anext(runs))
            await until(lambda: len(sandbox.requests) > 8)
            good = sandbox.start_run(number)
            assert (await waiting).id == good


class Watched:
    """The runs that were started in a sandbox, and those that were given out to killed processes."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.state, self._out = folder / "state", folder / "out"
        self.job = json.dumps(
            {"url": sandbox.url, "key": sandbox.api_key, "state": str(self.state), "out": str(self._out)}
        ).encode()
        self.started: list[tuple[int, int]] = []

    def start(self, collection_ids: list[int]) -> None:
        self.started += [(number, self.sandbox.start_run(number)) for number in collection_ids]

    def given(self) -> list[tuple[int, int]]:
        lines = self._out.read_text().split("\n")[:-1] if self._out.exists() else []
        return [(int(collection), int(run)) for collection, run in (line.split() for line in lines)]

    def missing(self) -> int:
        return len({*self.started} - {*self.given()})

    async def first_reading(self, ids: range) -> None:
        """Wait until the runs of each collection were read."""
        requests, counts = self.sandbox.requests, self.sandbox.counts
        await until(lambda: {*ids} <= {request.fields.get("collection_id") for request in requests}, 30)
        lists = counts[LIST]
        await until(lambda: counts[LIST] > lists + 20, 30)  # the last response has been received


@pytest.mark.heavy
async def test_killed_at_any_moment_nothing_is_lost(tmp_path: Path) -> None:
    """Each run that finishes is given out in the order of its collection, and at most one is repeated per kill.

    The state is replaced all the time.
    """
    chance = random.Random(1)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, follow_killed.__file__, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    async with Sandbox(instant=True) as sandbox:
        ids = sandbox.add_collections(12, items=1)
        watched = Watched(sandbox, tmp_path)
        for kill in range(KILLS + 1):
            process.stdin.write(watched.job + b"\n")
            pid = int(await process.stdout.readline())
            if not kill:
                await watched.first_reading(ids)
            watched.start(chance.choices(ids, k=chance.randrange(1, 12)))
            left = chance.randrange(watched.missing()) if kill < KILLS else 0
            await until(lambda left=left: watched.missing() <= left, 30)
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            assert await process.stdout.readline() == b"ended\n"
    process.stdin.close()
    await process.wait()

    counts = Counter(watched.given())
    assert {*watched.started} == {*counts}
    assert 0 < counts.total() - len(counts) <= KILLS
    assert watched.state.read_bytes().count(b"\n") < 3 * len(ids)
    for number in ids:
        of_one = list(dict.fromkeys(run for collection, run in watched.given() if collection == number))
        assert of_one == sorted(of_one)
