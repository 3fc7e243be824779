"""A service that cannot be reached: a short outage stops nothing, a long one is not asked for every collection."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
from support.fakes import FakeClock, FakeFile, FakeTransport, ok
from support.groups import BASE, groups_over
from support.mirror_kit import HISTORY, LIST, mirror_over

from multicart_async import RetryPolicy, errors
from multicart_async._sync.engine import Synchronizer
from multicart_async._sync.options import SyncOptions
from multicart_async.models import SyncReport
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.sinks._error_mapping import map_sink_errors

MANY = 200
GONE = errors.APIConnectionError(HISTORY, "cannot connect", sent=False)


def row(number: int) -> dict[str, object]:
    """A collection that may have changed."""
    return {
        "id": number,
        "name": "AU",
        "schedule_status": "Completed",
        "updated_at": f"2026-06-20T10:00:{number % 60:02}Z",
    }


@attrs.define
class Service:
    """Takes so many seconds for each collection; *down* says of which number of requests it is not there."""

    folder: Path
    seconds: float
    down: Any
    asked: int = 0
    clock: FakeClock = attrs.field(factory=FakeClock)

    async def sync(self, **wish: Any) -> SyncReport:
        """A mirror of all collections, one after the other."""
        service = self

        class Transport(FakeTransport):
            async def post(self, path: str, body: Any, **_: Any) -> Any:
                if path == LIST:
                    return ok([row(number) for number in range(1, MANY + 1)])
                service.asked += 1
                service.clock.advance(service.seconds)
                if service.down(service.asked):
                    raise GONE
                return ok([])

        groups = groups_over(Transport(), retry=RetryPolicy(attempts=1))
        return await mirror_over(groups, DirectorySink(self.folder), now=self.clock.now, **wish).run(None)


async def test_an_unreachable_service_stops_the_mirror(tmp_path) -> None:
    """After half a minute in which nothing could be reached, sync stops, leaves the rest to the next call and reports that."""
    service = Service(tmp_path, 5.0, lambda _: True)

    report = await service.sync()

    assert report.stopped
    assert not report.ok
    assert 8 == service.asked == report.failed
    assert {type(failure.error) for failure in report.failures} == {errors.APIConnectionError}


async def test_failures_at_one_moment_are_no_long_outage(tmp_path) -> None:
    """However many they are: the next one may be reached."""
    service = Service(tmp_path, 0.1, lambda number: number <= 50)

    report = await service.sync()

    assert not report.stopped
    assert (service.asked, report.failed) == (MANY, 50)


async def test_a_long_outage_between_answers_is_several(tmp_path) -> None:
    """Each answer says that somebody is there."""
    service = Service(tmp_path, 5.0, lambda number: number % 8)

    report = await service.sync(runs="all")

    assert not report.stopped
    assert (service.asked, report.failed) == (MANY, MANY * 7 // 8)


async def test_unchanged_collections_do_not_count_as_responses(tmp_path) -> None:
    """Collections that need no request, because they are unchanged, do not prove that the service can be reached."""
    await Service(tmp_path, 0.0, lambda number: number % 2).sync()
    service = Service(tmp_path, 5.0, lambda _: True)

    report = await service.sync()

    assert report.stopped
    assert service.asked == 8


async def test_another_failure_is_an_answer(tmp_path) -> None:
    """The service is there, and says no."""
    answers = iter([True] * 7 + [False] + [True] * 7)

    def down(_: int) -> bool:
        if next(answers, False):
            return True
        raise errors.NotFoundError(HISTORY, 404, "no such collection")

    report = await Service(tmp_path, 5.0, down).sync()

    assert not report.stopped
    assert report.failed == MANY


async def test_a_file_that_comes_is_an_answer(tmp_path) -> None:
    """Of one collection with many runs, whose list is read on meanwhile: each file says that the service is there."""
    ids = range(1, 41)
    rows = [
        {"id": run, "collection": 1, "is_download_generated": True, "download_links": {"pages": [page_of(run)]}}
        for run in ids
    ]
    files = {page_of(run): FakeFile.whole(b"[]") if run % 8 == 0 else GONE for run in ids}
    groups = groups_over(FakeTransport(ok([]), ok(rows), ok([]), files=files), retry=RetryPolicy(attempts=1))
    mirror = mirror_over(groups, DirectorySink(tmp_path), now=lambda: 5.0 * len(groups.transport.opened), runs="all")

    report = await mirror.run([1])

    assert (report.stopped, report.runs, report.files, report.failed) == (False, 40, 5, 35)


def page_of(run: int) -> str:
    """The link to the page of a run of collection 1."""
    return f"{BASE}/results/1/{run}/AU_{run}_Results_Page_1.json"


class Dead(MemorySink):
    """A disk or store that fails each put after five seconds."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        async for _ in chunks:
            pass
        self._clock.advance(5)
        raise errors.DiskError(name, "the store failed", errno.EIO)


async def test_a_place_that_cannot_be_reached_stops_the_mirror(sandbox, client) -> None:
    """Although the service answers all the time: nothing more is fetched for a place that takes nothing."""
    sandbox.add_collections(30, items=1)
    clock = FakeClock()
    mirror = Synchronizer(
        SyncOptions(),
        map_sink_errors(Dead(clock)),
        collections=client.collections,
        runs=client.runs,
        downloads=client._context.downloads,
        listers=1,
        fetchers=1,
        now=clock.now,
    )

    report = await mirror.run(None)

    assert report.stopped
    assert 8 <= report.failed < 12  # those that were already under way fail too
    assert {failure.error.errno for failure in report.failures} == {errno.EIO}
