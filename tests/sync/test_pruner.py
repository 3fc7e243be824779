"""What `Pruner` asks before it deletes runs, and which runs are worth being fetched at all."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.download_kit import render_manifest

from multicart_async import errors
from multicart_async._downloads.manifest import Manifest
from multicart_async._sync.mirror_tree import MirrorTree, RunFolder
from multicart_async._sync.pruning import PruneOptions, Pruner, PruneService
from multicart_async.sinks import DirectorySink, MemorySink
from multicart_async.sinks._protocol import put_bytes


async def mirror_of(*runs: int, collection: int = 101) -> MemorySink:
    """A mirror with these runs, without any file."""
    sink = MemorySink()
    for run in runs:
        content = render_manifest(Manifest(collection, run, {"id": run}, ()))
        await put_bytes(sink, f"{collection}/{run}/manifest.json", content)
    return sink


def pruner_of(sink: MemorySink, second: Callable[[], set[int]] = set, **options: object) -> Pruner:
    """A pruner whose second reading of the runs is *second*."""

    async def get(_: int) -> None:
        raise AssertionError("it is listed")

    async def run_ids(_: int) -> set[int]:
        return second()

    fields = {"prune": True, "keep": None, "dry_run": False, "named": False, "includes": lambda _: True, **options}
    return Pruner(sink, PruneService(get=get, run_ids=run_ids), PruneOptions(**fields), workers=2)  # type: ignore[arg-type]


async def test_a_run_that_moved_while_it_was_listed_is_kept() -> None:
    """A list that lacks it once is no proof: it is read again before anything goes, and what is there then is not gone."""
    sink = await mirror_of(88, 89, 90)
    pruner = pruner_of(sink, lambda: {89, 90})
    await pruner.begin()
    await pruner.compare(101, {90})

    done = await pruner.finish([101], [])

    assert (done.gone, done.removed) == (("101/88",), ("101/88",))
    assert sorted(sink.files) == ["101/89/manifest.json", "101/90/manifest.json"]


async def test_a_sealed_new_version_loses_its_seal_first() -> None:
    """Else a removal that is killed could leave a part of it that counts as whole, to be swapped in."""

    class Noting(MemorySink):
        async def delete(self, name: str) -> None:
            changes.append(f"remove {name}")
            await super().delete(name)

        async def rename(self, old: str, new: str) -> None:
            changes.append(f"rename {old}")
            await super().rename(old, new)

    changes: list[str] = []
    sink = Noting()
    sink.files.update((await mirror_of(88, 89)).files)
    for name in ("page-0001.json", ".new/page-0001.json", ".new/manifest.json"):
        await put_bytes(sink, f"101/88/{name}", sink.files["101/88/manifest.json"])
    pruner = pruner_of(sink, lambda: {89})
    await pruner.begin()
    await pruner.compare(101, {89})

    await pruner.finish([101], [])

    assert changes[:2] == ["remove 101/88/.new/manifest.json", "rename 101/88/manifest.json"]
    assert list(sink.files) == ["101/89/manifest.json"]


async def test_an_empty_second_list_of_runs_deletes_nothing() -> None:
    """It may be the service's mistake."""
    sink = await mirror_of(88, 89)
    pruner = pruner_of(sink)
    await pruner.begin()
    await pruner.compare(101, {89})

    done = await pruner.finish([101], [])

    assert (done.gone, done.removed) == (("101/88",), ())
    assert len(sink.files) == 2


async def test_a_second_reading_that_fails_deletes_nothing() -> None:
    """It is a failure, and other collections are not affected."""
    sink = await mirror_of(88, 89)
    sink.files |= (await mirror_of(98, 99, collection=102)).files
    replies = iter([errors.BadRequestError("/x", 400, "no"), {99}])

    def second() -> set[int]:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    pruner = pruner_of(sink, second)
    await pruner.begin()
    await pruner.compare(101, {89})
    await pruner.compare(102, {99})

    done = await pruner.finish([101, 102], [])

    assert [failure.collection for failure in done.failures] == [101]
    assert (done.gone, done.removed) == (("101/88", "102/98"), ("102/98",))


async def test_a_second_reading_that_fails_trims_nothing_either() -> None:
    """Which of its runs are the newest is not known then."""

    def refused() -> set[int]:
        raise errors.BadRequestError("/x", 400, "no")

    sink = await mirror_of(88, 89, 90)
    pruner = pruner_of(sink, refused, keep=1)
    await pruner.begin()
    await pruner.compare(101, {89, 90})

    done = await pruner.finish([101], [])

    assert ([failure.collection for failure in done.failures], done.removed) == ([101], ())
    assert len(sink.files) == 3


