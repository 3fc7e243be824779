"""`SyncReport.gone`: what the service no longer has, not what is merely unlisted, nor what is not the mirror's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.fake_sinks import PlainSink, UnlistableSink
from support.mirror_kit import HISTORY, LIST, asked, tree
from support.pruning_kit import add_runs, drop_collection, drop_run, unlist

from multicart_async._downloads.manifest import dump_checksummed
from multicart_async.sandbox.faults import Envelope, Status
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.sinks._protocol import put_bytes

GET = "/schedules/get/"


async def runs_of(client, collection_id: int) -> list[int]:
    """The ids of all runs of a collection, the oldest first."""
    return sorted([run.id async for run in client.runs.iterate(collection_id)])


@pytest.mark.parametrize("runs", ["latest", "all"])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_deleted_collection_is_gone(sandbox, client, tmp_path, runs, dry_run) -> None:
    """It is asked for once, because the list alone proves nothing; its files stay."""
    ids = sandbox.add_collections(4, runs=2, items=3)
    await client.sync(tmp_path, runs=runs)
    await client.collections.delete(ids[1])
    before = tree(tmp_path)
    asked(sandbox)

    report = await client.sync(tmp_path, runs=runs, dry_run=dry_run)

    assert report.gone == (str(ids[1]),)
    assert report.removed == ()
    assert report.ok
    assert asked(sandbox)[GET] == 1
    assert tree(tmp_path) == before


async def test_nothing_is_gone_where_all_is_listed(sandbox, client, tmp_path) -> None:
    """And no question more is asked."""
    sandbox.add_collections(4, runs=2, items=3)
    first = await client.sync(tmp_path, runs="all")
    asked(sandbox)

    second = await client.sync(tmp_path, runs="all")

    assert (first.gone, second.gone) == ((), ())
    assert asked(sandbox) == {LIST: 1, HISTORY: 4}


@pytest.mark.parametrize("runs", ["latest", "all"])
async def test_a_run_that_is_no_longer_listed_is_gone(sandbox, client, tmp_path, runs) -> None:
    """All pages of its collection were read: beyond one page of the history too."""
    (number,) = sandbox.add_collections(1, runs=53, items=1)
    ids = await runs_of(client, number)
    await client.sync(tmp_path, runs="all")
    for run in (ids[0], ids[30]):
        drop_run(sandbox, run)

    report = await client.sync(tmp_path, runs=runs, check="all")

    assert report.gone == (f"{number}/{ids[0]}", f"{number}/{ids[30]}")


async def test_runs_of_an_unchanged_collection_are_not_reported(sandbox, client, tmp_path) -> None:
    """They were not read in this call."""
    (number,) = sandbox.add_collections(1, runs=1, items=1)
    (old,) = await runs_of(client, number)
    await client.sync(tmp_path)
    add_runs(sandbox, number, 1)
    await client.sync(tmp_path)
    drop_run(sandbox, old)

    unchanged = await client.sync(tmp_path)
    read = await client.sync(tmp_path, check="all")

    assert (unchanged.gone, read.gone) == ((), (f"{number}/{old}",))


async def test_runs_of_a_collection_that_failed_are_not_reported(sandbox, client, tmp_path) -> None:
    """A list that broke off on its second page has said nothing about the rest."""
    (number,) = sandbox.add_collections(1, runs=60, items=1)
    await client.sync(tmp_path, runs="all")
    drop_run(sandbox, (await runs_of(client, number))[0])
    sandbox.faults.add(HISTORY, Envelope(400), times=None, after=1)

    report = await client.sync(tmp_path, runs="all")

    assert report.gone == ()
    assert [failure.collection for failure in report.failures] == [number]


async def test_an_unfinished_run_is_not_gone(sandbox, tmp_path) -> None:
    """It is listed, in any state."""
    async with type(sandbox)(clock="manual", scrape_seconds_per_item=1, row_delay=0) as slow, slow.client() as client:
        (number,) = slow.add_collections(1, items=3)
        run = slow.start_run(number)
        slow.advance(1)
        await put_bytes(DirectorySink(tmp_path), f"{number}/{run}/page-0001.json", b"[]")

        assert (await client.sync(tmp_path, runs="all")).gone == ()
        assert (await client.sync(tmp_path, check="all")).gone == ()


@pytest.mark.parametrize("status", ["draft", "disabled"])
async def test_what_exists_without_being_listed_is_not_gone(sandbox, client, tmp_path, status) -> None:
    """A draft, or a collection that was disabled in the dashboard."""
    ids = sandbox.add_collections(2, items=3)
    await client.sync(tmp_path)
    unlist(sandbox, ids[0], status)
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert (report.gone, report.ok) == ((), True)
    assert asked(sandbox) == {LIST: 1, GET: 1}


async def test_a_category_scrape_that_is_not_listed_is_not_gone(sandbox, client, tmp_path) -> None:
    """Whether they are listed is not documented, so it is asked for; deleted, it is gone."""
    sandbox.add_collections(1, items=3)
    started = await client.categories.submit(
        "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
    )
    run = await client.categories.wait(started)
    await client.categories.download(run, tmp_path)
    unlist(sandbox, started.collection_id, "enabled-but-not-listed")

    there = await client.sync(tmp_path)
    drop_collection(sandbox, started.collection_id)
    gone = await client.sync(tmp_path)

    assert (there.gone, gone.gone) == ((), (str(started.collection_id),))


@pytest.mark.parametrize(
    "fault",
    [
        Envelope(403),
        Envelope(401),
        Envelope(400),
        Envelope(500),
        Status(404, b"<html>"),
        Status(503),
        Status(200, b"{}"),
    ],
    ids=str,
)
async def test_only_the_services_own_word_makes_a_collection_gone(sandbox, client, tmp_path, fault) -> None:
    """Not found in an envelope; any other answer leaves it in doubt, which is no failure of a mirror."""
    ids = sandbox.add_collections(2, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])
    sandbox.faults.add(GET, fault, times=None)

    report = await client.sync(tmp_path)

    assert (report.gone, report.failures) == ((), ())


async def test_a_service_that_is_not_reached_is_not_asked_for_each(sandbox, client, tmp_path) -> None:
    """One that does not answer the first will not answer the others."""
    ids = sandbox.add_collections(60, items=1)
    await client.sync(tmp_path)
    for number in ids[1:]:
        await client.collections.delete(number)
    sandbox.faults.add(GET, Envelope(401), times=None)
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert (report.gone, report.ok) == ((), True)
    assert asked(sandbox)[GET] <= 4


async def test_an_empty_account_has_lost_all(sandbox, client, tmp_path) -> None:
    """Each of them was asked for."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    for number in ids:
        await client.collections.delete(number)

    assert (await client.sync(tmp_path)).gone == tuple(map(str, ids))


