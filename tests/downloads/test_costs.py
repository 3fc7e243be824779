"""What a download may cost: thread hops, system calls, memory, requests. Generous bounds, no clock."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import attrs
import pytest
from support.download_kit import fetch, files_below, page_bytes, run_of, sized_page, url, wanted_page, zip_bytes
from support.fakes import FakeFile, FakeTransport
from support.groups import groups_over
from support.strace_kit import needs_strace, put

from multicart_async._core import thread_batches, threads
from multicart_async._downloads.formats.json_records import STEP, RecordParser
from multicart_async._downloads.formats.zip_archive import ArchiveCheck
from multicart_async._downloads.record_codec import record_reader
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink

MIB = 1 << 20
PART = 1 << 18  # what the network brings at a time
TURN = 2 * STEP  # bytes that are parsed before other tasks have their turn


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many pieces of work were handed to threads, and how often a thread was woken for them."""
    counted: Counter[str] = Counter()
    short, own, send = thread_batches.submit_batched, threads.submit, threads.thread_pool

    class Pool:
        def submit(self, *work: object) -> object:
            counted["woken"] += 1
            return send().submit(*work)

    def pool() -> object:
        return Pool()

    monkeypatch.setattr(threads, "thread_pool", pool)
    monkeypatch.setattr(thread_batches, "thread_pool", pool)
    for module in ("_downloads.verifier", "sinks._directory", "sinks._file_writer"):
        monkeypatch.setattr(
            f"multicart_async.{module}.submit_batched", lambda *work: (counted.update(work=1), short(*work))[1]
        )
    monkeypatch.setattr(
        "multicart_async.sinks._file_writer.submit", lambda *work: (counted.update(work=1), own(*work))[1]
    )
    return counted


def in_parts(content: bytes) -> FakeFile:
    """A file as the network brings it."""
    parts = [content[start : start + PART] for start in range(0, len(content), PART)]
    return FakeFile(parts, headers={"content-length": str(len(content))})


async def test_a_large_file_takes_two_pieces_of_work_for_a_mebibyte(tmp_path, hops) -> None:
    """One that looks and one that writes; mostly they share a hop."""
    content = sized_page(32 * MIB)
    owner = groups_over(FakeTransport(files={url(1): in_parts(content)})).downloader

    fetched = await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert hashlib.sha256(content).hexdigest() == fetched.sha256
    assert hops["work"] <= 2 * 32 + 4
    assert hops["woken"] <= 2 * 32 + 4


async def test_a_small_file_takes_one_piece_of_work(tmp_path, hops) -> None:
    """It is looked at, written and put in place at once; files that are ready together share a hop."""
    pages = range(1, 101)
    groups = groups_over(FakeTransport(files={url(page): FakeFile.whole(page_bytes(20)) for page in pages}))

    await groups.runs.download(run_of(*pages), tmp_path)

    assert len(files_below(tmp_path)) == 101
    assert hops["work"] <= 100 + 16 + 4  # the first look into the folder, and the manifest
    assert hops["woken"] <= 90


async def test_nothing_is_held_of_what_has_passed(tmp_path) -> None:
    """A file of any size takes a few MiB: what is gathered, what is at work, and what comes meanwhile."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(256):
            await asyncio.sleep(0)
            yield bytes(PART)

    gc.collect()
    tracemalloc.start()
    try:
        await DirectorySink(tmp_path).put("a", parts())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (tmp_path / "a").stat().st_size == 64 * MIB
    assert most < 6 * MIB


async def test_each_file_is_asked_for_once_and_connections_are_kept(tmp_path) -> None:
    """One request for each page; one connection carries many of them."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        (collection,) = sandbox.add_collections(1, items=2_000)
        run = await client.runs.latest(collection)
        assert run is not None
        before = len(sandbox.requests)

        done = await client.runs.download(run, tmp_path)

        connections = client._transport._sessions["files"].connector._conns

    assert len(done.files) == len(sandbox.requests) - before
    assert sum(map(len, connections.values())) <= 8


def calls_of(folder: Path, **given: object) -> Counter[str]:
    """System calls on one file and its folder, by name."""
    done = put(folder, "-e", "trace=all", **given)
    assert done.error is None
    return Counter(line.split(None, 1)[1].partition("(")[0] for line in done.calls if "resumed" not in line)


