"""``prune=True``: what is gone from the service is deleted last of all, and only if nothing speaks against it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from support.download_kit import render_manifest
from support.fake_sinks import PlainSink, StubbornSink, UnlistableSink
from support.mirror_kit import HISTORY, LIST, asked, results, runs_below, temporaries, tree
from support.pruning_kit import add_runs, drop_run, folders, unlist
from test_gone import GET, plant, runs_of

from multicart_async import errors
from multicart_async._downloads.manifest import Manifest, ManifestFile, parse_manifest
from multicart_async.sandbox.faults import Cut, Envelope, Status
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.sinks._protocol import put_bytes


async def test_what_is_gone_is_deleted(sandbox, client, tmp_path) -> None:
    """A collection with all its runs, and a run; the rest is as it was, and the mirror is right."""
    ids = sandbox.add_collections(4, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    await client.sync(tmp_path)
    lost, old = ids[1], (await runs_of(client, ids[2]))[0]
    theirs = [f"{lost}/{run}" for run in await runs_of(client, lost)]
    before = tree(tmp_path)
    await client.collections.delete(lost)
    drop_run(sandbox, old)

    report = await client.sync(tmp_path, runs="all", prune=True)

    assert report.ok
    assert report.gone == (str(lost), f"{ids[2]}/{old}")
    assert report.removed == (*theirs, f"{ids[2]}/{old}")
    kept = {name: content for name, content in before.items() if not name.startswith((f"{lost}/", f"{ids[2]}/{old}/"))}
    assert tree(tmp_path) == kept
    assert not any(path.startswith((str(lost), f"{ids[2]}/{old}")) for path in folders(tmp_path))
    assert (await client.verify(tmp_path)).ok
    again = await client.sync(tmp_path, runs="all", prune=True)
    assert (again.gone, again.removed, again.files) == ((), (), 0)


async def test_a_dry_run_names_what_would_be_deleted(sandbox, client, tmp_path) -> None:
    """And deletes nothing."""
    ids = sandbox.add_collections(3, runs=2, items=3)
    await client.sync(tmp_path, runs="all")
    theirs = [f"{ids[0]}/{run}" for run in await runs_of(client, ids[0])]
    await client.collections.delete(ids[0])
    before = tree(tmp_path)

    dry = await client.sync(tmp_path, prune=True, dry_run=True)
    assert tree(tmp_path) == before
    real = await client.sync(tmp_path, prune=True)

    assert dry.removed == real.removed == tuple(theirs)
    assert dry.gone == real.gone == (str(ids[0]),)
    assert set(runs_below(tmp_path)) == {
        f"{number}/{run}" for number in ids[1:] for run in await runs_of(client, number)
    }


async def test_nothing_is_deleted_unless_it_is_asked_for(sandbox, client, tmp_path) -> None:
    """The default only reports."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])
    before = tree(tmp_path)

    report = await client.sync(tmp_path)

    assert (report.gone, report.removed) == ((str(ids[0]),), ())
    assert tree(tmp_path) == before


async def test_what_exists_without_being_listed_is_kept(sandbox, client, tmp_path) -> None:
    """Drafts, disabled collections, category scrapes: asked for, found, kept."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    for number in ids[:3]:
        unlist(sandbox, number)

    report = await client.sync(tmp_path, prune=True)

    assert (report.gone, report.removed, report.ok) == ((), (), True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("fault", [Envelope(403), Envelope(500), Status(404, b"<html>"), Status(200, b"{}")], ids=str)
async def test_a_collection_in_doubt_is_kept_and_reported(sandbox, client, tmp_path, fault) -> None:
    """It is a failure of a call that was to prune; the others, which the service does not find, are deleted."""
    ids = sandbox.add_collections(6, items=3)
    await client.sync(tmp_path)
    for number in ids[:2]:
        await client.collections.delete(number)
    sandbox.faults.add(GET, fault, times=10 if isinstance(fault, Status) and fault.status == 503 else 1)

    report = await client.sync(tmp_path, prune=True)

    if isinstance(fault, Envelope) and fault.code == 500:  # asked again, and then sure
        assert len(report.gone) == 2
        return
    (failure,) = report.failures
    assert {str(number) for number in ids[:2]} == {str(failure.collection), *report.gone}
    assert (tmp_path / str(failure.collection)).is_dir()
    assert len(report.removed) == 1


async def test_a_service_that_is_lost_at_the_end_deletes_nothing(sandbox, client, tmp_path) -> None:
    """How many are gone is not known then."""
    ids = sandbox.add_collections(6, items=3)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    for number in ids[:3]:
        await client.collections.delete(number)
    sandbox.faults.add(GET, Envelope(401), times=None, after=1)

    report = await client.sync(tmp_path, prune=True)

    assert report.removed == ()
    assert len(report.gone) <= 1
    assert not report.ok
    assert tree(tmp_path) == before


async def test_an_empty_list_prunes_nothing(sandbox, client, tmp_path) -> None:
    """It may be the service's mistake, even if each collection is confirmed to be gone."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    for number in ids:
        await client.collections.delete(number)

    report = await client.sync(tmp_path, prune=True)

    assert (report.gone, report.removed, report.ok) == (tuple(map(str, ids)), (), True)
    assert tree(tmp_path) == before


