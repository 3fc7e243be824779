"""A refresh of a run that is complete: the new version is made beside the old one, which stays until it is whole."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from support.cancel_kit import How, cancelled_at
from support.download_kit import check_nothing_left, files_below, render_manifest, url
from support.fake_sinks import FailingSink, UnreadableSink
from support.groups import groups_over
from support.open_folders import flushed_folders
from support.refresh_kit import FOLDER, NEW, OLD, Killing, Version, deliver, verified, version_in

from multicart_async import AsyncMultiCart
from multicart_async._downloads.manifest import Manifest, ManifestFile, parse_manifest
from multicart_async._downloads.staging import recover_if_abandoned
from multicart_async.errors import DiskError, DownloadError, IncompleteRunError, MultiCartError
from multicart_async.sinks import DirectorySink, MemorySink


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder with the old version, whole."""
    await deliver(OLD, tmp_path)
    assert version_in(tmp_path) == OLD
    return tmp_path


@pytest.mark.parametrize("broken", [frozenset({url(1)}), frozenset({url(2)}), frozenset({url(1), url(2)})])
async def test_a_refresh_that_fails_leaves_the_old_version(folder, broken) -> None:
    """The run's row has changed, pages became fewer, and some or all of the files have expired."""
    before = files_below(folder)

    with pytest.raises(MultiCartError):
        await groups_over(NEW.transport(broken=broken)).runs.download(NEW.run, folder)

    assert files_below(folder) == before
    assert version_in(folder) == OLD
    assert await verified(folder)


async def test_an_overwrite_that_fails_leaves_the_old_version(folder) -> None:
    """Nothing of the row has changed; the files cannot be fetched again."""
    before = files_below(folder)
    transport = OLD.transport(broken=frozenset({url(3), url(None)}))

    with pytest.raises(MultiCartError):
        await groups_over(transport).runs.download(OLD.run, folder, files="both", overwrite=True)

    assert files_below(folder) == before


async def test_a_strict_refresh_with_a_wrong_count_changes_nothing(folder) -> None:
    """With strict=True, new files whose record count differs from the run's row leave the old version in place."""
    groups = groups_over(NEW.transport())

    with pytest.raises(IncompleteRunError):
        await groups.runs.download(Version(7, NEW.pages, zipped=False).run, folder, count_records=True, strict=True)

    assert version_in(folder) == OLD


async def test_a_refresh_swaps_the_new_version_in(folder) -> None:
    """Nothing of the old one is left, and nothing of the way that it took."""
    done = await groups_over(NEW.transport()).runs.download(NEW.run, folder)

    assert version_in(folder) == NEW
    assert not (folder / FOLDER / ".new").exists()
    assert [file.path.read_bytes() for file in done.files] == list(NEW.pages)
    assert (done.skipped, done.bytes) == (0, sum(map(len, NEW.pages)))
    assert await verified(folder)


async def test_the_old_version_stays_until_the_new_one_is_complete(folder) -> None:
    """At each operation of the sink before the first rename the folder holds the complete old version."""
    seen: list[Version | None] = []

    class Watched(DirectorySink):
        async def put(self, name: str, chunks: Any) -> None:
            await super().put(name, chunks)
            seen.append(version_in(folder, staged=False))

    await groups_over(NEW.transport()).runs.download(NEW.run, Watched(folder))

    assert seen == [OLD] * 4
    assert version_in(folder) == NEW


async def test_a_swap_removes_what_notes_list_beside_a_manifest(tmp_path) -> None:
    """An addition to the old version was interrupted: what came of it is stale too."""
    await groups_over(OLD.transport()).runs.download(OLD.run, tmp_path, files="zip")
    broken = groups_over(OLD.transport(broken=frozenset({url(2)})))
    broken.downloader.workers = 1  # so that the first page has come when it fails
    with pytest.raises(MultiCartError):
        await broken.runs.download(attrs.evolve(OLD, pages=OLD.pages[::-1]).run, tmp_path, files="both")
    assert f"{FOLDER}/page-0001.json" in files_below(tmp_path)
    fewer = Version(NEW.total, (), zipped=False)

    await groups_over(fewer.transport()).runs.download(fewer.run, tmp_path)

    assert list(files_below(tmp_path)) == [f"{FOLDER}/manifest.json"]


async def test_a_swap_removes_no_file_of_another_name(tmp_path) -> None:
    """A manifest may list what this library has never written; it is left where it is."""
    await deliver(OLD, tmp_path)
    manifest = parse_manifest((tmp_path / FOLDER / "manifest.json").read_bytes())
    assert isinstance(manifest, Manifest)
    foreign = ManifestFile("notes.txt", 1, "0")
    more = attrs.evolve(manifest, files=(*manifest.files, foreign))
    (tmp_path / FOLDER / "manifest.json").write_bytes(render_manifest(more))
    (tmp_path / FOLDER / "notes.txt").write_bytes(b"x")

    await deliver(NEW, tmp_path)

    assert (tmp_path / FOLDER / "notes.txt").read_bytes() == b"x"
    assert not (tmp_path / FOLDER / "all-pages.zip").exists()