def test_a_small_file_costs_few_system_calls(tmp_path) -> None:
    """Made, written, closed, renamed: on top of that there is the first look into its folder."""
    needs_strace()
    dest = tmp_path / "dest"
    (dest / "f").mkdir(parents=True)

    calls = calls_of(dest, size=20_000, pieces=1)

    assert (calls["write"], calls["renameat"]) == (1, 1)
    assert calls.total() <= 20, calls


def test_a_large_file_is_written_in_large_pieces(tmp_path) -> None:
    """One write for each part that came, and nothing else that grows with the file."""
    needs_strace()
    dest = tmp_path / "dest"
    (dest / "f").mkdir(parents=True)

    calls = calls_of(dest, size=PART, pieces=64)

    assert calls["write"] <= 64 + 1
    assert calls.total() - calls["write"] <= 25, calls


def test_a_zip_check_looks_at_each_byte_once() -> None:
    """It holds a window of the archive, however large that is."""
    content = zip_bytes([sized_page(8 * MIB), sized_page(8 * MIB)])
    check = ArchiveCheck()
    tracemalloc.start()
    try:
        for start in range(0, len(content), PART):
            check.feed(content[start : start + PART])
        check.finish()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 3 * MIB


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """How often functions of Python are entered, and generators and coroutines resumed, by name."""
    calls: Counter[str] = Counter()

    def enter(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[frame.f_code.co_name] += 1

    sys.setprofile(enter)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def test_a_record_takes_few_calls() -> None:
    """One generator is resumed to make it and one to give it to the reader; it is checked and decoded."""
    content = json.dumps([{"asin": f"B{number:09d}", "title": "x" * 60} for number in range(20_000)]).encode()
    groups = groups_over(FakeTransport(files={url(1): in_parts(content)}))

    with counted_calls() as calls:
        async with aclosing(groups.runs.records(run_of(1))) as records:
            count = sum([1 async for _ in records])

    assert count == 20_000
    assert calls.total() <= 20_000 * 5.5, calls.most_common(12)


async def test_others_have_their_turn_while_records_are_read() -> None:
    """At least one turn for every 128 KiB, and not many more."""
    content = json.dumps([{"asin": f"B{number:09d}", "title": "x" * 60} for number in range(20_000)]).encode()
    groups = groups_over(FakeTransport(files={url(1): FakeFile.whole(content)}))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        async with aclosing(groups.runs.records(run_of(1))) as records:
            count = sum([1 async for _ in records])
        group.cancel_scope.cancel()

    assert count == 20_000
    assert len(content) / TURN - 1 <= turns <= 3 * len(content) / TURN + 10


async def test_a_short_rest_of_a_piece_takes_no_step(monkeypatch) -> None:
    """Each step has a cost of its own, so the network's pieces are not cut into full steps and crumbs."""
    content = json.dumps([{"asin": f"B{number:09d}", "title": "x" * 60} for number in range(20_000)]).encode()
    pieces = [content[start : start + TURN + 100] for start in range(0, len(content), TURN + 100)]
    steps: list[int] = []
    feed = RecordParser.feed_incrementally

    def counted(parser: RecordParser, piece: bytes) -> Generator[None, None, list[Any]]:
        steps.append(len(piece))
        return feed(parser, piece)

    monkeypatch.setattr(RecordParser, "feed_incrementally", counted)
    groups = groups_over(FakeTransport(files={url(1): FakeFile(pieces)}))
    async with aclosing(groups.runs.records(run_of(1))) as records:
        count = sum([1 async for _ in records])

    assert count == 20_000
    assert steps == [*map(len, pieces), 0]  # and the end


@attrs.frozen
class Texts:
    """Lists of scalars."""

    features: list[str]
    sizes: tuple[int | None, ...]


def test_the_items_of_a_list_take_no_call_each() -> None:
    """Their types are looked at together; only items that have to be converted or refused are taken one by one."""
    reader = record_reader(Texts)
    value = {"features": ["x"] * 1000, "sizes": [1, None] * 500}
    reader.structure(value)

    with counted_calls() as calls:
        record = reader.structure(value)

    assert record == Texts(["x"] * 1000, (1, None) * 500)
    assert calls.total() <= 12, calls
