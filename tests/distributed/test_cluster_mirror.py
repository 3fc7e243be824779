"""A mirror made by a cluster is the one that a single client makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.cluster_kit import mirrored, nonces
from support.eventually import until
from support.fake_cluster import FakeCluster
from support.mirror_kit import FILE, HISTORY, LIST, asked, stream_of, tree

from multicart_async.errors import (
    APIError,
    AuthenticationError,
    DiskError,
    MultiCartError,
    ServerError,
)
from multicart_async.events import SyncAdvanced, SyncCompleted
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Status


async def test_it_is_the_mirror_of_a_single_client(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Of two runs each: the same files, and the same report, whatever the number of tasks. Nothing else is left."""
    sandbox.add_collections(6, runs=2, items=3)
    async with sandbox.client() as client:
        report = await client.sync(tmp_path / "single", runs="all", files="both")

    assert await mirrored(cluster, tmp_path / "many", runs="all", files="both", tasks=4) == report
    assert tree(tmp_path / "many").keys() == tree(tmp_path / "single").keys()
    assert (report.runs, report.files, len(cluster.tasks)) == (12, 36, 4)
    async with sandbox.client() as client:
        assert (await client.verify(tmp_path / "many")).ok


async def test_the_driver_lists_once(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Tasks list only the runs of what has changed; what has not needs no request."""
    sandbox.add_collections(5, items=3)
    asked(sandbox)

    await mirrored(cluster, tmp_path)
    assert asked(sandbox) == {LIST: 1, HISTORY: 5, FILE: 10}

    report = await mirrored(cluster, tmp_path)
    assert asked(sandbox) == {LIST: 1}
    assert (report.collections, report.runs, report.skipped) == (5, 5, 5)

    await mirrored(cluster, tmp_path, check="all")
    assert asked(sandbox) == {LIST: 1, HISTORY: 5}


async def test_named_collections_are_mirrored(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Each once, from any iterable, although the list of all cannot be read; a missing one is a failure."""
    ids = sandbox.add_collections(3, items=1)
    sandbox.faults.add(LIST, Status(500), times=None)

    report = await mirrored(cluster, tmp_path, collections=stream_of([ids[1], ids[0], ids[1], 9999]))

    assert (report.collections, report.runs, report.files) == (3, 2, 2)
    assert [failure.collection for failure in report.failures] == [9999]
    assert not report.stopped


async def test_an_unreadable_list_ends_a_mirror_of_all(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Its error is raised; no task was made, and no file is left."""
    sandbox.faults.add(LIST, Status(500), times=None)

    with pytest.raises(APIError):
        await mirrored(cluster, tmp_path)

    assert (cluster.tasks, tree(tmp_path)) == ([], {})


async def test_what_is_gone_is_named(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Collections that the service no longer has, and runs that a task has missed in a list."""
    kept, gone = sandbox.add_collections(2, runs=2, items=1)
    await mirrored(cluster, tmp_path, runs="all")
    run = max(int(path.name) for path in (tmp_path / str(kept)).iterdir() if path.is_dir())
    (tmp_path / f"{kept}/{run}").rename(tmp_path / f"{kept}/{run + 1000}")
    async with sandbox.client() as client:
        await client.collections.delete(gone)
        single = await client.sync(tmp_path, runs="all", dry_run=True)

    report = await mirrored(cluster, tmp_path, runs="all")

    assert report.gone == single.gone
    assert f"{gone}" in report.gone


async def test_events_tell_how_far_it_is(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """From nothing to everything, and the report at last. Files of the tasks are counted when those have ended."""
    sandbox.add_collections(4, items=3)
    events: list[object] = []

    report = await mirrored(cluster, tmp_path, on_event=events.append)

    advanced = [event for event in events if isinstance(event, SyncAdvanced)]
    assert advanced[0] == SyncAdvanced(collections=0, of_collections=4, runs=0, skipped=0, failed=0)
    assert advanced[-1] == SyncAdvanced(
        collections=4, of_collections=4, runs=4, skipped=0, failed=0, files=8, of_files=8, bytes=report.bytes
    )
    assert events[-1] == SyncCompleted(report=report)


async def test_progress_comes_ten_times_a_second(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most: as often as tasks end if they end less often."""
    ids = sandbox.add_collections(3, items=1)
    events: list[object] = []
    monkeypatch.setattr("multicart_async.distributed._merging._INTERVAL", 0)

    await mirrored(cluster, tmp_path, collections=ids, on_event=events.append)

    assert [event.collections for event in events if isinstance(event, SyncAdvanced)] == [0, 1, 2, 3, 3]


async def test_a_lost_task_is_done_again(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """As often as *retries* says, and the report knows nothing of it."""
    ids = sandbox.add_collections(4, items=1)
    left = {ids[0]: 2, ids[3]: 1}

    def lost(part) -> bool:
        left[part.ids[0]] = left.get(part.ids[0], 0) - 1
        return left[part.ids[0]] >= 0

    cluster.lost = lost
    report = await mirrored(cluster, tmp_path)

    assert (report.ok, report.runs, len(cluster.tasks)) == (True, 4, 7)


async def test_a_task_that_is_always_lost_fails_alone(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Its collections are failures; everything else is in place."""
    ids = sandbox.add_collections(4, items=1)
    cluster.lost = lambda part: ids[1] in part.ids

    report = await mirrored(cluster, tmp_path, collections=ids, tasks=2, retries=1)

    reason = "the cluster has lost the task 2 times: KilledWorker: the worker at 'one' died; repeat the call"
    assert [(failure.collection, str(failure.error)) for failure in report.failures] == [
        (ids[0], reason),
        (ids[1], reason),
    ]
    assert (report.collections, report.runs, report.stopped) == (4, 2, False)
    assert (await mirrored(FakeCluster(), tmp_path, collections=[])).collections == 0


@pytest.mark.parametrize("again", [True, False])
async def test_a_task_that_fails_as_a_whole(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """It is done again if the reason may pass, else its collections fail. Other errors than ours are unexpected."""
    sandbox.add_collections(1, items=1)
    errors: list[Exception] = [ServerError("/x/", 500, "down"), KeyError("x")]

    def work(_part: object) -> MultiCartError:
        error = errors.pop(0) if again else errors.pop()
        if isinstance(error, MultiCartError):
            return error
        raise error

    monkeypatch.setattr("multicart_async.distributed._mirror.mirror_part", work)
    report = await mirrored(cluster, tmp_path)

    assert [str(failure.error) for failure in report.failures] == ["unexpected KeyError: 'x'"]
    assert len(cluster.tasks) == (2 if again else 1)


@pytest.mark.parametrize("error", [DiskError("/x", "full", 28), AuthenticationError("/x/", 401, "no")], ids=repr)
async def test_what_affects_all_tasks_stops_the_call(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: MultiCartError
) -> None:
    """The others are withdrawn, and the last failure says why."""
    sandbox.add_collections(8, items=1)
    monkeypatch.setattr("multicart_async.distributed._mirror.mirror_part", lambda _part: error)
    cluster.workers = {}

    report = await mirrored(cluster, tmp_path, tasks=8)

    assert report.stopped
    assert type(report.failures[-1].error) is type(error)
    assert nonces(tmp_path) == []


async def test_a_stopped_task_stops_the_call(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """As its report says: the key is refused in the middle."""
    sandbox.add_collections(4, items=1)
    sandbox.faults.add(HISTORY, Status(401), times=None)

    report = await mirrored(cluster, tmp_path, tasks=2)

    assert report.stopped
    assert isinstance(report.failures[-1].error, AuthenticationError)


async def test_a_cancelled_call_withdraws_its_tasks(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """All of them, and removes its file."""
    sandbox.add_collections(4, items=1)
    cluster.gate = asyncio.Event()
    call = asyncio.ensure_future(mirrored(cluster, tmp_path))
    await until(lambda: cluster.running == 4)
    assert len(nonces(tmp_path)) == 1

    call.cancel()
    await asyncio.wait([call])

    assert call.cancelled()
    assert (cluster.running, cluster.withdrawn, nonces(tmp_path)) == (0, 4, [])


async def test_a_task_ends_with_its_call(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that has begun cannot be withdrawn: it sees that the file of its call is gone."""
    sandbox.add_collections(1, items=1)
    sandbox.faults.add(HISTORY, Status(503), times=None)
    monkeypatch.setattr("multicart_async.distributed._worker._CHECK_INTERVAL", 0.005)
    monkeypatch.setattr("multicart_async._http.retries.Retrier._rest", lambda *_: asyncio.sleep(30))
    outcomes: list[object] = []

    async def call() -> None:
        await mirrored(cluster, tmp_path, retries=0)

    monkeypatch.setattr("multicart_async.distributed._mirror.mirror_part", _keeping(outcomes.append), raising=True)
    running = asyncio.ensure_future(call())
    await until(lambda: HISTORY in sandbox.counts)
    running.cancel()
    await asyncio.wait([running])
    await until(lambda: outcomes)

    assert [str(outcome) for outcome in outcomes] == ["the call of the driver is over"]


async def test_no_more_tasks_than_needed_are_in_the_cluster(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two for each thread, however many there are; the threads are counted again as time passes."""
    sandbox.add_collections(40, items=1)
    monkeypatch.setattr("multicart_async.distributed._tasks._LEAST_QUEUED", 3)
    monkeypatch.setattr("multicart_async.distributed._tasks._COUNT_INTERVAL", 0)
    cluster.workers = {"one": 2}

    report = await mirrored(cluster, tmp_path, tasks=40)

    assert (report.runs, cluster.most_running) == (40, 4)
    assert cluster.source.most <= 8
    await until(lambda: cluster.source.given_out == 0)


async def test_no_secret_travels(sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path) -> None:
    """Neither the key nor a part of it, in tasks, probes and results."""
    sandbox.add_collections(2, items=1)

    await mirrored(cluster, tmp_path)

    secret = sandbox.api_key.rpartition(".")[2].encode()
    assert len(cluster.pickles) > 4
    assert not [content for content in cluster.pickles if secret in content]
    assert cluster.names[0].startswith("multicart-")
    assert secret.decode() not in cluster.names[0]


async def test_accounts_do_not_share_their_leases(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another public part of the key is another name; the same one is the same."""
    sandbox.add_user("Bob", api_key="mc_bob.0123456789")
    for key in (sandbox.api_key, sandbox.api_key, "mc_bob.0123456789"):
        monkeypatch.setenv("MULTICART_API_KEY", key)
        await mirrored(cluster, tmp_path)

    first, second, third = cluster.names
    assert first == second != third


def _keeping(keep):
    from multicart_async.distributed._worker import mirror_part  # noqa: PLC0415

    def work(part):
        outcome = mirror_part(part)
        keep(outcome)
        return outcome

    return work
