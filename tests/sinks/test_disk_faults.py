"""A disk that refuses, at any moment: no final file, no temporary file, and a `DiskError` that says which refusal it was."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.download_kit import chunks, files_below, open_below, run_of
from support.fakes import FakeTransport
from support.groups import groups_over
from support.strace_kit import needs_strace, put, put_here

from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink


@pytest.fixture
def mounted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, with the options of the test's parameter."""
    place = tmp_path / "mounted"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting wants root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("mounted", ["size=64k"], indirect=True)
@pytest.mark.parametrize("size", [65 << 10, 100 << 10, 1 << 20, 5 << 20])
async def test_a_full_disk_is_told_and_nothing_is_left(mounted, size) -> None:
    """Whether the disk fills up at a write, at the last one or at the flush: the old file stays, the room is free again."""
    sink = DirectorySink(mounted)
    await sink.put("a", chunks(b"old"))

    with pytest.raises(DiskError) as caught:
        await sink.put("a", chunks(*(b"n" * 1024 for _ in range(size // 1024))))

    assert caught.value.errno == errno.ENOSPC
    assert str(mounted / "a") in str(caught.value)
    assert files_below(mounted) == {"a": b"old"}
    assert open_below(mounted) == []
    await sink.put("a", chunks(b"n" * (50 << 10)))


@pytest.mark.parametrize("mounted", ["size=64k,ro"], indirect=True)
async def test_an_unwritable_disk_is_an_error_before_any_request(mounted) -> None:
    """A destination that cannot be written is an error before any request is sent."""
    transport = FakeTransport()
    runs = groups_over(transport).runs

    with pytest.raises(DiskError, match="expected a writable folder"):
        await runs.download(run_of(1), mounted / "deep" / "down")

    assert (transport.sent, transport.opened) == ([], [])


async def test_a_file_in_the_way_is_told_before_any_request(tmp_path) -> None:
    """A destination that is a file, or below one, costs no request."""
    (tmp_path / "file").write_bytes(b"1")
    transport = FakeTransport()
    runs = groups_over(transport).runs

    for dest in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DiskError, match="expected a folder, got the file file"):
            await runs.download(run_of(1), dest)

    assert (transport.sent, transport.opened) == ([], [])


def test_a_limit_on_the_size_of_files_is_a_disk_error(tmp_path) -> None:
    """A quota of the process counts as the disk's refusal."""
    before = "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"

    done = put(tmp_path, before=before)

    assert (done.error, done.errno) == ("DiskError", errno.EFBIG)
    assert files_below(tmp_path) == {}


def test_too_many_open_files_is_a_disk_error(tmp_path) -> None:
    """No descriptor is left for the temporary file: its error says so, and nothing is there."""
    before = "import os; f = os.open('/', 0); os.close(f); resource.setrlimit(resource.RLIMIT_NOFILE, (f, f))"

    done = put(tmp_path, before=before)

    assert (done.error, done.errno) == ("DiskError", errno.EMFILE)
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize(
    ("inject", "number"),
    [
        ("write:error=ENOSPC:when=1", errno.ENOSPC),
        ("write:error=ENOSPC:when=2", errno.ENOSPC),
        ("write:error=EIO:when=3", errno.EIO),
        ("fsync:error=EIO:when=1", errno.EIO),
        ("/^rename:error=EIO:when=1", errno.EIO),
        ("/^mkdir:error=EROFS:when=1", errno.EROFS),
    ],
)
def test_each_system_call_may_fail(tmp_path, inject, number) -> None:
    """Write, fsync, rename and mkdir: whichever fails, the error is its own, and there is nothing."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    done = put(dest, "-P", str(dest), "-e", f"inject={inject}", durable=True)

    assert any("INJECTED" in call for call in done.calls)
    assert ("DiskError", number) == (done.error, done.errno)
    assert files_below(dest) == {}


def test_a_failing_close_is_before_the_rename(tmp_path) -> None:
    """Some file systems say at close that the disk is full: then there must be no final file yet."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "f").mkdir()

    done = put(dest, "-e", "inject=close:error=ENOSPC:when=4")  # the first three are of the folder, looked through

    assert [".part" in call for call in done.calls if "INJECTED" in call] == [True]
    assert (done.error, done.errno) == ("DiskError", errno.ENOSPC)
    assert files_below(dest) == {}


def test_an_interrupted_write_is_carried_on(tmp_path) -> None:
    """A signal in the middle of a write is no refusal: the file is whole."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    done = put(dest, "-e", "inject=write:error=EINTR:when=1")

    assert any("INJECTED" in call for call in done.calls)
    assert (done.error, done.errno) == (None, None)
    assert files_below(dest) == {"f/a": b"n" * (3 << 20)}


async def test_a_temporary_file_that_cannot_be_removed_hides_no_error(tmp_path) -> None:
    """The first error is told, as what it is, even where cleaning up fails too; the next call cleans up."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    done = put(dest, "-e", "inject=write:error=ENOSPC:when=2", "-e", "inject=/^unlink:error=EIO")

    assert any("unlink" in call and "INJECTED" in call for call in done.calls)
    assert (done.error, done.errno) == ("DiskError", errno.ENOSPC)
    assert len(files_below(dest)) == 1
    await put_here(dest)
    assert list(files_below(dest)) == ["f/a"]


def test_durable_flushes_the_file_then_renames_then_the_folder(tmp_path) -> None:
    """A durable file is flushed before the rename and its folder after it, so that a power failure cannot leave an empty file."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    calls = put(dest, "-e", "trace=fsync,fdatasync,/^rename", durable=True).calls

    marks = [("file" if ".part" in call else "folder") if "sync(" in call else "rename" for call in calls]
    assert marks == ["file", "rename", "folder"]


def test_without_durable_nothing_is_flushed(tmp_path) -> None:
    """Waiting for the disk is the caller's choice."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    calls = put(dest, "-e", "trace=fsync,fdatasync,sync,/^rename").calls

    assert ["rename" if "rename" in call else "sync" for call in calls] == ["rename"]


def test_a_failing_flush_of_a_folder_leaves_a_complete_file(tmp_path) -> None:
    """If the folder cannot be flushed after the rename, the file is complete, and the error says that it may be lost."""
    needs_strace()
    dest = tmp_path / "dest"
    dest.mkdir()

    done = put(dest, "-e", "inject=fsync:error=EIO:when=2", durable=True)

    assert (done.error, done.errno) == ("DiskError", errno.EIO)
    assert files_below(dest) == {"f/a": b"n" * (3 << 20)}
