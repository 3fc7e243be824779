"""What is asked of Dask, in the event loop of its client, and what its answers mean."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.eventually import until
from support.fake_dask import FakeClient, KilledWorker, LoopThread, fake_distributed

from multicart_async.distributed import _semaphore, export, mirror, run_many
from multicart_async.distributed._cluster import LostTaskError
from multicart_async.distributed._dask import open_cluster
from multicart_async.distributed._semaphore import WorkerLeases, worker_name
from multicart_async.errors import ArgumentError, MultiCartError


@pytest_asyncio.fixture(params=["own loop", "loop of the caller"])
async def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of either kind, and its module as the one that is imported."""

    def known(made: FakeClient) -> FakeClient:
        monkeypatch.setitem(sys.modules, "distributed", fake_distributed(made))
        return made

    if request.param == "own loop":
        with LoopThread() as loop:
            yield known(FakeClient(loop))
    else:
        yield known(FakeClient(asyncio.get_running_loop()))


@pytest.fixture(autouse=True)
def no_semaphores(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left of another test."""
    monkeypatch.setattr(_semaphore, "_semaphores", {})


async def test_a_task_is_done_in_the_loop_of_the_client(client: FakeClient) -> None:
    """Its result is returned, and the future released at once."""
    cluster = open_cluster(client)

    assert await cluster.run(str, 5) == "5"
    assert [future.released for future in client.futures] == [True]
    assert (client.cancelled, client.seen_loops) == ([], {client.loop.asyncio_loop})
    assert await cluster.threads() == {"one": 2}


async def test_everywhere_is_awaited_on_the_workers(client: FakeClient) -> None:
    """By address; errors would be returned."""

    async def double(number: int) -> int:
        return 2 * number

    assert await open_cluster(client).run_everywhere(double, 4) == {"one": 8}


@pytest.mark.parametrize("fault", [KilledWorker("task"), CancelledError("gone"), OSError("closed")], ids=repr)
async def test_lost_workers_lose_the_task(client: FakeClient, fault: Exception) -> None:
    """Dask has given it up, the scheduler has forgotten it, or the connection is closed: it can be repeated."""
    client.fault = fault

    with pytest.raises(LostTaskError, match=f"{type(fault).__name__}: "):
        await open_cluster(client).run(str, 5)

    assert client.futures[0].released


async def test_other_errors_are_those_of_the_task(client: FakeClient) -> None:
    """They are raised as they are, also if the client was closed and nothing can be released."""
    client.fault, client.closed = KeyError("x"), True

    with pytest.raises(KeyError):
        await open_cluster(client).run(str, 5)


async def test_a_client_that_is_closed_is_asked_nothing(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take tasks, and wait for them for ever."""
    cluster = open_cluster(client)
    monkeypatch.setattr(client, "status", "closed")

    with pytest.raises(MultiCartError, match="the client of the cluster was closed during the call"):
        await cluster.run(str, 5)

    assert client.futures == []


async def test_a_cancelled_task_is_withdrawn(client: FakeClient) -> None:
    """Unless its result is there already."""
    client.waiting = True
    task = asyncio.ensure_future(open_cluster(client).run(str, 5))
    await until(lambda: client.futures)

    task.cancel()
    await asyncio.wait([task])

    await until(lambda: client.futures[0].released)
    assert client.cancelled == client.futures


@pytest.mark.parametrize("fault", [OSError("closed"), TimeoutError()], ids=repr)
async def test_a_cluster_that_does_not_answer_is_an_error(client: FakeClient, fault: Exception) -> None:
    """Of this library, and it says what happened."""
    client.fault = fault

    with pytest.raises(MultiCartError, match=f"the cluster does not answer: {type(fault).__name__}"):
        await open_cluster(client).threads()


async def test_the_driver_takes_leases(client: FakeClient) -> None:
    """As many as there are, under one name; they are back when the block ends."""
    async with open_cluster(client).leases("n", 1) as source:
        assert await asyncio.wrap_future(source.request())
        assert not await asyncio.wrap_future(source.request())
        source.give_back()
    assert (client.scheduler.held, client.scheduler.most) == ({"n": 0}, {"n": 1})
    async with open_cluster(client).leases("n", 1):
        pass


async def test_another_number_of_leases_waits_for_its_turn(client: FakeClient) -> None:
    """It is an error while a lease is held, else it replaces the earlier number."""
    cluster = open_cluster(client)
    async with cluster.leases("n", 3) as source:
        assert await asyncio.wrap_future(source.request())
        with pytest.raises(ArgumentError, match=r"requests: expected the number of another call .* got 5; wait"):
            async with cluster.leases("n", 5):
                pass
        source.give_back()
    async with cluster.leases("n", 5):
        assert client.scheduler.most == {"n": 5}


async def test_the_tasks_of_a_worker_share_a_semaphore(client: FakeClient) -> None:
    """It is made when the first of them sends a request."""
    sources = [WorkerLeases("n", 2), WorkerLeases("n", 2)]

    granted = [await asyncio.wrap_future(source.request()) for source in (*sources, sources[0])]
    assert granted == [True, True, False]
    sources[0].give_back()
    await until(lambda: client.scheduler.held == {"n": 1})

    assert [key[0] for key in _semaphore._semaphores] == [worker_name()] == ["tcp://one"]


async def test_what_is_no_connected_client_is_refused(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another object, a client that was closed, and one whose loop has ended."""
    with pytest.raises(ArgumentError, match=r"cluster: expected a distributed\.Client, got 5"):
        open_cluster(5)
    monkeypatch.setattr(client, "status", "closed")
    with pytest.raises(ArgumentError, match=r"cluster: expected a client that is connected; .* 'closed'"):
        open_cluster(client)
    stopped = FakeClient(asyncio.new_event_loop())
    with pytest.raises(ArgumentError, match="cluster: expected a client that is connected"):
        open_cluster(stopped)
    stopped.loop.asyncio_loop.close()


async def test_without_dask_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package can be imported; each function says so when it is called, before anything is sent."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    install = r"cluster: a cluster needs Dask; install it with: pip install 'multicart-async\[dask\]'"

    with pytest.raises(ArgumentError, match=install):
        await mirror(object(), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=install):
        await export(object(), tmp_path, tmp_path / "table")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=install):
        run_many(object(), [1], tmp_path, journal=tmp_path / "j")  # type: ignore[arg-type]
