"""An advisory lock on a folder, so that only one call at a time replaces files in it. It creates no lock file."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from multicart_async._core.advisory_lock import can_lock, try_lock
from multicart_async._core.threads import run_in_thread
from multicart_async.sinks._atomic_file import disk_error
from multicart_async.sinks._open_folder import FolderOpener

__all__ = ["locked"]

_POLL = 0.1  # seconds between two attempts to acquire a lock that another call holds


class _FolderLock:
    """The lock of one call. On file systems without locks it can always be acquired."""

    def __init__(self, folder: Path, open_folder: FolderOpener) -> None:
        self._folder = folder
        self._open_folder = open_folder
        self._descriptor = -1

    def acquire(self) -> bool:
        """Try to acquire the lock, without waiting, and return whether it is held."""
        if not can_lock():  # pragma: no cover -- Windows cannot open a folder either
            return True
        try:
            with self._open_folder(False) as folder:
                self._descriptor = folder.open_itself()
        except OSError as error:
            raise disk_error(self._folder, error) from error
        try:
            try_lock(self._descriptor)
        except BlockingIOError:
            self.release()
            return False
        except OSError:
            pass  # this file system has no locks
        return True

    def release(self) -> None:
        """Release the lock. Releasing it twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@asynccontextmanager
async def locked(folder: Path, open_folder: FolderOpener, *, wait: bool) -> AsyncGenerator[bool, None]:
    """Hold the lock of *folder*, which *open_folder* opens, and yield whether it is held.

    If another call holds it, wait until it is released, or without *wait* yield ``False`` at once.

    Raises:
        DiskError: The folder cannot be opened.
    """
    lock = _FolderLock(folder, open_folder)
    try:
        while not (had := await run_in_thread(lock.acquire)) and wait:  # noqa: ASYNC110 -- another process may hold it
            await anyio.sleep(_POLL)
        yield had
    finally:
        lock.release()
