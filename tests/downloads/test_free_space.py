"""What cannot fit is said before it is written: known lengths against the free space, what is under way included."""

from __future__ import annotations

import errno
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import anyio
import attrs
import pytest
from support.download_kit import fetch, files_below, run_of, sized_page, url, wanted_page
from support.eventually import until
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport
from support.groups import Groups, groups_over

from multicart_async import Limits
from multicart_async._downloads import free_space
from multicart_async.config import RetryPolicy
from multicart_async.errors import DiskError, IncompleteDownloadError, StalledDownloadError
from multicart_async.events import FileProgress, FileStarted
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._atomic_file import AtomicFile

MIB = 1 << 20
PAGE = sized_page(2 * MIB)
TAG = {"etag": '"1"', "accept-ranges": "bytes"}


@attrs.define
class Disk:
    """A disk with any free space that a test wants; ``looks`` are the folders that were asked about."""

    free: int = 0
    total: int = 1 << 40
    looks: list[tuple[str, bool]] = attrs.field(factory=list)
    error: OSError | None = None

    def usage(self, folder: str | Path) -> SimpleNamespace:
        self.looks.append((str(folder), threading.current_thread() is threading.main_thread()))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(total=self.total, used=self.total - self.free, free=self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    one = Disk()
    monkeypatch.setattr(shutil, "disk_usage", one.usage)
    return one


def groups_for(*files: FakeFile, attempts: int = 1) -> Groups:
    """Groups over pages with these contents."""
    pages = {url(number): file for number, file in enumerate(files, 1)}
    return groups_over(FakeTransport(files=pages), retry=RetryPolicy(attempts=attempts))


def page(number: int):
    """The page of that number that is asked for."""
    return wanted_page(number, name=f"101/88/page-{number:04d}.json")


@pytest.mark.parametrize("free", [0, 1, len(PAGE) - 1, len(PAGE)])
async def test_a_file_that_cannot_fit_is_refused_before_it_is_written(tmp_path, disk, free) -> None:
    """The error says how much is needed, how much is free, and where; it is not tried again, and nothing is written."""
    disk.free = free
    groups = groups_for(FakeFile.whole(PAGE), attempts=5)

    with pytest.raises(DiskError) as caught:
        await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert caught.value.errno == errno.ENOSPC
    assert caught.value.name == str(tmp_path / "101/88/page-0001.json")
    assert f"not enough free space in {tmp_path}: 2,097,152 bytes are needed" in str(caught.value)
    assert f"{free:,} are free" in str(caught.value)
    assert len(groups.transport.opened) == 1
    assert not [event for event in groups.events if isinstance(event, FileStarted | FileProgress)]
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_just_fits_is_fetched(tmp_path, disk) -> None:
    """One byte more than it has is enough."""
    disk.free = len(PAGE) + 1
    groups = groups_for(FakeFile.whole(PAGE))

    await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {"101/88/page-0001.json": PAGE}


async def test_small_files_are_refused_too(tmp_path, disk) -> None:
    """They would fill the disk as well as large ones."""
    disk.free = 1_999
    groups = groups_for(FakeFile.whole(sized_page(2_000)))

    with pytest.raises(DiskError, match="2,000 bytes are needed"):
        await fetch(groups.downloader, page(1), DirectorySink(tmp_path))


async def test_many_small_files_cost_few_looks(tmp_path, disk) -> None:
    """It counts for a second, less what was begun since; it is done off the loop, where a network disk may hang."""
    disk.free = 101 * 2_000
    groups = groups_for(*[FakeFile.whole(sized_page(2_000))] * 100)

    await groups.runs.download(run_of(*range(1, 101)), tmp_path)

    assert 1 <= len(disk.looks) <= groups.downloader.workers  # those that are under way at the first look
    assert {in_loop for _, in_loop in disk.looks} == {False}


async def test_a_look_that_is_a_second_old_does_not_count(tmp_path, disk) -> None:
    """Other programs write to the disk too."""
    disk.free = 1 << 30
    groups = groups_for(*[FakeFile.whole(sized_page(2_000))] * 3)
    sink = DirectorySink(tmp_path)
    await fetch(groups.downloader, page(1), sink)
    disk.free = 100
    await fetch(groups.downloader, page(2), sink)
    groups.clock.advance(1.01)

    with pytest.raises(DiskError, match="100 are free"):
        await fetch(groups.downloader, page(3), sink)


async def test_a_file_is_never_refused_for_an_old_look(tmp_path, disk) -> None:
    """What seems too much is looked at again: space may be free again."""
    disk.free = len(PAGE) + 10
    groups = groups_for(*[FakeFile.whole(PAGE)] * 2)
    sink = DirectorySink(tmp_path)
    await fetch(groups.downloader, page(1), sink)

    await fetch(groups.downloader, page(2), sink)

    assert len(disk.looks) == 2
    assert len(files_below(tmp_path)) == 2


@attrs.frozen
class Held(FakeFile):
    """A file that comes so far, and then waits until it is let go on."""

    until: anyio.Event = attrs.field(factory=anyio.Event)
    here: anyio.Event = attrs.field(factory=anyio.Event)

    async def __aiter__(self):
        first, rest = self.pieces
        assert isinstance(first, bytes)
        assert isinstance(rest, bytes)
        yield first
        self.here.set()
        await self.until.wait()
        yield rest


def held(content: bytes, at: int) -> Held:
    return Held([content[:at], content[at:]], headers={"content-length": str(len(content))})


@pytest.mark.parametrize(("free", "fits"), [(6 * MIB + 1, True), (6 * MIB, False)])
async def test_what_is_under_way_counts_with_its_rest(tmp_path, disk, free, fits) -> None:
    """Of a first file of 8 MiB 7 have come, and 4 are on the disk for sure: 4 of it and 2 of the second one are to come."""
    first = held(sized_page(8 * MIB), 7 * MIB)
    groups = groups_for(first, FakeFile.whole(PAGE))
    sink = DirectorySink(tmp_path)
    disk.free = 1 << 40
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), sink)
        await first.here.wait()
        groups.clock.advance(2)
        disk.free = free
        if fits:
            await fetch(groups.downloader, page(2), sink)
        else:
            text = r"6,291,456 bytes are needed \(2,097,152 of this file, 4,194,304 of other transfers in progress\)"
            with pytest.raises(DiskError, match=text):
                await fetch(groups.downloader, page(2), sink)
        first.until.set()

    assert len(files_below(tmp_path)) == 1 + fits


