"""With Dask as it is: workers are processes, and are killed. What was measured stands in docs/cluster.md."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from distributed import Client, LocalCluster
from support import cluster_driver
from support.bulk_client import START, starts
from support.cluster_kit import nonces
from support.eventually import until
from support.growing_tables import rows_of
from support.local_cluster import count_requests, fetched, local_cluster, no_tasks_left, worker_pids
from support.mirror_kit import FILE, LIST

from multicart_async import Limits, tables
from multicart_async.distributed import export, mirror, run_many
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Delay

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(180)]
LIMIT = 6


@pytest_asyncio.fixture
async def workers(sandbox: Sandbox) -> AsyncIterator[Client]:
    """They have the environment of this test, and so the sandbox and its key."""
    async with local_cluster() as client:
        yield client


async def test_killed_workers_lose_nothing(sandbox: Sandbox, workers: Client, tmp_path: Path, record_property) -> None:
    """Two of them, while they are busy: all files are in place, few were fetched twice, and the limit has held."""
    active = count_requests(sandbox)
    pids = await worker_pids(workers)
    sandbox.add_collections(60, items=20)  # ten files each
    sandbox.faults.add(FILE, Delay(0.02), times=None)
    call = asyncio.ensure_future(mirror(workers, os.fspath(tmp_path), requests=LIMIT))
    for files, pid in zip((100, 300), pids, strict=False):
        await until(lambda files=files: sandbox.counts[FILE] >= files, 60)
        os.kill(pid, signal.SIGKILL)

    report = await call
    twice = sum(count > 1 for count in fetched(sandbox).values())

    record_property("files fetched twice", twice)
    record_property("requests at once", active.most)
    sys.stderr.write(f"\nmirror: 2 of 3 workers killed, {twice} of 600 files fetched twice, at once {active.most}\n")
    assert (report.ok, report.collections, report.runs) == (True, 60, 60)
    assert (len(fetched(sandbox)), sandbox.counts[LIST]) == (600, 1)
    assert twice <= 2 * 50  # two tasks, each of five collections of ten files
    assert active.most <= LIMIT
    assert nonces(tmp_path) == []
    await no_tasks_left(workers)
    async with sandbox.client() as client:
        verified = await client.verify(tmp_path)
    assert (verified.ok, verified.files) == (True, 600)


async def test_an_asynchronous_client_does(sandbox: Sandbox, tmp_path: Path) -> None:
    """In the loop of the caller, with workers that are threads; the limit has held, and was used."""
    active = count_requests(sandbox)
    sandbox.add_collections(12, items=20)
    sandbox.faults.add(FILE, Delay(0.05), times=None)
    options = {"processes": False, "dashboard_address": "127.0.0.1:0", "asynchronous": True}  # no socket
    async with (
        LocalCluster(n_workers=2, threads_per_worker=2, **options) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        report = await mirror(client, os.fspath(tmp_path), requests=LIMIT)

        assert (report.ok, report.files) == (True, 120)
        assert active.most == LIMIT
        again = await mirror(client, os.fspath(tmp_path), requests=LIMIT + 1)
        assert (again.ok, again.skipped) == (True, 12)


async def test_results_do_not_accumulate(sandbox: Sandbox, workers: Client, tmp_path: Path) -> None:
    """The scheduler and the driver's client know no more tasks at the end than at the beginning, and few meanwhile."""
    sandbox.add_collections(120, items=1)
    seen: list[int] = []

    report = await mirror(workers, os.fspath(tmp_path), tasks=120, on_event=lambda _: seen.append(len(workers.futures)))

    assert report.ok
    assert max(seen) <= 16
    assert len(workers.futures) == 0
    await no_tasks_left(workers)


async def test_a_long_transfer_keeps_its_lease(sandbox: Sandbox, tmp_path: Path) -> None:
    """It takes several times as long as leases last that are not renewed; the limit is one request."""
    sandbox.add_collections(3, items=1)
    sandbox.faults.add(FILE, Delay(2), times=None)
    async with local_cluster(lease_timeout="500ms") as client:
        active = count_requests(sandbox)
        report = await mirror(client, os.fspath(tmp_path), requests=1)

    assert (report.ok, report.files, active.most) == (True, 3, 1)


async def test_a_killed_worker_charges_nothing(sandbox: Sandbox, workers: Client, tmp_path: Path) -> None:
    """One is killed while runs are downloaded: each collection was started once, and has all its files."""
    active = count_requests(sandbox)
    ids = sandbox.add_collections(20, runs=0, items=10)
    sandbox.faults.add(FILE, Delay(0.05), times=None)
    outcomes = []
    pid = (await worker_pids(workers))[0]
    policy = cluster_driver.POLICY
    async for outcome in run_many(
        workers, ids, os.fspath(tmp_path / "dest"), journal=tmp_path / "j", requests=LIMIT, policy=policy
    ):
        outcomes.append(outcome)
        if len(outcomes) == 4:
            os.kill(pid, signal.SIGKILL)

    twice = sum(count > 1 for count in fetched(sandbox).values())
    sys.stderr.write(f"\nrun_many: 1 of 3 workers killed, {twice} of 100 files fetched twice, ")
    sys.stderr.write(f"{sandbox.counts[START]} starts of {len(ids)}, at once {active.most}\n")
    assert all(outcome.ok for outcome in outcomes)
    assert sorted(outcome.key for outcome in outcomes) == list(ids)
    assert set(starts(sandbox).values()) == {1}
    assert active.most <= LIMIT
    await no_tasks_left(workers)
    async with sandbox.client(limits=Limits()) as client:
        assert (await client.verify(tmp_path / "dest")).files == 100


async def test_a_killed_driver_is_continued(sandbox: Sandbox, workers: Client, tmp_path: Path) -> None:
    """By the same call with the same journal, in another process: each collection was started once."""
    ids = list(sandbox.add_collections(20, runs=0, items=10))
    sandbox.faults.add(FILE, Delay(0.05), times=None)
    job = {
        "address": workers.scheduler.address,
        "ids": ids,
        "dest": os.fspath(tmp_path / "dest"),
        "journal": os.fspath(tmp_path / "journal"),
    }
    command = (sys.executable, cluster_driver.__file__, json.dumps(job))
    killed = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert killed.stdout is not None
    for _ in range(5):
        await killed.stdout.readline()
    killed.kill()
    await killed.wait()

    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()

    assert process.returncode == 0
    assert sorted(map(int, told.split())) == ids
    assert set(starts(sandbox).values()) == {1}
    sys.stderr.write(f"\nrun_many: driver killed once, {sandbox.counts[START]} starts of {len(ids)}\n")
    async with sandbox.client() as client:
        assert (await client.verify(tmp_path / "dest")).files == 100


async def test_a_table_is_written_although_a_worker_is_killed(
    sandbox: Sandbox, workers: Client, tmp_path: Path
) -> None:
    """It has the rows that a single process writes."""
    sandbox.add_collections(60, items=20)
    await mirror(workers, os.fspath(tmp_path / "mirror"))
    expected = await tables.export(tmp_path / "mirror", tmp_path / "single")
    pid = (await worker_pids(workers))[0]
    events: list[object] = []

    def kill(event: object) -> None:
        events.append(event)
        if len(events) == 1:
            os.kill(pid, signal.SIGKILL)

    report = await export(workers, tmp_path / "mirror", tmp_path / "many", on_event=kill)

    assert (report.rows, report.runs, report.columns) == (1200, 60, expected.columns)
    assert rows_of(tmp_path / "many") == rows_of(tmp_path / "single")
    await no_tasks_left(workers)
