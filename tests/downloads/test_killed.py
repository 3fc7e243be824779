"""Processes that are killed, or work side by side, never leave a wrong file under a final name."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import anyio
import pytest
from support.download_kit import files_below, run_of, sized_page, temporaries_below, zip_bytes
from support.fake_transports import KEY
from support.killed_kit import Nursery, order
from support.raw_server import Exchange, RawServer
from support.strace_kit import needs_strace, put, put_here

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox

KILLS = 20


def wrong_files(folder: Path, versions: dict[str, set[bytes]]) -> list[str]:
    """Final files that are no version of the server's."""
    return [
        name
        for name, content in files_below(folder).items()
        if Path(name).name in versions and content not in versions[Path(name).name]
    ]


async def stopped_in_a_file(process: int, folder: Path) -> None:
    """Stop the process when a file is half there."""
    with anyio.fail_after(30):
        while True:
            os.kill(process, signal.SIGSTOP)
            await anyio.sleep(0.001)  # it stops a moment later
            if temporaries_below(folder):
                return
            os.kill(process, signal.SIGCONT)
            await anyio.sleep(0.001)


@pytest.mark.timeout(120)
@pytest.mark.heavy
async def test_a_process_killed_at_any_moment_leaves_no_wrong_file(tmp_path) -> None:
    """After kills at many moments of a repeated download, no file is wrong, and the next call succeeds and tidies up."""
    async with Sandbox(instant=True, record_bytes=4096) as sandbox, sandbox.client() as client, Nursery() as nursery:
        (collection,) = sandbox.add_collections(1, items=600)
        run = await client.runs.latest(collection)
        assert run is not None
        good = await client.runs.download(run, tmp_path / "good", files="both")
        versions = {file.name: {file.path.read_bytes()} for file in good.files}
        job = order(run, sandbox.url, sandbox.api_key, tmp_path / "whole")
        for _ in range(2):  # the first time the nursery starts, too
            began = time.monotonic()
            await nursery.start(job)
            assert await nursery.ended() == [0]
            whole = time.monotonic() - began
        left = 0
        for number in range(KILLS):
            dest = tmp_path / str(number)
            (process,) = await nursery.start({**job, "dest": str(dest), "times": 1_000_000})
            await anyio.sleep(1.5 * whole * (number + 0.5) / KILLS)
            if number % 2:
                await stopped_in_a_file(process, dest)
            os.kill(process, signal.SIGKILL)
            assert await nursery.ended() == [signal.SIGKILL]

            assert wrong_files(dest, versions) == []
            left += bool(temporaries_below(dest))
            done = await client.runs.download(run, dest, files="both")
            assert [file.sha256 for file in good.files] == [file.sha256 for file in done.files]
            assert temporaries_below(dest) == []

    assert left >= KILLS // 4


@pytest.mark.parametrize(
    ("inject", "when"),
    [("openat", 2), ("write", 1), ("write", 3), ("fsync", 1), ("close", 4), ("/^rename", 1), ("fsync", 2)],
)
async def test_a_kill_at_each_system_call_leaves_one_complete_file(tmp_path, inject, when) -> None:
    """A kill at the k-th write, rename, flush, open or close leaves the complete old file or the complete new one."""
    needs_strace()
    dest = tmp_path / "dest"
    (dest / "f").mkdir(parents=True)

    done = put(dest, "-e", f"inject={inject}:signal=SIGKILL:when={when}", durable=True)

    files = files_below(dest)
    assert set(files) <= {"f/a", "f/.mc-0000000000000000.part"}
    if "f/a" in files:
        assert files["f/a"] == b"n" * (3 << 20)
    assert done.status != 0
    if inject not in {
        "/^rename",
        "close",
    }:  # before or after the rename; how many are closed before it depends on the threads
        assert ("f/a" in files) == ((inject, when) == ("fsync", 2))
    await put_here(dest)
    assert files_below(dest) == {"f/a": b"n" * (3 << 20)}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("processes", [2, 4])
async def test_processes_in_one_folder_see_one_version_at_each_moment(tmp_path, processes) -> None:
    """Two versions on the server: whoever renames last wins, and every look at a final file shows all of one of them."""
    old, new = (sized_page(400_000, filler) for filler in "on")
    pages = {"page-0001.json": {old, new}, "all-pages.zip": {zip_bytes([old]), zip_bytes([new])}}
    looks = 0

    async def turning(exchange: Exchange) -> bool:
        content = old if exchange.number % 2 else new
        body = zip_bytes([content]) if exchange.path.endswith(".zip") else content
        await exchange.answer(body)
        return True

    async with RawServer(turning) as server, Nursery() as nursery:
        job = order(run_of(1, zipped=True, base=server.url), server.url, KEY, tmp_path, times=8)
        await nursery.start(*[job] * processes)
        ended = asyncio.ensure_future(nursery.ended())
        while not ended.done():
            await anyio.sleep(0.002)
            for name, versions in pages.items():
                path = tmp_path / "101/88" / name
                if path.exists():
                    looks += 1
                    assert path.read_bytes() in versions
        statuses = await ended

    assert [0] * processes == statuses
    assert temporaries_below(tmp_path) == []
    assert looks > 10


async def test_finished_files_of_a_killed_process_are_kept(tmp_path) -> None:
    """Files that a killed process had noted as complete are not fetched again; its last quarter of a second may be missing."""
    async with Nursery() as nursery:
        stalled = anyio.Event()
        page = sized_page(500)

        async def slow(exchange: Exchange) -> bool:
            if exchange.path.endswith("_4.json") and not stalled.is_set():
                stalled.set()
                await exchange.hang()
            await anyio.sleep(0.3)
            await exchange.answer(page)
            return True

        async with RawServer(slow) as server:
            run = run_of(1, 2, 3, 4, base=server.url)
            (process,) = await nursery.start(order(run, server.url, KEY, tmp_path))
            with anyio.fail_after(30):
                while not (tmp_path / "101/88/progress.json").exists():  # noqa: ASYNC110 -- of another process
                    await anyio.sleep(0.01)
            os.kill(process, signal.SIGKILL)
            await nursery.ended()
            before = len(server.requests)
            async with AsyncMultiCart(KEY, base_url=server.url) as client:
                done = await client.runs.download(run, tmp_path)

    assert done.skipped > 0
    assert 4 - done.skipped == len(server.requests) - before
    assert [page] * 4 == [file.path.read_bytes() for file in done.files]
