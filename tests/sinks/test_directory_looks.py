"""Looks into a folder: several things at once, in hops that are shared, and as safe as one by one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.download_kit import chunks

from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink, _directory

SHORT = _directory._SHORT
TEMPORARY = f".mc-{'0' * 16}.part"


async def test_a_folder_and_files_in_it_are_read_together(tmp_path) -> None:
    """The sizes are those of `list`; empty files have a content, missing ones have none."""
    (tmp_path / "f" / "inner").mkdir(parents=True)
    for name, content in (("a", b"1"), ("b", b""), ("c", b"333")):
        (tmp_path / "f" / name).write_bytes(content)
    sink = DirectorySink(tmp_path)

    sizes, contents = await sink.list_and_read("f", ("a", "b", "none", "inner"))

    assert sizes == {"a": 1, "b": 0, "c": 3, "inner": None}
    assert sizes == await sink.list("f")
    assert contents == {"a": b"1", "b": b""}


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.touch()])
async def test_a_missing_folder_is_empty(tmp_path, prepare) -> None:
    """So is a file in its place."""
    prepare(tmp_path / "f")

    assert await DirectorySink(tmp_path).list_and_read("f", ("a",)) == ({}, {})


async def test_the_top_can_be_looked_into(tmp_path) -> None:
    """It has no name."""
    (tmp_path / "a").write_bytes(b"1")

    assert await DirectorySink(tmp_path).list_and_read("", ("a",)) == ({"a": 1}, {"a": b"1"})


def make_large(path: Path) -> None:
    """A file without content that is too large."""
    path.touch()
    os.truncate(path, SHORT + 1)


ODD: dict[str, Callable[[Path], None]] = {
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "pipe": os.mkfifo,
    "large": make_large,
}


@pytest.mark.parametrize("kind", ODD)
async def test_what_is_no_small_file_is_left_to_read(tmp_path, kind) -> None:
    """No link is followed, no pipe waited for, and no large file read while others wait."""
    ODD[kind](tmp_path / "a")

    sizes, contents = await DirectorySink(tmp_path).list_and_read("", ("a",))

    assert "a" in sizes
    assert contents == {}


async def test_a_file_of_any_size_is_read(tmp_path) -> None:
    """Also one that is too large to be read in a shared hop."""
    content = b"n" * (SHORT + 1)
    (tmp_path / "a").write_bytes(content)

    assert await DirectorySink(tmp_path).read("a") == content


async def test_a_bound_holds_for_the_file_that_is_read(tmp_path) -> None:
    """A missing file is ``None``."""
    (tmp_path / "a").write_bytes(b"12345")
    sink = DirectorySink(tmp_path)

    assert await sink.read_at_most("a", 5) == b"12345"
    assert await sink.read_at_most("b", 5) is None
    with pytest.raises(DiskError, match="expected at most 4 bytes, got 5") as caught:
        await sink.read_at_most("a", 4)
    assert caught.value.errno == errno.EFBIG


class Sealed(DirectorySink):
    """A folder whose files are stored backwards."""

    async def read(self, name: str) -> bytes | None:
        content = await super().read(name)
        return None if content is None else content[::-1]


async def test_a_class_that_overrides_read_is_asked(tmp_path) -> None:
    """By everything that reads, with the same bounds."""
    (tmp_path / "a").write_bytes(b"123")
    sink = Sealed(tmp_path)

    assert await sink.list_and_read("", ("a",)) == ({"a": 3}, {})
    assert await sink.read_at_most("a", 3) == b"321"
    assert await sink.read_at_most("b", 3) is None
    with pytest.raises(DiskError, match="expected at most 2 bytes, got 3") as caught:
        await sink.read_at_most("a", 2)
    assert caught.value.errno == errno.EFBIG


class Empty(DirectorySink):
    """A folder that shows nothing."""

    async def list(self, folder: str) -> dict[str, int | None]:
        return {}


class Sizeless(DirectorySink):
    """A folder whose files seem to be huge."""

    async def size(self, name: str) -> int | None:
        return 1 << 40


async def test_a_class_that_overrides_list_or_size_is_asked(tmp_path) -> None:
    """What it says counts."""
    (tmp_path / "a").write_bytes(b"123")

    assert await Empty(tmp_path).list_and_read("", ("a",)) == ({}, {})
    with pytest.raises(DiskError, match="expected at most 5 bytes"):
        await Sizeless(tmp_path).read_at_most("a", 5)


@pytest.mark.parametrize("left", [True, False])
async def test_a_folder_without_stale_files_is_not_swept(tmp_path, monkeypatch, left) -> None:
    """The list has shown that there are none; if there is one, it is removed before the first file is written."""
    (tmp_path / "f").mkdir()
    if left:
        (tmp_path / "f" / TEMPORARY).touch()
    swept: list[object] = []
    sweep = _directory.remove_stale_files
    monkeypatch.setattr(_directory, "remove_stale_files", lambda opener: (swept.append(opener), sweep(opener)))
    sink = DirectorySink(tmp_path)

    assert await sink.list("f") == {}
    await sink.put("f/a", chunks(b"1"))

    assert len(swept) == left
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["a"]
