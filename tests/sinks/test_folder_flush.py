"""File systems that cannot flush a folder: what is flushed there is the file, and that is enough; errors of a disk count."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.download_kit import chunks, files_below, open_below
from support.strace_kit import needs_strace, put

from multicart_async.errors import DiskError
from multicart_async.resources._items.shard_journal import ShardJournal
from multicart_async.resources.runs._journal import RunJournal
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._open_folder import OpenFolder

UNSUPPORTED = sorted({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
REFUSALS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES]
NAMES = errno.errorcode.__getitem__
WHOLE = b"n" * (3 << 20)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[str]]:
    """Lets each flush of a folder, or of a file, fail with that number; gives the list of what was flushed."""
    flush = os.fsync

    def fail(kind: str, number: int) -> list[str]:
        flushed: list[str] = []

        def refuse(descriptor: int) -> None:
            found = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
            flushed.append(found)
            if found == kind:
                raise OSError(number, os.strerror(number))
            flush(descriptor)

        monkeypatch.setattr(os, "fsync", refuse)
        return flushed

    return fail


@pytest.mark.parametrize("number", UNSUPPORTED, ids=NAMES)
@pytest.mark.parametrize("size", [1, 3], ids=["in one go", "in pieces"])
async def test_a_folder_that_cannot_be_flushed_loses_nothing(tmp_path, failing, number, size) -> None:
    """The file is flushed and in place, in new folders too, and no descriptor is left open."""
    flushed = failing("folder", number)
    pieces = [b"n" * (1 << 20)] * size

    await DirectorySink(tmp_path, durable=True).put("101/88/a", chunks(*pieces))

    assert files_below(tmp_path) == {"101/88/a": b"".join(pieces)}
    assert flushed.count("file") == 1
    assert flushed.count("folder") == 3  # two new names of folders, and that of the file
    assert open_below(tmp_path) == []


@pytest.mark.parametrize("pieces", [1, 3])
async def test_all_of_a_file_is_written_when_it_is_flushed(tmp_path, monkeypatch, pieces) -> None:
    """What still lay in a buffer of the process would not be on the disk when the file gets its name."""
    sizes: list[int] = []
    flush = os.fsync

    def noting(descriptor: int) -> None:
        found = os.fstat(descriptor)
        sizes.extend([found.st_size] if stat.S_ISREG(found.st_mode) else [])
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noting)

    await DirectorySink(tmp_path, durable=True).put("a", chunks(*[b"n" * (1 << 20)] * (pieces - 1), b"end"))

    assert sizes == [(pieces - 1 << 20) + 3]


@pytest.mark.parametrize("number", REFUSALS, ids=NAMES)
async def test_a_folder_whose_flush_fails_is_a_disk_error(tmp_path, failing, number) -> None:
    """A disk that fails or is full has not kept the name: that is never passed over."""
    failing("folder", number)

    with pytest.raises(DiskError) as caught:
        await DirectorySink(tmp_path, durable=True).put("a", chunks(b"1"))

    assert caught.value.errno == number


@pytest.mark.parametrize("number", [*UNSUPPORTED, errno.EIO], ids=NAMES)
@pytest.mark.parametrize("content", [b"1", WHOLE], ids=["in one go", "in pieces"])
async def test_a_file_that_cannot_be_flushed_is_a_disk_error(tmp_path, failing, number, content) -> None:
    """After any error of a file's own flush its bytes are not safe, and nothing is there."""
    failing("file", number)

    with pytest.raises(DiskError) as caught:
        await DirectorySink(tmp_path, durable=True).put("a", chunks(content))

    assert caught.value.errno == number
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("number", UNSUPPORTED, ids=NAMES)
async def test_a_journal_opens_where_folders_cannot_be_flushed(tmp_path, failing, number) -> None:
    """That of runs and that of shards alike."""
    failing("folder", number)

    async with RunJournal(tmp_path / "runs.journal"):
        pass
    async with ShardJournal("AU", "amazon.com.au", "4500", tmp_path / "shards.journal"):
        pass

    assert sorted(files_below(tmp_path)) == ["runs.journal", "shards.journal"]


async def test_a_journal_whose_folder_fails_is_not_opened(tmp_path, failing) -> None:
    """Its name may be gone after a power cut, and with it all that was noted."""
    failing("folder", errno.EIO)

    with pytest.raises(DiskError) as caught:
        async with RunJournal(tmp_path / "runs.journal"):
            pass

    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("number", UNSUPPORTED, ids=NAMES)
def test_a_folder_that_cannot_be_opened_for_it_is_no_error(tmp_path, monkeypatch, number) -> None:
    """Some file systems fail there first."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with OpenFolder.open(tmp_path) as folder:
        monkeypatch.setattr(os, "open", refuse)

        folder.flush()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such file system")
def test_a_real_file_system_without_it_is_no_error() -> None:
    """Linux answers EINVAL for the folders of /proc and /sys."""
    for folder in ("/proc", "/sys"):
        if Path(folder).is_dir():
            with OpenFolder.open(Path(folder)) as opened:
                opened.flush()


@pytest.mark.parametrize("number", UNSUPPORTED, ids=NAMES)
def test_the_system_may_refuse_any_folder(tmp_path, number) -> None:
    """The same with the real system call: the second flush of a durable file is that of its folder."""
    needs_strace()
    dest = tmp_path / "dest"
    (dest / "f").mkdir(parents=True)

    done = put(dest, "-e", f"inject=fsync:error={number}:when=2", durable=True)

    assert ["f>" in call for call in done.calls if "INJECTED" in call] == [True]
    assert (done.error, done.errno) == (None, None)
    assert files_below(dest) == {"f/a": WHOLE}


JOURNAL = """
import asyncio, sys
from multicart_async.resources.runs._journal import RunJournal
from multicart_async.models import StartedRun
async def main():
    async with RunJournal(sys.argv[1]) as journal:
        await journal.record("intent", StartedRun(101, 87))
asyncio.run(main())
"""


@pytest.mark.parametrize("number", UNSUPPORTED, ids=NAMES)
def test_the_system_may_refuse_the_folder_of_a_journal(tmp_path, number) -> None:
    """Notes are flushed all the same; only the flush of the folder itself may fail."""
    needs_strace()
    (tmp_path / "f").mkdir()
    path = tmp_path / "f" / "runs.journal"
    failing = ["-P", str(path.parent), "-e", f"inject=fsync:error={number}"]
    log = tmp_path / "calls"
    watch = ["strace", "-f", "-qq", "-y", "-o", str(log), *failing]

    subprocess.run([*watch, sys.executable, "-c", JOURNAL, str(path)], check=True, timeout=50)

    assert "INJECTED" in log.read_text()
    assert path.read_text().count("\n") == 2
