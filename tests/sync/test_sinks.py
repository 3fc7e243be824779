"""Sinks of every kind: in memory, a folder that is looked through, and the least that will do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.fake_sinks import PlainSink, WatchedSink
from support.mirror_kit import asked, open_below, stream_of

from multicart_async import DirectorySink, Sink, errors
from multicart_async.sandbox.faults import Cut
from multicart_async.sinks import ListableSink, MemorySink
from multicart_async.sinks._open_folder import OpenFolder
from multicart_async.sinks._protocol import put_bytes


@pytest.fixture(params=["memory", "folder"])
def browsable(request: pytest.FixtureRequest, tmp_path: Path) -> ListableSink:
    """Each kind that can be looked through."""
    return MemorySink() if request.param == "memory" else DirectorySink(tmp_path)


async def filled(sink: Sink) -> None:
    """A few files at three depths."""
    for name, content in {"top": b"t", "101/a": b"aa", "101/88/b": b"bbb", "101/88/c": b"", "1012/x": b"x"}.items():
        await put_bytes(sink, name, content)


async def test_what_is_put_can_be_read(browsable) -> None:
    """Whole, in pieces, and by its size; and it is replaced as a whole."""
    await filled(browsable)
    await put_bytes(browsable, "101/a", b"other")

    assert await browsable.read("101/a") == b"other"
    assert [piece async for piece in browsable.iter_bytes("101/a")] == [b"other"]
    assert await browsable.size("101/a") == 5
    assert await browsable.size("101/88/c") == 0


async def test_what_is_not_there_is_none(browsable) -> None:
    """A folder is no file, and a file is no folder."""
    await filled(browsable)

    for name in ("none", "top/x", "101/none"):
        assert await browsable.read(name) is None
    for name in ("none", "top/x", "101/none", "101/88", "101"):
        assert await browsable.size(name) is None
    assert await browsable.list("none") == {}
    assert await browsable.list("top") == {}


async def test_each_level_is_listed_by_itself(browsable) -> None:
    """Sizes of files, nothing for folders; a name that begins alike is another one."""
    await filled(browsable)

    assert await browsable.list("") == {"top": 1, "101": None, "1012": None}
    assert await browsable.list("101") == {"a": 2, "88": None}
    assert await browsable.list("101/88") == {"b": 3, "c": 0}


async def test_what_is_removed_is_gone(browsable) -> None:
    """And what is not there can be removed too."""
    await filled(browsable)

    for _ in range(2):
        await browsable.delete("101/88/b")
        await browsable.delete("none/none")

    assert await browsable.list("101/88") == {"c": 0}
    assert await browsable.read("101/88/b") is None


async def test_chunks_that_break_off_leave_what_was_there(browsable) -> None:
    """All of them, or nothing."""

    async def broken():
        yield b"half"
        raise LookupError("broken")

    await put_bytes(browsable, "101/a", b"old")
    for name in ("101/a", "101/new"):
        with pytest.raises(LookupError):
            await browsable.put(name, broken())

    assert await browsable.list("101") == {"a": 3}


def test_the_kinds_are_told_apart(tmp_path) -> None:
    """By what they can do."""
    assert isinstance(MemorySink(), ListableSink)
    assert isinstance(DirectorySink(tmp_path), ListableSink)
    assert isinstance(PlainSink(), Sink)
    assert not isinstance(PlainSink(), ListableSink)
    assert not isinstance(tmp_path, Sink)


async def test_memory_shows_how_much_it_holds() -> None:
    """Not what."""
    sink = MemorySink()
    await filled(sink)

    assert repr(sink) == "<MemorySink of 5 files, 7 bytes>"


async def test_temporary_files_are_not_listed(tmp_path) -> None:
    """They belong to transfers under way."""
    (tmp_path / ".mc-0123456789abcdef.part").touch()
    (tmp_path / ".mc-else").touch()

    assert await DirectorySink(tmp_path).list("") == {".mc-else": 0}


async def test_a_link_is_listed_as_no_file(tmp_path) -> None:
    """A link is not followed, so its size is ``None``."""
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()

    assert await DirectorySink(tmp_path).list("") == {"file": 0, "link": None}


async def test_what_is_no_file_has_no_size(tmp_path) -> None:
    """A link, which is not followed, a pipe and a folder."""
    (tmp_path / "file").write_bytes(b"123")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    assert [await DirectorySink(tmp_path).size(name) for name in ("file", "link", "folder", "pipe")] == [3, *[None] * 3]


async def test_a_file_that_goes_while_it_is_listed_is_not_there(tmp_path, monkeypatch) -> None:
    """The others are."""
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    entries = OpenFolder.entries

    @contextmanager
    def late(folder: OpenFolder) -> Iterator[Sequence[os.DirEntry[str]]]:
        with entries(folder) as found:
            (tmp_path / "a").unlink()
            yield found

    monkeypatch.setattr(OpenFolder, "entries", late)

    assert await DirectorySink(tmp_path).list("") == {"b": 0}


async def test_what_the_disk_refuses_is_a_disk_error(tmp_path) -> None:
    """A link that leads to itself, a folder to be read or removed; with the number of the system."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    sink = DirectorySink(tmp_path)

    with pytest.raises(errors.DiskError) as caught:
        await sink.list("loop")
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(errors.DiskError) as caught:
        _ = [piece async for piece in sink.iter_bytes("folder")]
    assert caught.value.errno == errno.EISDIR
    with pytest.raises(errors.DiskError) as caught:
        await sink.delete("folder")
    assert caught.value.errno in {errno.EISDIR, errno.EPERM}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no file that cannot be read")
