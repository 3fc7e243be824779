"""What the tests of pruning share: things that disappear at the service, and folders that are killed on the way."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from multicart_async.errors import DiskError
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink


def folders(folder: Path) -> list[str]:
    """All folders below a folder, the empty ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())


def drop_run(sandbox: Sandbox, run: int) -> None:
    """The service lists that run no more."""
    sandbox._state.db.execute("DELETE FROM runs WHERE id = ?", (run,))
    sandbox._state.db.commit()


def drop_collection(sandbox: Sandbox, collection: int) -> None:
    """Nothing of that collection is left at the service."""
    for table, column in (("runs", "collection"), ("asins", "collection"), ("collections", "id")):
        sandbox._state.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (collection,))
    sandbox._state.db.commit()


def unlist(sandbox: Sandbox, collection: int, status: str = "draft") -> None:
    """A collection that exists and is not listed: a draft, or one that was disabled in the dashboard."""
    sandbox._state.db.execute("UPDATE collections SET status = ? WHERE id = ?", (status, collection))
    sandbox._state.db.commit()


def add_runs(sandbox: Sandbox, collection: int, count: int) -> list[int]:
    """New finished runs of a collection, a minute apart."""
    made: list[int] = []
    for _ in range(count):
        sandbox.advance(60)
        made.append(sandbox.start_run(collection))
        sandbox.advance(1)
    return made


class KilledError(Exception):
    """The process is no more; what is on the disk is all that there is."""


class DyingSink(DirectorySink):
    """A folder whose process is killed before the change of that number, counted from 0: nothing happens afterwards."""

    def __init__(self, root: Path, step: int) -> None:
        super().__init__(root)
        self.left = step

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError

    async def delete(self, name: str) -> None:
        self._step()
        await super().delete(name)

    async def rename(self, old: str, new: str) -> None:
        self._step()
        await super().rename(old, new)

    async def remove_folder(self, name: str) -> None:
        self._step()
        await super().remove_folder(name)


class StubbornSink(DirectorySink):
    """A folder that lets nothing be removed or renamed for which *refuses* is true."""

    def __init__(self, root: Path, refuses: Callable[[str], bool]) -> None:
        super().__init__(root)
        self._refuses = refuses

    def _check(self, name: str) -> None:
        if self._refuses(name):
            raise DiskError(name, "Operation not permitted", errno.EPERM)

    async def delete(self, name: str) -> None:
        self._check(name)
        await super().delete(name)

    async def rename(self, old: str, new: str) -> None:
        self._check(old)
        await super().rename(old, new)
