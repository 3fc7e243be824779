"""What fails in a mirror, what that stops, and what it does not."""

from __future__ import annotations

import asyncio
import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.eventually import until
from support.fake_account import PAGE, Account, mirrored
from support.fake_sinks import FullSink, NullSink, WatchedSink
from support.fakes import FakeFile, FakeTransport
from support.groups import BASE, groups_over
from support.mirror_kit import FILE, HISTORY, LIST, asked, results, runs_below, temporaries, tree

from multicart_async import Limits, RetryPolicy, errors
from multicart_async._http import Response
from multicart_async.events import FileCompleted, FileStarted
from multicart_async.models import DownloadLinks, Run
from multicart_async.sandbox.faults import Cut, Envelope, Stall, Status


async def test_one_page_that_fails_stops_nothing_else(sandbox, client, tmp_path) -> None:
    """The failure names collection, run, file and error; every other run is complete, and so are the other pages."""
    ids = sandbox.add_collections(8, runs=3, items=5)
    run = [run.id async for run in client.runs.iterate(ids[3])][1]
    sandbox.faults.add(f"/results/{ids[3]}/{run}/*Page_2.json", Cut(7), times=None)

    report = await client.sync(tmp_path, runs="all")

    (failure,) = report.failures
    assert (ids[3], run, "page-0002.json") == (failure.collection, failure.run, failure.file)
    assert isinstance(failure.error, errors.IncompleteDownloadError)
    assert str(failure).startswith(f"{ids[3]}/{run}/page-0002.json: results/{ids[3]}/{run}/page 2: ")
    assert (report.collections, report.runs, report.failed) == (8, 24, 1)
    assert not report.ok
    assert len(runs_below(tmp_path)) == 23
    assert temporaries(tmp_path) == []


async def test_what_failed_comes_with_the_next_call(sandbox, client, tmp_path) -> None:
    """That file alone, and the collection is asked though its row is as it was."""
    (number,) = sandbox.add_collections(1, items=5)
    sandbox.faults.add(f"/results/{number}/*Page_2.json", Status(503), times=None)
    await client.sync(tmp_path)
    sandbox.faults.clear()
    before = results(tmp_path)
    asked(sandbox)

    report = await client.sync(tmp_path)

    missing = 3 - len(before)
    assert missing in {1, 2}
    assert asked(sandbox) == {LIST: 1, HISTORY: 1, FILE: missing}
    assert (missing, 1, True) == (report.files, report.runs, report.ok)
    assert (await client.verify(tmp_path)).ok


async def test_a_collection_that_is_gone_is_a_failure_of_its_own(sandbox, client, tmp_path) -> None:
    """Deleted after it was listed, or never there."""
    ids = sandbox.add_collections(3, items=1)

    async def while_one_goes():
        yield ids[0]
        await client.collections.delete(ids[1])
        for number in (ids[1], ids[2], 999):
            yield number

    report = await client.sync(tmp_path, collections=while_one_goes())

    found = {failure.collection: failure for failure in report.failures}
    assert set(found) == {ids[1], 999}
    assert all(isinstance(failure.error, errors.NotFoundError) for failure in found.values())
    assert [(failure.run, failure.file) for failure in report.failures] == [(None, None)] * 2
    assert f"999: {found[999].error}" == str(found[999])
    assert (report.collections, report.runs, report.failed) == (4, 2, 2)


async def test_a_group_holds_all_failures(sandbox, client, tmp_path) -> None:
    """Whoever wants an exception gets each of them."""
    ids = sandbox.add_collections(2, items=1)
    sandbox.faults.add(f"/results/{ids[0]}/*", Cut(3), times=None)

    report = await client.sync(tmp_path, collections=[*ids, 998, 999])

    with pytest.raises(ExceptionGroup, match="3 of the mirror's runs or collections failed") as caught:
        report.raise_for_failures()
    assert set(map(type, caught.value.exceptions)) == {errors.NotFoundError, errors.IncompleteDownloadError}
    assert [failure.error for failure in report.failures] == list(caught.value.exceptions)


