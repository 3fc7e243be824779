"""Starts, waits and the journal stay in the driver; the cluster downloads."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from support.bulk_client import START, starts
from support.cluster_kit import nonces
from support.eventually import until
from support.fake_cluster import FakeCluster
from support.mirror_kit import HISTORY

from multicart_async import PollPolicy
from multicart_async.distributed._run_many import run_many_over
from multicart_async.errors import ArgumentError, MultiCartError, UnreachableResultError
from multicart_async.sandbox import Sandbox

POLICY = PollPolicy(poll_interval=0.01, growth=1, wait_timeout=30)


def running(cluster: FakeCluster, ids: Any, dest: Path, **given: Any) -> Any:
    """What `run_many` yields, with a journal beside *dest*."""
    defaults = {"journal": dest.with_suffix(".journal"), "files": "pages", "requests": 8, "policy": POLICY}
    return run_many_over(cluster, ids, dest, **{**defaults, **given})


async def test_runs_are_downloaded_by_the_cluster(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Each collection is started once and has one task, whose outcome is that of `runs.run_many`."""
    ids = sandbox.add_collections(4, runs=0, items=3)

    done = {outcome.key: outcome.unwrap() async for outcome in running(cluster, [*ids, ids[0]], tmp_path / "dest")}

    assert sorted(done) == list(ids)
    assert set(starts(sandbox).values()) == {1}
    assert [done[one].run.collection for one in ids] == list(ids)
    assert all(file.path.is_file() for one in done.values() for file in one.files)
    assert len(cluster.tasks) == 4
    assert nonces(tmp_path / "dest") == []
    async with sandbox.client() as client:
        assert (await client.verify(tmp_path / "dest")).files == 8


async def test_the_same_call_continues(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """After the generator was closed early: what was waiting in the cluster is withdrawn, and nothing is started twice."""
    ids = sandbox.add_collections(3, runs=0, items=1)
    cluster.gate = asyncio.Event()
    async with aclosing(running(cluster, ids, tmp_path / "dest")) as outcomes:
        first = asyncio.ensure_future(anext(outcomes))
        await until(lambda: cluster.running == 3)
        first.cancel()
        await asyncio.wait([first])
    assert (cluster.withdrawn, nonces(tmp_path / "dest")) == (3, [])

    cluster.gate = None
    again = [outcome async for outcome in running(cluster, ids, tmp_path / "dest")]

    assert all(outcome.ok for outcome in again)
    assert sandbox.counts[START] == 3


async def test_a_lost_worker_charges_nothing(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """The download is done again, and given up at the third time; the run was started once."""
    ids = sandbox.add_collections(2, runs=0, items=1)
    cluster.lost = lambda order: order.collection == ids[0]

    done = {outcome.key: outcome async for outcome in running(cluster, ids, tmp_path / "dest")}

    assert str(done[ids[0]].error).startswith("the cluster has lost the task 3 times: ")
    assert done[ids[1]].ok
    assert (sandbox.counts[START], len(cluster.tasks)) == (2, 4)


async def test_a_run_that_is_no_longer_listed_is_a_failure(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker lists it again, since its links may be signed and do not travel."""
    (one,) = sandbox.add_collections(1, runs=0, items=1)

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr("multicart_async.distributed._worker.find_run", nothing)
    (outcome,) = [outcome async for outcome in running(cluster, [one], tmp_path / "dest")]

    assert isinstance(outcome.error, UnreachableResultError)
    assert HISTORY in sandbox.counts


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"ids": 5}, "collection_ids"),
        ({"files": "all"}, "files"),
        ({"policy": 5}, "policy"),
        ({"requests": 0}, "requests"),
    ],
)
async def test_wrong_arguments_start_nothing(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, given: dict[str, Any], argument: str
) -> None:
    """They are named when the first outcome is asked for."""
    ids = given.pop("ids", [101])

    with pytest.raises(ArgumentError) as caught:
        await anext(running(cluster, ids, tmp_path / "dest", **given))

    assert caught.value.argument == argument
    assert isinstance(caught.value, MultiCartError)
    assert not sandbox.counts
