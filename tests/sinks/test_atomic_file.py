"""Temporary files of other writers: those of the living stay, those of the dead go, wherever they were planted."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.download_kit import chunks, files_below, open_below, temporaries_below
from support.open_folders import flushed_folders, opener, temporary

from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink, _atomic_file
from multicart_async.sinks._atomic_file import remove_stale_files
from multicart_async.sinks._open_folder import OpenFolder

STALE = ".mc-0123456789abcdef.part"
WRITER = """
import sys
from pathlib import Path
from multicart_async.sinks._open_folder import OpenFolder
from multicart_async.sinks._atomic_file import AtomicFile
target = Path(sys.argv[1])
one = AtomicFile(lambda create: OpenFolder.open(target.parent, create=create), target, durable=False)
one.write(b"half")
print("there", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_writer(target: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has half of a file on disk, and lives until its input ends."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "there\n"
        yield writer
    finally:
        writer.kill()
        writer.communicate()


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


async def test_only_the_file_of_a_killed_writer_is_removed(tmp_path) -> None:
    """The next call in a folder removes the temporary file of a killed writer and keeps that of a living one."""
    with another_writer(tmp_path / "theirs") as living, another_writer(tmp_path / "dead") as killed:
        assert len(temporaries_below(tmp_path)) == 2
        killed.kill()
        killed.wait()

        await DirectorySink(tmp_path).put("ours", chunks(b"whole"))

        assert sorted(files_below(tmp_path).values()) == [b"", b"whole"]  # theirs is in its buffer still
        assert living.poll() is None


async def test_our_own_files_are_not_swept_by_another_sink(tmp_path) -> None:
    """Two downloads of one process in one folder do not disturb each other."""

    async def slow():
        yield b"a" * (2 << 20)
        yield b"a" * (2 << 20)
        yield b"a" * (2 << 20)
        assert len(temporaries_below(tmp_path)) == 1
        await DirectorySink(tmp_path).put("b", chunks(b"b"))
        yield b"a"

    await DirectorySink(tmp_path).put("a", slow())

    assert files_below(tmp_path) == {"a": b"a" * (6 << 20) + b"a", "b": b"b"}


@pytest.mark.parametrize(
    "name",
    [
        ".mc-0123456789abcde.part",
        ".mc-0123456789ABCDEF.part",
        ".mc-0123456789abcdef.part2",
        "x.mc-0123456789abcdef.part",
    ],
)
async def test_other_names_are_never_swept(tmp_path, name) -> None:
    """Only files that are named exactly as ours are removed."""
    (tmp_path / name).write_bytes(b"somebody's")

    await DirectorySink(tmp_path).put("a", chunks(b"1"))

    assert files_below(tmp_path) == {"a": b"1", name: b"somebody's"}


@pytest.mark.usefixtures("no_locks")
async def test_without_locks_age_decides(tmp_path) -> None:
    """A day old is nobody's; younger may be somebody's. Writing works."""
    young, old = tmp_path / STALE, tmp_path / STALE.replace("0", "1")
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (0, time.time() - 24 * 3600 - 60))
    os.utime(young, (0, time.time() - 24 * 3600 + 60))

    await DirectorySink(tmp_path).put("a", chunks(b"1"))

    assert files_below(tmp_path) == {"a": b"1", STALE: b"half"}


@pytest.mark.usefixtures("no_locks")
async def test_a_file_of_many_pieces_needs_no_locks(tmp_path) -> None:
    """Where there are none, it is put in place all the same."""
    await DirectorySink(tmp_path).put("a", chunks(b"1" * (1 << 20), b"2"))

    assert files_below(tmp_path) == {"a": b"1" * (1 << 20) + b"2"}


async def test_planted_things_of_that_name_harm_nobody(tmp_path) -> None:
    """A link, a pipe and a folder that are named as our temporary files: nothing hangs, nothing outside changes."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "dest"
    folder.mkdir()
    (folder / STALE).symlink_to(victim)
    os.mkfifo(folder / STALE.replace("0", "1"))
    (folder / STALE.replace("0", "2")).mkdir()
    (folder / STALE.replace("0", "2") / "inside").write_bytes(b"kept")

    await DirectorySink(folder).put("a", chunks(b"1"))

    assert victim.read_bytes() == b"precious"
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / STALE.replace("0", "2") / "inside").read_bytes() == b"kept"
    assert open_below(folder) == []


async def test_a_link_under_the_temporary_name_is_not_followed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even somebody who guesses the name cannot make us write elsewhere: the name must be new."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr(_atomic_file.secrets, "token_hex", lambda size: "0" * 2 * size)
    (tmp_path / ".mc-0000000000000000.part").symlink_to(victim)

    with pytest.raises(DiskError) as caught:
        await DirectorySink(tmp_path).put("a", chunks(b"1"))

    assert caught.value.errno == errno.EEXIST
    assert victim.read_bytes() == b"precious"


async def test_a_sink_looks_for_them_once_in_each_folder(tmp_path) -> None:
    """And remembers the last 64 folders: a mirror may have 100,000."""
    sink = DirectorySink(tmp_path)
    for number in range(65):
        await sink.put(f"{number}/a", chunks(b"1"))
    first, last = (tmp_path / name / STALE for name in ("0", "64"))
    for stale in (first, last):
        stale.touch()
        await sink.put(f"{stale.parent.name}/b", chunks(b"1"))

    assert (first.exists(), last.exists()) == (False, True)


def test_sweeping_where_there_is_no_folder_is_nothing(tmp_path) -> None:
    """Nor where a file stands in its place."""
    (tmp_path / "file").write_bytes(b"1")

    remove_stale_files(opener(tmp_path, "none"))
    remove_stale_files(opener(tmp_path, "file"))
    remove_stale_files(opener(tmp_path / "none"))

    assert files_below(tmp_path) == {"file": b"1"}


def test_somebody_sweeps_between_our_open_and_our_lock(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file that was taken away at once is made anew under another name."""
    flock, removed = fcntl.flock, []

    def swept_first(descriptor: int, flags: int) -> None:
        if len(removed) < 2:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            path.unlink()
            if removed:
                path.write_bytes(b"somebody else's of the same name")
            removed.append(path)
        flock(descriptor, flags)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    one = temporary(tmp_path, "a")
    one.write(b"who")
    one.commit(b"le")
    removed[1].unlink(missing_ok=True)

    assert len(set(removed)) == 2
    assert files_below(tmp_path) == {"a": b"whole"}
    assert open_below(tmp_path) == []


def test_a_file_system_may_count_no_links(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has its name is there all the same."""
    fstat = os.fstat

    def without(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        return os.stat_result((*found[:3], 0, *found[4:10]))

    monkeypatch.setattr(os, "fstat", without)

    one = temporary(tmp_path, "a")
    one.write(b"who")
    one.commit(b"le")

    assert files_below(tmp_path) == {"a": b"whole"}


def test_a_sweep_takes_only_the_file_that_it_has_looked_at(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may have the name by then."""
    (tmp_path / STALE).touch()
    flock = fcntl.flock

    def replaced(descriptor: int, flags: int) -> None:
        (tmp_path / "new").write_bytes(b"another's")
        (tmp_path / "new").rename(tmp_path / STALE)
        flock(descriptor, flags)

    monkeypatch.setattr(fcntl, "flock", replaced)

    remove_stale_files(opener(tmp_path))

    assert files_below(tmp_path) == {STALE: b"another's"}


def test_a_file_system_may_number_a_file_otherwise_by_its_name(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some do. A file that has a name is there."""
    monkeypatch.setattr(OpenFolder, "stat", lambda *_: os.stat_result((0o100644, 1, 1, 1, 0, 0, 0, 0, 0, 0)))

    one = temporary(tmp_path, "a")
    one.write(b"who")
    one.commit(b"le")

    assert files_below(tmp_path) == {"a": b"whole"}


def test_a_temporary_file_that_cannot_be_kept_is_an_error(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each one is locked by somebody else at once, it is given up after a few, and nothing is left."""

    def locked(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "locked")

    monkeypatch.setattr(fcntl, "flock", locked)

    with pytest.raises(OSError, match="each of 5 temporary files was removed by another process"):
        temporary(tmp_path, "a").write(b"1")

    assert files_below(tmp_path) == {}
    assert open_below(tmp_path) == []


def test_an_error_without_a_number_says_what_it_says() -> None:
    """Some come from Python, and not from the system."""
    error = _atomic_file.disk_error(Path("a"), OSError("odd"))

    assert (str(error), error.errno) == ("a: odd", None)


@pytest.mark.parametrize("kind", ["link", "ring"])
async def test_a_link_under_the_final_name_is_replaced(tmp_path, kind) -> None:
    """A link under the final name is replaced, and its target stays as it was."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "a").symlink_to(victim if kind == "link" else dest / "a")

    await DirectorySink(dest).put("a", chunks(b"1"))

    assert victim.read_bytes() == b"precious"
    assert not (dest / "a").is_symlink()
    assert files_below(dest) == {"a": b"1"}


@pytest.mark.parametrize("kind", ["pipe", "folder"])
async def test_a_pipe_or_folder_under_the_final_name_stays(tmp_path, kind) -> None:
    """Something that is no file is not replaced without a word: it is a DiskError, and no temporary file is left."""
    os.mkfifo(tmp_path / "a") if kind == "pipe" else (tmp_path / "a").mkdir()

    with pytest.raises(DiskError, match="to be a file, got a pipe, device or folder"):
        await DirectorySink(tmp_path).put("a", chunks(b"1"))
    with pytest.raises(DiskError, match="expected a regular file"):
        await DirectorySink(tmp_path).read("a")

    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 -- names are wanted
    assert not (tmp_path / "a").is_file()


async def test_a_folder_that_is_a_link_is_rejected_each_time(tmp_path) -> None:
    """A folder that is a link is rejected for each file, also for two at once, and nothing outside the destination changes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / STALE).write_bytes(b"not ours to sweep")
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "101").symlink_to(outside)
    sink = DirectorySink(dest)

    async def first():
        with pytest.raises(DiskError, match="101 is a link"):
            await sink.put("101/b", chunks(b"2"))
        yield b"1"

    for name in ("101/a", "101/a", "101/88/a"):
        with pytest.raises(DiskError, match="101 is a link"):
            await sink.put(name, chunks(b"1"))
    await sink.put("a", first())

    assert files_below(outside) == {STALE: b"not ours to sweep"}


async def test_a_link_within_the_destination_is_not_followed(tmp_path) -> None:
    """A link may lead to the folder of another collection; only the destination itself may be a link."""
    (tmp_path / "real" / "102").mkdir(parents=True)
    (tmp_path / "real" / "101").symlink_to("102")
    (tmp_path / "dest").symlink_to("real")
    sink = DirectorySink(tmp_path / "dest")

    with pytest.raises(DiskError, match="101 is a link, and links below the destination are not followed") as caught:
        await sink.put("101/a", chunks(b"1"))
    await sink.put("102/b", chunks(b"2"))

    assert caught.value.errno == errno.ELOOP
    assert files_below(tmp_path / "real" / "102") == {"b": b"2"}


def test_somebody_sweeps_a_small_file_before_it_is_in_place(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written without a lock, so a sweep may take it: then it is written again, with one."""
    replace, swept = os.replace, []

    def swept_first(source: str, target: str, **folders: int) -> None:
        if not swept:
            remove_stale_files(opener(tmp_path))
            swept.append(source)
        replace(source, target, **folders)

    monkeypatch.setattr(_atomic_file.os, "replace", swept_first)
    one = temporary(tmp_path, "a", durable=True)
    one.commit(b"whole")

    assert len(swept) == 1
    assert not one.there
    one.abort()
    assert files_below(tmp_path) == {"a": b"whole"}
    assert open_below(tmp_path) == []


def test_a_large_file_is_locked_until_it_is_in_place(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed before, which alone would give up the lock: a sweep that comes then leaves it."""
    replace = os.replace

    def swept_first(source: str, target: str, **folders: int) -> None:
        remove_stale_files(opener(tmp_path))
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", swept_first)
    one = temporary(tmp_path, "a")
    one.write(b"who")
    one.commit(b"le")

    assert files_below(tmp_path) == {"a": b"whole"}


def test_durable_flushes_the_names_of_the_folders_that_it_makes(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in a folder without a name on the disk is gone after a power cut: each new folder, in the one above it."""
    flushed = flushed_folders(monkeypatch)

    temporary(tmp_path, "101", "88", "a", durable=True).commit(b"1")
    assert flushed == [tmp_path, tmp_path / "101", tmp_path / "101" / "88"]

    flushed.clear()
    temporary(tmp_path, "101", "88", "b", durable=True).commit(b"1")
    assert flushed == [tmp_path / "101" / "88"]

    flushed.clear()
    temporary(tmp_path, "102", "a").commit(b"1")
    assert flushed == []

    temporary(tmp_path / "new" / "er", "a", durable=True).commit(b"1")
    assert flushed == [tmp_path / "new", tmp_path, tmp_path / "new" / "er"]
