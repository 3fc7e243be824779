"""A cancellation always comes through a mirror, at whatever moment, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import anyio
import pytest
from support.eventually import until
from support.mirror_kit import FILE, HISTORY, open_below, runs_below, stream_of, temporaries

from multicart_async import AsyncMultiCart, Limits
from multicart_async._downloads.manifest import parse_manifest
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Envelope, Stall
from multicart_async.sinks._atomic_file import AtomicFile


async def turns(count: int) -> None:
    """So many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


def check_folder(folder: Path) -> None:
    """No temporary file, no descriptor, no manifest of half a run."""
    assert temporaries(folder) == []
    assert open_below(folder) == []
    for path in folder.rglob("manifest.json"):
        manifest = parse_manifest(path.read_bytes())
        assert not isinstance(manifest, str)
        assert all((path.parent / file.name).stat().st_size == file.size for file in manifest.files)


async def check(client: AsyncMultiCart, folder: Path) -> None:
    """Nothing is wrong, and a second call completes it."""
    check_folder(folder)
    assert (await client.sync(folder, runs="all", files="both")).ok
    assert (await client.verify(folder)).ok


async def stop_task(task: asyncio.Task[object]) -> None:
    """As a host application does."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.timeout(120)
async def test_cancelled_at_every_moment(tmp_path) -> None:
    """Every few turns of the loop, from the first to the last: the task is cancelled, and the mirror can go on."""
    ended, moment = False, 0
    async with Sandbox(instant=True, items_per_page=2, record_bytes=200) as sandbox, sandbox.client() as client:
        sandbox.add_collections(2, runs=2, items=3)
        while not ended:
            folder = tmp_path / str(moment)
            task = asyncio.ensure_future(client.sync(folder, runs="all", files="both"))
            await turns(moment)
            ended = task.done()
            if not ended:
                await stop_task(task)
            await check(client, folder)
            moment += 3 if moment < 30 else 11

    assert moment > 10


@pytest.mark.parametrize("style", ["cancel", "timeout", "wait_for", "scope", "group"])
async def test_every_kind_of_cancellation_comes_through(tmp_path, style) -> None:
    """Native ones, asyncio's and anyio's; each as itself."""
    async with Sandbox(instant=True, items_per_page=2, record_bytes=200) as sandbox, sandbox.client() as client:
        sandbox.add_collections(10, runs=2, items=1)
        await client.sync(tmp_path, collections=[101])  # what is used once is there
        sandbox.faults.add(FILE, Stall(), after=5)  # so that it cannot have ended by then
        mirror = client.sync(tmp_path, runs="all", files="both")
        if style == "cancel":
            task = asyncio.ensure_future(mirror)
            await asyncio.sleep(0.1)
            await stop_task(task)
        elif style == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await mirror
        elif style == "wait_for":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(mirror, 0.1)
        elif style == "scope":
            with anyio.move_on_after(0.1) as scope:
                await mirror
            assert scope.cancelled_caught
        else:
            with pytest.raises(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(mirror)
                    await asyncio.sleep(0.1)
                    raise LookupError

        assert len(runs_below(tmp_path)) < 20
        sandbox.faults.clear()
        await check(client, tmp_path)


async def test_cancelled_while_a_thread_writes(tmp_path, sandbox, client, monkeypatch) -> None:
    """It ends when the thread has ended, not before: nobody writes into what others open then."""
    sandbox.add_collections(1, items=3)
    writing, ended = threading.Event(), threading.Event()

    commit = AtomicFile.commit

    def slow_commit(file: AtomicFile, last: bytes) -> None:
        writing.set()
        time.sleep(0.2)
        commit(file, last)
        ended.set()

    monkeypatch.setattr(AtomicFile, "commit", slow_commit)
    task = asyncio.ensure_future(client.sync(tmp_path))
    await until(writing.is_set)
    await stop_task(task)

    assert ended.is_set()
    assert temporaries(tmp_path) == []


@pytest.mark.parametrize("moment", range(0, 40, 4))
async def test_cancelled_while_a_refused_key_stops_the_rest(sandbox, tmp_path, moment) -> None:
    """The end that the mirror wanted by itself does not swallow the one that was asked for."""
    sandbox.add_collections(50, items=1)
    sandbox.faults.add(HISTORY, Envelope(401), times=None)

    async with sandbox.client() as client:
        task = asyncio.ensure_future(client.sync(tmp_path))
        await until(lambda: HISTORY in sandbox.counts)
        await turns(moment)
        task.cancel()
        done, _ = await asyncio.wait([task])

    (only,) = done
    assert only.cancelled() or not only.result().ok


async def test_a_source_of_ids_is_told_of_the_end(sandbox, tmp_path) -> None:
    """It is waited for when the cancellation comes, and can clean up."""
    ids = sandbox.add_collections(5, items=1)
    told: list[str] = []
    waiting = asyncio.Event()

    async def source():
        try:
            async for number in stream_of(ids):
                yield number
            waiting.set()
            await asyncio.Event().wait()
        finally:
            told.append("end")

    async with sandbox.client(limits=Limits(requests=2)) as client:
        task = asyncio.ensure_future(client.sync(tmp_path, collections=source()))
        await waiting.wait()
        await stop_task(task)

    assert told == ["end"]


async def test_a_task_that_is_cancelled_by_others_ends_the_call(client, sandbox, tmp_path, monkeypatch) -> None:
    """Such as by a session of the caller: a mirror of a part of the collections is not reported as complete."""
    sandbox.add_collections(3, items=1)

    async def cancelled(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("multicart_async._sync.engine.save_state", cancelled)

    with pytest.raises(asyncio.CancelledError):
        await client.sync(tmp_path)
