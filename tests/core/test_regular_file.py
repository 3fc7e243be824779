"""What is read is a file: no pipe holds the thread, no link leads elsewhere, nothing larger than memory is read."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.download_kit import chunks, open_below
from support.fakes import FakeTransport
from support.groups import groups_over

from multicart_async import errors
from multicart_async._core.regular_file import open_regular, read_whole
from multicart_async._downloads.category_csv import category_csv
from multicart_async.models import StartedRun
from multicart_async.resources._items.shard_journal import ShardJournal
from multicart_async.resources.runs._journal import RunJournal
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._open_folder import OpenFolder

SPARSE = 6 << 30  # bytes of a file that takes none of the disk


def made(path: Path, kind: str) -> Path:
    """Something that is no file, or none that may be read."""
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a link":
            (path.parent / "elsewhere").write_bytes(b"precious")
            path.symlink_to("elsewhere")
        case "a loop of links":
            path.symlink_to(path.name)
        case "a folder":
            path.mkdir()
        case "a socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(path))
        case "a device":
            path.symlink_to("/dev/full")
        case "a file of 6 GiB":
            path.touch()
            os.truncate(path, SPARSE)
    return path


KINDS = {
    "a pipe": errno.EINVAL,
    "a link": errno.ELOOP,
    "a loop of links": errno.ELOOP,
    "a folder": errno.EISDIR,
    "a socket": errno.EINVAL,
    "a file of 6 GiB": errno.EFBIG,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["alone", "in an open folder"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind, place) -> None:
    """The check uses the opened descriptor, not the path, and leaves no descriptor open."""
    path = made(tmp_path / "a", kind)
    folder = os.open(tmp_path, os.O_RDONLY)

    with pytest.raises(OSError, match=r"expected a regular file|at most 10 bytes") as caught:
        if place == "alone":
            open_regular(path, max_bytes=10)
        else:
            open_regular("a", dir_fd=folder, max_bytes=10)

    os.close(folder)
    assert caught.value.errno == KINDS[kind]
    assert open_below(tmp_path) == []


def test_a_file_is_opened(tmp_path) -> None:
    """A regular file is opened, with *links* also through a link, for a path that the user has given."""
    path = made(tmp_path / "a", "a link")

    for descriptor in (open_regular(tmp_path / "elsewhere", max_bytes=8), open_regular(path, links=True)):
        with os.fdopen(descriptor, "rb") as file:
            assert file.read() == b"precious"


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_000])
def test_a_file_is_read_whole(tmp_path, size) -> None:
    """Up to a bound, and where the file system tells no size too."""
    (tmp_path / "a").write_bytes(content := os.urandom(size))

    assert read_whole(open_regular(tmp_path / "a")) == content
    assert read_whole(open_regular(tmp_path / "a"), 100) == content[:100]
    assert b"cpu" in read_whole(open_regular("/proc/stat"))
    assert open_below(tmp_path) == []


def test_a_file_may_be_as_large_as_is_said(tmp_path) -> None:
    """A byte more is too much."""
    (tmp_path / "a").write_bytes(b"12345678")

    os.close(open_regular(tmp_path / "a", max_bytes=8))

    with pytest.raises(OSError, match="expected at most 7 bytes, got 8"):
        open_regular(tmp_path / "a", max_bytes=7)


async def test_a_file_above_256_mib_is_not_read(tmp_path) -> None:
    """By a sink."""
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", (256 << 20) + 1)

    with pytest.raises(errors.DiskError, match="expected at most 268,435,456 bytes, got 268,435,457"):
        await DirectorySink(tmp_path).read("a")


async def test_a_file_that_grows_meanwhile_is_cut(tmp_path, monkeypatch) -> None:
    """It was small enough when it was opened; its checksum shows that it is not whole."""
    (tmp_path / "a").write_bytes(b"1")
    monkeypatch.setattr("multicart_async.sinks._directory.MAX_FILE_BYTES", 10)
    opened = OpenFolder.open_regular

    def growing(folder: OpenFolder, name: str, *, max_bytes: int | None = None) -> int:
        descriptor = opened(folder, name, max_bytes=max_bytes)
        (tmp_path / name).write_bytes(b"n" * 100)
        return descriptor

    monkeypatch.setattr(OpenFolder, "open_regular", growing)

    assert await DirectorySink(tmp_path).read("a") == b"n" * 10


@pytest.mark.parametrize("number", [errno.ENXIO, errno.ENODEV], ids=errno.errorcode.__getitem__)
def test_what_has_no_other_end_is_no_file(tmp_path, monkeypatch, number) -> None:
    """A socket, a pipe, or a device without a driver: systems have several numbers for that."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(OSError, match="expected a regular file, got a device, pipe or socket"):
        open_regular(tmp_path / "a")