async def test_what_is_only_added_is_not_staged(folder) -> None:
    """A file of the same version that was not there before harms nothing: what came of it is kept after a failure."""
    alone = folder / "alone"
    await groups_over(OLD.transport()).runs.download(OLD.run, alone, files="zip")
    broken = groups_over(OLD.transport(broken=frozenset({url(3)})))
    broken.downloader.workers = 1  # so that the others have come when it fails
    with pytest.raises(MultiCartError):
        await broken.runs.download(OLD.run, alone, files="both")
    assert await verified(alone)

    again = OLD.transport()
    await groups_over(again).runs.download(OLD.run, alone, files="both")

    assert [link for link, _ in again.opened] == [url(3)]
    assert version_in(alone) == OLD


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder for each step at which a refresh of the old version was killed, up to the one that came through."""
    whole, scratch = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("kills")
    asyncio.run(deliver(OLD, whole))
    places: list[Path] = []
    with Killing() as killing:
        for limit in range(1, 1000):
            place = scratch / str(limit)
            shutil.copytree(whole, place)
            if killing.refresh(limit, place) == 0:
                assert version_in(place) == NEW
                break
            places.append(place)
    return places


@pytest.fixture
def killed(kills: list[Path], tmp_path: Path) -> Iterator[Path]:
    """A copy of each of them, until the next one is wanted."""

    def copies() -> Iterator[Path]:
        for kill in kills:
            place = tmp_path / kill.name
            shutil.copytree(kill, place)
            yield place
            shutil.rmtree(place)

    return copies()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("call", ["verify", "old again", "new"])
@pytest.mark.heavy
async def test_a_kill_at_each_step_of_a_refresh_can_be_completed(killed: Iterator[Path], call: str) -> None:
    """After a kill at any step, the next verify, or download of either version, makes the folder complete from the disk."""
    found: list[Version | None] = []
    for place in killed:
        if call == "new":
            await deliver(NEW, place)
        elif call == "old again":
            offline = groups_over(OLD.transport(broken=frozenset({url(1), url(2), url(3), url(None)})))
            with contextlib.suppress(MultiCartError):  # where the new version is complete, the old one is gone
                await offline.runs.download(OLD.run, place, files="both")
        assert await verified(place)
        found.append(version_in(place))

    # near the seal, how many calls files share with others of their batch decides which version it is
    assert all(version in (OLD, NEW) for version in found)
    assert found[0] == (NEW if call == "new" else OLD)
    assert found[-1] == NEW
    assert (OLD not in found) == (call == "new")
    assert len(found) > 15


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_fails_at_each_change_leaves_one_version(folder, tmp_path_factory, number, after) -> None:
    """The error says so; then, or after the next call that works, the folder is the old version or the new one."""
    scratch = tmp_path_factory.mktemp("failing")
    ends = set()
    for at in range(1, 100):
        place = scratch / str(at)
        shutil.copytree(folder, place)
        sink = FailingSink(place, at, number, after=after)
        with contextlib.suppress(DiskError):
            await groups_over(NEW.transport()).runs.download(NEW.run, sink)
        if sink.left > 0:
            break
        assert await verified(place)
        ends.add(id(version_in(place)))
    assert ends == {id(OLD), id(NEW)}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["native", "twice", "scope"])
async def test_a_cancellation_at_each_point_leaves_one_version(folder, tmp_path_factory, how: How) -> None:
    """At once, or by the next call; and nothing of ours is left open or under way."""
    scratch = tmp_path_factory.mktemp("cancelled")
    ends = set()
    for at in range(1, 2000):
        place = scratch / str(at)
        shutil.copytree(folder, place)
        _, reached = await cancelled_at(at, deliver(NEW, place), how)
        if not reached:
            break
        check_nothing_left(place, {})
        assert await verified(place)
        ends.add(id(version_in(place)))
        shutil.rmtree(place)
    assert ends == {id(OLD), id(NEW)}
    assert at > 20


async def test_two_refreshes_at_once_come_one_after_the_other(folder) -> None:
    """Of one client, and of two that share the folder."""
    one, other = groups_over(NEW.transport()), groups_over(NEW.transport())

    async with anyio.create_task_group() as group:
        for groups in (one, one, other):
            group.start_soon(lambda groups=groups: groups.runs.download(NEW.run, folder, overwrite=True))

    assert version_in(folder) == NEW


async def test_verify_leaves_alone_what_another_call_is_fetching(folder) -> None:
    """A new version that is not sealed, and whose owner is at work, is not removed."""
    staged = folder / FOLDER / ".new" / "page-0001.json"
    staged.parent.mkdir()
    staged.write_bytes(b"[]")

    async with DirectorySink(folder).exclusive(FOLDER):
        assert await verified(folder)
    assert staged.exists()

    assert await verified(folder)
    assert not staged.parent.exists()


async def test_verify_leaves_its_own_clients_refresh_alone(folder, monkeypatch) -> None:
    """Also where the file system has no locks: what the same client is at work on shows in its own turn."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", refused)
    staged = folder / FOLDER / ".new" / "page-0001.json"
    staged.parent.mkdir()
    staged.write_bytes(b"[]")
    turn = anyio.Lock()

    async with turn:
        await recover_if_abandoned(DirectorySink(folder), FOLDER, turn)
    assert staged.exists()

    await recover_if_abandoned(DirectorySink(folder), FOLDER, turn)
    assert not staged.parent.exists()