async def test_an_empty_list_of_runs_prunes_nothing(sandbox, client, tmp_path) -> None:
    """A collection whose runs are all gone may be the service's mistake as well."""
    ids = sandbox.add_collections(2, runs=2, items=3)
    await client.sync(tmp_path, runs="all")
    before = tree(tmp_path)
    for run in await runs_of(client, ids[0]):
        drop_run(sandbox, run)

    report = await client.sync(tmp_path, runs="all", prune=True)

    assert (len(report.gone), report.removed, report.ok) == (2, (), True)
    assert tree(tmp_path) == before


async def test_named_collections_prune_nothing(sandbox, client, tmp_path) -> None:
    """Neither others, nor runs of their own."""
    ids = sandbox.add_collections(3, runs=2, items=3)
    await client.sync(tmp_path, runs="all")
    before = tree(tmp_path)
    await client.collections.delete(ids[0])
    drop_run(sandbox, (await runs_of(client, ids[1]))[0])

    report = await client.sync(tmp_path, collections=list(ids[1:]), runs="all", prune=True)

    assert (len(report.gone), report.removed, report.ok) == (1, (), True)
    assert tree(tmp_path) == before


async def test_a_worker_prunes_its_own_shard(sandbox, client, tmp_path) -> None:
    """And counts half of that alone."""
    ids = sandbox.add_collections(16, items=1)
    await client.sync(tmp_path)
    for number in ids[:4]:
        await client.collections.delete(number)

    reports = [await client.sync(tmp_path, shard=(place, 2), prune=True) for place in range(2)]

    assert all(report.ok for report in reports)
    assert sorted(path for report in reports for path in report.gone) == [str(number) for number in ids[:4]]
    assert {path.name for path in tmp_path.iterdir()} == {str(number) for number in ids[4:]}


@pytest.mark.parametrize(("mirrored", "lost", "new", "pruned"), [(4, 2, 0, True), (4, 3, 0, False), (3, 2, 20, False)])
async def test_more_than_half_is_never_deleted(sandbox, client, tmp_path, mirrored, lost, new, pruned) -> None:
    """Then it may be another account: the report fails, in a dry run too. What this very call brings does not count."""
    ids = sandbox.add_collections(mirrored, runs=3, items=1)
    await client.sync(tmp_path)
    await client.sync(tmp_path, runs="all")
    for number in ids[:lost]:
        await client.collections.delete(number)
    sandbox.add_collections(new, items=1)

    dry = await client.sync(tmp_path, prune=True, keep=1, dry_run=True)
    before = runs_below(tmp_path)
    real = await client.sync(tmp_path, prune=True, keep=1)

    assert real.gone == dry.gone == tuple(str(number) for number in ids[:lost])
    assert real.removed == dry.removed
    assert bool(real.removed) == real.ok == dry.ok == pruned
    if not pruned:
        (failure,) = real.failures
        text = f"prune: {lost} of the {mirrored} collections in the mirror are gone from the service, more than half"
        assert str(failure).startswith(f"{text}, so nothing was deleted")
        assert (failure.collection, failure.run, failure.file) == (None, None, None)
        assert before <= runs_below(tmp_path)
        with pytest.raises(ExceptionGroup):
            real.raise_for_failures()


