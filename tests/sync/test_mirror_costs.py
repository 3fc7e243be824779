"""What a mirror may cost for each collection: work in threads, folders and files opened, tasks. No clock."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from support.eventually import until
from support.mirror_kit import HISTORY

from multicart_async import Limits
from multicart_async._core import thread_batches, threads
from multicart_async.sandbox.faults import Stall

COLLECTIONS = 60


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The pieces of work handed to threads, how often a thread was woken for them, and what was opened."""
    counted: Counter[str] = Counter()

    def counting(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            counted[name] += 1
            return work(*args, **options)

        return call

    pool = threads.thread_pool

    class Pool:
        submit = staticmethod(counting("woken", lambda *work: pool().submit(*work)))

    for module in (threads, thread_batches):
        monkeypatch.setattr(module, "thread_pool", Pool)
    for module in ("sinks._directory", "sinks._file_writer", "_downloads.verifier"):
        name = f"multicart_async.{module}.submit_batched"
        monkeypatch.setattr(name, counting("work", thread_batches.submit_batched))
    monkeypatch.setattr(os, "open", counting("opened", os.open))
    monkeypatch.setattr("multicart_async._downloads.folder_writer._SAVE_EVERY", 1e9)  # or a slow machine counts more
    return counted


async def test_an_unchanged_collection_takes_two_looks(sandbox, client, tmp_path, costs) -> None:
    """At its state; and at the folder of its run, with the manifest. Those of several collections share hops."""
    sandbox.add_collections(COLLECTIONS, items=1)
    await client.sync(tmp_path)
    costs.clear()

    report = await client.sync(tmp_path)

    assert report.skipped == COLLECTIONS
    assert costs["work"] <= 2 * COLLECTIONS + 1  # the top of the mirror
    assert costs["woken"] <= COLLECTIONS
    assert (
        costs["opened"] <= 8 * COLLECTIONS + 4
    )  # three folders for each look, the state, the manifest, and one to list


async def test_a_first_call_takes_few_looks_at_a_collection(sandbox, client, tmp_path, costs) -> None:
    """At the state, the collection and the run; then a file, the checksums, the manifest, the progress, the state."""
    sandbox.add_collections(COLLECTIONS, items=1)

    report = await client.sync(tmp_path)

    assert report.files == COLLECTIONS
    assert costs["work"] <= 8 * COLLECTIONS + 4
    assert costs["woken"] <= 2 * COLLECTIONS
    assert (
        costs["opened"] <= 27 * COLLECTIONS
    )  # without the sharing of open folders, which depends on what is ready together


async def test_runs_under_way_share_their_workers(sandbox, client, tmp_path) -> None:
    """There are tasks for the files that are under way at a time, and none for all files of each run."""
    sandbox.add_collections(20, items=16)  # 8 pages each
    began: Counter[str] = Counter()

    def begin(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        began[Path(work.cr_code.co_filename).parent.name] += 1
        return asyncio.Task(work, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(begin)
    report = await client.sync(tmp_path)

    assert report.files == 160
    assert began["_core"] <= 120, began  # where anyio starts its tasks


async def test_runs_are_listed_by_half_of_the_requests_at_a_time(sandbox, tmp_path) -> None:
    """More collections are compared with the mirror at a time, but other calls of the client find room for requests."""
    sandbox.add_collections(20, items=1)
    sandbox.faults.add(HISTORY, Stall(), times=None)

    async with sandbox.client(limits=Limits(requests=4)) as client:
        mirror = asyncio.ensure_future(client.sync(tmp_path))
        await until(lambda: sandbox.counts.get(HISTORY, 0) == 2)
        await client.collections.list()
        listed = sandbox.counts[HISTORY]
        mirror.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mirror

    assert listed == 2
