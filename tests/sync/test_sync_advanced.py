"""`SyncAdvanced`: how far a mirror is, by collection."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from support.fakes import FakeClock
from support.mirror_kit import FILE, stream_of

from multicart_async import Limits
from multicart_async._sync import pass_progress
from multicart_async._sync.pass_progress import PassProgress
from multicart_async._sync.report import ReportBuilder
from multicart_async.events import Event, SyncAdvanced
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Cut, Envelope, Status


@pytest.fixture
def each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is reported, not only those a tenth of a second apart."""
    monkeypatch.setattr(pass_progress, "_INTERVAL", 0.0)


async def advanced(sandbox: Sandbox, dest: Any, **options: Any) -> tuple[list[SyncAdvanced], Any]:
    """The events of one call, and its report."""
    told: list[SyncAdvanced] = []

    def listen(event: Event) -> None:
        if isinstance(event, SyncAdvanced):
            told.append(event)

    async with sandbox.client(on_event=listen, limits=Limits(requests=4, downloads=2)) as client:
        report = await client.sync(dest, **options)
    return told, report


async def test_it_begins_at_nothing_and_ends_at_all(sandbox, tmp_path) -> None:
    """The first event has 0 of all collections, the last one all of them, and the numbers of the report."""
    sandbox.add_collections(5, items=3)

    told, report = await advanced(sandbox, tmp_path)

    assert told[0] == SyncAdvanced(collections=0, of_collections=5, runs=0, skipped=0, failed=0)
    assert told[-1] == SyncAdvanced(
        collections=5, of_collections=5, runs=5, skipped=0, failed=0, files=10, of_files=10, bytes=report.bytes
    )


async def test_no_number_becomes_smaller(sandbox, tmp_path, each) -> None:
    """Each step adds, also where transfers are broken off and repeated."""
    sandbox.add_collections(4, runs=2, items=3)
    sandbox.faults.add(FILE, Cut(100), times=5)

    told, _ = await advanced(sandbox, tmp_path, runs="all")

    steps = [(one.collections, one.runs, one.files, one.bytes, one.of_files) for one in told]
    assert all(earlier <= later for one, two in pairwise(steps) for earlier, later in zip(one, two, strict=True))
    assert steps[-1][:3] == (4, 8, 16)
    assert max(one.of_files for one in told) == 16


async def test_a_collection_is_done_with_its_last_run(sandbox, tmp_path, each) -> None:
    """As long as one of its runs is queued or under way, it is not counted."""
    sandbox.add_collections(1, runs=6, items=1)

    told, _ = await advanced(sandbox, tmp_path, runs="all")

    assert {one.runs for one in told if one.collections == 0} >= {0, 1, 2, 3, 4, 5}
    assert {one.runs for one in told if one.collections == 1} == {6}


async def test_unchanged_collections_are_done(sandbox, tmp_path) -> None:
    """A second call skips them, and lacks no file."""
    sandbox.add_collections(3, items=1)
    await advanced(sandbox, tmp_path)

    told, _ = await advanced(sandbox, tmp_path)

    assert told[-1] == SyncAdvanced(collections=3, of_collections=3, runs=3, skipped=3, failed=0)


async def test_files_in_place_are_not_missed(sandbox, tmp_path) -> None:
    """Of a run that is there in part, only the rest is to be received."""
    (collection,) = sandbox.add_collections(1, items=6)
    _, first = await advanced(sandbox, tmp_path)
    next(tmp_path.glob(f"{collection}/*/page-0002.json")).unlink()

    told, again = await advanced(sandbox, tmp_path)

    assert (first.files, told[-1].files, told[-1].of_files, told[-1].bytes) == (3, 1, 1, again.bytes)


@pytest.mark.parametrize("given", [iter, stream_of])
async def test_the_number_of_a_stream_is_unknown(sandbox, tmp_path, given) -> None:
    """Ids that can be read only once are not counted beforehand."""
    ids = [*sandbox.add_collections(2, items=1)]

    told, _ = await advanced(sandbox, tmp_path, collections=given(ids))

    assert {one.of_collections for one in told} == {None}
    assert told[-1].collections == 2