async def test_folders_of_others_do_not_count_for_the_half(sandbox, client, tmp_path) -> None:
    """Three collections, of which two are gone, and ten folders with numbers for names."""
    ids = sandbox.add_collections(3, items=1)
    await client.sync(tmp_path)
    plant(tmp_path, *(f"{number}/1/photo.jpg" for number in range(2_000, 2_010)))
    for number in ids[:2]:
        await client.collections.delete(number)

    report = await client.sync(tmp_path, prune=True)

    assert "prune: 2 of the 3 collections in the mirror are gone" in str(report.failures[0])
    assert report.removed == ()


@pytest.mark.parametrize("where", ["a file", "a list of runs"])
async def test_after_a_failure_nothing_that_is_gone_is_deleted(sandbox, client, tmp_path, where) -> None:
    """Everything else must have gone well; the next call makes up for it."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])
    before = tree(tmp_path)
    add_runs(sandbox, ids[2], 1)
    fault = Cut(5) if where == "a file" else Envelope(400)
    sandbox.faults.add(f"/results/{ids[2]}/*" if where == "a file" else HISTORY, fault, times=None)

    report = await client.sync(tmp_path, prune=True)
    sandbox.faults.clear()
    assert [failure.collection for failure in report.failures] == [ids[2]]
    assert (report.gone, report.removed) == ((str(ids[0]),), ())
    assert {name for name in before if name.startswith(f"{ids[0]}/")} <= set(tree(tmp_path))

    later = await client.sync(tmp_path, prune=True)
    assert (later.ok, len(later.removed)) == (True, 1)


async def test_a_call_that_was_stopped_deletes_nothing(sandbox, client, tmp_path) -> None:
    """Nor does one whose list of collections is refused."""
    ids = sandbox.add_collections(4, runs=2, items=3)
    await client.sync(tmp_path, runs="all")
    await client.collections.delete(ids[0])
    before = tree(tmp_path)

    sandbox.faults.add(HISTORY, Envelope(401), times=None)
    report = await client.sync(tmp_path, runs="all", prune=True, keep=1)
    assert (report.stopped, report.removed) == (True, ())
    sandbox.faults.add(LIST, Envelope(401), times=None)
    with pytest.raises(errors.AuthenticationError):
        await client.sync(tmp_path, runs="all", prune=True, keep=1)

    assert tree(tmp_path) == before


async def test_deleting_comes_last(sandbox, client, tmp_path) -> None:
    """After the last file was fetched."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])
    new = add_runs(sandbox, ids[1], 1)
    seen: list[bool] = []

    class Watched(DirectorySink):
        async def rename(self, old: str, name: str) -> None:
            seen.append((tmp_path / f"{ids[1]}/{new[0]}/manifest.json").is_file())
            await super().rename(old, name)

    report = await client.sync(Watched(tmp_path), prune=True)

    assert (seen, len(report.removed)) == ([True], 1)


async def test_files_of_others_stay_and_are_told(sandbox, client, tmp_path) -> None:
    """In the folder of a run, in that of a collection, and in folders within; by the report, in a dry run too."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, ids[0])
    mine = ["notes.txt", f"{run}/a.txt", f"{run}/b.txt", f"{run}/c.txt", f"{run}/d.txt", f"{run}/mine/page-0001.json"]
    plant(tmp_path / str(ids[0]), *mine)
    await client.collections.delete(ids[0])

    dry = await client.sync(tmp_path, prune=True, dry_run=True)
    report = await client.sync(tmp_path, prune=True)

    assert report.removed == (f"{ids[0]}/{run}",)
    assert list(tree(tmp_path / str(ids[0]))) == sorted(mine)
    assert report.differences == (
        f"{ids[0]}/{run}: files that do not belong to the mirror were left in place: 'a.txt', 'b.txt', 'c.txt' and 2 more",
        f"{ids[0]}: files that do not belong to the mirror were left in place: 'notes.txt'",
    )
    assert dry.differences == report.differences
    assert report.ok
    assert (await client.sync(tmp_path, prune=True)).gone == ()


async def test_a_collection_of_which_a_run_stays_keeps_its_note(sandbox, client, tmp_path) -> None:
    """The disk refused a file: the next call shall know by the note that the folder is the mirror's."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    await client.collections.delete(ids[0])

    report = await client.sync(StubbornSink(tmp_path, lambda name: name.endswith("page-0001.json")), prune=True)

    assert [failure.collection for failure in report.failures] == [ids[0]]
    assert (tmp_path / str(ids[0]) / "collection.json").is_file()