async def test_named_collections_say_nothing_of_the_others(sandbox, client, tmp_path) -> None:
    """Only of their own runs."""
    ids = sandbox.add_collections(3, runs=2, items=3)
    old = (await runs_of(client, ids[1]))[0]
    await client.sync(tmp_path, runs="all")
    await client.collections.delete(ids[0])
    drop_run(sandbox, old)
    asked(sandbox)

    report = await client.sync(tmp_path, collections=ids[1:], runs="all")

    assert report.gone == (f"{ids[1]}/{old}",)
    assert GET not in asked(sandbox)


async def test_a_worker_speaks_of_its_own_shard(sandbox, client, tmp_path) -> None:
    """Each collection that is gone is reported by one of them."""
    ids = sandbox.add_collections(12, items=1)
    await client.sync(tmp_path)
    for number in ids[:6]:
        await client.collections.delete(number)

    reports = [await client.sync(tmp_path, shard=(place, 2)) for place in range(2)]

    assert sorted(path for report in reports for path in report.gone) == [str(number) for number in ids[:6]]
    assert all(0 < len(report.gone) < 6 for report in reports)


async def test_a_call_that_was_stopped_says_nothing(sandbox, client, tmp_path) -> None:
    """It has not seen all."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])
    sandbox.faults.add(HISTORY, Envelope(401), times=None)

    report = await client.sync(tmp_path, check="all")

    assert (report.stopped, report.gone) == (True, ())


def plant(folder: Path, *names: str) -> None:
    """Files of another program."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")


