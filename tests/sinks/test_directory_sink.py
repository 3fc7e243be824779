"""`DirectorySink`: whole or nothing, under plain names."""

from __future__ import annotations

import os
import re
import stat

import anyio
import pytest
from support.download_kit import chunks, files_below, open_below, temporaries_below

from multicart_async.errors import ArgumentError, DiskError, IntegrityError
from multicart_async.sinks import DirectorySink, Sink
from multicart_async.sinks._protocol import Write

TEMPORARY = re.compile(r"\.mc-[0-9a-f]{16}\.part\Z")


async def test_all_chunks_are_there_under_the_name(tmp_path) -> None:
    """Small and large chunks, and empty ones, arrive in their order, and folders are made."""
    pieces = [b"a" * 10, b"", b"b" * (1 << 20), b"c" * (3 << 20), b"d"]

    await DirectorySink(tmp_path).put("101/88/page-0001.json", chunks(*pieces))

    assert files_below(tmp_path) == {"101/88/page-0001.json": b"".join(pieces)}


async def test_no_chunk_at_all_is_an_empty_file(tmp_path) -> None:
    """Whether nothing is a good file is not the sink's business."""
    await DirectorySink(tmp_path).put("a", chunks())

    assert files_below(tmp_path) == {"a": b""}


async def test_a_file_is_replaced_by_a_whole_one(tmp_path) -> None:
    """What was there before is gone in one step."""
    sink = DirectorySink(tmp_path)
    await sink.put("a", chunks(b"old and longer"))
    await sink.put("a", chunks(b"new"))

    assert files_below(tmp_path) == {"a": b"new"}


@pytest.mark.parametrize("after", [0, 1, 3 << 20])
async def test_an_error_of_the_chunks_leaves_the_old_file(tmp_path, after) -> None:
    """An error of the chunks is raised unchanged, and leaves the old file and nothing of the new one."""
    sink = DirectorySink(tmp_path)
    await sink.put("a", chunks(b"old"))

    async def broken():
        yield b"n" * after
        raise LookupError("the source is broken")

    with pytest.raises(LookupError, match="the source is broken"):
        await sink.put("a", broken())

    assert files_below(tmp_path) == {"a": b"old"}
    assert open_below(tmp_path) == []


async def test_an_os_error_of_the_chunks_is_not_the_disks(tmp_path) -> None:
    """An OSError that the source raises is no DiskError: the disk did nothing wrong."""

    async def broken():
        yield b"n"
        raise BrokenPipeError("somebody who listens cannot print")

    with pytest.raises(BrokenPipeError) as caught:
        await DirectorySink(tmp_path).put("a", broken())

    assert BrokenPipeError is type(caught.value)
    assert files_below(tmp_path) == {}


async def test_a_file_is_written_under_a_random_temporary_name(tmp_path) -> None:
    """While a file is written, its folder has one temporary file with a random name, and nothing under the final name."""
    seen: list[str] = []

    async def watched():
        for _ in range(4):
            yield b"x" * (2 << 20)
        seen.extend(sorted(path.name for path in (tmp_path / "f").iterdir()))

    sink = DirectorySink(tmp_path)
    await sink.put("f/a", watched())
    await sink.put("f/b", watched())

    temporary = [name for name in seen if TEMPORARY.match(name)]
    assert len(set(temporary)) == 2
    assert [name for name in seen if not TEMPORARY.match(name)] == ["a"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
async def test_the_umask_decides_the_permissions(tmp_path, mask, mode) -> None:
    """A file has the permissions that any program of the user would give it."""
    before = os.umask(mask)
    try:
        await DirectorySink(tmp_path).put("a", chunks(b"1"))
    finally:
        os.umask(before)

    assert mode == stat.S_IMODE((tmp_path / "a").stat().st_mode)


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".hidden", "a\\b", "a b", "é", "a\0", "a\n", "C:a", "a/.mc-x"],
)
@pytest.mark.parametrize("verb", ["put", "read", "size", "delete"])
async def test_other_names_than_plain_words_are_refused(tmp_path, name, verb) -> None:
    """No name can lead out of the folder, hide, or mean something else on another system."""
    sink = DirectorySink(tmp_path)

    with pytest.raises(ArgumentError, match="expected words of letters"):
        await (sink.put(name, chunks(b"1")) if verb == "put" else getattr(sink, verb)(name))

    assert list(tmp_path.iterdir()) == []