async def test_what_has_come_is_not_on_the_disk_yet(tmp_path, disk) -> None:
    """All but a byte of a file of 2 MiB has come, and may be in memory still: the space for it is not free."""
    first = held(PAGE, len(PAGE) - 1)
    groups = groups_for(first, FakeFile.whole(PAGE))
    sink = DirectorySink(tmp_path)
    disk.free = 4 * MIB
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), sink)
        await first.here.wait()
        groups.clock.advance(2)
        with pytest.raises(DiskError, match="2,097,152 of other transfers"):
            await fetch(groups.downloader, page(2), sink)
        first.until.set()


async def test_a_file_counts_until_it_is_in_place(tmp_path, disk, monkeypatch) -> None:
    """All of it has come, and the thread that writes it is held up."""
    held_up, go_on = threading.Event(), threading.Event()
    publish = AtomicFile.commit

    def slow(self: AtomicFile, last: bytes) -> None:
        held_up.set()
        assert go_on.wait(10)
        publish(self, last)

    monkeypatch.setattr(AtomicFile, "commit", slow)
    groups = groups_for(FakeFile.whole(sized_page(2_000)), FakeFile.whole(sized_page(2_000)))
    sink = DirectorySink(tmp_path)
    disk.free = 4_000
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), sink)
        await until(held_up.is_set)
        groups.clock.advance(2)
        try:
            with pytest.raises(DiskError, match="2,000 of other transfers"):
                await fetch(groups.downloader, page(2), sink)
        finally:
            go_on.set()


