"""The database of a sandbox is readable only by its owner, because it contains names, addresses and codes."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.__main__ import main
from multicart_async.sandbox._state.database import _restrict_to_owner, connect

SIBLINGS = ("", "-wal", "-shm")


def modes(path: Path) -> dict[str, int]:
    """The modes of the database and of each file beside it."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir() if path.name in file.name}


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set another umask for a test."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o777], ids=oct)
async def test_a_new_database_is_private(mask: int, tmp_path: Path) -> None:
    """A new database and the files beside it have mode 0600 under each umask."""
    path = tmp_path / "state.db"
    with umask(mask):
        async with Sandbox(database=path) as sandbox:
            sandbox.add_collections(1)
            assert modes(path) == {f"state.db{end}": 0o600 for end in SIBLINGS}
    assert modes(path) == {"state.db": 0o600}


@pytest.mark.parametrize(
    ("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o600), (0o777, 0o700), (0o600, 0o600)], ids=oct
)
async def test_an_existing_database_becomes_private(before: int, after: int, tmp_path: Path) -> None:
    """A database of an earlier version gets mode 0600 too, and keeps its content."""
    path = tmp_path / "state.db"
    async with Sandbox(database=path) as sandbox:
        sandbox.add_collections(2)
    path.chmod(before)
    async with Sandbox(database=path) as sandbox:
        assert sandbox.add_collections(0).start == 103
        assert modes(path)["state.db"] == after


async def test_files_beside_a_database_become_private(tmp_path: Path) -> None:
    """The files that a killed sandbox leaves contain its latest data, and get mode 0600."""
    path, copy = tmp_path / "state.db", tmp_path / "killed.db"
    async with Sandbox(database=path) as sandbox:
        sandbox.add_collections(1)
        for end in SIBLINGS:
            shutil.copy(f"{path}{end}", f"{copy}{end}")
            os.chmod(f"{copy}{end}", 0o666)  # noqa: PTH101 - a name, not a path
    async with Sandbox(database=copy) as sandbox:
        assert modes(copy) == {f"killed.db{end}": 0o600 for end in SIBLINGS}
        assert sandbox.add_collections(0).start == 102


async def test_a_link_to_a_database_is_followed(tmp_path: Path) -> None:
    """The target of a link is private too, even if the sandbox creates it."""
    link, path = tmp_path / "link", tmp_path / "state.db"
    link.symlink_to(path)
    async with Sandbox(database=link) as sandbox:
        sandbox.add_collections(1)
        assert modes(path) == {f"state.db{end}": 0o600 for end in SIBLINGS}


async def test_memory_can_be_named_as_sqlite_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name ``:memory:`` creates no file."""
    monkeypatch.chdir(tmp_path)
    async with Sandbox(database=":memory:") as sandbox:
        sandbox.add_collections(1)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - after the sandbox has closed


@pytest.mark.parametrize("kind", ["pipe", "folder"])
async def test_a_path_that_is_not_a_file_is_rejected(kind: str, tmp_path: Path) -> None:
    """A device or folder keeps its mode, and a pipe does not block."""
    path = tmp_path / "state.db"
    os.mkfifo(path, 0o666) if kind == "pipe" else path.mkdir(0o755)
    before = modes(path)
    with pytest.raises(sqlite3.OperationalError, match=f"expected a regular file: {path}"):
        await Sandbox(database=path).start()
    assert modes(path) == before


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_the_command_rejects_a_path_that_is_not_a_file(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command reports a device, folder or pipe in one line and ends."""
    path = tmp_path / "state.db"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(SystemExit):
        main(["--port", "0", "--database", str(path)])

    (line,) = capsys.readouterr().err.splitlines()
    assert f"argument --database: expected a regular file, got {path}; choose another path" in line


async def test_a_database_that_stays_readable_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A readable database of another user is rejected, because its data would not be private."""
    path = tmp_path / "state.db"
    path.touch(0o644)
    monkeypatch.setattr(Path, "chmod", not_permitted)
    with pytest.raises(sqlite3.OperationalError, match=f"Operation not permitted: {path}"):
        await Sandbox(database=path).start()


def not_permitted(path: Path, _mode: int) -> None:
    """Raise the error of an operation that only the owner of a file may do."""
    raise PermissionError(1, "Operation not permitted", os.fspath(path))


def test_a_new_database_is_private_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new database is private even before its mode is set."""
    chmod, before = Path.chmod, list[int]()

    def noting(path: Path, mode: int) -> None:
        before.append(stat.S_IMODE(path.stat().st_mode))
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", noting)

    with umask(0):
        connect(tmp_path / "state.db").close()

    assert before == [0o600]


@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
def test_each_file_of_sqlite_becomes_private(tmp_path: Path, end: str) -> None:
    """Files that a killed process left become private before SQLite opens them."""
    file = tmp_path / f"state.db{end}"
    file.touch()
    file.chmod(0o644)

    _restrict_to_owner(tmp_path / "state.db")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