async def test_a_folder_named_like_a_page_is_left(sandbox, client, tmp_path) -> None:
    """The library writes files alone: what is in it is of another program."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, ids[0])
    plant(tmp_path / str(ids[0]) / str(run), "page-0099.json/a.txt")
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    left = f"{ids[0]}/{run}: files that do not belong to the mirror were left in place: 'page-0099.json'"
    assert (report.ok, report.differences) == (True, (left,))
    assert list(tree(tmp_path / str(ids[0]))) == [f"{run}/page-0099.json/a.txt"]


async def test_everything_of_a_run_goes(sandbox, client, tmp_path) -> None:
    """Checksums, notes of progress, files that are to replace others, and temporary files of writers that are gone."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path, files="both")
    (run,) = await runs_of(client, ids[0])
    folder = tmp_path / str(ids[0]) / str(run)
    plant(folder, "SHA256SUMS", "progress.json", "page-0099.json", ".mc-0123456789abcdef.part")
    plant(folder, ".new/page-0001.json", ".new/manifest.json", ".new/SHA256SUMS", ".new/.mc-0123456789abcdef.part")
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    assert (report.ok, report.differences) == (True, ())
    assert not (tmp_path / str(ids[0])).exists()


async def test_what_a_manifest_lists_is_ours_whatever_its_name(sandbox, client, tmp_path) -> None:
    """A later version may have other files; names that lead elsewhere are never followed."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, ids[0])
    folder = tmp_path / str(ids[0]) / str(run)
    victims = [tmp_path / "victim", tmp_path / str(ids[1]) / "collection.json"]
    plant(tmp_path, "victim")
    plant(folder, "records.parquet", ".new/records.parquet")
    names = ["records.parquet", "../../victim", f"../../{ids[1]}/collection.json", "/etc/hostname", ".hidden", ""]
    relist(folder, names)
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    assert report.ok
    assert not folder.exists()
    assert all(victim.is_file() for victim in victims)


async def test_a_hidden_file_is_left_though_a_manifest_lists_it(sandbox, client, tmp_path) -> None:
    """No version writes one, and a sink has no name for it."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, ids[0])
    folder = tmp_path / str(ids[0]) / str(run)
    plant(folder, ".hidden")
    relist(folder, [".hidden"])
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    assert (report.ok, report.removed) == (True, (f"{ids[0]}/{run}",))
    assert list(tree(folder)) == [".hidden"]


def relist(folder: Path, names: list[str]) -> None:
    """A manifest that lists other files as well, whole."""
    path = folder / "manifest.json"
    found = parse_manifest(path.read_bytes())
    assert isinstance(found, Manifest)
    files = (*found.files, *(ManifestFile(name, 4, "0" * 64) for name in names))
    path.write_bytes(render_manifest(Manifest(found.collection_id, found.run_id, found.run, files)))


