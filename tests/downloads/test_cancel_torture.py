"""Cancelled at each suspension point: no incomplete file, nothing left, and what succeeded is whole."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.cancel_kit import How, cancelled_at
from support.download_kit import (
    check_nothing_left,
    fetch,
    files_below,
    page_bytes,
    run_of,
    sized_page,
    url,
    wanted_page,
    zip_bytes,
)
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport
from support.groups import Groups, groups_over

from multicart_async import AsyncMultiCart, Limits
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.context import DownloadContext
from multicart_async.errors import IncompleteDownloadError
from multicart_async.events import FileCompleted
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._atomic_file import AtomicFile

HOWS: list[How] = ["native", "twice", "scope"]
LARGE = sized_page((3 << 20) + 11)
PAGES = [page_bytes(20), sized_page(70_000)]
ARCHIVE = zip_bytes(PAGES)
NAME = "101/88/page-0001.json"


def broken_then_whole(content: bytes) -> list[FakeFile | Exception]:
    """A transfer that breaks in the middle, goes on, breaks again, and begins anew."""
    size, half = len(content), len(content) // 2
    proof = {"content-length": str(size), "etag": '"1"', "accept-ranges": "bytes"}
    rest = {**proof, "content-length": str(size - half), "content-range": f"bytes {half}-{size - 1}/{size}"}
    cut = IncompleteDownloadError("results/101/88/page 1", "cut")
    quarter = [content[start : start + (1 << 20)] for start in range(0, half, 1 << 20)]
    whole = [content[start : start + 300_000] for start in range(0, size, 300_000)]
    return [
        FakeFile([content[:half][: 1 << 20], *quarter[1:], cut], headers=proof),
        FakeFile([content[half : half + 100], cut], status=206, headers=rest),
        FakeFile(whole, headers={"content-length": str(size)}),
    ]


@pytest.mark.parametrize("how", HOWS)
async def test_one_download_cancelled_everywhere(tmp_path, how) -> None:
    """With a broken transfer, going on and a new beginning on its way; an old file is there, or the new one."""
    at, ends = 0, set()
    reached = True
    while reached:
        at += 1
        dest = tmp_path / str(at)
        (dest / "101/88").mkdir(parents=True)
        (dest / NAME).write_bytes(b"old")
        transport = FakeTransport(files={url(1): broken_then_whole(LARGE)})
        owner = groups_over(transport).downloader

        end, reached = await cancelled_at(at, fetch(owner, wanted_page(), DirectorySink(dest)), how)

        check_nothing_left(dest, {NAME: [b"old", LARGE]})
        assert owner.limiter.borrowed_tokens == 0
        assert end == "cancelled" or (dest / NAME).read_bytes() == LARGE
        ends.add(end)
    assert at > 15
    assert ends == {"done", "cancelled"}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.heavy
async def test_a_run_cancelled_everywhere(tmp_path, how) -> None:
    """Pages and ZIP: what is whole stays and is not fetched again, and the next call finishes the folder."""
    at, reached = 0, True
    versions = {f"101/88/page-000{number}.json": [PAGES[number - 1]] for number in (1, 2)}
    versions["101/88/all-pages.zip"] = [ARCHIVE]
    run = run_of(1, 2, zipped=True)
    served = {url(1): FakeFile.whole(PAGES[0]), url(2): FakeFile.whole(PAGES[1]), url(None): FakeFile.whole(ARCHIVE)}
    while reached:
        at += 1
        dest = tmp_path / str(at)
        groups = groups_over(FakeTransport(files=served))

        end, reached = await cancelled_at(at, groups.runs.download(run, dest, files="both"), how)

        check_nothing_left(dest, versions)
        assert groups.downloader.limiter.borrowed_tokens == 0
        check_listed(dest / "101/88")
        assert end == "cancelled" or (dest / "101/88/manifest.json").is_file()
        await groups_over(FakeTransport(files=served)).runs.download(run, dest, files="both")
        assert files_below(dest).keys() == {*versions, "101/88/manifest.json"}
    assert at > 10


def check_listed(folder: Path) -> None:
    """Everything that a manifest or the notes list is there, with its size."""
    for name in ("manifest.json", "progress.json"):
        path = folder / name
        if path.is_file():
            for file in json.loads(path.read_bytes())["files"]:
                assert file["size"] == (folder / file["name"]).stat().st_size


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.heavy
async def test_a_download_from_a_server_cancelled_everywhere(tmp_path, how) -> None:
    """Over real sockets: connections and slots are given back too, and the client works on."""
    async with Sandbox(instant=True, record_bytes=700) as sandbox, sandbox.client(limits=Limits(downloads=1)) as client:
        (collection,) = sandbox.add_collections(1, items=250)
        run = await client.runs.latest(collection)
        assert run is not None
        good = await client.runs.download(run, tmp_path / "good", files="both")
        versions = {f"{collection}/{run.id}/{file.name}": [file.path.read_bytes()] for file in good.files}
        at, reached = 0, True
        while reached:
            at += 1
            dest = tmp_path / str(at)
            _, reached = await cancelled_at(at, client.runs.download(run, dest, files="both"), how)
            check_nothing_left(dest, versions)
            assert acquired(client) == 0
            assert client._downloads.context.limiter.borrowed_tokens == 0
        again = await client.runs.download(run, tmp_path / "again", files="both")

    assert [file.sha256 for file in good.files] == [file.sha256 for file in again.files]
    assert at > 10


def acquired(client: AsyncMultiCart) -> int:
    """Connections that are not given back."""
    return sum(len(session.connector._acquired) for session in client._transport._sessions.values())


Ready = Callable[[], bool]


async def until(ready: Ready) -> None:
    """Wait for the moment at which to cancel."""
    while not ready():  # noqa: ASYNC110 -- threads tell it too
        await asyncio.sleep(0.002)


async def by_cancel(work: Any, ready: Ready) -> None:
    task = asyncio.ensure_future(work)
    await until(ready)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_timeout(work: Any, ready: Ready) -> None:
    async def end(limit: asyncio.Timeout) -> None:
        await until(ready)
        limit.reschedule(0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            ending = asyncio.ensure_future(end(limit))
            await work
    await ending


async def by_wait_for(work: Any, ready: Ready) -> None:
    async def waiting() -> None:
        await work

    task = asyncio.ensure_future(waiting())
    await until(ready)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 0.01)


async def by_sibling(work: Any, ready: Ready) -> None:
    async def fail() -> None:
        await until(ready)
        raise ZeroDivisionError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work)
            group.create_task(fail())
    except* ZeroDivisionError:
        pass


async def by_scope(work: Any, ready: Ready) -> None:
    async def end(scope: anyio.CancelScope) -> None:
        await until(ready)
        scope.cancel()

    with anyio.CancelScope() as scope:
        ending = asyncio.ensure_future(end(scope))
        await work
    await ending
    assert scope.cancelled_caught


async def by_group(work: Any, ready: Ready) -> None:
    async def run() -> None:
        await work

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await until(ready)
        group.cancel_scope.cancel()


def page_is_there(groups: Groups) -> Ready:
    """Whether a first file is whole."""
    return lambda: any(isinstance(event, FileCompleted) for event in groups.events)


WAYS = [by_cancel, by_timeout, by_wait_for, by_sibling, by_scope, by_group]


@pytest.mark.parametrize("way", WAYS)
async def test_a_slow_write_never_lands_in_another_file(tmp_path, way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread in the middle of a write is waited for; a file that is opened then keeps its own bytes."""
    quick, under_way = AtomicFile.write, threading.Event()

    def slow(self: AtomicFile, piece: bytes) -> None:
        quick(self, piece[:10])
        under_way.set()
        threading.Event().wait(0.1)
        quick(self, piece[10:])

    monkeypatch.setattr(AtomicFile, "write", slow)
    dest = tmp_path / "dest"
    pieces = [LARGE[start : start + (1 << 20)] for start in range(0, len(LARGE), 1 << 20)]
    transport = FakeTransport(files={url(1): FakeFile(pieces, headers={"content-length": str(len(LARGE))})})

    await way(fetch(DownloadContext(transport), wanted_page(), DirectorySink(dest)), under_way.is_set)

    victims = [(tmp_path / f"victim{number}").open("wb") for number in range(8)]
    check_nothing_left(dest, {})
    await asyncio.sleep(0.15)
    for victim in victims:
        with victim:
            victim.write(b"precious")
    assert {(tmp_path / f"victim{number}").read_bytes() for number in range(8)} == {b"precious"}
    assert files_below(dest) == {}


