"""Sinks whose files are renamed, and whose empty folders are removed: never outside of the destination."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.mirror_kit import tree
from support.open_folders import flushed_folders
from support.pruning_kit import folders

from multicart_async import DirectorySink, errors
from multicart_async.sinks import ListableSink, MemorySink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._protocol import put_bytes

STALE = ".mc-0123456789abcdef.part"


@pytest.fixture(params=["memory", "folder"])
def browsable(request: pytest.FixtureRequest, tmp_path: Path) -> ListableSink:
    """Each kind that can be listed."""
    return MemorySink() if request.param == "memory" else DirectorySink(tmp_path)


@pytest.mark.parametrize("new", ["101/88/b", "101/c", "top"])
async def test_a_file_gets_another_name(browsable, new) -> None:
    """What had that name is replaced; the old name is gone."""
    await put_bytes(browsable, "101/88/a", b"new")
    await put_bytes(browsable, "101/c", b"old")

    await browsable.rename("101/88/a", new)

    assert await browsable.read(new) == b"new"
    assert await browsable.read("101/88/a") is None


async def test_a_name_that_is_not_there_cannot_be_changed(tmp_path) -> None:
    """The error is the disk's, or one of ours from that of the sink."""
    with pytest.raises(errors.DiskError) as caught:
        await DirectorySink(tmp_path).rename("a", "b")
    assert caught.value.errno == errno.ENOENT

    class Other(MemorySink):
        """Not ours, so it may raise anything."""

    with pytest.raises(errors.DownloadError, match="KeyError"):
        await map_sink_errors(Other()).rename("a", "b")  # type: ignore[attr-defined]


@pytest.mark.parametrize("names", [("a", "../b"), ("../a", "b"), ("a", "/b"), ("a", "x/../../b")])
async def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, names) -> None:
    """The old one, and the new one."""
    (tmp_path / "dest").mkdir()
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "dest" / "a").write_bytes(b"2")

    with pytest.raises(errors.ArgumentError, match="expected words of letters"):
        await DirectorySink(tmp_path / "dest").rename(*names)

    assert tree(tmp_path) == {"a": b"1", "dest/a": b"2"}


@pytest.mark.parametrize("kind", ["pipe", "folder"])
async def test_what_is_no_file_does_not_lose_its_name(tmp_path, kind) -> None:
    """Nothing is replaced that is not a file, or a link."""
    os.mkfifo(tmp_path / "b") if kind == "pipe" else (tmp_path / "b").mkdir()
    (tmp_path / "a").write_bytes(b"1")

    with pytest.raises(errors.DiskError, match="expected b to be a file, got a pipe, device or folder"):
        await DirectorySink(tmp_path).rename("a", "b")

    assert (tmp_path / "a").read_bytes() == b"1"
    assert not (tmp_path / "b").is_file()


@pytest.mark.parametrize("durable", [False, True])
async def test_a_durable_rename_flushes_its_folder(tmp_path, monkeypatch, durable) -> None:
    """The new name survives a power cut as the file does."""
    sink = DirectorySink(tmp_path, durable=durable)
    await put_bytes(sink, "101/a", b"1")
    flushed = flushed_folders(monkeypatch)

    await sink.rename("101/a", "101/b")

    assert flushed == ([tmp_path / "101"] if durable else [])


async def test_an_empty_folder_is_removed(tmp_path) -> None:
    """With what killed writers left in it; twice is once, and a file is no folder."""
    sink = DirectorySink(tmp_path)
    (tmp_path / "101" / "88").mkdir(parents=True)
    (tmp_path / "101" / "88" / STALE).write_bytes(b"half")
    (tmp_path / "file").write_bytes(b"1")

    for name in ("101/88", "101/88", "101/none/deeper", "file", "file/deeper"):
        await sink.remove_folder(name)

    assert folders(tmp_path) == ["101"]
    assert tree(tmp_path) == {"file": b"1"}


@pytest.mark.parametrize("what", ["a file", "a folder", "a hidden file"])
async def test_a_folder_with_something_in_it_stays(tmp_path, what) -> None:
    """Without an error."""
    place = tmp_path / "101" / "88"
    place.mkdir(parents=True)
    (place / "x").mkdir() if what == "a folder" else (place / (".x" if "hidden" in what else "x")).touch()

    await DirectorySink(tmp_path).remove_folder("101/88")

    assert len(list(place.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EEXIST], ids=errno.errorcode.__getitem__)
async def test_a_folder_that_is_not_empty_has_two_numbers(tmp_path, monkeypatch, number) -> None:
    """POSIX allows both."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "101").mkdir()
    monkeypatch.setattr(os, "rmdir", refuse)

    await DirectorySink(tmp_path).remove_folder("101")


async def test_a_folder_that_cannot_be_removed_is_a_disk_error(tmp_path, monkeypatch) -> None:
    """With the number of the system."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    (tmp_path / "101").mkdir()
    monkeypatch.setattr(os, "rmdir", refuse)

    with pytest.raises(errors.DiskError) as caught:
        await DirectorySink(tmp_path).remove_folder("101")
    assert caught.value.errno == errno.EROFS


async def test_nothing_outside_of_the_destination_changes(tmp_path) -> None:
    """A link to elsewhere is not followed to remove or rename something."""
    outside, dest = tmp_path / "outside", tmp_path / "dest"
    (outside / "88").mkdir(parents=True)
    (outside / "a").write_bytes(b"precious")
    (outside / STALE).write_bytes(b"not ours to remove")
    dest.mkdir()
    (dest / "101").symlink_to(outside)
    (dest / "b").write_bytes(b"ours")
    sink = DirectorySink(dest)
    before = tree(outside)

    for work in (
        sink.delete("101/a"),
        sink.rename("101/a", "b"),
        sink.rename("b", "101/a"),
        sink.remove_folder("101/88"),
        sink.remove_folder("101"),
    ):
        with pytest.raises(errors.DiskError, match="101 is a link"):
            await work

    assert tree(outside) == before
    assert folders(outside) == ["88"]
    assert (dest / "b").read_bytes() == b"ours"


@pytest.mark.parametrize("name", ["101/88/.new", "101/88/.new/page-0001.json"])
async def test_a_folder_for_new_versions_has_a_plain_name(tmp_path, name) -> None:
    """It is hidden, and made by this library alone."""
    assert DirectorySink(tmp_path).path(name) == tmp_path / name


@pytest.mark.parametrize("name", [".new", ".new/a", "101/.new/.new", "101/.new/88/.new/a", "101/.newer", "101/.new/"])
async def test_other_hidden_names_are_refused(tmp_path, name) -> None:
    """At any depth."""
    with pytest.raises(errors.ArgumentError, match="expected words of letters"):
        DirectorySink(tmp_path).path(name)