async def test_a_damaged_manifest_does_not_keep_a_run(sandbox, client, tmp_path) -> None:
    """In a collection that is known by its note, the names are enough."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    (run,) = await runs_of(client, ids[0])
    path = tmp_path / str(ids[0]) / str(run) / "manifest.json"
    path.write_bytes(path.read_bytes()[:-30])
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    assert report.removed == (f"{ids[0]}/{run}",)
    assert not (tmp_path / str(ids[0])).exists()


async def test_a_half_run_goes_too(sandbox, client, tmp_path) -> None:
    """What an interrupted download has left."""
    ids = sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    await put_bytes(DirectorySink(tmp_path), f"{ids[0]}/7/page-0001.json", b"[]")
    await client.collections.delete(ids[0])

    report = await client.sync(tmp_path, prune=True)

    assert f"{ids[0]}/7" in report.removed
    assert not (tmp_path / str(ids[0])).exists()


@pytest.mark.parametrize("what", ["manifest.json", "page-0002.json", "collection.json"])
async def test_a_deletion_that_is_refused_is_a_failure_of_its_own(sandbox, client, tmp_path, what) -> None:
    """The others are deleted; the next call, when it may, finishes."""
    ids = sandbox.add_collections(6, items=3)
    await client.sync(tmp_path)
    for number in ids[:2]:
        await client.collections.delete(number)
    sink = StubbornSink(tmp_path, lambda name: name.startswith(f"{ids[0]}/") and name.endswith(what))

    report = await client.sync(sink, prune=True)

    (failure,) = report.failures
    assert (failure.collection, failure.error.errno) == (ids[0], errno.EPERM)
    assert not (tmp_path / str(ids[1])).exists()
    assert (tmp_path / str(ids[0])).is_dir()
    later = await client.sync(tmp_path, prune=True)
    assert (later.ok, later.gone) == (True, (str(ids[0]),))
    assert not (tmp_path / str(ids[0])).exists()


async def test_a_link_to_another_folder_is_not_deleted_through(sandbox, client, tmp_path) -> None:
    """Neither one that leads out of the destination, nor one to another collection of it."""
    ids = sandbox.add_collections(6, items=3)
    dest, outside = tmp_path / "dest", tmp_path / "outside"
    await client.sync(dest)
    for number in ids[:2]:
        await client.collections.delete(number)
    (dest / str(ids[0])).rename(outside)
    (dest / str(ids[0])).symlink_to(outside)
    for path in sorted((dest / str(ids[1])).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (dest / str(ids[1])).rmdir()
    (dest / str(ids[1])).symlink_to(dest / str(ids[2]))
    before = tree(outside), results(dest / str(ids[2]))

    report = await client.sync(dest, prune=True)

    assert report.removed == ()
    assert before == (tree(outside), results(dest / str(ids[2])))


async def test_a_mirror_in_memory_is_pruned_too(sandbox, client) -> None:
    """A sink without folders."""
    ids = sandbox.add_collections(4, runs=2, items=3)
    sink = MemorySink()
    await client.sync(sink, runs="all")
    await client.sync(sink)
    await client.collections.delete(ids[0])

    report = await client.sync(sink, prune=True)

    assert (report.ok, len(report.removed)) == (True, 2)
    assert not [name for name in sink.files if name.startswith(f"{ids[0]}/")]
    assert (await client.verify(sink)).ok
    assert (await client.sync(sink, prune=True)).gone == ()


@pytest.mark.parametrize("asked_for", [{"prune": True}, {"keep": 2}, {"prune": True, "keep": 2}])
async def test_a_sink_that_cannot_be_listed_is_refused(sandbox, client, asked_for) -> None:
    """Before anything is sent; the error says what such a sink needs."""
    with pytest.raises(
        errors.ArgumentError, match="a ListableSink, with list, iter_bytes, delete and rename"
    ) as caught:
        await client.sync(PlainSink(), **asked_for)

    assert caught.value.argument in asked_for
    assert asked(sandbox) == {}


async def test_a_destination_that_may_not_be_listed_is_not_pruned(sandbox, client, tmp_path) -> None:
    """The call ends before anything is sent."""
    with pytest.raises(errors.DiskError):
        await client.sync(UnlistableSink(tmp_path, ""), keep=1)

    assert asked(sandbox) == {}


@pytest.mark.parametrize("wrong", [1, "yes", None])
async def test_prune_is_a_flag(client, tmp_path, wrong) -> None:
    """Nothing else is taken for one."""
    with pytest.raises(errors.ArgumentError, match=r"^prune: "):
        await client.sync(tmp_path, prune=wrong)


async def test_nothing_of_the_mirror_is_read_for_it(sandbox, client, tmp_path) -> None:
    """Of an unchanged account, pruning costs no request."""
    sandbox.add_collections(4, items=3)
    await client.sync(tmp_path)
    asked(sandbox)

    await client.sync(tmp_path, prune=True, keep=3)

    assert asked(sandbox) == {LIST: 1}
    assert temporaries(tmp_path) == []
