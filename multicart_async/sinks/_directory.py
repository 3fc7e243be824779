"""A folder on a local disk."""

from __future__ import annotations

import asyncio
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
from multicart_async._core.threads import join_thread, open_in_thread, run_in_thread, submit, submit_batched
from multicart_async._core.validation import check_local_path
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.sinks._atomic_file import AtomicFile, disk_error, is_temporary, refuse_special, remove_stale_files
from multicart_async.sinks._folder_lock import locked
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["DirectorySink"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_PIECE = 1 << 20  # written at a time: a thread hop for each 64 KiB halves the speed
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

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`.

        Raises:
            DiskError: The disk is full, read-only, gone; nothing is left of the file.
        """
        await self.put_verified(name, chunks, _nothing)

    async def put_verified(
        self, name: str, chunks: AsyncIterator[bytes], prove: Callable[[], None], *, private: bool = False
    ) -> None:
        """The same, but *prove* has the last word, in the thread that then puts the file in place: its error leaves nothing.

        A small file needs a single thread hop that way. One that is *private* can be read by its owner alone.
        """
        target, (folder, _) = self.path(name), _split(name)
        mode = 0o600 if private else 0o666
        temporary = AtomicFile(partial(self._open, folder), target, durable=self._durable, mode=mode)
        writing: asyncio.Future[None] | None = None
        try:
            await self._sweep_once(folder)
            held: list[bytes] = []
            size = 0
            async for chunk in chunks:  # an OSError of theirs is not the disk's, and is let through
                held.append(chunk)
                size += len(chunk)
                if size >= _PIECE:
                    if writing is not None:
                        await join_thread(writing)
                    writing = submit_batched(
                        translate_os_errors, target, _write, temporary, held
                    )  # while the next piece comes
                    held, size = [], 0
            if writing is not None:
                await join_thread(writing)
            begin = submit if self._durable else submit_batched  # a disk that flushes lets others wait too long
            writing = begin(_publish, target, temporary, held, prove)
            await join_thread(writing)
        finally:
            await _settle(writing, temporary)

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


def translate_os_errors(path: Path, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """What *work* returns; what the system refuses it is a `DiskError` of *path*."""
    try:
        return work(*args)
    except MultiCartError:  # ours are OSErrors too
        raise
    except OSError as error:
        raise disk_error(path, error) from error


def _write(temporary: AtomicFile, pieces: list[bytes]) -> None:
    for piece in pieces:
        temporary.write(piece)


def _publish(target: Path, temporary: AtomicFile, pieces: list[bytes], prove: Callable[[], None]) -> None:
    prove()
    translate_os_errors(target, temporary.commit, pieces[0] if len(pieces) == 1 else b"".join(pieces))


def _nothing() -> None:
    pass


async def _settle(writing: asyncio.Future[None] | None, temporary: AtomicFile) -> None:
    """Whatever happened: no thread at work, no file left half done."""
    try:
        if writing is not None:
            with contextlib.suppress(OSError, MultiCartError):  # the error that ended the loop is the one that counts
                await join_thread(writing)
    finally:
        if temporary.there:
            await run_in_thread(temporary.abort)
