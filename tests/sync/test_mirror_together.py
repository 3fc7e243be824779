"""Several mirrors of one folder at once: in one process, in several, and with one of them killed."""

from __future__ import annotations

import asyncio
import random
import signal
import sys

import pytest
from support.eventually import until
from support.mirror_kit import FILE, runs_below, temporaries

from multicart_async import Limits
from multicart_async.sandbox import Sandbox

MIRROR = """
import asyncio, sys
from multicart_async import AsyncMultiCart

async def main():
    async with AsyncMultiCart() as client:
        report = await client.sync(sys.argv[1], runs="all", files="both")
    report.raise_for_failures()
    print(report.runs, report.files)

asyncio.run(main())
"""


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Twenty runs of three files, where other processes find it."""
    sandbox.add_collections(10, runs=2, items=3)
    monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
    monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
    return sandbox


async def begun(folder: object) -> asyncio.subprocess.Process:
    """A process that mirrors."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", MIRROR, str(folder), stdout=pipe, stderr=pipe)


async def test_two_calls_of_one_client(account, client, tmp_path) -> None:
    """They may fetch the same file twice, and end with one mirror that is right."""
    reports = await asyncio.gather(*[client.sync(tmp_path, runs="all", files="both") for _ in range(2)])

    assert [(report.runs, report.ok) for report in reports] == [(20, True)] * 2
    assert temporaries(tmp_path) == []
    checked = await client.verify(tmp_path)
    assert (checked.runs, checked.files, checked.ok) == (20, 60, True)


async def test_two_calls_that_want_other_files(account, client, tmp_path) -> None:
    """Whoever writes the manifest last may not know of the other's files; the next call puts that right."""
    await asyncio.gather(client.sync(tmp_path, runs="all"), client.sync(tmp_path, runs="all", files="zip"))

    report = await client.sync(tmp_path, runs="all", files="both")

    assert report.ok
    assert (await client.verify(tmp_path)).ok
    account.recording.clear()
    assert (await client.sync(tmp_path, runs="all", files="both")).files == 0
    assert account.counts[FILE] == 0


@pytest.mark.heavy
async def test_two_processes(account, client, tmp_path) -> None:
    """As two machines with one disk."""
    processes = [await begun(tmp_path) for _ in range(2)]
    told = await asyncio.gather(*[process.communicate() for process in processes])

    assert [process.returncode for process in processes] == [0, 0], told
    assert tuple(int(out.split()[0]) for out, _ in told) == (20, 20)
    assert temporaries(tmp_path) == []
    assert len(runs_below(tmp_path)) == 20
    assert (await client.verify(tmp_path)).ok


@pytest.mark.timeout(120)
@pytest.mark.heavy
async def test_a_process_that_is_killed(account, tmp_path) -> None:
    """At moments of chance: what it leaves is no wrong file, and the next call completes the mirror."""
    chance = random.Random(3)
    delays = [chance.uniform(0.0, 0.25) for _ in range(3)]
    for delay in delays:
        process = await begun(tmp_path)
        seen = account.counts[FILE]
        await until(lambda: process.returncode is not None or account.counts[FILE] > seen, patience=30)  # noqa: B023
        await asyncio.sleep(delay)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()

    async with account.client(limits=Limits(downloads=2)) as client:
        partly = [failure.reason for failure in (await client.verify(tmp_path)).failures]
        await client.sync(tmp_path, runs="all", files="both")
        checked = await client.verify(tmp_path)

    assert {"no manifest, so the run is incomplete"} >= set(partly)
    assert (checked.runs, checked.files, checked.ok) == (20, 60, True)
    assert temporaries(tmp_path) == []
