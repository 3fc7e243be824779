"""Folders below a destination: opened one in the other, no link among them; also where a system has no such calls."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

import pytest
from support.download_kit import chunks, files_below, open_below
from support.open_folders import flushed_folders, opener, temporary

from multicart_async import DirectorySink, errors
from multicart_async.sinks import _folder_lock, _open_folder
from multicart_async.sinks._open_folder import OpenFolder

STALE = ".mc-0123456789abcdef.part"


@pytest.fixture(params=["by descriptors", "by paths"], autouse=True)
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How folders are named to the system: Windows has paths alone."""
    if request.param == "by paths":
        monkeypatch.setattr(_open_folder, "_HAS_DIR_FD", False)
    return request.param


async def test_files_are_written_read_and_removed(tmp_path) -> None:
    """All operations of a sink work in folders that are created on the way."""
    sink = DirectorySink(tmp_path / "new" / "dest")

    await sink.put("101/88/a", chunks(b"1" * (1 << 20), b"2"))
    await sink.put("101/88/b", chunks(b"3"))
    await sink.rename("101/88/b", "101/c")
    async with sink.exclusive("101/88") as had:
        assert had
    listed = await sink.list("101")
    sizes = [await sink.size(name) for name in ("101/88/a", "101/c", "101/88", "102/a", "101/c/a")]
    read = [await sink.read(name) for name in ("101/c", "101/88/b", "101/c/a")]
    pieces = [len(piece) async for piece in sink.iter_bytes("101/88/a")]
    for name in ("101/88/a", "101/88/a", "102/a"):
        await sink.delete(name)
    await sink.remove_folder("101/88")

    assert listed == {"88": None, "c": 1}
    assert sizes == [(1 << 20) + 1, 1, None, None, None]
    assert read == [b"3", None, None]
    assert sum(pieces) == (1 << 20) + 1
    assert files_below(sink.root) == {"101/c": b"3"}
    assert not (sink.root / "101" / "88").exists()
    assert open_below(tmp_path) == []


@pytest.mark.parametrize("place", ["101", "101/88"])
async def test_no_call_goes_through_a_link(tmp_path, place) -> None:
    """Each call is rejected with the name of the link, and its target stays unchanged."""
    dest, outside = tmp_path / "dest", tmp_path / "outside"
    (outside / "88").mkdir(parents=True)
    for folder in (outside, outside / "88"):
        (folder / "a").write_bytes(b"precious")
        (folder / STALE).write_bytes(b"not ours to sweep")
    (dest / place).parent.mkdir(parents=True)
    (dest / place).symlink_to(outside if place == "101" else outside / "88")
    (dest / "b").write_bytes(b"ours")
    sink = DirectorySink(dest)
    before = files_below(outside)

    for work in (
        sink.put("101/88/a", chunks(b"1")),
        sink.put("101/88/a", chunks(b"1" * (1 << 20), b"2")),
        sink.read("101/88/a"),
        sink.size("101/88/a"),
        sink.list("101/88"),
        anext(sink.iter_bytes("101/88/a")),
        sink.delete("101/88/a"),
        sink.rename("101/88/a", "c"),
        sink.rename("b", "101/88/a"),
        sink.exclusive("101/88").__aenter__(),
        sink.remove_folder("101/88/x"),
    ):
        with pytest.raises(errors.DiskError, match=f"{place[-2:]}1? is a link") as caught:
            await work
        assert caught.value.errno == errno.ELOOP

    assert files_below(outside) == before
    assert files_below(dest) == {"b": b"ours"}
    assert open_below(tmp_path) == []


