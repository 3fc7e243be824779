"""Sinks for tests: some that watch what is done with them, and some that fail in one way."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink


class PlainSink:
    """A sink in memory with the three methods of `Sink` and no others. ``order`` has the names in the order of their puts."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self.files[name] = b"".join([chunk async for chunk in chunks])
        self.order.append(name)

    async def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    async def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None


class NullSink:
    """A sink that consumes each file and stores nothing."""

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        async for _ in chunks:
            pass

    async def read(self, name: str) -> bytes | None:
        return None

    async def size(self, name: str) -> int | None:
        return None


class WatchedSink(DirectorySink):
    """A folder that counts the calls of its methods: ``seen["read manifest.json"]``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seen: Counter[str] = Counter()

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._note("put", name)
        await super().put(name, chunks)

    async def read(self, name: str) -> bytes | None:
        self._note("read", name)
        return await super().read(name)

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        self._note("chunks", name)
        return super().iter_bytes(name)

    def _note(self, verb: str, name: str) -> None:
        self.seen[f"{verb} {name.rpartition('/')[2]}"] += 1


class OwnPutSink(DirectorySink):
    """A folder with an overridden ``put``. ``seen`` has each name, and "whole" after it if the put succeeded."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seen: list[str] = []

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self.seen.append(name)
        await super().put(name, chunks)
        self.seen.append("whole")


class FullSink(DirectorySink):
    """A folder on a disk that has room for a number of files."""

    def __init__(self, root: Path, room: int, number: int = errno.ENOSPC) -> None:
        super().__init__(root)
        self._room = room
        self._number = number

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._room -= 1
        if self._room < 0:
            raise DiskError(name, "no", self._number)
        await super().put(name, chunks)


class RejectingSink(DirectorySink):
    """A folder that rejects all files below one of its folders."""

    def __init__(self, root: Path, folder: str) -> None:
        super().__init__(root)
        self._folder = folder

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        if name.startswith(f"{self._folder}/"):
            raise DiskError(name, "Input/output error", errno.EIO)
        await super().put(name, chunks)


class UnreadableSink(DirectorySink):
    """A folder that raises *error* when a file with *part* in its name is read."""

    def __init__(self, root: Path, part: str, error: Exception) -> None:
        super().__init__(root)
        self._part = part
        self._error = error

    async def read(self, name: str) -> bytes | None:
        if self._part in name:
            raise self._error
        return await super().read(name)


class UnlistableSink(DirectorySink):
    """A folder in which *folder* may not be listed."""

    def __init__(self, root: Path, folder: str) -> None:
        super().__init__(root)
        self._folder = folder

    async def list(self, folder: str) -> dict[str, int | None]:
        if folder == self._folder:
            raise DiskError(folder, "Permission denied", errno.EACCES)
        return await super().list(folder)


class StubbornSink(DirectorySink):
    """A folder that neither deletes nor renames the files for which *rejects* returns true."""

    def __init__(self, root: Path, rejects: Callable[[str], bool]) -> None:
        super().__init__(root)
        self._rejects = rejects

    def _check(self, name: str) -> None:
        if self._rejects(name):
            raise DiskError(name, "Operation not permitted", errno.EPERM)

    async def delete(self, name: str) -> None:
        self._check(name)
        await super().delete(name)

    async def rename(self, old: str, new: str) -> None:
        self._check(old)
        await super().rename(old, new)


class FailingSink(DirectorySink):
    """A folder whose change number *at*, counted from 1, fails before or after it was made."""

    def __init__(self, root: Path, at: int, number: int, *, after: bool) -> None:
        super().__init__(root)
        self.left = at
        self._number = number
        self._after = after

    async def _step(self, work: Callable[[], Awaitable[None]]) -> None:
        self.left -= 1
        if self.left == 0 and not self._after:
            raise DiskError("f", "refused", self._number)
        await work()
        if self.left == 0:
            raise DiskError("f", "refused", self._number)

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        await self._step(partial(super().put, name, chunks))

    async def rename(self, old: str, new: str) -> None:
        await self._step(partial(super().rename, old, new))

    async def delete(self, name: str) -> None:
        await self._step(partial(super().delete, name))

    async def remove_folder(self, name: str) -> None:
        await self._step(partial(super().remove_folder, name))


class KilledError(Exception):
    """The process was killed; only what is on the disk remains."""


class DyingSink(DirectorySink):
    """A folder whose process is killed before change number *step*, counted from 0: no later change is made."""

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