async def test_what_is_there_can_be_asked(tmp_path) -> None:
    """Contents and sizes of files; a folder, or nothing, is no file; removing is done once."""
    sink = DirectorySink(tmp_path)
    await sink.put("f/a", chunks(b"123"))
    await sink.put("f/g/b", chunks(b"1"))

    assert await sink.read("f/a") == b"123"
    assert (await sink.read("f/none"), await sink.read("f/a/none")) == (None, None)
    assert [await sink.size("f/a"), await sink.size("f"), await sink.size("f/none")] == [3, None, None]
    assert [await sink.list("f"), await sink.list("none"), await sink.list("f/a")] == [{"a": 3, "g": None}, {}, {}]
    await sink.delete("f/a")
    await sink.delete("f/a")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b"]


async def test_what_the_disk_refuses_to_tell_is_a_disk_error(tmp_path) -> None:
    """Reading a folder, removing one, and looking through a ring of links fail with the path and the system's number."""
    sink = DirectorySink(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "ring").symlink_to(tmp_path / "ring")

    for look in (sink.read("folder"), sink.delete("folder"), sink.list("ring"), sink.read("ring")):
        with pytest.raises(DiskError) as caught:
            await look
        assert caught.value.errno
        assert str(tmp_path) in str(caught.value)


async def test_a_name_that_is_too_long_for_the_disk_is_a_disk_error(tmp_path) -> None:
    """So are sizes and checks of it."""
    sink = DirectorySink(tmp_path)

    with pytest.raises(DiskError, match="too long"):
        await sink.put("n" * 300 + "/a", chunks(b"1"))
    with pytest.raises(DiskError, match="too long"):
        await sink.size("n" * 300)
    with pytest.raises(DiskError, match="too long"):
        await DirectorySink(tmp_path / ("n" * 300)).check()


@pytest.mark.parametrize("root", [None, 7, "a\0b"])
def test_what_is_no_path_is_refused(root) -> None:
    """A destination that is neither a path nor a sink is an ArgumentError."""
    with pytest.raises(ArgumentError, match="dest"):
        DirectorySink(root)


def test_it_is_a_sink_and_shows_its_folder(tmp_path) -> None:
    """The protocol holds, links in the root are resolved once, and repr says where."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    sink = DirectorySink(tmp_path / "link")

    assert isinstance(sink, Sink)
    assert tmp_path / "real" == sink.root
    assert f"DirectorySink({str(tmp_path / 'real')!r})" == repr(sink)
    assert tmp_path / "real" / "a" / "b" == sink.path("a/b")


async def test_check_takes_a_folder_that_is_still_to_be_made(tmp_path) -> None:
    """Nothing is made by the check itself."""
    await DirectorySink(tmp_path / "a" / "b").check()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper/still"])
async def test_check_refuses_a_file_in_the_way(tmp_path, below) -> None:
    """A file where the folder, or one above it, should be."""
    (tmp_path / "file").write_bytes(b"1")

    with pytest.raises(DiskError, match="expected a folder, got the file "):
        await DirectorySink(tmp_path / "file" / below).check()

    assert temporaries_below(tmp_path) == []


async def test_durable_files_are_the_same_files(tmp_path) -> None:
    """Flushing changes nothing of what is there."""
    await DirectorySink(tmp_path, durable=True).put("f/a", chunks(b"1", b"2"))

    assert files_below(tmp_path) == {"f/a": b"12"}


async def test_a_relative_root_stays_where_it_was(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes its working directory does not scatter files."""
    monkeypatch.chdir(tmp_path)
    sink = DirectorySink("here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    await sink.put("a", chunks(b"1"))

    assert files_below(tmp_path) == {"here/a": b"1"}


@pytest.mark.parametrize("size", [5, 3 << 20])
@pytest.mark.parametrize(
    "error", [LookupError("no good"), OSError(5, "not of the disk"), IntegrityError("a", "no good")]
)
async def test_who_proves_a_file_has_the_last_word(tmp_path, size, error) -> None:
    """An error of the proof is let through as itself, whatever it is, and the file is not there."""
    sink = DirectorySink(tmp_path)
    await sink.put("a", chunks(b"old"))

    async def receive(write: Write) -> None:
        await write(b"n" * size)

    def refuse() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await sink.put_verified("", "a", receive, refuse)

    assert error is caught.value
    assert files_below(tmp_path) == {"a": b"old"}
    assert open_below(tmp_path) == []


class Equal(DirectorySink):
    """A folder that counts as equal to any other."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    __hash__ = None  # type: ignore[assignment] # as a dataclass has it


async def test_equal_sinks_keep_their_files_apart(tmp_path) -> None:
    """Files of one batch share an open folder by its path, whatever a subclass calls equal."""
    sinks = [Equal(tmp_path / name) for name in "ab"]

    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(sink.put, "101/88/page-0001.json", chunks(b"[]"))

    assert sorted(files_below(tmp_path)) == ["a/101/88/page-0001.json", "b/101/88/page-0001.json"]