async def test_what_is_begun_between_two_looks_counts(tmp_path, disk) -> None:
    """A look that is not old is not used up twice."""
    first = held(PAGE, 1)
    groups = groups_for(first, FakeFile.whole(PAGE))
    sink = DirectorySink(tmp_path)
    disk.free = 3 * MIB
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), sink)
        await first.here.wait()
        with pytest.raises(DiskError):
            await fetch(groups.downloader, page(2), sink)
        first.until.set()


async def test_what_ended_does_not_count(tmp_path, disk) -> None:
    """Neither a file that is there, nor one that failed, nor one that was cancelled."""
    disk.free = len(PAGE) + 1
    broken = FakeFile([PAGE[:MIB], StalledDownloadError("x", "silence")], headers={"content-length": str(len(PAGE))})
    stuck = held(PAGE, MIB)
    groups = groups_for(FakeFile.whole(PAGE), broken, stuck, FakeFile.whole(PAGE))
    sink = DirectorySink(tmp_path)

    await fetch(groups.downloader, page(1), sink)
    with pytest.raises(StalledDownloadError):
        await fetch(groups.downloader, page(2), sink)
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(3), sink)
        await stuck.here.wait()
        group.cancel_scope.cancel()
    await fetch(groups.downloader, page(4), sink)

    assert len(files_below(tmp_path)) == 2


async def test_a_file_that_is_begun_again_counts_once(tmp_path, disk) -> None:
    """What its first attempt has written is gone by then."""
    disk.free = len(PAGE) + 1
    length = {"content-length": str(len(PAGE))}
    files = [FakeFile([PAGE[:MIB], IncompleteDownloadError("x", "cut")], headers=length), FakeFile.whole(PAGE)]
    groups = groups_over(FakeTransport(files={url(1): files}), retry=RetryPolicy(attempts=2))

    await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {"101/88/page-0001.json": PAGE}


async def test_a_transfer_that_goes_on_counts_with_its_rest(tmp_path, disk) -> None:
    """What is there of it is not asked for twice, and it is not refused for it."""
    disk.free = len(PAGE) + 1
    rest = len(PAGE) - MIB
    cut = FakeFile([PAGE[:MIB], IncompleteDownloadError("x", "cut")], headers={"content-length": str(len(PAGE)), **TAG})
    part = {"content-length": str(rest), "content-range": f"bytes {MIB}-{len(PAGE) - 1}/{len(PAGE)}", **TAG}
    files = [cut, FakeFile([PAGE[MIB:]], status=206, headers=part)]
    groups = groups_over(FakeTransport(files={url(1): files}), retry=RetryPolicy(attempts=2))

    await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert len(groups.transport.opened) == 2
    assert len(disk.looks) == 1
    assert files_below(tmp_path) == {"101/88/page-0001.json": PAGE}


async def test_an_unknown_length_is_not_compared(tmp_path, disk) -> None:
    """There is nothing to compare: writing shows whether it fits."""
    disk.free = 0
    groups = groups_for(FakeFile([PAGE], headers={"transfer-encoding": "chunked"}))

    await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {"101/88/page-0001.json": PAGE}


async def test_the_look_comes_before_the_request(tmp_path, disk, monkeypatch) -> None:
    """A pause between the head of a response and its body could lose bytes that a broken connection has brought."""
    disk.free = 1 << 40
    groups = groups_for(FakeFile.whole(PAGE))
    seen: list[int] = []

    def noted(folder: str | Path) -> SimpleNamespace:
        seen.append(len(groups.transport.opened))
        return disk.usage(folder)

    monkeypatch.setattr(shutil, "disk_usage", noted)
    await fetch(groups.downloader, page(1), DirectorySink(tmp_path))

    assert seen == [0]


async def test_other_sinks_are_not_looked_at(disk) -> None:
    """Where they keep files is their affair."""
    groups = groups_for(FakeFile.whole(PAGE))

    await fetch(groups.downloader, page(1), PlainSink())

    assert disk.looks == []


