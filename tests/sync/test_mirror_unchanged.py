"""What a second call asks for: of an unchanged account, one list; else what has changed, or is not as it was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.fake_sinks import WatchedSink
from support.mirror_kit import FILE, HISTORY, LIST, asked, results, runs_below, tree

from multicart_async._downloads.manifest import dump_checksummed, load_checksummed, parse_manifest
from multicart_async._sync.state import SyncState, render_state
from multicart_async.models import Collection
from multicart_async.sandbox import Sandbox


def age(sandbox: Sandbox, collection_id: int) -> None:
    """A new run, a moment later."""
    sandbox.advance(60)
    sandbox.start_run(collection_id)
    sandbox.advance(1)


async def test_an_unchanged_account_costs_one_call(sandbox, client, tmp_path) -> None:
    """However many collections there are, with a run or without; nothing is written either."""
    sandbox.add_collections(20, items=3)
    sandbox.add_collections(5, runs=0, items=3)
    await client.sync(tmp_path)
    before, first = tree(tmp_path), asked(sandbox)

    sandbox.advance(3600)
    sink = WatchedSink(tmp_path)
    report = await client.sync(sink)

    assert first == {LIST: 1, HISTORY: 25, FILE: 40}
    assert asked(sandbox) == {LIST: 1}
    assert (report.collections, report.runs, report.skipped, report.files, report.bytes) == (25, 20, 20, 0, 0)
    assert before == tree(tmp_path)
    assert dict(sink.seen) == {"read collection.json": 25, "read manifest.json": 20}


async def test_names_with_every_odd_character_are_known_again(sandbox, client, tmp_path) -> None:
    """The service writes them into its links, unescaped; the manifest keeps links without what follows a ``?``."""
    for name in ("What? AU", "50% #1", "a&b=c;d", "Café 日本"):
        sandbox.add_collections(1, items=5, name=name)
    await client.sync(tmp_path, files="both")
    asked(sandbox)

    report = await client.sync(tmp_path, files="both")

    assert (report.skipped, report.files) == (4, 0)
    assert asked(sandbox) == {LIST: 1}


async def test_all_runs_cost_the_listings_alone(sandbox, client, tmp_path) -> None:
    """One for each collection, and no file."""
    sandbox.add_collections(6, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    asked(sandbox)

    sink = WatchedSink(tmp_path)
    report = await client.sync(sink, runs="all")

    assert asked(sandbox) == {LIST: 1, HISTORY: 6}
    assert (report.runs, report.skipped, report.files) == (18, 18, 0)
    assert dict(sink.seen) == {"read manifest.json": 18}


async def test_check_all_asks_each_collection(sandbox, client, tmp_path) -> None:
    """Their runs, not their files."""
    sandbox.add_collections(6, items=3)
    await client.sync(tmp_path)
    asked(sandbox)

    report = await client.sync(tmp_path, check="all")

    assert asked(sandbox) == {LIST: 1, HISTORY: 6}
    assert (report.runs, report.skipped) == (6, 6)


async def test_only_what_changed_is_asked(sandbox, client, tmp_path) -> None:
    """A collection with a new run; the others cost nothing."""
    ids = sandbox.add_collections(10, items=3)
    await client.sync(tmp_path)
    asked(sandbox)
    age(sandbox, ids[4])

    report = await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1, FILE: 2}
    assert (report.runs, report.skipped, report.files) == (10, 9, 2)
    assert len(runs_below(tmp_path / str(ids[4]))) == 2
    await client.sync(tmp_path)
    assert asked(sandbox) == {LIST: 1}


async def test_a_first_run_is_noticed(sandbox, client, tmp_path) -> None:
    """Of a collection that had none when it was looked at."""
    (number,) = sandbox.add_collections(1, runs=0, items=3)
    await client.sync(tmp_path)
    age(sandbox, number)

    assert (await client.sync(tmp_path)).runs == 1
    assert len(runs_below(tmp_path)) == 1


async def test_a_collection_at_work_is_asked_each_time(tmp_path) -> None:
    """Its row need not change when its run ends."""
    async with (
        Sandbox(clock="manual", scrape_seconds_per_item=1, row_delay=0) as sandbox,
        sandbox.client() as client,
    ):
        (number,) = sandbox.add_collections(1, items=3)
        sandbox.start_run(number)
        sandbox.advance(1)
        for _ in range(3):
            await client.sync(tmp_path)

        assert asked(sandbox) == {LIST: 3, HISTORY: 3, FILE: 1}
        assert not (tmp_path / str(number) / "collection.json").exists()


async def test_a_renamed_collection_is_asked_and_not_fetched(sandbox, client, tmp_path) -> None:
    """Its row has changed, its runs have not: the files that are there still count."""
    (number,) = sandbox.add_collections(1, items=3)
    await client.sync(tmp_path)
    sandbox.advance(60)
    await client.collections.update(number, name="Other")
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1}


@pytest.mark.parametrize(
    ("what", "harm"),
    [
        ("collection.json", lambda path: path.write_bytes(path.read_bytes()[:-20])),
        ("collection.json", lambda path: path.write_text("[]")),
        ("collection.json", Path.unlink),
        ("collection.json", lambda path: path.write_bytes(path.read_bytes() + b" " * (64 << 10))),
        ("collection.json", lambda path: os.truncate(path, 6 << 30)),
        ("collection.json", lambda path: (path.unlink(), path.symlink_to("elsewhere"))),
        ("collection.json", lambda path: path.write_bytes(dump_checksummed({"updated_at": 5, "run": "x"}))),
        ("collection.json", lambda path: path.write_bytes(edited(path, run=True))),
        ("collection.json", lambda path: path.write_bytes(edited(path, run=1))),
        ("collection.json", lambda path: path.write_bytes(edited(path, schedule_status="Failed"))),
        ("collection.json", lambda path: path.write_bytes(edited(path, updated_at="2020-01-01T00:00:00+00:00"))),
    ],
)
async def test_a_note_that_cannot_be_believed_means_to_ask(sandbox, client, tmp_path, what, harm) -> None:
    """Cut, edited, foreign, of another state, or gone: one question more, no file more; then it is right again."""
    sandbox.add_collections(1, items=3)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    harm(next(tmp_path.rglob(what)))
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1}
    assert before == tree(tmp_path)


def edited(path: Path, **changes: object) -> bytes:
    """A note with changes, and a checksum that fits."""
    fields = load_checksummed(path.read_bytes())
    assert isinstance(fields, dict)
    return dump_checksummed({**fields, **changes})


async def test_the_note_of_another_collection_is_not_trusted(sandbox, client, tmp_path) -> None:
    """Its run is not among those of this one."""
    first, second = sandbox.add_collections(2, items=3)
    await client.sync(tmp_path)
    shutil.copy(tmp_path / f"{first}/collection.json", tmp_path / f"{second}/collection.json")
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1}


DAMAGES = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_that_is_not_there_in_its_size_is_fetched_again(sandbox, client, tmp_path, damage) -> None:
    """That one, and no other."""
    sandbox.add_collections(2, items=5)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    DAMAGES[damage](tmp_path / results(tmp_path)[1])
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1, FILE: 1}
    assert (report.files, report.skipped) == (1, 1)
    assert before == tree(tmp_path)


def foreign(content: bytes) -> bytes:
    """The manifest of another run, whole."""
    manifest = load_checksummed(content)
    assert isinstance(manifest, dict)
    return dump_checksummed({**manifest, "run_id": 7, "run": {**manifest["run"], "id": 7}})


def newer(content: bytes) -> bytes:
    """A manifest of a version to come."""
    return content.replace(b'"version": 2', b'"version": 3')


def of_another_service(content: bytes) -> bytes:
    """A manifest whose run has links that lead elsewhere, whole."""
    manifest = load_checksummed(content)
    assert isinstance(manifest, dict)
    return dump_checksummed(
        {**manifest, "run": {**manifest["run"], "download_links": {"pages": ["https://else.where/x"]}}}
    )


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda content: content[:-30], "it is not valid JSON"),
        (lambda content: content.replace(b'"size": ', b'"size": 1'), "the checksum does not match"),
        (lambda _: b"", "it is not valid JSON"),
        (newer, "expected version 2, got 3"),
        (lambda content: content.replace(b'"version": 2', b'"version": 1'), "expected version 2, got 1"),
        (foreign, "expected the manifest of 101/88, got that of "),
    ],
)
async def test_a_manifest_that_cannot_be_believed_is_reported(sandbox, client, tmp_path, caplog, harm, word) -> None:
    """And the run is fetched again, as if there was nothing."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = next(tmp_path.rglob("manifest.json"))
    before, content = tree(tmp_path), path.read_bytes()
    path.write_bytes(harm(content))
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1, FILE: 3}
    assert report.files == 3
    assert any(word in record.getMessage() for record in caplog.records)
    assert before == tree(tmp_path)