@pytest.mark.heavy
async def test_a_sealed_version_that_cannot_be_read_is_not_removed(killed: Iterator[Path]) -> None:
    """It may be half swapped in: it stays until it can be read."""
    place = next(place for place in killed if (place / FOLDER / ".new" / "manifest.json").exists())

    with pytest.raises(DiskError, match="Input/output error"):
        await groups_over(NEW.transport()).runs.download(
            NEW.run, UnreadableSink(place, ".new/manifest.json", DiskError("f", "Input/output error", errno.EIO))
        )

    await deliver(NEW, place)
    assert version_in(place) == NEW


async def test_a_refresh_in_memory() -> None:
    """Any sink that can list, rename and remove gives the same."""
    sink = MemorySink()
    await deliver(OLD, sink)
    before = dict(sink.files)
    with pytest.raises(MultiCartError):
        await groups_over(NEW.transport(broken=frozenset({url(2)}))).runs.download(NEW.run, sink)
    assert sink.files == before

    await deliver(NEW, sink)

    assert {name: content for name, content in sink.files.items() if "page" in name} == NEW.files
    assert min(sink.files) == f"{FOLDER}/SHA256SUMS"


async def test_what_cannot_be_removed_after_a_failure_hides_no_error(folder, caplog) -> None:
    """The error that counts is the first one; the next call tidies up."""

    class Stubborn(DirectorySink):
        async def delete(self, name: str) -> None:
            raise DownloadError(name, "no")

    broken = groups_over(NEW.transport(broken=frozenset({url(2)})))
    broken.downloader.workers = 1  # so that there is something to remove when it fails
    with pytest.raises(MultiCartError):
        await broken.runs.download(NEW.run, Stubborn(folder))

    assert "could not be removed" in caplog.text
    assert await verified(folder)
    assert version_in(folder) == OLD


@pytest.mark.heavy
async def test_a_sync_completes_a_sealed_version_from_the_disk(killed: Iterator[Path]) -> None:
    """sync completes a sealed version while it checks whether a run is complete, without a request for its files."""
    ends = []
    for place in killed:
        if (place / FOLDER / ".new").exists():
            groups = groups_over(NEW.transport())
            ends.append(await groups.results.is_complete(DirectorySink(place), 101, 88, "pages"))
            assert groups.transport.opened == groups.transport.sent == []
            assert version_in(place) is not None
            assert not (place / FOLDER / ".new").exists()
    assert set(ends) == {True}


@pytest.mark.heavy
async def test_verify_names_a_sealed_version_it_cannot_complete(killed: Iterator[Path]) -> None:
    """verify reports a sealed version that cannot be completed as a failure, and goes on."""
    place = next(place for place in killed if (place / FOLDER / ".new" / "manifest.json").exists())

    class ReadOnly(DirectorySink):
        async def rename(self, old: str, new: str) -> None:
            raise DiskError(old, "Read-only file system", errno.EROFS)

    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        report = await client.verify(ReadOnly(place))

    assert [str(failure) for failure in report.failures] == [f"{FOLDER}/.new: cannot be read: Read-only file system"]


async def test_a_lock_of_another_call_is_waited_for(folder) -> None:
    """As long as it is held."""
    order: list[str] = []
    sink = DirectorySink(folder)

    async def second(task_status: Any) -> None:
        task_status.started()
        async with sink.exclusive(FOLDER):
            order.append("second")

    async with anyio.create_task_group() as group, sink.exclusive(FOLDER):
        await group.start(second)
        async with sink.exclusive(FOLDER, wait=False) as had:
            order.append(f"had: {had}")
        await anyio.sleep(0.3)
        order.append("first")

    assert order == ["had: False", "first", "second"]


