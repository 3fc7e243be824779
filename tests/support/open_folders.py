"""Folders as the product opens them, for tests that stand between it and the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from multicart_async.sinks._atomic_file import AtomicFile
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["flushed_folders", "opener", "path_at", "temporary"]


def path_at(name: str, dir_fd: int | None) -> Path:
    """The path of *name* in the folder that is open as *dir_fd*."""
    return Path(name) if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink() / name


def flushed_folders(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose names are flushed to the disk from now on, in that order."""
    flush, flushed = OpenFolder.flush, []

    def noting(folder: OpenFolder) -> None:
        flushed.append(Path(folder._path))
        flush(folder)

    monkeypatch.setattr(OpenFolder, "flush", noting)
    return flushed


def opener(folder: Path, *parts: str, durable: bool = False):
    """A function that opens the folder *parts* below *folder*, and creates it if its argument is true."""
    return lambda create: OpenFolder.open(folder, parts, create=create, durable=durable)


def temporary(folder: Path, *parts: str, durable: bool = False) -> AtomicFile:
    """A file on its way to the last of *parts* below *folder*."""
    return AtomicFile(opener(folder, *parts[:-1], durable=durable), folder.joinpath(*parts), durable=durable)