async def test_a_disk_that_fails_while_it_is_read_is_a_disk_error(tmp_path) -> None:
    """Here the memory at address 0, which is an input/output error."""
    with pytest.raises(errors.DiskError) as caught:
        _ = [piece async for piece in DirectorySink("/proc/self").iter_bytes("mem")]
    assert caught.value.errno == errno.EIO


async def test_chunks_that_are_not_exhausted_close_their_file(tmp_path) -> None:
    """When the reader is closed."""
    (tmp_path / "file").write_bytes(os.urandom(3 * 2**20))
    reader = DirectorySink(tmp_path).iter_bytes("file")
    assert len(await anext(reader)) == 2**20

    await reader.aclose()

    assert open_below(tmp_path) == []


async def test_the_least_sink_can_be_mirrored_into(sandbox, client) -> None:
    """Put, read and size: nothing more is needed to fetch only what is missing."""
    sandbox.add_collections(3, runs=2, items=3)
    sink = PlainSink()

    first = await client.sync(sink, files="both")
    asked(sandbox)
    second = await client.sync(sink, files="both")
    del sink.files["102/92/page-0002.json"]
    third = await client.sync(sink, files="both")

    assert [(report.files, report.skipped) for report in (first, second, third)] == [(9, 0), (0, 3), (1, 2)]
    assert "102/92/page-0002.json" in sink.files


async def test_the_least_sink_can_be_downloaded_into(sandbox, client) -> None:
    """Its paths are the names that it was given."""
    (number,) = sandbox.add_collections(1, items=3)
    run = await client.runs.latest(number)
    sink = PlainSink()

    download = await client.runs.download(run, sink)
    again = await client.runs.download(run, sink)

    folder = f"{number}/{run.id}"
    assert [str(file.path) for file in download.files] == [f"{folder}/page-0001.json", f"{folder}/page-0002.json"]
    assert (folder, 0, 2) == (str(download.directory), download.skipped, again.skipped)
    assert [len(sink.files[str(file.path)]) for file in download.files] == [file.size for file in download.files]


async def test_the_least_sink_keeps_whole_pages_of_a_run_that_fails(sandbox, client) -> None:
    """Notes of progress are put there; they are older than the manifest and stay."""
    sandbox.add_collections(1, items=5)
    sandbox.faults.add("/results/*Page_3.json", Cut(4), times=5)
    sink = PlainSink()

    first = await client.sync(sink)
    second = await client.sync(sink)

    assert (first.ok, second.ok) == (False, True)
    assert {"manifest.json", "progress.json"} < {name.rpartition("/")[2] for name in sink.files}
    asked(sandbox)
    assert (await client.sync(sink)).files == 0


async def test_a_category_in_memory_has_its_csv(client) -> None:
    """Made from what is held."""
    await client.categories.submit(
        "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
    )
    sink = MemorySink()

    await client.sync(sink)

    (table,) = [content for name, content in sink.files.items() if name.endswith(".csv")]
    assert len(table.decode().splitlines()) == 4


async def test_a_slow_sink_pulls(sandbox, client, tmp_path) -> None:
    """Files come as they are taken; ids may come the same way."""
    ids = sandbox.add_collections(3, items=1)
    sink = WatchedSink(tmp_path)

    report = await client.sync(sink, collections=stream_of(ids))

    assert 3 == report.files == sink.seen["put page-0001.json"] == sink.seen["put manifest.json"]
