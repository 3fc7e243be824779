"""What the documents promise of a place for files, for a folder, memory and object stores alike."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from support.download_kit import url
from support.groups import groups_over
from support.mirror_kit import asked
from support.object_stores import AZURITE, MOTO, SEAWEEDFS
from support.pruning_kit import add_runs, drop_collection
from support.refresh_kit import NEW, OLD, deliver, version_in
from support.sink_places import SinkPlace, chunked, in_bucket, in_folder, in_memory

from multicart_async import AsyncMultiCart, PollPolicy, errors, tables
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Cut, Status
from multicart_async.sinks._protocol import put_bytes

MIB = 1 << 20


@pytest.fixture(
    params=[
        "folder",
        "memory",
        pytest.param(MOTO, id="moto"),
        pytest.param(SEAWEEDFS, id="seaweedfs", marks=pytest.mark.heavy),
        pytest.param(AZURITE, id="azurite", marks=pytest.mark.heavy),
    ]
)
def place(request: pytest.FixtureRequest, started: Callable, tmp_path: Path) -> SinkPlace:
    """An empty place of each kind."""
    if request.param == "folder":
        return in_folder(tmp_path / "place")
    if request.param == "memory":
        return in_memory()
    return in_bucket(started(request.param).new_bucket())


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Two small items on a page, runs that end at once, and a clock that is turned by hand."""
    files = {"items_per_page": 2, "record_bytes": 200, "category_items": 3}
    async with Sandbox(instant=True, clock="manual", **files) as running:
        yield running


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """A client of it."""
    async with sandbox.client() as ready:
        yield ready