@pytest.mark.parametrize("figures", ["zero", "an error"])
async def test_a_file_system_without_figures_blocks_nothing(tmp_path, disk, figures) -> None:
    """Some in user space report 0 of 0 bytes, others an error: then writing shows what fits."""
    disk.total = 0
    disk.error = OSError(errno.ENOSYS, "Function not implemented") if figures == "an error" else None
    groups = groups_for(*[FakeFile.whole(PAGE)] * 2)

    await groups.runs.download(run_of(1, 2), tmp_path)

    assert len(files_below(tmp_path)) == 3


async def test_a_folder_that_is_still_to_be_made_is_looked_at_above(tmp_path, disk) -> None:
    """Nothing is made for a look."""
    disk.free = 1
    groups = groups_for(FakeFile.whole(PAGE))

    with pytest.raises(DiskError, match=str(tmp_path / "deep" / "down")):
        await fetch(groups.downloader, page(1), DirectorySink(tmp_path / "deep" / "down"))

    assert {folder for folder, _ in disk.looks} == {str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


async def test_folders_of_one_file_system_share_its_space(tmp_path, disk) -> None:
    """Two destinations of one client cannot have it twice."""
    first = held(PAGE, 1)
    groups = groups_for(first, FakeFile.whole(PAGE))
    disk.free = 3 * MIB
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), DirectorySink(tmp_path / "a"))
        await first.here.wait()
        with pytest.raises(DiskError, match="not enough free space"):
            await fetch(groups.downloader, page(2), DirectorySink(tmp_path / "b"))
        first.until.set()


async def test_another_file_system_has_its_own_space(tmp_path, monkeypatch) -> None:
    """What is under way on one disk takes nothing from the other."""
    monkeypatch.setattr(free_space, "_measure", lambda root: (root.name == "b", 3 * MIB))
    first = held(PAGE, 1)
    groups = groups_for(first, FakeFile.whole(PAGE))
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, groups.downloader, page(1), DirectorySink(tmp_path / "a"))
        await first.here.wait()
        await fetch(groups.downloader, page(2), DirectorySink(tmp_path / "b"))
        first.until.set()

    assert len(files_below(tmp_path)) == 2


async def test_folders_are_forgotten(tmp_path, disk) -> None:
    """A program that downloads each run to a folder of its own keeps no list of them."""
    disk.free = 1 << 40
    groups = groups_for(FakeFile.whole(sized_page(2_000)))

    for number in range(200):
        await fetch(groups.downloader, page(1), DirectorySink(tmp_path / str(number)))

    assert len(groups.downloader.space._devices) <= 64
    assert groups.downloader.space._active == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 4 MiB."""
    options = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.parametrize("downloads", [2, 8])
async def test_files_at_once_do_not_fill_the_disk(small_disk, downloads) -> None:
    """A real one, on which one or two fit: what is begun at the same time is counted before any of it is written."""
    async with Sandbox(instant=True, clock="manual", items_per_page=150, record_bytes=10_000) as sandbox:
        sandbox.add_collections(8, items=150)
        async with sandbox.client(limits=Limits(downloads=downloads), retry=RetryPolicy(attempts=3)) as client:
            report = await client.sync(small_disk)

    assert report.stopped
    assert {failure.error.errno for failure in report.failures} == {errno.ENOSPC}
    assert ["not enough free space" in str(failure) for failure in report.failures] == [True] * report.failed


async def test_a_mirror_stops_before_it_fills_the_disk(small_disk) -> None:
    """A real one: the first run fits, the next ones do not, and after the first that does not nothing is asked for."""
    async with Sandbox(instant=True, clock="manual", items_per_page=300, record_bytes=10_000) as sandbox:
        ids = sandbox.add_collections(20, items=300)
        async with sandbox.client(limits=Limits(downloads=1), retry=RetryPolicy(attempts=3)) as client:
            report = await client.sync(small_disk)

    free = shutil.disk_usage(small_disk).free
    assert report.stopped
    assert [failure.error.errno for failure in report.failures] == [errno.ENOSPC]
    assert "not enough free space" in str(report.failures[0])
    assert report.files == 1
    assert free > 500_000
    assert sum(name.startswith("/results/") for name in sandbox.counts for _ in range(sandbox.counts[name])) == 2
    assert len(ids) == 20
