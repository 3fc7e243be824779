"""What a small file of a run costs, in counts that do not depend on the machine."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.call_counts import counted_calls, own_frames
from support.download_kit import page_bytes, run_of, url
from support.fakes import FakeFile, FakeTransport
from support.groups import Groups, groups_over

from multicart_async._core.lifetime import ClientLifetime
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._open_folder import OpenFolder

FEW, MANY = 50, 250


def service(pages: int) -> Groups:
    """A service with so many pages of 20 records."""
    content = page_bytes(20)
    files = {url(page): FakeFile.whole(content) for page in range(1, pages + 1)}
    return groups_over(FakeTransport(files=files))


async def download(pages: int, dest: Path) -> None:
    """All of them, as one run."""
    await service(pages).runs.download(run_of(*range(1, pages + 1)), dest)


async def per_file(tmp_path: Path, count: Callable[[], int]) -> float:
    """What *count* says for a file more: what a run takes by itself is left out."""
    await download(1, tmp_path / "first")  # what is made once is made now
    counts: list[int] = []
    for pages in (FEW, MANY):
        before = count()
        await download(pages, tmp_path / str(pages))
        counts.append(count() - before)
    return (counts[1] - counts[0]) / (MANY - FEW)


async def test_few_functions_are_called_for_a_file(tmp_path) -> None:
    """Functions of this library in the event loop, for a file more; those of the threads are system calls above all."""
    with counted_calls() as calls:
        calls_per_file = await per_file(tmp_path, calls.total)

    assert calls_per_file <= 118, calls.most_common(100)


async def test_few_coroutines_wait_for_the_response_of_a_file(tmp_path) -> None:
    """Each of them is created for each file, and resumed whenever bytes arrive."""
    waiting: list[str] = []

    class Transport(FakeTransport):
        def stream(self, *given: Any, **options: Any) -> Any:
            waiting.extend(own_frames())
            return super().stream(*given, **options)

    groups = groups_over(Transport(files={url(1): FakeFile.whole(page_bytes(1))}))
    await groups.runs.download(run_of(1), tmp_path)

    assert waiting[:9] == [
        *("_receive_response", "_receive", "_write", "put_verified"),
        *("_attempt", "run", "run", "_fetch", "work_from"),
    ]


async def test_a_file_is_created_looked_for_and_renamed(tmp_path, monkeypatch) -> None:
    """These are the operations on names that a file takes, and the sums and the manifest."""
    calls: Counter[str] = Counter()
    for name in ("open_new", "stat", "move"):
        own = getattr(OpenFolder, name)

        def counted(folder: OpenFolder, *given: Any, own: Any = own, name: str = name) -> Any:
            calls[name] += 1
            return own(folder, *given)

        monkeypatch.setattr(OpenFolder, name, counted)

    await download(MANY, tmp_path)

    assert [calls[name] for name in ("open_new", "stat", "move")] == [MANY + 2] * 3


async def test_files_of_a_batch_share_their_folder(tmp_path, monkeypatch) -> None:
    """The folder of a run is opened for a batch of files, not for each of them."""
    opened = 0
    own = OpenFolder.open.__func__

    def counted(cls: type[OpenFolder], *given: Any, **options: Any) -> OpenFolder:
        nonlocal opened
        opened += 1
        return own(cls, *given, **options)

    monkeypatch.setattr(OpenFolder, "open", classmethod(counted))
    loop = asyncio.get_running_loop()
    sink = DirectorySink(tmp_path)
    gate = threading.Event()
    loop.call_later(0.1, gate.set)

    async def put(name: str) -> None:
        async def receive(write: Any) -> None:
            await write(b"[]")

        await sink.put_verified("101/88", name, receive, gate.wait)  # type: ignore[arg-type]

    await put("first")
    opened, before = 0, opened
    gate.clear()
    loop.call_later(0.05, gate.set)
    await asyncio.gather(*(put(f"page-{number}") for number in range(16)))

    assert before >= 1
    assert opened <= 8


async def test_one_timer_serves_all_operations() -> None:
    """A deadline is only noted: most operations end long before it."""
    lifetime, loop = ClientLifetime(), asyncio.get_running_loop()
    timers = 0
    own = loop.call_at

    def call_at(*given: Any, **options: Any) -> Any:
        nonlocal timers
        timers += 1
        return own(*given, **options)

    loop.call_at = call_at  # type: ignore[method-assign]
    try:
        for _ in range(100):
            with lifetime.bound(30), lifetime.track(60):
                await asyncio.sleep(0)
    finally:
        del loop.call_at  # type: ignore[attr-defined]

    assert timers == 1


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="allocations differ between versions: the oldest one counts")
async def test_a_file_of_a_run_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end a run holds its manifest and its result: about a kilobyte for each file, and no JSON of them.

    pathlib interns the parts of paths, and the interpreter's table of interned strings grows by leaps of MiB, at a moment
    that depends on all other tests: here it does not grow.
    """
    monkeypatch.setattr(sys, "intern", str)
    await download(1, tmp_path / "first")
    peaks: list[int] = []
    for pages in (200, 2_000):
        groups, run = service(pages), run_of(*range(1, pages + 1))
        gc.collect()
        gc.freeze()  # the more objects other tests have left, the longer garbage of this one would stay
        tracemalloc.start()
        try:
            await groups.runs.download(run, tmp_path / str(pages))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        del groups, run

    assert (peaks[1] - peaks[0]) / 1_800 <= 2_080  # the fakes remember 700 bytes of each file
