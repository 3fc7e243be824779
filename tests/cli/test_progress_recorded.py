"""Progress over the events of real mirrors: with restarts, with failures, and cancelled in the middle."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.eventually import until
from support.mirror_kit import FILE, HISTORY

from multicart_async import Limits, RetryPolicy
from multicart_async._sync import pass_progress
from multicart_async.cli._progress import Progress, Snapshot
from multicart_async.events import Event, FileFailed, FileRestarted, Retrying, SyncAdvanced, SyncCompleted
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content, Cut, Stall, Status


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Files of some kilobytes, two items each."""
    async with Sandbox(instant=True, clock="manual", items_per_page=2, record_bytes=4000, records="text") as running:
        yield running


class Recorder:
    """Keeps all events, and what is shown after each."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.events: list[Event] = []
        self.shown: list[Snapshot] = []

    def listen(self, event: Event) -> None:
        self.progress.on_event(event)
        self.events.append(event)
        self.shown.append(self.progress.snapshot())

    def last(self) -> SyncAdvanced:
        """What the sync has counted itself at last."""
        return [event for event in self.events if isinstance(event, SyncAdvanced)][-1]

    def kinds(self) -> set[type[Event]]:
        return {type(event) for event in self.events}


@pytest.fixture
def recorder(monkeypatch) -> Recorder:
    monkeypatch.setattr(pass_progress, "_INTERVAL", 0.0)
    return Recorder()


def check_shown(recorder: Recorder) -> None:
    """It only ever goes forward, nothing is above its total, and it is all at the end, when it is the sync's own count."""
    fractions = [shown.fraction or 0.0 for shown in recorder.shown]
    assert fractions == sorted(fractions)
    shown = zip(recorder.events, fractions, strict=True)
    full = [event for event, fraction in shown if fraction == 1 and not isinstance(event, SyncCompleted)]
    assert all(isinstance(event, SyncAdvanced) and event.collections == event.of_collections for event in full)
    assert all(shown.bytes <= shown.of_bytes for shown in recorder.shown)
    assert all(shown.files <= shown.of_files for shown in recorder.shown if shown.of_files is not None)
    end, last = recorder.shown[-1], recorder.last()
    assert (end.files, end.bytes, end.of_bytes, end.active) == (last.files, last.bytes, last.bytes, ())
    assert (end.collections, end.of_collections, end.failed) == (last.collections, last.of_collections, last.failed)


async def test_a_mirror_with_restarts(sandbox, recorder, tmp_path) -> None:
    """What is discarded is taken off, and the end is the report."""
    sandbox.add_collections(6, items=6)
    for size in (0, 1, 2000, 5000):
        sandbox.faults.add(FILE, Cut(size), after=3)
    sandbox.faults.add(HISTORY, Status(502))

    async with sandbox.client(on_event=recorder.listen, limits=Limits(downloads=3)) as client:
        report = await client.sync(tmp_path)

    check_shown(recorder)
    assert {FileRestarted, Retrying} <= recorder.kinds()
    assert (report.ok, recorder.shown[-1].fraction) == (True, 1.0)
    assert (recorder.shown[-1].files, recorder.shown[-1].bytes) == (report.files, report.bytes)


async def test_a_mirror_with_failures(sandbox, recorder, tmp_path) -> None:
    """Failed files are taken off, and so are those that were cancelled with their run; all collections are done."""
    first, second, *_ = sandbox.add_collections(6, items=8)
    sandbox.faults.add(re.compile(rf"/results/{first}/.*"), Status(404), times=None, after=2)
    sandbox.faults.add(re.compile(rf"/results/{second}/.*"), Content(b"<html>"), times=None, after=1)

    async with sandbox.client(on_event=recorder.listen, limits=Limits(downloads=3)) as client:
        report = await client.sync(tmp_path)

    check_shown(recorder)
    assert (report.failed, recorder.shown[-1].failed, recorder.shown[-1].fraction) == (2, 2, 1.0)
    assert recorder.shown[-1].files < recorder.shown[-1].of_files


async def test_a_mirror_with_a_file_that_fails_late(sandbox, recorder, tmp_path) -> None:
    """Its last attempt is discarded as a failure."""
    sandbox.add_collections(2, items=2)
    sandbox.faults.add(FILE, Cut(3000), times=2)

    retry = RetryPolicy(attempts=2)
    async with sandbox.client(on_event=recorder.listen, limits=Limits(downloads=1), retry=retry) as client:
        report = await client.sync(tmp_path)

    check_shown(recorder)
    assert FileFailed in recorder.kinds()
    assert (report.failed, recorder.shown[-1].bytes) == (1, report.bytes)


async def test_a_second_mirror_is_a_new_pass(sandbox, recorder, tmp_path) -> None:
    """It begins at 0, and what is in place is done."""
    sandbox.add_collections(4, items=2)

    async with sandbox.client(on_event=recorder.listen) as client:
        await client.sync(tmp_path)
        recorder.events.clear()
        recorder.shown.clear()
        await client.sync(tmp_path)

    check_shown(recorder)
    assert (recorder.shown[0].collections, recorder.shown[0].files) == (0, 0)
    assert (recorder.shown[-1].skipped, recorder.shown[-1].fraction) == (4, 1.0)


async def test_a_cancelled_mirror_is_not_complete(sandbox, recorder, tmp_path) -> None:
    """It stays where it was; what had come of the last file is shown as a part."""
    sandbox.add_collections(3, items=2)
    sandbox.faults.add(FILE, Stall(3000), after=2)

    async with sandbox.client(on_event=recorder.listen, limits=Limits(downloads=1)) as client:
        mirror = asyncio.ensure_future(client.sync(tmp_path))
        await until(lambda: recorder.progress.snapshot().collections == 2 and recorder.progress.snapshot().active)
        mirror.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mirror

    shown = recorder.progress.snapshot()
    assert (shown.collections, shown.of_collections, shown.files) == (2, 3, 2)
    assert shown.fraction == 2 / 3
    assert shown.bytes < shown.of_bytes
