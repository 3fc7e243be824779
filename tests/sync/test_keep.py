"""``keep=N``: the newest runs of each collection in the mirror stay, older ones are deleted last, or not even fetched."""

from __future__ import annotations

import errno

import pytest
from support.fake_sinks import FullSink, StubbornSink
from support.mirror_kit import FILE, HISTORY, asked, results, runs_below, stream_of, tree
from support.pruning_kit import add_runs, drop_run, folders, unlist
from test_gone import plant, runs_of

from multicart_async import errors
from multicart_async.sandbox.faults import Cut, Envelope
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.sinks._protocol import put_bytes


async def test_older_runs_are_deleted(sandbox, client, tmp_path) -> None:
    """Of each collection, whether it has changed or not; nothing is fetched for it."""
    ids = sandbox.add_collections(3, runs=5, items=3)
    await client.sync(tmp_path, runs="all")
    await client.sync(tmp_path)
    older = [f"{number}/{run}" for number in ids for run in (await runs_of(client, number))[:3]]
    asked(sandbox)

    report = await client.sync(tmp_path, keep=2)

    assert (report.removed, report.gone, report.ok) == (tuple(older), (), True)
    assert HISTORY not in asked(sandbox)
    assert runs_below(tmp_path) == {f"{n}/{run}" for n in ids for run in (await runs_of(client, n))[3:]}
    assert not set(older) & set(folders(tmp_path))
    assert (await client.verify(tmp_path)).ok


@pytest.mark.parametrize("keep", [1, 2, 3])
async def test_a_mirror_of_the_latest_keeps_so_many(sandbox, client, tmp_path, keep) -> None:
    """Night after night: one more comes, and the oldest goes."""
    (number,) = sandbox.add_collections(1, runs=1, items=1)
    removed = []
    for _ in range(5):
        removed += (await client.sync(tmp_path, keep=keep)).removed
        add_runs(sandbox, number, 1)

    ids = await runs_of(client, number)
    assert removed == [f"{number}/{run}" for run in ids[: 5 - keep]]
    assert runs_below(tmp_path) == {f"{number}/{run}" for run in ids[5 - keep : 5]}


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
async def test_of_all_runs_older_ones_are_not_fetched(sandbox, tmp_path, order) -> None:
    """They would be deleted at once; in any order of the list, and beyond one page of it."""
    async with type(sandbox)(instant=True, clock="manual", runs_order=order) as other, other.client() as client:
        (number,) = other.add_collections(1, runs=60, items=1)

        report = await client.sync(tmp_path, runs="all", keep=3)
        again = await client.sync(tmp_path, runs="all", keep=3)

        assert (report.runs, report.files, report.removed) == (3, 3, ())
        assert (again.runs, again.files, again.removed) == (3, 0, ())
        assert runs_below(tmp_path) == {f"{number}/{run}" for run in (await runs_of(client, number))[-3:]}


async def test_of_all_runs_only_finished_ones_count(sandbox, tmp_path) -> None:
    """A run that is at work does not take the place of one."""
    async with type(sandbox)(clock="manual", scrape_seconds_per_item=1, row_delay=0) as slow, slow.client() as client:
        (number,) = slow.add_collections(1, runs=3, items=3)
        slow.start_run(number)
        slow.advance(1)

        report = await client.sync(tmp_path, runs="all", keep=2)

        assert runs_below(tmp_path) == {f"{number}/{run}" for run in (await runs_of(client, number))[1:3]}
        assert report.removed == ()


async def test_a_run_that_only_the_mirror_has_counts(sandbox, client, tmp_path) -> None:
    """The service lost the newest one: what is older than the second newest of both is not fetched to be deleted again."""
    (number,) = sandbox.add_collections(1, runs=4, items=1)
    ids = await runs_of(client, number)
    await client.sync(tmp_path)
    drop_run(sandbox, ids[3])

    reports = [await client.sync(tmp_path, runs="all", keep=2) for _ in range(2)]

    assert runs_below(tmp_path) == {f"{number}/{run}" for run in ids[2:]}
    assert [(report.files, report.removed) for report in reports] == [(1, ()), (0, ())]


async def test_with_prune_a_run_that_is_gone_does_not_count(sandbox, client, tmp_path) -> None:
    """It goes, and an older one takes its place in the same call."""
    (number,) = sandbox.add_collections(1, runs=4, items=1)
    ids = await runs_of(client, number)
    await client.sync(tmp_path)
    drop_run(sandbox, ids[3])

    report = await client.sync(tmp_path, runs="all", keep=2, prune=True)

    assert runs_below(tmp_path) == {f"{number}/{run}" for run in ids[1:3]}
    assert (report.files, report.removed) == (2, (f"{number}/{ids[3]}",))