async def test_a_failure_keeps_no_frames_alive(sandbox, client, tmp_path) -> None:
    """Thousands of them would hold what was in memory when they happened; their causes too."""
    (collection_id,) = sandbox.add_collections(1, items=1)
    (run,) = await client.runs.list(collection_id)
    (tmp_path / str(collection_id) / str(run.id) / "page-0001.json").mkdir(
        parents=True
    )  # what the system says is a cause

    (failure,) = (await client.sync(tmp_path)).failures

    error: BaseException | None = failure.error
    chain: list[BaseException] = []
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    assert len(chain) > 1
    assert [None] * len(chain) == [each.__traceback__ for each in chain]


async def test_a_list_that_is_refused_is_raised(sandbox, client, tmp_path) -> None:
    """Without it there is nothing to begin with."""
    sandbox.faults.add(LIST, Envelope(401))

    with pytest.raises(errors.AuthenticationError):
        await client.sync(tmp_path)


async def test_a_key_that_is_refused_meanwhile_stops_the_rest(sandbox, client, tmp_path) -> None:
    """Everything else would be refused too; what was there stays."""
    sandbox.add_collections(200, items=1)
    sandbox.faults.add(HISTORY, Envelope(401, "Invalid key."), times=None, after=40)

    report = await client.sync(tmp_path)

    assert isinstance(report.failures[0].error, errors.AuthenticationError)
    assert sandbox.counts[HISTORY] < 80  # two pages each, the second one empty
    assert report.collections < 40
    assert temporaries(tmp_path) == []
    assert runs_below(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_a_disk_that_takes_nothing_stops_the_rest(sandbox, client, tmp_path, number) -> None:
    """The next file would fail in the same way."""
    sandbox.add_collections(100, items=1)

    report = await client.sync(FullSink(tmp_path, room=30, number=number))

    assert isinstance(report.failures[0].error, errors.DiskError)
    assert {failure.error.errno for failure in report.failures} == {number}
    assert sandbox.counts[FILE] < 60


async def test_a_file_that_cannot_be_written_stops_nothing_else(sandbox, client, tmp_path) -> None:
    """Something stands in the way of one run."""
    ids = sandbox.add_collections(20, items=1)
    (tmp_path / str(ids[7])).write_text("in the way")

    report = await client.sync(tmp_path)

    assert [failure.collection for failure in report.failures] == [ids[7]]
    assert len(runs_below(tmp_path)) == 19


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 200 KiB."""
    options = ["mount", "-t", "tmpfs", "-o", "size=200k,nr_inodes=10k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


async def test_a_full_disk_leaves_whole_files_alone(sandbox, client, small_disk) -> None:
    """What is there is right, no temporary file is left, and the rest is not even asked for."""
    sandbox.add_collections(100, items=5)

    report = await client.sync(small_disk)
    checked = await client.verify(small_disk)

    assert errno.ENOSPC in {failure.error.errno for failure in report.failures}
    assert sandbox.counts[FILE] < 300
    assert {"no manifest, so the run is incomplete"} >= {failure.reason for failure in checked.failures}
    assert temporaries(small_disk) == []


async def test_an_error_of_the_listener_leaves_as_itself(sandbox, tmp_path) -> None:
    """It is the caller's, and ends the call cleanly."""
    sandbox.add_collections(20, items=1)

    def listen(event: object) -> None:
        if isinstance(event, FileCompleted) and len(results(tmp_path)) > 5:
            raise LookupError("the caller's own")

    async with sandbox.client(on_event=listen) as client:
        with pytest.raises(LookupError, match="the caller's own"):
            await client.sync(tmp_path)

    assert temporaries(tmp_path) == []
    assert len(runs_below(tmp_path)) < 20


@pytest.mark.parametrize("moment", [FileStarted, FileCompleted])
async def test_closing_the_client_ends_a_mirror(sandbox, tmp_path, moment) -> None:
    """With `ClientClosedError`, at once, and nothing half done."""
    sandbox.add_collections(50, items=1)
    closing: list[asyncio.Task[None]] = []

    def listen(event: object) -> None:
        if isinstance(event, moment) and not closing and len(results(tmp_path)) > 3:
            closing.append(asyncio.ensure_future(client.aclose()))

    async with sandbox.client(on_event=listen) as client:
        with pytest.raises(errors.ClientClosedError):
            await client.sync(tmp_path)
        await closing[0]

    assert temporaries(tmp_path) == []
    assert len(runs_below(tmp_path)) < 50


async def test_closing_the_client_ends_a_mirror_that_waits_for_ids(sandbox, tmp_path) -> None:
    """A source that has nothing to say does not hold it up."""

    async def silent():
        waiting.set()
        await asyncio.Event().wait()
        yield 1

    waiting = asyncio.Event()
    async with sandbox.client() as client, asyncio.timeout(10):
        mirror = asyncio.ensure_future(client.sync(tmp_path, collections=silent()))
        await waiting.wait()
        await client.aclose()
        with pytest.raises(errors.ClientClosedError):
            await mirror


async def test_a_client_closed_between_two_calls_ends_a_mirror() -> None:
    """Closing the client ends sync, and is not reported as the failure of a run, whether a list or a file is rejected first."""

    class Closed(Account):
        async def post(self, path: str, *rest: object, **more: object) -> Response:
            if path == HISTORY:
                raise errors.ClientClosedError
            return await super().post(path, *rest, **more)  # type: ignore[arg-type]

    def closed() -> FakeFile:
        raise errors.ClientClosedError

    for account in (Closed(), Account(closed)):
        with pytest.raises(errors.ClientClosedError):
            await mirrored(range(1, 50), NullSink(), account)


async def test_a_closed_client_mirrors_nothing(sandbox, tmp_path) -> None:
    """And asks nothing."""
    client = sandbox.client()
    await client.aclose()

    with pytest.raises(errors.ClientClosedError):
        await client.sync(tmp_path)
    assert asked(sandbox) == {}


async def test_links_that_went_stale_are_renewed_once(sandbox, client, tmp_path) -> None:
    """The run is listed again for all its files; then they come."""
    (number,) = sandbox.add_collections(1, items=5)
    for page in (1, 2, 3):
        sandbox.faults.add(f"/results/{number}/*_Page_{page}.json", Status(403))

    report = await client.sync(tmp_path, files="both")

    assert report.ok
    assert asked(sandbox) == {LIST: 1, HISTORY: 2, FILE: 7}


async def test_an_older_run_is_found_again_by_its_id(sandbox, client, tmp_path) -> None:
    """Among the others of its collection."""
    (number,) = sandbox.add_collections(1, runs=3, items=1)
    oldest = min([run.id async for run in client.runs.iterate(number)])
    sandbox.faults.add(f"/results/{number}/{oldest}/*", Status(410))

    assert (await client.sync(tmp_path, runs="all")).ok


async def test_a_run_that_is_listed_no_more_is_named(sandbox, client, tmp_path) -> None:
    """Its links are refused, and there are no fresh ones."""
    (number,) = sandbox.add_collections(1, items=1)
    empty = b'{"code": 200, "status": 1, "data": []}'
    sandbox.faults.add(f"/results/{number}/*", Status(404), times=None)
    sandbox.faults.add(HISTORY, Status(200, empty, content_type="application/json"), after=2)

    (failure,) = (await client.sync(tmp_path)).failures

    assert isinstance(failure.error, errors.UnreachableResultError)
    assert str(failure).endswith("no longer listed by the service")
    assert failure.file == "page-0001.json"


async def test_a_stalled_file_holds_up_no_other(sandbox, tmp_path) -> None:
    """The others are there before its time is over."""
    ids = sandbox.add_collections(30, items=1)
    sandbox.faults.add(f"/results/{ids[0]}/*", Stall(5), times=None)
    async with sandbox.client(limits=Limits(downloads=2), retry=RetryPolicy(attempts=1)) as client:
        mirror = asyncio.ensure_future(client.sync(tmp_path))
        await until(lambda: len(runs_below(tmp_path)) == 29, patience=30)
        mirror.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mirror

    assert temporaries(tmp_path) == []
    assert not any(name.startswith(f"{ids[0]}/") for name in tree(tmp_path))


async def test_progress_is_noted_on_the_way(tmp_path) -> None:
    """After a quarter of a second, so that a process that is killed loses no more than that."""
    names = [f"AU_88_Results_Page_{number}.json" for number in (1, 2, 3)]
    urls = [f"{BASE}/results/101/88/{name}" for name in names]
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(PAGE) for url in urls}))
    run = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=tuple(urls)))
    sink = WatchedSink(tmp_path)
    groups.downloader.emit = lambda event: groups.clock.advance(0.3) if isinstance(event, FileCompleted) else None

    await groups.runs.download(run, sink)

    assert sink.seen["put progress.json"] == 3
    assert not (tmp_path / "101/88/progress.json").exists()