class Hanging(FakeFile):
    """A file of which nothing comes."""

    async def __aiter__(self):
        await anyio.sleep_forever()
        yield b""


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_whole_is_noted_though_the_call_is_cancelled(tmp_path, way) -> None:
    """One page is there, the other hangs: the notes are written before the cancellation goes on."""
    files = {url(1): FakeFile.whole(PAGES[0]), url(2): Hanging([], headers={"content-length": "9"})}

    groups = groups_over(FakeTransport(files=files))

    await way(groups.runs.download(run_of(1, 2), tmp_path), page_is_there(groups))

    noted = json.loads(files_below(tmp_path)["101/88/progress.json"])["files"]
    assert [file["name"] for file in noted] == ["page-0001.json"]
    check_nothing_left(tmp_path, {NAME: [PAGES[0]]})


async def test_a_scope_that_ends_during_a_write_leaves_no_manifest_of_a_part(tmp_path, monkeypatch) -> None:
    """The page that a thread is writing shields its worker; the other page, which only waits, is what is cancelled."""
    files = {url(1): FakeFile.whole(PAGES[0]), url(2): Hanging([], headers={"content-length": "9"})}
    groups = groups_over(FakeTransport(files=files))
    writing = threading.Event()
    commit = AtomicFile.commit

    def slow_commit(file: AtomicFile, last: bytes) -> None:
        writing.set()
        time.sleep(0.1)
        commit(file, last)

    monkeypatch.setattr(AtomicFile, "commit", slow_commit)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(groups.runs.download, run_of(1, 2), tmp_path, count_records=True))
            await until(writing.is_set)
            scope.cancel()

    assert scope.cancelled_caught
    assert not (tmp_path / "101/88/manifest.json").exists()
    noted = json.loads(files_below(tmp_path)["101/88/progress.json"])["files"]
    assert [file["name"] for file in noted] == ["page-0001.json"]


class Distant(PlainSink):
    """A sink that waits for something before it takes anything."""

    async def put(self, name, chunks):
        await anyio.sleep(0.001)
        await super().put(name, chunks)


@pytest.mark.parametrize("way", WAYS)
async def test_a_distant_sink_gets_the_notes_too(way) -> None:
    """Its waiting is not cut short by the cancellation that made the notes necessary."""
    files = {url(1): FakeFile.whole(PAGES[0]), url(2): Hanging([], headers={"content-length": "9"})}
    groups, sink = groups_over(FakeTransport(files=files)), Distant()

    await way(groups.runs.download(run_of(1, 2), sink), page_is_there(groups))

    assert sink.files.keys() == {NAME, "101/88/progress.json"}


@pytest.mark.parametrize("how", HOWS)
async def test_work_in_a_thread_is_waited_for(how) -> None:
    """Whatever cancels, and however often: nobody goes on before the thread has ended."""
    ended: list[bool] = []

    def work() -> None:
        time.sleep(0.05)
        ended.append(True)

    end, _ = await cancelled_at(1, run_in_thread(work), how)

    assert ended == [True]
    assert end in {"cancelled", "done"}