@pytest.mark.parametrize("runs", ["latest", "all"])
async def test_a_dry_run_names_what_would_be_deleted(sandbox, client, tmp_path, runs) -> None:
    """A run that it would have fetched counts as if it was there; nothing is deleted."""
    ids = sandbox.add_collections(2, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    for number in ids:
        add_runs(sandbox, number, 1)
    before = tree(tmp_path)

    dry = await client.sync(tmp_path, runs=runs, keep=2, dry_run=True)
    assert tree(tmp_path) == before
    real = await client.sync(tmp_path, runs=runs, keep=2)

    assert dry.removed == real.removed
    assert len(dry.removed) == 4


@pytest.mark.parametrize("damage", ["no manifest", "a file lacks", "a file is cut", "a manifest is cut", "notes alone"])
@pytest.mark.parametrize("which", [0, 1])
async def test_no_run_is_deleted_while_a_newer_one_is_incomplete(sandbox, client, tmp_path, damage, which) -> None:
    """Of the two that stay, either; in another collection all is well."""
    ids = sandbox.add_collections(2, runs=4, items=3)
    await client.sync(tmp_path, runs="all")
    runs = await runs_of(client, ids[0])
    folder = tmp_path / str(ids[0]) / str(runs[2 + which])
    page, manifest = folder / "page-0001.json", folder / "manifest.json"
    {
        "no manifest": manifest.unlink,
        "a file lacks": page.unlink,
        "a file is cut": lambda: page.write_bytes(page.read_bytes()[:-1]),
        "a manifest is cut": lambda: manifest.write_bytes(manifest.read_bytes()[:-9]),
        "notes alone": lambda: manifest.rename(folder / "progress.json"),
    }[damage]()
    unlist(sandbox, ids[0])  # so that this call does not mend it

    report = await client.sync(tmp_path, keep=2)

    assert {path.split("/")[0] for path in report.removed} == {str(ids[1])}
    assert len(report.removed) == 2
    assert {run for run in runs if (tmp_path / str(ids[0]) / str(run)).is_dir()} == set(runs)


async def test_no_run_is_deleted_of_a_collection_that_failed(sandbox, client, tmp_path) -> None:
    """Its newest run could not be had; the others are trimmed all the same."""
    ids = sandbox.add_collections(3, runs=2, items=3)
    await client.sync(tmp_path, runs="all")
    for number in ids:
        add_runs(sandbox, number, 1)
    sandbox.faults.add(f"/results/{ids[1]}/*", Cut(3), times=None)

    report = await client.sync(tmp_path, keep=1)

    assert [failure.collection for failure in report.failures] == [ids[1]]
    assert {path.split("/")[0] for path in report.removed} == {str(ids[0]), str(ids[2])}
    assert len([name for name in runs_below(tmp_path) if name.startswith(f"{ids[1]}/")]) == 2


async def test_a_call_that_was_stopped_deletes_nothing(sandbox, client, tmp_path) -> None:
    """On a full disk neither: what the next call would bring is not known."""
    ids = sandbox.add_collections(3, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    for number in ids:
        add_runs(sandbox, number, 1)
    before = runs_below(tmp_path)

    report = await client.sync(FullSink(tmp_path, room=2), keep=1)

    assert (report.stopped, report.removed) == (True, ())
    assert report.failures[0].error.errno == errno.ENOSPC
    assert before <= runs_below(tmp_path)


@pytest.mark.parametrize("kind", [list, stream_of])
async def test_only_named_collections_are_trimmed(sandbox, client, tmp_path, kind) -> None:
    """The others are not this call's."""
    ids = sandbox.add_collections(3, runs=3, items=3)
    await client.sync(tmp_path, runs="all")

    report = await client.sync(tmp_path, collections=kind(ids[:1]), keep=1)

    assert {path.split("/")[0] for path in report.removed} == {str(ids[0])}
    assert len(report.removed) == 2


async def test_a_worker_trims_its_own_shard(sandbox, client, tmp_path) -> None:
    """Each collection once."""
    ids = sandbox.add_collections(8, runs=2, items=1)
    await client.sync(tmp_path, runs="all")

    reports = [await client.sync(tmp_path, keep=1, shard=(place, 2)) for place in range(2)]

    found = [path.split("/")[0] for report in reports for path in report.removed]
    assert sorted(found) == [str(number) for number in ids]
    assert all(report.removed for report in reports)


async def test_collections_that_are_not_listed_are_trimmed_too(sandbox, client, tmp_path) -> None:
    """Each collection in the mirror: drafts, and those that are gone and not pruned."""
    ids = sandbox.add_collections(3, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    unlist(sandbox, ids[0])
    await client.collections.delete(ids[1])

    report = await client.sync(tmp_path, keep=2)

    assert report.gone == (str(ids[1]),)
    assert sorted(path.split("/")[0] for path in report.removed) == [str(number) for number in ids]


async def test_folders_of_others_are_no_runs(sandbox, client, tmp_path) -> None:
    """They do not count, and they stay; so does a run's folder that holds a file of another program, without the run."""
    (number,) = sandbox.add_collections(1, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    ids = await runs_of(client, number)
    plant(tmp_path / str(number), "5000/photo.jpg", "1/photo.jpg", f"{ids[0]}/notes.txt")
    plant(tmp_path, "2024/1/a", "2024/2/b", "2024/3/c")

    report = await client.sync(tmp_path, keep=2)

    assert report.removed == (f"{number}/{ids[0]}",)
    assert report.differences == (
        f"{number}/{ids[0]}: files that do not belong to the mirror were left in place: 'notes.txt'",
    )
    assert [path.name for path in (tmp_path / str(number) / str(ids[0])).iterdir()] == ["notes.txt"]
    for name in (f"{number}/5000/photo.jpg", f"{number}/1/photo.jpg", "2024/1/a"):
        assert (tmp_path / name).is_file()
    assert (await client.sync(tmp_path, keep=2)).removed == ()


async def test_empty_folders_of_runs_are_swept(sandbox, client, tmp_path) -> None:
    """As a deletion leaves them that was interrupted at the very end; a newer one may be about to be filled."""
    (number,) = sandbox.add_collections(1, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    for run in (1, 5_000):
        (tmp_path / str(number) / str(run)).mkdir()

    report = await client.sync(tmp_path, keep=3)

    assert report.removed == (f"{number}/1",)
    assert not (tmp_path / str(number) / "1").exists()
    assert (tmp_path / str(number) / "5000").is_dir()


async def test_a_half_run_that_is_older_goes(sandbox, client, tmp_path) -> None:
    """What an interrupted download left before newer runs came."""
    (number,) = sandbox.add_collections(1, runs=3, items=3)
    await client.sync(tmp_path)
    await put_bytes(DirectorySink(tmp_path), f"{number}/7/page-0001.json", b"[]")

    report = await client.sync(tmp_path, keep=1)

    assert report.removed == (f"{number}/7",)
    assert (await client.verify(tmp_path)).ok


async def test_a_deletion_that_is_refused_is_a_failure(sandbox, client, tmp_path) -> None:
    """The other runs go."""
    (number,) = sandbox.add_collections(1, runs=4, items=3)
    await client.sync(tmp_path, runs="all")
    ids = await runs_of(client, number)
    sink = StubbornSink(tmp_path, lambda name: name.startswith(f"{number}/{ids[0]}/"))

    report = await client.sync(sink, keep=1)

    assert [(failure.collection, failure.run) for failure in report.failures] == [(number, ids[0])]
    assert report.removed == (f"{number}/{ids[1]}", f"{number}/{ids[2]}")
    assert len(results(tmp_path)) == 4


async def test_a_mirror_in_memory_is_trimmed_too(sandbox, client) -> None:
    """By the same rules."""
    (number,) = sandbox.add_collections(1, runs=3, items=3)
    sink = MemorySink()
    await client.sync(sink, runs="all")

    report = await client.sync(sink, keep=1)

    assert len(report.removed) == 2
    assert {name.split("/")[1] for name in sink.files if name.count("/") == 2} == {
        str((await runs_of(client, number))[2])
    }


async def test_a_collection_that_cannot_be_read_fails_alone(sandbox, client, tmp_path) -> None:
    """Its list of runs is refused: that is its failure, and nothing of it is deleted."""
    ids = sandbox.add_collections(2, runs=3, items=3)
    await client.sync(tmp_path, runs="all")
    sandbox.faults.add(HISTORY, Envelope(400))

    report = await client.sync(tmp_path, runs="all", keep=1)

    (failure,) = report.failures
    assert failure.collection in ids
    assert len(report.removed) == 2
    assert FILE not in {path for path, count in asked(sandbox).items() if count > 12}


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True, []])
async def test_keep_is_a_count(client, tmp_path, wrong) -> None:
    """At least one, or nothing would be left."""
    with pytest.raises(errors.ArgumentError, match=r"^keep: "):
        await client.sync(tmp_path, keep=wrong)