async def test_a_shard_counts_its_own_collections(sandbox, tmp_path) -> None:
    """The shards together have all collections, each its own."""
    sandbox.add_collections(6, items=1)

    ends = [(await advanced(sandbox, tmp_path, shard=(index, 2)))[0][-1] for index in range(2)]

    assert [end.collections for end in ends] == [end.of_collections for end in ends]
    assert sum(end.collections for end in ends) == 6


async def test_an_id_that_is_named_twice_counts_once(sandbox, tmp_path) -> None:
    """In both numbers."""
    ids = [*sandbox.add_collections(2, items=1)]

    told, _ = await advanced(sandbox, tmp_path, collections=[*ids, *ids])

    assert (told[-1].collections, told[-1].of_collections) == (2, 2)


async def test_what_failed_is_done(sandbox, tmp_path) -> None:
    """The collection and the run count, the files that did not come are missed."""
    first, *_ = sandbox.add_collections(3, items=1)
    sandbox.faults.add(f"/results/{first}/*", Status(404), times=None)

    told, report = await advanced(sandbox, tmp_path)

    assert not report.ok
    assert told[-1] == SyncAdvanced(
        collections=3, of_collections=3, runs=3, skipped=0, failed=1, files=2, of_files=3, bytes=report.bytes
    )


async def test_a_dry_run_receives_nothing(sandbox, tmp_path) -> None:
    """It goes through all collections, and tells how many files are missing."""
    sandbox.add_collections(3, items=3)

    told, _ = await advanced(sandbox, tmp_path, dry_run=True)

    assert told[-1] == SyncAdvanced(collections=3, of_collections=3, runs=3, skipped=0, failed=0, files=0, of_files=6)


async def test_a_stopped_pass_ends_below_all(sandbox, tmp_path) -> None:
    """A last event comes, without the collections that were not reached."""
    sandbox.add_collections(30, items=1)
    sandbox.faults.add(FILE, Envelope(401), times=None)

    told, report = await advanced(sandbox, tmp_path)

    assert report.stopped
    assert told[-1].failed == report.failed
    assert told[-1].of_collections == 30
    assert told[-1].collections < 30


async def test_without_a_listener_nothing_is_made(sandbox, tmp_path, monkeypatch) -> None:
    """No event, and no count by collection."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("made without a listener")

    sandbox.add_collections(2, items=1)
    monkeypatch.setattr(pass_progress, "SyncAdvanced", fail)
    monkeypatch.setattr(PassProgress, "_report_now", fail)

    async with sandbox.client() as client:
        report = await client.sync(tmp_path)

    assert (report.ok, report.files) == (True, 2)


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def progress(told, clock) -> PassProgress:
    """A pass by hand."""
    return PassProgress(told.append, ReportBuilder(dry_run=False), now=clock.now)


def everything(_: int) -> bool:
    return True


def test_there_are_ten_events_a_second(progress, told, clock) -> None:
    """At most, but for the first and the last one."""
    progress.begin(range(100), everything)
    for number in range(100):
        clock.advance(0.03)
        progress.open(number)
        progress.close(number)
    progress.end()

    assert [one.collections for one in told] == [0, *range(4, 101, 4), 100]


def test_ids_far_apart_count_once(progress, told) -> None:
    """Also if an id is looked at twice, because it was named again after many others."""
    progress.begin((1, 2, 1), everything)
    for number in (1, 2, 1):
        progress.open(number)
        progress.close(number)
    progress.end()

    assert (told[-1].collections, told[-1].of_collections) == (2, 2)


def test_ids_that_are_no_numbers_are_not_counted(progress, told) -> None:
    """They end the call, when they are reached."""
    values: Iterator[object] = iter(("x", None, 7))
    progress.begin([*values], everything)

    assert told[-1].of_collections == 1