async def test_links_that_lead_elsewhere_mean_to_ask(sandbox, client, tmp_path) -> None:
    """A mirror that was made from another base URL is asked for, not believed."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = next(tmp_path.rglob("manifest.json"))
    path.write_bytes(of_another_service(path.read_bytes()))
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox)[HISTORY] == 1


async def test_a_row_of_another_run_means_to_ask(sandbox, client, tmp_path) -> None:
    """In a manifest that is whole otherwise; this one has no files that could be missing."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = next(tmp_path.rglob("manifest.json"))
    fields = load_checksummed(path.read_bytes())
    assert isinstance(fields, dict)
    path.write_bytes(edited(path, run={**fields["run"], "id": 7, "download_links": {"pages": [], "all_pages": None}}))
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1}


async def test_a_manifest_forgets_what_is_gone_and_not_wanted(sandbox, client, tmp_path) -> None:
    """A ZIP that somebody removed, where pages are asked for: the mirror is right again, without a file request."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path, files="both")
    next(tmp_path.rglob("all-pages.zip")).unlink()
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1, HISTORY: 1}
    assert (await client.verify(tmp_path)).ok


async def test_a_mirror_of_another_library_version_goes_on(sandbox, client, tmp_path) -> None:
    """Fields that a later version adds to manifest and note are passed over."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    for name in ("manifest.json", "collection.json"):
        path = next(tmp_path.rglob(name))
        path.write_bytes(edited(path, new="x", written_by="multicart_async 9.9"))
    asked(sandbox)

    await client.sync(tmp_path)

    assert asked(sandbox) == {LIST: 1}