@pytest.mark.parametrize("place", ["101", "101/88"])
async def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path, place) -> None:
    """The error is that of the system."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(b"1")

    with pytest.raises(errors.DiskError, match="Not a directory"):
        await DirectorySink(tmp_path).put("101/88/a", chunks(b"1"))


async def test_a_lock_that_is_waited_for_is_opened_once(tmp_path, monkeypatch) -> None:
    """Each look at it that was in vain is closed."""
    (tmp_path / "101").mkdir()
    held = [True, True, True]

    def flock(*_: object) -> None:
        if held:
            held.pop()
            raise BlockingIOError(errno.EWOULDBLOCK, "held")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(_folder_lock, "_POLL", 0.0)

    async with DirectorySink(tmp_path).exclusive("101") as had:
        assert had
        assert len(open_below(tmp_path)) == 1
    assert open_below(tmp_path) == []


async def test_a_lock_that_another_call_holds_is_not_had(tmp_path) -> None:
    """Where it is not waited for."""
    (tmp_path / "101").mkdir()
    sink = DirectorySink(tmp_path)

    async with sink.exclusive("101") as first, sink.exclusive("101", wait=False) as second:
        assert (first, second) == (True, False)
    async with sink.exclusive("101", wait=False) as third:
        assert third


async def test_where_there_are_no_locks_each_is_had(tmp_path, monkeypatch) -> None:
    """Nothing can be held against others there."""
    (tmp_path / "101").mkdir()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    async with DirectorySink(tmp_path).exclusive("101") as had:
        assert had


async def test_a_missing_folder_cannot_be_locked(tmp_path) -> None:
    """Nor is it made for that."""
    with pytest.raises(errors.DiskError, match="No such file"):
        await DirectorySink(tmp_path).exclusive("101").__aenter__()

    assert list(tmp_path.iterdir()) == []


async def test_a_missing_folder_holds_nothing(tmp_path) -> None:
    """A missing folder, at any level, has no files, and is not an error."""
    (tmp_path / "101").mkdir()

    for folder in ("101/88", "102/88"):
        assert await DirectorySink(tmp_path).list(folder) == {}
    assert await DirectorySink(tmp_path / "none").list("") == {}
    with pytest.raises(errors.DiskError, match="No such file"):
        await anext(DirectorySink(tmp_path / "none").iter_bytes("a"))


def test_a_root_that_is_no_folder_is_an_error(tmp_path) -> None:
    """The error is that of the system."""
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError):
        OpenFolder.open(tmp_path / "file")


def test_new_folders_are_flushed_where_that_is_asked_for(tmp_path, monkeypatch) -> None:
    """With *durable*, the name of each new folder is flushed in the folder above it."""
    flushed = flushed_folders(monkeypatch)

    temporary(tmp_path / "new", "101", "a", durable=True).commit(b"1")

    assert flushed == [tmp_path, tmp_path / "new", tmp_path / "new" / "101"]

    flushed.clear()
    temporary(tmp_path / "other", "101", "a").commit(b"1")
    assert flushed == []


def test_another_writer_may_make_the_folder_first(tmp_path, monkeypatch) -> None:
    """A folder that another writer creates at the same time is used."""
    make = os.mkdir

    def late(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        make(name, mode, dir_fd=dir_fd)
        make(name, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", late)

    temporary(tmp_path, "101", "a").commit(b"1")

    assert files_below(tmp_path) == {"101/a": b"1"}


def test_a_folder_that_goes_before_the_first_byte_is_made_again(tmp_path, monkeypatch) -> None:
    """A folder that another call prunes before the first byte is created again."""
    (tmp_path / "101").mkdir()
    opened: list[OpenFolder] = []

    def removed_once(create: bool) -> OpenFolder:
        folder = opener(tmp_path, "101")(create)
        if not opened:
            (tmp_path / "101").rmdir()
        opened.append(folder)
        return folder

    one = temporary(tmp_path, "101", "a")
    one._open_folder = one._open_shared = removed_once
    one.commit(b"1")

    assert len(opened) == 2
    assert files_below(tmp_path) == {"101/a": b"1"}
    assert open_below(tmp_path) == []


def test_a_folder_put_in_place_during_a_write_gets_nothing(tmp_path, calls) -> None:
    """A file stays in the folder where its writing began, also if another folder takes over the path meanwhile."""
    if calls == "by paths":
        pytest.skip("not promised where the system has no descriptors of folders")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_bytes(b"precious")
    one = temporary(tmp_path / "dest", "101", "a")
    one.write(b"who")

    (tmp_path / "dest" / "101").rename(tmp_path / "moved")
    (tmp_path / "dest" / "101").symlink_to(tmp_path / "outside")
    one.commit(b"le")

    assert files_below(tmp_path / "outside") == {"a": b"precious"}
    assert files_below(tmp_path / "moved") == {"a": b"whole"}


def test_a_folder_that_is_gone_leaves_nothing_to_write_to(tmp_path) -> None:
    """The error says that the folder was removed, also in the middle of a file, and no descriptor is left open."""
    one = temporary(tmp_path, "101", "a")
    one.write(b"who")
    shutil.rmtree(tmp_path / "101")

    with pytest.raises(FileNotFoundError, match="its folder was removed while the file was written"):
        one.commit(b"le")
    one.abort()

    assert open_below(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to give its rights up")
def test_a_folder_that_may_be_searched_need_not_be_readable(tmp_path, calls) -> None:
    """In a folder with mode 711, such as a drop box, only names are looked up, which needs no permission to read."""
    if calls == "by paths":
        pytest.skip("the same by nature")
    for path in (tmp_path, *tmp_path.parents[:-1]):
        path.chmod(path.stat().st_mode | 0o711)
    (tmp_path / "dest" / "101").mkdir(parents=True)
    (tmp_path / "dest").chmod(0o711)
    (tmp_path / "dest" / "101").chmod(0o777)
    os.seteuid(65534)
    try:
        temporary(tmp_path / "dest", "101", "a").commit(b"1")
    finally:
        os.seteuid(0)

    assert files_below(tmp_path) == {"dest/101/a": b"1"}


def test_a_path_of_the_root_is_kept(tmp_path: Path) -> None:
    """The path of a destination that is a link is kept."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    temporary(tmp_path / "link", "a").commit(b"1")

    assert files_below(tmp_path / "real") == {"a": b"1"}