def test_a_loop_is_a_loop_where_links_are_followed(tmp_path) -> None:
    """A loop of links keeps the error of the system."""
    path = made(tmp_path / "a", "a loop of links")

    with pytest.raises(OSError, match="Too many levels"):
        open_regular(path, links=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_folder_of_files_reads_none_of_them(tmp_path, kind) -> None:
    """Links, pipes and the like are not read, whole or in pieces, nor too large files whole; the error names the path."""
    made(tmp_path / "a", kind)
    sink = DirectorySink(tmp_path)

    with pytest.raises(errors.DiskError) as caught:
        await sink.read("a")
    assert (caught.value.errno, caught.value.name) == (KINDS[kind], str(tmp_path / "a"))
    if kind != "a file of 6 GiB":  # which is not read into memory
        with pytest.raises(errors.DiskError) as caught:
            await anext(sink.iter_bytes("a"))
        assert caught.value.errno == KINDS[kind]
        with pytest.raises(errors.DiskError):
            await category_csv(sink, "a", "b")
    assert open_below(tmp_path) == []


async def test_a_device_with_every_name_of_a_folder_is_not_written_to(tmp_path) -> None:
    """A link to a device is replaced, not followed."""
    made(tmp_path / "a", "a device")

    await DirectorySink(tmp_path).put("a", chunks(b"1"))

    assert (tmp_path / "a").read_bytes() == b"1"


def journals(path: Path) -> list[RunJournal | ShardJournal]:
    """Each kind of journal, at that path."""
    return [RunJournal(path), ShardJournal("AU", "amazon.com.au", "4500", path)]


@pytest.mark.parametrize("kind", [*KINDS, "a device"])
async def test_a_journal_that_is_no_file_is_refused(tmp_path, kind) -> None:
    """A journal that is not a regular file is rejected before a byte is read, because a device may never end."""
    path = made(tmp_path / "runs.journal", kind)

    for journal in journals(path):
        with pytest.raises(errors.DiskError, match=r"runs\.journal: journal: ") as caught:
            async with journal:
                pass
        assert caught.value.errno == KINDS.get(kind, errno.ELOOP)

    assert open_below(tmp_path) == []
    if kind == "a link":
        assert (tmp_path / "elsewhere").read_bytes() == b"precious"


async def test_a_device_itself_is_no_journal() -> None:
    """A device that never ends is rejected, where it was read for ever before."""
    for name in ("/dev/full", "/dev/zero"):
        with pytest.raises(errors.DiskError, match="journal: expected a regular file, got a device, pipe or socket"):
            async with RunJournal(name):
                pass


async def test_a_journal_can_be_read_by_its_owner_alone(tmp_path) -> None:
    """A new journal has mode 0600, because it shows what an account spends; an existing one keeps its mode."""
    (tmp_path / "old").touch(0o644)
    before = os.umask(0o022)
    try:
        for name in ("new", "old"):
            async with RunJournal(tmp_path / name):
                pass
    finally:
        os.umask(before)

    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("new", "old")] == ["0o600", "0o644"]


async def test_a_journal_never_grows_beyond_what_can_be_read(tmp_path, monkeypatch) -> None:
    """An entry that would not fit is an error before anything is sent."""
    monkeypatch.setattr("multicart_async.resources._journal_file.MAX_FILE_BYTES", 200)
    path = tmp_path / "runs.journal"

    async with RunJournal(path) as journal:
        await journal.record("intent", StartedRun(101, 87))
        with pytest.raises(
            errors.DiskError, match="journal: expected at most 200 bytes, got more; start a new journal"
        ):
            for after in range(10):
                await journal.record("intent", StartedRun(102, after))
    async with RunJournal(path) as journal:
        assert 101 in journal.entries

    assert path.stat().st_size <= 200


async def test_a_journal_may_be_as_long_as_can_be_read(tmp_path, monkeypatch) -> None:
    """To the last byte."""
    async with RunJournal(tmp_path / "first") as journal:
        await journal.record("intent", StartedRun(101, 87))
    size = (tmp_path / "first").stat().st_size

    for most in (size, size - 1):
        monkeypatch.setattr("multicart_async.resources._journal_file.MAX_FILE_BYTES", most)
        (tmp_path / "second").unlink(missing_ok=True)
        async with RunJournal(tmp_path / "second") as journal:
            with nullcontext() if most == size else pytest.raises(errors.DiskError, match="start a new journal"):
                await journal.record("intent", StartedRun(101, 87))


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a socket", "a file of 6 GiB", "a device"])
async def test_a_csv_to_import_is_a_file(tmp_path, kind) -> None:
    """Anything but a regular file is rejected; nothing is sent, and no thread is blocked."""
    path = made(tmp_path / "items.csv", kind)

    groups = groups_over(FakeTransport())

    with pytest.raises(errors.DiskError, match=r"items\.csv: source: expected "):
        await groups.asins.import_csv(101, path)

    assert groups.transport.sent == []


async def test_a_csv_to_import_may_be_a_link(tmp_path) -> None:
    """A link is followed, because the user has given its path."""
    made(tmp_path / "items.csv", "a link")
    (tmp_path / "elsewhere").write_text("asin\nB0\n")

    with pytest.raises(errors.ArgumentError, match="expected exactly the header"):
        await groups_over(FakeTransport()).asins.import_csv(101, tmp_path / "items.csv")