async def test_what_an_interrupted_call_has_brought_is_kept(sandbox, client, tmp_path) -> None:
    """Its notes of progress are believed as a manifest is, for the files that are there."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = next(tmp_path.rglob("manifest.json"))
    path.rename(path.with_name("progress.json"))
    (tmp_path / results(tmp_path)[2]).unlink()
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert 1 == report.files == asked(sandbox)[FILE]
    assert path.is_file()
    assert not path.with_name("progress.json").exists()


async def test_notes_that_list_every_file_are_no_manifest(sandbox, client, tmp_path) -> None:
    """A removal that was killed at its first step leaves them: no file is fetched, and the manifest is written."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    path = next(tmp_path.rglob("manifest.json"))
    before = tree(tmp_path)
    path.rename(path.with_name("progress.json"))
    asked(sandbox)

    report = await client.sync(tmp_path)

    assert (report.files, asked(sandbox)) == (0, {LIST: 1, HISTORY: 1})
    assert tree(tmp_path) == before


def row(**fields: object) -> Collection:
    """A collection's row."""
    return Collection(**{"id": 1, "name": "x", "schedule_status": "Completed", **fields})  # type: ignore[arg-type]


def test_a_row_without_a_date_is_never_relied_on() -> None:
    """Nothing would show that it has changed."""
    assert SyncState.from_collection(row(), 5) is None


async def test_the_manifest_of_a_mirror_names_its_run(sandbox, client, tmp_path) -> None:
    """Collection, run, row, and each file with its size."""
    (number,) = sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)

    manifest = parse_manifest(next(tmp_path.rglob("manifest.json")).read_bytes())

    assert not isinstance(manifest, str)
    assert (number, f"{number}/{manifest.run_id}") == (manifest.collection_id, *runs_below(tmp_path))
    assert [len(tree(tmp_path)[name]) for name in results(tmp_path)] == [file.size for file in manifest.files]
    assert manifest.run["id"] == manifest.run_id


def test_a_note_is_plain_json() -> None:
    """With a version and a checksum."""
    content = json.loads(render_state(SyncState("2026-01-01T00:00:00+00:00", None, 7)))

    assert set(content) == {"version", "written_by", "checksum", "updated_at", "schedule_status", "run", "files"}
