"""The sink for a folder on a local disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, TypeVarTuple, Unpack

from multicart_async._core.regular_file import MAX_FILE_BYTES, read_whole
from multicart_async._core.thread_batches import shared_in_batch, submit_batched
from multicart_async._core.threads import join_thread, open_in_thread, run_in_thread, submit
from multicart_async._core.validation import check_local_path
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.sinks._atomic_file import (
    AtomicFile,
    refuse_special,
    remove_stale_files,
    translate_os_errors,
)
from multicart_async.sinks._file_writer import FileWriter
from multicart_async.sinks._folder_listing import Listing
from multicart_async.sinks._folder_lock import locked
from multicart_async.sinks._names import check_name
from multicart_async.sinks._open_folder import OpenFolder, SharedFolder
from multicart_async.sinks._protocol import Receive, Write, join_name
from multicart_async.sinks._pulled_put import put_pulled

__all__ = ["DirectorySink"]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_PIECE = 1 << 20  # bytes read at a time
_SHORT = 1 << 20  # bytes; the reading of a larger file does not share a thread hop with other work
_REMEMBERED = 64  # folders whose stale files were removed
_NOT_REMOVED = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR})  # not empty, or no folder


class DirectorySink:
    """Store files below the folder *root*, each under its final name only once it is complete.

    With ``durable=True`` each file and its folder are flushed to the disk before the file counts as written. This takes
    time; without it a file may be empty after a power failure. On file systems that cannot flush folders, only the files
    are flushed. Several processes may use the same folder.

    *root* itself may be a link. Links below it are not followed, so nothing outside *root* is read, written or removed,
    even if other users can write to it. Pipes, devices and folders are never replaced by files.
    """

    def __init__(self, root: str | os.PathLike[str], *, durable: bool = False) -> None:
        check_local_path("dest", root)
        try:
            self.root = Path(os.path.realpath(root))
        except (TypeError, ValueError) as error:
            raise ArgumentError("dest", f"expected a path or a Sink, got {type(root).__name__}") from error
        self._durable = durable
        self._swept: dict[str, None] = {}  # the most recent ones; a mirror may have 100,000

    def __repr__(self) -> str:
        return f"DirectorySink({str(self.root)!r})"

    def path(self, name: str) -> Path:
        """Return the path of the file *name*.

        Raises:
            ArgumentError: *name* has other characters than the names of result files, or leads out of *root*.
        """
        return Path(self._checked(name))

    def _checked(self, name: str) -> str:
        return f"{self.root}".rstrip(os.sep) + os.sep + check_name(name)

    async def check(self) -> None:
        """Check that files can be written.

        Raises:
            DiskError: *root* is not a folder, or it is read-only.
        """
        await run_in_thread(translate_os_errors, self.root, self._check)

    def __init_subclass__(cls) -> None:
        """Route downloads and comparisons through `put`, `read`, `size` and `list` in a class that overrides them."""
        super().__init_subclass__()
        if cls.put is not DirectorySink.put and cls.put_verified is DirectorySink.put_verified:
            cls.put_verified = _put_overridden  # type: ignore[assignment,method-assign]
        if cls.read is not DirectorySink.read or cls.size is not DirectorySink.size:
            cls.read_at_most = _read_overridden  # type: ignore[assignment,method-assign]
        if cls.read is not DirectorySink.read or cls.list is not DirectorySink.list:
            cls.list_and_read = _list_overridden  # type: ignore[assignment,method-assign]

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`.

        Raises:
            DiskError: The disk is full, read-only or missing; nothing is left of the file.
        """

        async def receive(write: Write) -> None:
            async for chunk in chunks:
                await write(chunk)

        self._checked(name)
        await self._write(*_split(name), receive, _accept, 0o666)

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """See `VerifyingSink.put_verified`. The thread that calls *verify* also renames the file.

        A small file needs a single thread hop. A *private* file can be read by its owner only.
        """
        await self._write(folder, name, receive, verify, 0o600 if private else 0o666)

    async def _write(self, folder: str, name: str, receive: Receive, verify: Callable[[], None], mode: int) -> None:
        target = self._checked(join_name(folder, name))
        file = AtomicFile(
            partial(self._open, folder),
            target,
            durable=self._durable,
            mode=mode,
            open_shared=partial(self._open_shared, folder),
        )
        writer = FileWriter(file, target, durable=self._durable)
        try:
            if folder not in self._swept:
                await self._sweep(folder)
            await receive(writer.write)  # an OSError of the network is not the disk's and is raised as it is
            await writer.commit(verify)
        finally:
            if writer.unfinished:
                await writer.aclose()

    async def read(self, name: str) -> bytes | None:
        """See `Sink.read`.

        Raises:
            DiskError: It is not a file, is a link, is larger than 256 MiB, or cannot be read.
        """
        try:
            return await self._look(self._read, name, min(_SHORT, MAX_FILE_BYTES))
        except DiskError as error:
            if error.errno != errno.EFBIG:
                raise
        return await run_in_thread(translate_os_errors, self._checked(name), self._read, name, MAX_FILE_BYTES)

    async def read_at_most(self, name: str, max_bytes: int) -> bytes | None:
        """Return what `read` does for a small file.

        Raises:
            DiskError: It is larger than *max_bytes*, which are at most 1 MiB; and see `read`.
        """
        return await self._look(self._read, name, max_bytes)

    async def size(self, name: str) -> int | None:
        """See `Sink.size`."""
        return await self._look(self._size, name)

    async def list(self, folder: str) -> dict[str, int | None]:
        """See `ListableSink.list`. Temporary files are left out. The size of a link is ``None``, as for a folder."""
        return (await self._list_with(folder, ()))[0]

    async def list_and_read(
        self, folder: str, names: Sequence[str]
    ) -> tuple[dict[str, int | None], Mapping[str, bytes]]:
        """Return what `list` does, and the content of those of *names* that are small files.

        A file that is larger than 1 MiB or cannot be read is left out: `read` returns its content, or raises the error.
        """
        return await self._list_with(folder, names)

    async def _list_with(self, folder: str, names: Sequence[str]) -> tuple[dict[str, int | None], Mapping[str, bytes]]:
        path = self._checked(folder) if folder else self.root
        found = await join_thread(submit_batched(translate_os_errors, path, self._list, folder, names))
        if found.clean:
            self._remember_swept(folder)
        return found.sizes, found.contents

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
        """Open the file for reading in threads. The caller must close it.

        Raises:
            DiskError: It does not exist, or is not a file.
        """
        return await open_in_thread(translate_os_errors, self.path(name), self._opened, name)

    async def delete(self, name: str) -> None:
        """See `ListableSink.delete`."""
        await self._look(self._delete, name)

    async def rename(self, old: str, new: str) -> None:
        """See `ListableSink.rename`. The rename is atomic.

        Raises:
            DiskError: *old* does not exist, *new* is a pipe, device or folder, or the disk failed.
        """
        self._checked(new)
        begin = submit if self._durable else submit_batched  # batched work would wait for the flush of the disk
        await join_thread(begin(translate_os_errors, self._checked(old), self._rename, old, new))

    async def remove_folder(self, name: str) -> None:
        """Remove the folder *name* if it is empty, after removing stale temporary files from it.

        A folder that contains anything else is kept, without an error.

        Raises:
            DiskError: The disk failed.
        """
        await self._look(self._remove_folder, name)

    def exclusive(self, folder: str, *, wait: bool = True) -> AbstractAsyncContextManager[bool]:
        """Lock *folder* against other calls, also of other processes, that replace files in it.

        The context manager yields whether it holds the lock: with *wait* it tries again ten times a second until it does.
        On file systems without locks it always yields true.

        Raises:
            DiskError: *folder* does not exist.
        """
        return locked(self.path(folder), partial(self._open, folder), wait=wait)

    async def _look(self, look: Callable[[str, Unpack[Args]], T], name: str, *args: *Args) -> T:
        """Do short work: it shares a thread hop with other such work."""
        return await join_thread(submit_batched(translate_os_errors, self._checked(name), partial(look, name, *args)))

    async def _sweep(self, folder: str) -> None:
        path = self.root / folder
        await join_thread(submit_batched(translate_os_errors, path, remove_stale_files, partial(self._open, folder)))
        self._remember_swept(folder)  # only now, because a concurrent call must remove them too

    def _remember_swept(self, folder: str) -> None:
        self._swept[folder] = None
        if len(self._swept) > _REMEMBERED:
            del self._swept[next(iter(self._swept))]

    def _open(self, folder: str, create: bool = False) -> OpenFolder:  # noqa: FBT001, FBT002 -- a `FolderOpener`
        return OpenFolder.open(self.root, _parts(folder), create=create, durable=self._durable)

    def _open_shared(self, folder: str, create: bool) -> OpenFolder:  # noqa: FBT001 -- a `FolderOpener`
        """Open *folder* once for all files that a batch of jobs writes to it, which takes about 20 ms at most.

        If it is moved meanwhile, these files are in the moved folder.
        """

        def make() -> SharedFolder:
            return SharedFolder.open(self.root, _parts(folder), create=create, durable=self._durable)

        return shared_in_batch((self.root, folder), make) or self._open(folder, create)

    def _read(self, name: str, max_bytes: int) -> bytes | None:
        folder, word = _split(name)
        try:
            with self._open(folder) as place:
                return read_whole(place.open_regular(word, max_bytes=max_bytes), max_bytes)
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

    def _list(self, folder: str, names: Sequence[str]) -> Listing:
        try:
            with self._open(folder) as place:
                return Listing.read(place, names, _SHORT)
        except (FileNotFoundError, NotADirectoryError):
            return Listing({}, {}, clean=True)

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
            raise OSError(errno.ENOTDIR, f"dest: expected a folder, got the file {place.name}")
        if not os.access(place, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, f"dest: expected a writable folder; change the permissions of {place.name}")


def _parts(folder: str) -> Sequence[str]:
    return folder.split("/") if folder else ()


def _split(name: str) -> tuple[str, str]:
    folder, _, word = name.rpartition("/")
    return folder, word


async def _put_overridden(
    sink: DirectorySink, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
) -> None:
    """See `VerifyingSink.put_verified`. The class that overrides `put` decides who may read a *private* file."""
    del private
    await put_pulled(sink, join_name(folder, name), receive, verify)


async def _read_overridden(sink: DirectorySink, name: str, max_bytes: int) -> bytes | None:
    """See `DirectorySink.read_at_most`."""
    size = await sink.size(name)
    if size is not None and size > max_bytes:
        raise DiskError(str(sink.path(name)), f"expected at most {max_bytes:,} bytes, got {size:,}", errno.EFBIG)
    return await sink.read(name)


async def _list_overridden(
    sink: DirectorySink, folder: str, names: Sequence[str]
) -> tuple[dict[str, int | None], Mapping[str, bytes]]:
    """See `DirectorySink.list_and_read`. Each file is left to `read`."""
    del names
    return await sink.list(folder), {}


def _accept() -> None:
    """Accept any content."""