class TestEverySink:
    """The same for each."""

    @pytest.mark.parametrize("size", [0, 8 * MIB, 8 * MIB + 1, pytest.param(19 * MIB, marks=pytest.mark.heavy)])
    async def test_what_is_put_can_be_read(self, place, size) -> None:
        """Whole, in pieces and by its size, whatever the size is; a second put replaces it."""
        content = os.urandom(size)
        await put_bytes(place.sink, "101/88/all-pages.zip", b"earlier")
        await place.sink.put("101/88/all-pages.zip", chunked(content[at : at + MIB] for at in range(0, size, MIB)))

        sink = place.again()
        pieces = [piece async for piece in sink.iter_bytes("101/88/all-pages.zip")]

        assert await sink.size("101/88/all-pages.zip") == size
        assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(content).digest()
        assert await sink.read("101/88/all-pages.zip") == content
        assert place.unfinished() == []

    async def test_each_level_is_listed_by_itself(self, place) -> None:
        """Sizes of files, ``None`` for folders; a name that begins alike is another one."""
        for name, content in {"top": b"t", "101/a": b"aa", "101/88/b": b"bbb", "101/88/c": b"", "1012/x": b"x"}.items():
            await put_bytes(place.sink, name, content)

        assert await place.sink.list("") == {"top": 1, "101": None, "1012": None}
        assert await place.sink.list("101") == {"a": 2, "88": None}
        assert await place.sink.list("101/88") == {"b": 3, "c": 0}

    async def test_what_is_not_there_is_none(self, place) -> None:
        """A folder is no file, and a file is no folder."""
        await put_bytes(place.sink, "101/88/b", b"bbb")

        for name in ("none", "101/none", "101/88", "101"):
            assert await place.sink.size(name) is None
        for name in ("none", "101/88/b/x", "101/none"):
            assert await place.sink.read(name) is None
            assert await place.sink.list(name) == {}

    async def test_what_is_deleted_is_gone(self, place) -> None:
        """And what is not there can be deleted too."""
        for name in ("101/88/b", "101/88/c"):
            await put_bytes(place.sink, name, b"1")

        for _ in range(2):
            await place.sink.delete("101/88/b")
            await place.sink.delete("none/none")

        assert await place.files() == {"101/88/c": b"1"}

    async def test_a_renamed_file_has_its_new_name_alone(self, place) -> None:
        """It replaces what was there. A file that does not exist is an error."""
        await put_bytes(place.sink, "101/88/.new/a", b"new")
        await put_bytes(place.sink, "101/88/a", b"old")

        await place.sink.rename("101/88/.new/a", "101/88/a")

        assert await place.files() == {"101/88/a": b"new"}
        with pytest.raises(errors.DownloadError):
            await place.mapped.rename("101/88/none", "101/88/a")
        assert await place.files() == {"101/88/a": b"new"}

    @pytest.mark.parametrize("mebibytes", [1, 19])
    async def test_content_that_breaks_off_leaves_what_was_there(self, place, mebibytes) -> None:
        """All of it, or nothing; the error is that of the content."""
        await put_bytes(place.sink, "101/a", b"old")

        for name in ("101/a", "101/new"):
            with pytest.raises(LookupError):
                await place.sink.put(name, chunked([bytes(MIB)] * mebibytes, LookupError()))

        assert await place.files() == {"101/a": b"old"}
        assert place.unfinished() == []

    @pytest.mark.parametrize("mebibytes", [1, 19])
    async def test_a_cancelled_put_leaves_what_was_there(self, place, mebibytes) -> None:
        """After the cancellation nothing is under way any more."""
        await put_bytes(place.sink, "101/a", b"old")
        waiting = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(mebibytes):
                yield bytes(MIB)
            waiting.set()
            await asyncio.Event().wait()

        putting = asyncio.ensure_future(place.sink.put("101/a", endless()))
        await waiting.wait()
        putting.cancel()
        await asyncio.wait([putting])

        assert putting.cancelled()
        assert await place.files() == {"101/a": b"old"}
        assert place.unfinished() == []

    async def test_a_run_is_fetched_once(self, sandbox, client, place) -> None:
        """The second call finds all files by the manifest, and makes no request for any."""
        (number,) = sandbox.add_collections(1, items=3)
        run = await client.runs.latest(number)

        first = await client.runs.download(run, place.sink, files="both")
        asked(sandbox)
        again = await client.runs.download(run, place.again(), files="both")

        names = ["page-0001.json", "page-0002.json", "all-pages.zip"]
        files = await place.files(f"{number}/{run.id}")
        assert [file.name for file in first.files] == names
        assert {hashlib.sha256(files[f"{number}/{run.id}/{file.name}"]).hexdigest() for file in first.files} == {
            file.sha256 for file in first.files
        }
        assert {name.rpartition("/")[2] for name in files} == {*names, "manifest.json", "SHA256SUMS"}
        assert all(str(file.path).endswith(f"{number}/{run.id}/{file.name}") for file in first.files)
        assert (first.skipped, again.skipped) == (0, 3)
        assert asked(sandbox) == {}

    async def test_a_transfer_that_is_cut_is_whole_in_the_end(self, sandbox, client, place) -> None:
        """It is repeated; nothing of the first attempt is left."""
        (number,) = sandbox.add_collections(1, items=1)
        run = await client.runs.latest(number)
        sandbox.faults.add("/results/*", Cut(100))

        done = await client.runs.download(run, place.sink)

        content = (await place.files())[f"{number}/{run.id}/page-0001.json"]
        assert hashlib.sha256(content).hexdigest() == done.files[0].sha256

    async def test_files_that_came_before_an_error_are_not_fetched_again(self, sandbox, client, place) -> None:
        """A page fails for good; there is no manifest, and the next call fetches that page alone."""
        (number,) = sandbox.add_collections(1, items=5)
        run = await client.runs.latest(number)
        sandbox.faults.add("/results/*Page_3.json", Status(404), times=9)

        with pytest.raises(errors.MultiCartError):
            await client.runs.download(run, place.sink)
        interrupted = set(await place.files(f"{number}/{run.id}"))
        sandbox.faults.clear()
        done = await client.runs.download(run, place.again())

        folder = f"{number}/{run.id}"
        assert interrupted == {f"{folder}/{name}" for name in ("page-0001.json", "page-0002.json", "progress.json")}
        assert (done.skipped, len(done.files)) == (2, 3)
        assert f"{folder}/progress.json" not in await place.files()

    async def test_a_refresh_that_fails_leaves_the_old_version(self, place, tmp_path) -> None:
        """The run has changed, and one of its new pages cannot be fetched: byte for byte what was there."""
        await deliver(OLD, place.sink)
        before = await place.files()

        with pytest.raises(errors.MultiCartError):
            await groups_over(NEW.transport(broken=frozenset({url(2)}))).runs.download(NEW.run, place.sink)

        assert await place.files() == before
        assert version_in(await place.copied_to(tmp_path / "copy")) == OLD

    async def test_a_refresh_swaps_the_new_version_in(self, place, tmp_path) -> None:
        """Nothing of the old one is left, and nothing of the way that it took."""
        await deliver(OLD, place.sink)

        await deliver(NEW, place.again())

        assert version_in(await place.copied_to(tmp_path / "copy")) == NEW
        assert not [name for name in await place.files() if ".new" in name]

    @pytest.mark.parametrize("moves", [0, 1, 2, 3])
    async def test_an_interrupted_swap_is_completed_by_the_next_call(self, place, tmp_path, monkeypatch, moves) -> None:
        """The new version was complete: not one of its files is fetched a second time."""
        await deliver(OLD, place.sink)
        left = iter(range(moves))
        rename = type(place.sink).rename

        async def fail_later(sink: object, old: str, new: str) -> None:
            if next(left, None) is None:
                raise errors.DiskError(old, "interrupted", 5)
            await rename(sink, old, new)

        with monkeypatch.context() as patched:
            patched.setattr(type(place.sink), "rename", fail_later)
            with pytest.raises(errors.DiskError):
                await deliver(NEW, place.sink)
        empty = groups_over(NEW.transport(broken=frozenset({url(1), url(2)})))
        done = await empty.runs.download(NEW.run, place.again())

        assert done.skipped == 2
        assert version_in(await place.copied_to(tmp_path / "copy")) == NEW

    async def test_a_mirror_is_fetched_once(self, sandbox, client, place) -> None:
        """The second call asks the service for nothing but the list; other files of the same runs are fetched then."""
        sandbox.add_collections(3, runs=2, items=3)

        first = await client.sync(place.sink)
        asked(sandbox)
        second = await client.sync(place.again())
        requests = asked(sandbox)
        third = await client.sync(place.again(), files="both")

        assert [(report.runs, report.files, report.skipped) for report in (first, second, third)] == [
            (3, 6, 0),
            (3, 0, 3),
            (3, 3, 0),
        ]
        assert list(requests) == ["/schedules/get_schedules/"]

    async def test_a_dry_run_writes_nothing(self, sandbox, client, place) -> None:
        """It counts what would be fetched."""
        sandbox.add_collections(2, items=3)

        report = await client.sync(place.sink, dry_run=True)

        assert (report.files, await place.files()) == (4, {})

    async def test_what_the_service_has_no_more_is_pruned(self, sandbox, client, place) -> None:
        """With all of its files, and of the others the newest run is kept."""
        first, second, third = sandbox.add_collections(3, runs=3, items=1)
        await client.sync(place.sink, runs="all")
        drop_collection(sandbox, first)

        report = await client.sync(place.again(), runs="all", prune=True, keep=1)

        assert report.failures == ()
        assert report.gone == (str(first),)
        assert len(report.removed) == 7
        folders = {name.rpartition("/")[0].partition("/")[0] for name in await place.files()}
        assert folders == {str(second), str(third)}
        assert len([name for name in await place.files() if name.endswith("manifest.json")]) == 2
        assert (await client.verify(place.again())).ok

    async def test_new_runs_are_found(self, sandbox, client, place) -> None:
        """A collection that has changed is listed again."""
        first, _ = sandbox.add_collections(2, items=1)
        await client.sync(place.sink)
        (run,) = add_runs(sandbox, first, 1)

        report = await client.sync(place.again())

        assert (report.files, report.skipped) == (1, 1)
        assert f"{first}/{run}/manifest.json" in await place.files()

    async def test_damage_is_named_and_repaired(self, sandbox, client, place) -> None:
        """A missing file, a changed one, one of another size, and one that nobody has listed."""
        (number,) = sandbox.add_collections(1, items=7)
        await client.sync(place.sink)
        (folder,) = [f"{number}/{run}" for run in await place.sink.list(str(number)) if run.isdigit()]
        page = await place.sink.read(f"{folder}/page-0002.json")
        await place.sink.delete(f"{folder}/page-0001.json")
        await put_bytes(place.sink, f"{folder}/page-0002.json", page.swapcase())
        await put_bytes(place.sink, f"{folder}/page-0003.json", b"[]")
        await put_bytes(place.sink, f"{folder}/page-0009.json", b"[]")

        found = await client.verify(place.again())
        repaired = await client.verify(place.again(), repair=True)

        assert [(failure.path, failure.reason.partition(":")[0]) for failure in found.failures] == [
            (f"{folder}/page-0001.json", "missing"),
            (f"{folder}/page-0002.json", "changed"),
            (f"{folder}/page-0003.json", "changed"),
            (f"{folder}/page-0009.json", "surplus"),
        ]
        assert repaired.repaired == tuple(f"{folder}/page-{page:04d}.json" for page in (1, 2, 3))
        assert [failure.path for failure in repaired.failures] == [f"{folder}/page-0009.json"]

    async def test_a_cancelled_mirror_is_completed_by_the_next_call(self, sandbox, client, place) -> None:
        """Nothing that is there is damaged, and nothing is left of transfers under way."""
        sandbox.add_collections(6, items=6)
        enough = asyncio.Event()

        async with sandbox.client(on_event=lambda event: enough.set()) as listening:
            syncing = asyncio.ensure_future(listening.sync(place.sink))
            await enough.wait()
            syncing.cancel()
            await asyncio.wait([syncing])
        report = await client.sync(place.again())

        assert report.ok
        assert place.unfinished() == []
        verified = await client.verify(place.again())
        assert (verified.failures, verified.runs, verified.files) == ((), 6, 18)

    async def test_two_clients_may_mirror_into_one_place(self, sandbox, client, place) -> None:
        """At the same time."""
        sandbox.add_collections(4, items=3)

        async with sandbox.client() as other:
            reports = await asyncio.gather(client.sync(place.sink), other.sync(place.again()))

        assert [report.ok for report in reports] == [True, True]
        verified = await client.verify(place.sink)
        assert (verified.failures, verified.runs, verified.files) == ((), 4, 8)

    async def test_runs_are_started_awaited_and_downloaded(self, sandbox, client, place) -> None:
        """All of them in one call."""
        ids = sandbox.add_collections(3, runs=0, items=3)

        policy = PollPolicy(poll_interval=0.01)
        outcomes = [outcome async for outcome in client.runs.run_many(ids, place.sink, policy=policy)]

        assert sorted(outcome.key for outcome in outcomes if outcome.ok) == list(ids)
        assert (await client.verify(place.sink)).files == 6

    async def test_a_category_has_its_csv(self, client, place) -> None:
        """Made from the JSON in that place."""
        await client.categories.submit(
            "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
        )

        await client.sync(place.sink)

        (table,) = [content for name, content in (await place.files()).items() if name.endswith(".csv")]
        assert len(table.decode().splitlines()) == 4

    async def test_tables_are_those_of_a_folder(self, sandbox, client, place, tmp_path) -> None:
        """Records, changes and exports are the same, from wherever they are read."""
        (number,) = sandbox.add_collections(1, runs=2, items=3)
        await client.sync(place.sink, runs="all")
        folder = await place.copied_to(tmp_path / "copy")

        for source, name in ((place.again(), "a.jsonl"), (folder, "b.jsonl")):
            await tables.export(source, tmp_path / name, runs="all")
        records = [[record.value async for record in tables.read_records(one)] for one in (place.again(), folder)]
        changes = [[one async for one in tables.changes(place, number)] for place in (place.again(), folder)]

        assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
        assert records[0] == records[1] != []
        assert changes[0] == changes[1]