async def test_a_lock_that_is_not_had_holds_nothing_open(folder) -> None:
    """Who waits looks ten times in a second: each look would cost a descriptor."""
    sink = DirectorySink(folder)

    async with sink.exclusive(FOLDER), sink.exclusive(FOLDER, wait=False) as had:
        found = (had, times_open(folder / FOLDER))

    assert found == (False, 1)


def times_open(path: Path) -> int:
    """How many descriptors of this process are of *path*."""
    return [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()].count(str(path))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EBADF])
async def test_where_there_are_no_locks_a_refresh_works_all_the_same(folder, monkeypatch, number) -> None:
    """Some file systems have none for folders."""

    def refused(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr("fcntl.flock", refused)

    await deliver(NEW, folder)

    assert version_in(folder) == NEW


async def test_a_folder_that_is_gone_cannot_be_held(tmp_path) -> None:
    """It is a `DiskError` that names the folder."""
    with pytest.raises(DiskError, match="101/88: No such file") as caught:
        async with DirectorySink(tmp_path).exclusive(FOLDER):
            raise AssertionError("it is not there")
    assert caught.value.errno == errno.ENOENT


async def test_a_folder_is_removed_only_if_it_is_empty(tmp_path) -> None:
    """What a killed process has left does not count; one that is not there is no trouble, nor is a file."""
    sink = DirectorySink(tmp_path)
    for name in ("empty", "left", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "left" / ".mc-0123456789abcdef.part").touch()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()

    for name in ("empty", "left", "full", "file", "nothing"):
        await sink.remove_folder(name)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


async def test_a_durable_rename_flushes_the_name(tmp_path, monkeypatch) -> None:
    """As every change that a durable sink makes."""
    flushed = flushed_folders(monkeypatch)
    (tmp_path / "a").touch()

    await DirectorySink(tmp_path, durable=True).rename("a", "b")
    await DirectorySink(tmp_path).rename("b", "c")

    assert flushed == [tmp_path]


async def test_a_link_or_pipe_under_the_final_name_is_not_followed(tmp_path) -> None:
    """The error names the pipe that is in the way, not the file to be renamed, and says what to do."""
    (tmp_path / "a").touch()
    os.mkfifo(tmp_path / "b")

    with pytest.raises(DiskError, match=r"/b: expected b to be a file, got a pipe, device or folder; remove it$"):
        await DirectorySink(tmp_path).rename("a", "b")


async def test_a_removal_that_the_disk_refuses_is_an_error(tmp_path, monkeypatch) -> None:
    """Only what is in the way by nature is passed over."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "rmdir", refused)

    with pytest.raises(DiskError, match="Input/output"):
        await DirectorySink(tmp_path).remove_folder("x")


async def test_notes_of_an_interrupted_older_version_are_cleared(tmp_path) -> None:
    """If a first download was interrupted and the run has changed since, its files are removed: no version was complete."""
    broken = groups_over(OLD.transport(broken=frozenset({url(None)})))
    broken.downloader.workers = 1  # so that the pages have come when it fails
    with pytest.raises(MultiCartError):
        await broken.runs.download(OLD.run, tmp_path, files="both")
    assert f"{FOLDER}/page-0003.json" in files_below(tmp_path)

    await deliver(NEW, tmp_path)

    assert version_in(tmp_path) == NEW


async def test_an_unsealed_version_in_memory_waits_for_a_download() -> None:
    """In a sink without locks verify keeps an unsealed version, which may be in use; the next download removes it."""
    sink = MemorySink()
    await deliver(OLD, sink)
    sink.files[f"{FOLDER}/.new/page-0001.json"] = b"[]"

    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        assert (await client.verify(sink)).ok
    assert f"{FOLDER}/.new/page-0001.json" in sink.files

    await deliver(OLD, sink)
    assert f"{FOLDER}/.new/page-0001.json" not in sink.files


async def test_an_addition_waits_for_a_refresh_that_is_under_way(folder) -> None:
    """Its manifest must not tell of files that were replaced meanwhile."""
    alone = folder / "alone"
    await groups_over(OLD.transport()).runs.download(OLD.run, alone, files="pages")
    groups = groups_over(OLD.transport())

    async with anyio.create_task_group() as group, DirectorySink(alone).exclusive(FOLDER):
        group.start_soon(lambda: groups.runs.download(OLD.run, alone, files="both"))
        await anyio.sleep(0.2)
        assert groups.transport.opened == []
        await DirectorySink(alone).delete(f"{FOLDER}/page-0001.json")  # as the one that is under way may do

    assert version_in(alone) == OLD