def test_another_writer_may_make_the_root_first(tmp_path, monkeypatch) -> None:
    """Between the look at it and its making."""
    root, opened = tmp_path / "new", _open_folder._opened

    def late(path: str) -> int | None:
        try:
            return opened(path)
        finally:
            root.mkdir(exist_ok=True)

    monkeypatch.setattr(_open_folder, "_opened", late)

    temporary(root, "a").commit(b"1")

    assert files_below(root) == {"a": b"1"}


def test_a_link_is_one_whichever_number_the_system_has_for_it(tmp_path, monkeypatch) -> None:
    """Without O_DIRECTORY Linux says ELOOP of it, as other systems do with it."""
    (tmp_path / "101").symlink_to(tmp_path)
    monkeypatch.setattr(_open_folder, "_SEARCH", os.O_RDONLY)

    with pytest.raises(OSError, match="101 is a link, and links below the destination are not followed") as caught:
        OpenFolder.open(tmp_path, ["101"])

    assert caught.value.errno == errno.ELOOP


def test_a_part_that_is_no_folder_is_an_error(tmp_path) -> None:
    """Of the system, before anything is looked for in it."""
    (tmp_path / "101").touch()

    with pytest.raises(NotADirectoryError):
        OpenFolder.open(tmp_path, ["101"])


def test_a_folder_is_closed_once(tmp_path) -> None:
    """Its number may belong to another file by then."""
    folder = OpenFolder.open(tmp_path)
    folder.close()
    file = os.open(tmp_path, os.O_RDONLY)

    folder.close()

    os.close(file)


def test_a_folder_that_was_closed_is_not_looked_for_by_its_path(tmp_path, calls) -> None:
    """Its path may lead elsewhere by then; a use after the end is an error."""
    if calls == "by paths":
        pytest.skip("there a path is all there is")
    (tmp_path / "a").write_bytes(b"1")
    folder = OpenFolder.open(tmp_path)
    folder.close()
    folder.close()

    for use in (lambda: folder.stat("a"), lambda: folder.open_regular("a"), folder.open_itself):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()