async def test_an_answer_that_comes_later_undoes_no_outage() -> None:
    """Two collections are asked for at a time: of one nothing is heard, and of the other an error comes afterwards."""
    asked, failed = anyio.Event(), anyio.Event()

    async def get(collection: int) -> None:
        if collection == 102:
            await asked.wait()
            failed.set()
            raise errors.APIConnectionError("/x", "cannot connect", sent=False)
        asked.set()
        await failed.wait()
        raise errors.BadRequestError("/x", 400, "no")

    async def run_ids(_: int) -> set[int]:
        return {89}

    sink = await mirror_of(88, 89)
    for collection in (102, 103):
        sink.files |= (await mirror_of(90, collection=collection)).files
    options = PruneOptions(prune=True, keep=None, dry_run=False, named=False, includes=lambda _: True)
    pruner = Pruner(sink, PruneService(get=get, run_ids=run_ids), options, workers=2)
    await pruner.begin()
    await pruner.compare(101, {89})

    done = await pruner.finish([101], [])

    assert (done.gone, done.removed) == (("101/88",), ())
    assert sorted(failure.collection or 0 for failure in done.failures) == [102, 103]


async def test_a_closed_client_ends_it() -> None:
    """That is no failure of a collection."""

    def closed() -> set[int]:
        raise errors.ClientClosedError

    pruner = pruner_of(await mirror_of(88, 89), closed)
    await pruner.begin()
    await pruner.compare(101, {89})

    with pytest.raises(errors.ClientClosedError):
        await pruner.finish([101], [])


async def test_a_client_that_is_closed_while_it_asks_ends_it() -> None:
    """Nothing is said about the collection then."""

    async def closed(_: int) -> None:
        raise errors.ClientClosedError

    options = PruneOptions(prune=True, keep=None, dry_run=False, named=False, includes=lambda _: True)
    service = PruneService(get=closed, run_ids=closed)  # type: ignore[arg-type]
    pruner = Pruner(await mirror_of(88), service, options, workers=2)
    await pruner.begin()

    with pytest.raises(errors.ClientClosedError):
        await pruner.finish([102], [])


@pytest.mark.parametrize(
    ("files", "expected"),
    [([], True), (["7/1/a.txt"], False), (["7/notes.txt"], False)],
    ids=["empty", "run", "beside"],
)
async def test_empty_folders_of_runs_make_a_collection_alone(tmp_path, files, expected) -> None:
    """A removal that was interrupted leaves nothing else; where something else lies, it is of another program."""
    for run in (1, 2):
        (tmp_path / "7" / str(run)).mkdir(parents=True)
    for name in files:
        (tmp_path / name).write_text("mine")

    assert await MirrorTree(DirectorySink(tmp_path)).is_collection(7) is expected


def test_a_file_in_the_place_of_a_new_version_is_of_others() -> None:
    """The library makes a folder of that name."""
    folder = RunFolder("101/88", {".new": 3})

    assert (folder.has_files, folder.foreign_files) == (False, [".new"])


async def test_folders_of_others_do_not_make_a_run_too_many() -> None:
    """Three numbered folders, of which two are runs: both stay."""
    sink = await mirror_of(88, 89)
    sink.files["101/5000/photo.jpg"] = b"mine"
    pruner = pruner_of(sink, prune=False, keep=2)
    await pruner.begin()

    done = await pruner.finish([101], [])

    assert done.removed == ()
    assert len(sink.files) == 3


IDS = st.sets(st.integers(1, 30))


@given(mirrored=IDS, listed=IDS, keep=st.integers(1, 5), prune=st.booleans())
async def test_what_is_fetched_is_kept_and_what_is_kept_is_the_newest(mirrored, listed, keep, prune) -> None:
    """For any mirror and any service: no run that is fetched is deleted by the same call or the next one."""
    sink = await mirror_of(*mirrored)
    for _ in range(2):
        pruner = pruner_of(sink, lambda: listed, prune=prune, keep=keep)
        await pruner.begin()
        await pruner.compare(101, listed)
        kept = pruner.select_kept(101, sorted(listed)[-keep:])
        there = {int(name.split("/")[1]) for name in sink.files}
        sink.files |= (await mirror_of(*kept)).files

        done = await pruner.finish([101], [])

        left = {int(name.split("/")[1]) for name in sink.files}
        held = there | kept if not (prune and listed) else (there | kept) & listed
        assert left == set(sorted(held)[-keep:])
        assert kept <= left
        assert done.removed == tuple(f"101/{run}" for run in sorted((there | kept) - left))
    assert kept - there == set()
    assert done.removed == ()