async def test_folders_of_other_programs_are_not_gone(sandbox, client, tmp_path) -> None:
    """Under any name; the service is not even asked for them."""
    sandbox.add_collections(1, items=3)
    plant(
        tmp_path,
        "2024/12/photo.jpg",
        "2024/12/manifest.json",
        "2023/collection.json",
        "7/8.txt",
        "9",
        "x/1/page-0001.json",
    )
    plant(
        tmp_path,
        "007/1/page-0001.json",
        "0/1/page-0001.json",
        "99999999999999999999/1/page-0001.json",
        "-5/1/a",
        "٣/1/a",
    )
    (tmp_path / "2022").mkdir()
    (tmp_path / "2021" / "notes").mkdir(parents=True)
    before = tree(tmp_path)

    report = await client.sync(tmp_path, prune=True, keep=1)

    assert (report.gone, report.removed, report.failures) == ((), (), ())
    assert asked(sandbox).get(GET) is None
    assert before.items() <= tree(tmp_path).items()
    assert (tmp_path / "2022").is_dir()


async def test_folders_of_other_programs_in_a_collection_are_not_gone(sandbox, client, tmp_path) -> None:
    """Nor runs whose manifest is of another run, as in a copy under another name."""
    (number,) = sandbox.add_collections(1, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, number)
    plant(tmp_path, f"{number}/2024/photo.jpg", f"{number}/1/a/page-0001.json", f"{number}/5")
    copy = tmp_path / str(number) / "7"
    copy.mkdir()
    for path in (tmp_path / str(number) / str(run)).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    before = tree(tmp_path)

    report = await client.sync(tmp_path, check="all", prune=True, keep=1)

    assert report.removed == ()
    assert before.items() <= tree(tmp_path).items()
    assert f"{number}/2024" not in report.gone
    assert f"{number}/1" not in report.gone


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to itself"])
async def test_a_manifest_that_cannot_be_read_proves_nothing(sandbox, client, tmp_path, kind) -> None:
    """And does not hang or end the call."""
    sandbox.add_collections(1, items=3)
    (tmp_path / "7" / "8").mkdir(parents=True)
    path = tmp_path / "7" / "8" / "manifest.json"
    {"pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "link to itself": lambda: path.symlink_to(path)}[kind]()
    (tmp_path / "7" / "collection.json").mkdir()

    report = await client.sync(tmp_path)

    assert (report.gone, report.ok) == ((), True)


async def test_a_mirror_in_memory_is_looked_through_too(sandbox, client) -> None:
    """Any sink that can be listed."""
    ids = sandbox.add_collections(2, items=3)
    sink = MemorySink()
    await client.sync(sink)
    await client.collections.delete(ids[0])

    assert (await client.sync(sink)).gone == (str(ids[0]),)


async def test_a_sink_that_cannot_be_listed_says_nothing(sandbox, client) -> None:
    """It has no list to compare."""
    ids = sandbox.add_collections(2, items=3)
    sink = PlainSink()
    await client.sync(sink)
    await client.collections.delete(ids[0])
    asked(sandbox)

    report = await client.sync(sink)

    assert report.gone == ()
    assert GET not in asked(sandbox)


@pytest.mark.parametrize("secret", ["", "101"])
async def test_a_folder_that_may_not_be_listed_is_mirrored_still(sandbox, client, tmp_path, caplog, secret) -> None:
    """What is gone is not known then; a log says so."""
    sandbox.add_collections(1, items=3)
    await client.sync(tmp_path)
    drop_run(sandbox, 88)
    add_runs(sandbox, 101, 1)

    report = await client.sync(UnlistableSink(tmp_path, secret))

    assert (report.gone, report.ok, report.files) == ((), True, 2)
    assert "cannot be listed" in caplog.text


async def test_the_note_of_another_program_is_no_proof(sandbox, client, tmp_path) -> None:
    """Only one with our checksum makes a folder a collection's."""
    sandbox.add_collections(1, items=3)
    plant(tmp_path, "7/collection.json")
    (tmp_path / "8").mkdir()
    fields = {"updated_at": "2026-01-01T00:00:00+00:00", "schedule_status": "Completed", "run": None}
    (tmp_path / "8" / "collection.json").write_bytes(dump_checksummed(fields))

    assert (await client.sync(tmp_path)).gone == ("8",)


async def test_a_collection_whose_folder_cannot_be_read_is_kept(sandbox, client, tmp_path, caplog) -> None:
    """It is not told apart from a folder of another program; the others are looked at all the same."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    for number in ids[:2]:
        await client.collections.delete(number)
    (tmp_path / str(ids[0]) / "collection.json").unlink()

    report = await client.sync(UnlistableSink(tmp_path, str(ids[0])))

    assert report.gone == (str(ids[1]),)
    assert "kept because its folder cannot be read" in caplog.text
