"""A folder on a local disk."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, TypeVarTuple, Unpack

from multicart_async._core.regular_file import MAX_FILE_BYTES, read_whole
from multicart_async._core.threads import join_thread, open_in_thread, run_in_thread, submit_batched
from multicart_async._core.validation import check_local_path
from multicart_async.errors import ArgumentError
from multicart_async.sinks._atomic_file import (
    AtomicFile,
    is_temporary,
    refuse_special,
    remove_stale_files,
    translate_os_errors,
)
from multicart_async.sinks._file_writer import FileWriter
from multicart_async.sinks._folder_lock import locked
from multicart_async.sinks._open_folder import OpenFolder
from multicart_async.sinks._protocol import Receive, Write, join_name
from multicart_async.sinks._pulled_put import put_pulled

__all__ = ["DirectorySink"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_PIECE = 1 << 20  # bytes read at a time
_REMEMBERED = 64  # folders
_NOT_REMOVED = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR})  # full, gone, or no folder
_WORD = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_WORD}(/{_WORD})*(/\.new(/{_WORD})*)?\Z")  # .new holds what is to replace the files beside it


class DirectorySink:
    """Files below a folder. Each appears under its final name only when it is whole.

    ``durable=True`` flushes each file and its folder to the disk before it counts, which costs time; without it a file
    that is there after a power cut may be empty. Where folders cannot be flushed, only the files are. Several
    processes may use one folder.

    *root* itself may be a link. Links below it are not followed, so that nothing outside of it is read, written or
    removed, even if other users can write there. Pipes, devices and folders in the place of a file are not replaced.
    """

    def __init__(self, root: str | os.PathLike[str], *, durable: bool = False) -> None:
        check_local_path("dest", root)
        try:
            self.root = Path(os.path.realpath(root))
        except (TypeError, ValueError) as error:
            raise ArgumentError("dest", f"expected a path or a Sink, got {type(root).__name__}") from error
        self._durable = durable
        self._swept: dict[str, None] = {}  # in the order in which they came; of 100,000 runs, not all

    def __repr__(self) -> str:
        return f"DirectorySink({str(self.root)!r})"

    def path(self, name: str) -> Path:
        """Where the file of that name lies."""
        if not _NAME.match(name):
            raise ArgumentError("name", f"{name!r} is not made of plain words and slashes")
        return self.root / name

    async def check(self) -> None:
        """Raises `DiskError` if nothing can be written here: not a folder, or read-only."""
        await run_in_thread(translate_os_errors, self.root, self._check)

    def __init_subclass__(cls) -> None:
        """Let a class that overrides `put` get the files of downloads through it."""
        super().__init_subclass__()
        if cls.put is not DirectorySink.put and cls.put_verified is DirectorySink.put_verified:
            cls.put_verified = _put_overridden  # type: ignore[assignment,method-assign]

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`.

        Raises:
            DiskError: The disk is full, read-only, gone; nothing is left of the file.
        """

        async def receive(write: Write) -> None:
            async for chunk in chunks:
                await write(chunk)

        await self._write(self.path(name), _split(name)[0], receive, _accept, 0o666)

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """Write a file while it comes, and put it in place if *verify*, in the thread that then does so, raises nothing.

        A small file takes a single thread hop. A *private* one can be read by its owner alone.
        """
        await self._write(self.path(join_name(folder, name)), folder, receive, verify, 0o600 if private else 0o666)

    async def _write(self, target: Path, folder: str, receive: Receive, verify: Callable[[], None], mode: int) -> None:
        file = AtomicFile(partial(self._open, folder), target, durable=self._durable, mode=mode)
        writer = FileWriter(file, target, durable=self._durable)
        try:
            await self._sweep_once(folder)
            await receive(writer.write)  # an OSError of its own is not the disk's, and passes
            await writer.commit(verify)
        finally:
            await writer.aclose()

    async def read(self, name: str) -> bytes | None:
        """See `Sink.read`.

        Raises:
            DiskError: It is no file, a link, larger than 256 MiB, or cannot be read.
        """
        return await self._look(self._read, name)

    async def size(self, name: str) -> int | None:
        """See `Sink.size`."""
        return await self._look(self._size, name)

    async def list(self, folder: str) -> dict[str, int | None]:
        """See `ListableSink.list`. Temporary files are not shown. The size of a link is ``None``, as of a folder."""
        path = self.path(folder) if folder else self.root
        return await run_in_thread(translate_os_errors, path, self._list, folder)

    async def iter_bytes(self, name: str) -> AsyncGenerator[bytes, None]:
        """See `ListableSink.iter_bytes`."""
        path = self.path(name)
        file = await self.opened(name)
        try:
            while piece := await run_in_thread(translate_os_errors, path, file.read, _PIECE):
                yield piece
        finally:
            await run_in_thread(file.close)

    async def opened(self, name: str) -> BinaryIO:
        """Return the file, open for reading in threads. The caller closes it.

        Raises:
            DiskError: There is none, or it is no file.
        """
        return await open_in_thread(translate_os_errors, self.path(name), self._opened, name)

    async def delete(self, name: str) -> None:
        """No file of that name any more."""
        await self._look(self._delete, name)

    async def rename(self, old: str, new: str) -> None:
        """See `ListableSink.rename`. It is one step: there is the old name, or the new one.

        Raises:
            DiskError: There is no such file, a pipe, device or folder has the new name, or the disk refuses.
        """
        self.path(new)
        await self._look(self._rename, old, new)

    async def remove_folder(self, name: str) -> None:
        """Remove the folder *name* if it is empty; temporary files of writers that are gone do not count.

        A folder that holds something else stays, without an error.

        Raises:
            DiskError: The disk refuses.
        """
        await self._look(self._remove_folder, name)

    def exclusive(self, folder: str, *, wait: bool = True) -> AbstractAsyncContextManager[bool]:
        """Hold *folder* against other calls that swap files in it, of other processes too; wait for them, or yield ``False``.

        Another process is looked for ten times a second. Where the file system has no locks, the lock is always held.

        Raises:
            DiskError: There is no such folder.
        """
        return locked(self.path(folder), partial(self._open, folder), wait=wait)

    async def _look(self, look: Callable[[str, Unpack[Args]], T], name: str, *args: *Args) -> T:
        return await run_in_thread(translate_os_errors, self.path(name), partial(look, name, *args))

    async def _sweep_once(self, folder: str) -> None:
        if folder not in self._swept:
            path = self.root / folder
            await join_thread(
                submit_batched(translate_os_errors, path, remove_stale_files, partial(self._open, folder))
            )
            self._swept[folder] = None  # only now: a call that comes meanwhile must sweep too
            if len(self._swept) > _REMEMBERED:
                del self._swept[next(iter(self._swept))]

    def _open(self, folder: str, create: bool = False) -> OpenFolder:  # noqa: FBT001, FBT002 -- a `FolderOpener`
        parts = folder.split("/") if folder else ()
        return OpenFolder.open(self.root, parts, create=create, durable=self._durable)

    def _read(self, name: str) -> bytes | None:
        folder, word = _split(name)
        try:
            with self._open(folder) as place:
                return read_whole(place.open_regular(word, max_bytes=MAX_FILE_BYTES), MAX_FILE_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _size(self, name: str) -> int | None:
        folder, word = _split(name)
        try:
            with self._open(folder) as place:
                found = place.stat(word)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _list(self, folder: str) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        try:
            with self._open(folder) as place, place.entries() as entries:
                for entry in entries:
                    if not is_temporary(entry.name):
                        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                            no_file = entry.is_symlink() or entry.is_dir()
                            found[entry.name] = None if no_file else entry.stat(follow_symlinks=False).st_size
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return found

    def _opened(self, name: str) -> BinaryIO:
        folder, word = _split(name)
        with self._open(folder) as place:
            return os.fdopen(place.open_regular(word), "rb")

    def _delete(self, name: str) -> None:
        folder, word = _split(name)
        with contextlib.suppress(FileNotFoundError), self._open(folder) as place:
            place.unlink(word)

    def _rename(self, old: str, new: str) -> None:
        (source, word), (target, new_word) = _split(old), _split(new)
        with self._open(source) as place, self._open(target) as there:
            translate_os_errors(self.root / new, refuse_special, there, new_word)
            place.move(word, there, new_word)
            if self._durable:
                there.flush()

    def _remove_folder(self, name: str) -> None:
        remove_stale_files(partial(self._open, name))
        folder, word = _split(name)
        try:
            with self._open(folder) as place:
                place.rmdir(word)
        except OSError as error:
            if error.errno not in _NOT_REMOVED:
                raise

    def _check(self) -> None:
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir():
            raise OSError(errno.ENOTDIR, f"dest: expected a folder, but {place.name} is a file")
        if not os.access(place, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, "dest: not writable")


def _split(name: str) -> tuple[str, str]:
    folder, _, word = name.rpartition("/")
    return folder, word


async def _put_overridden(
    sink: DirectorySink, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
) -> None:
    """See `VerifyingSink.put_verified`. Who may read a *private* file is up to the class that overrides `put`."""
    del private
    await put_pulled(sink, join_name(folder, name), receive, verify)


def _accept() -> None:
    """Verify nothing."""
