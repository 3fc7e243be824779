"""Atomic files: content is written to a temporary file in the target's folder, which is then renamed or removed.

All functions block. The writing thread owns the file object. A writer holds an advisory lock on its open temporary
file, so a temporary file whose lock can be acquired has no owner and is stale. On file systems without locks, a
temporary file is stale after 24 hours.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Generator
from typing import BinaryIO, TypeVar, TypeVarTuple, Unpack

from multicart_async._core.advisory_lock import can_lock, try_lock
from multicart_async.errors import DiskError, IncompleteDownloadError, MultiCartError
from multicart_async.sinks._open_folder import FolderOpener, OpenFolder

__all__ = [
    "AtomicFile",
    "disk_error",
    "is_temporary",
    "refuse_special",
    "remove_stale_files",
    "translate_os_errors",
]

T = TypeVar("T")
Args = TypeVarTuple("Args")

_NAME = re.compile(r"\.mc-[0-9a-f]{16}\.part\Z")
_OLD = 24 * 3600.0  # seconds after which a temporary file is stale on file systems without locks
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # O_EXCL also rejects an existing link
_TRIES = 5
_REMOVED = frozenset({errno.ENOENT, errno.ESTALE})  # network file systems report a removed file as stale


def disk_error(path: str | os.PathLike[str], error: OSError) -> DiskError:
    """Return *error* as a `DiskError` of *path*."""
    return DiskError(str(path), error.strerror or str(error), error.errno)


def translate_os_errors(path: str | os.PathLike[str], work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Return the result of *work*.

    Raises:
        DiskError: *work* raised an `OSError` of the operating system.
    """
    try:
        return work(*args)
    except MultiCartError:  # DownloadError is an OSError, too
        raise
    except OSError as error:
        raise disk_error(path, error) from error


def is_temporary(name: str) -> bool:
    """Return whether *name* is that of a temporary file."""
    return _NAME.match(name) is not None


class AtomicFile:
    """Write a temporary file and rename it to *target* in the folder that *open_folder* opens.

    Only one thread may use it at a time. The folder stays open from the first byte until the rename, so the file appears
    in the folder in which it was written, even if the folder's path leads elsewhere by then.
    """

    def __init__(
        self,
        open_folder: FolderOpener,
        target: str | os.PathLike[str],
        *,
        durable: bool,
        mode: int = 0o666,
        open_shared: FolderOpener | None = None,
    ) -> None:
        """Prepare the file. A file of one piece is written in the folder that *open_shared* opens, which may stay open."""
        self._open_folder = open_folder
        self._open_shared = open_shared or open_folder
        self._target = target
        self._name = os.path.basename(target)  # noqa: PTH119 -- a `Path` costs more than the file
        self._durable = durable
        self._mode = mode
        self._folder: OpenFolder | None = None
        self._part: str | None = None
        self._file: BinaryIO | None = None

    @property
    def there(self) -> bool:
        """Whether `abort` has something to remove or close."""
        return self._folder is not None

    def write(self, piece: bytes) -> None:
        """Append *piece*; the first call creates the file, and its folder if that is missing."""
        if self._file is None:
            self._open()
        assert self._file is not None
        try:
            self._file.write(piece)
        except OSError as error:
            self._raise_if_removed(error)
            raise

    def commit(self, last: bytes) -> None:
        """Append *last* and rename the file to its final name in one atomic step.

        Raises:
            IncompleteDownloadError: Another program removed the temporary file; write the content again.
        """
        if self._file is None and self._publish_at_once(last):
            return
        self.write(last)
        try:
            self._rename()
        except OSError as error:
            self._raise_if_removed(error)
            raise
        self._done()

    def _done(self) -> None:
        assert self._folder is not None
        self._part = self._file = None
        if self._durable:
            self._folder.flush()
        self._leave()

    def _rename(self) -> None:
        assert self._file is not None
        file = self._file
        file.flush()  # a full disk may be reported here first
        if self._durable:
            os.fsync(file.fileno())
        with _still_locked(file.fileno()):
            file.close()  # some file systems report a full disk only on close
            self._put_in_place()

    def _put_in_place(self) -> None:
        assert self._folder is not None
        assert self._part is not None
        refuse_special(self._folder, self._name)
        self._folder.move(self._part, self._folder, self._name)

    def _raise_if_removed(self, error: OSError) -> None:
        if self._was_removed(error):
            reason = "its temporary file was removed by another program before it could be renamed"
            raise IncompleteDownloadError(str(self._target), reason) from error

    def _was_removed(self, error: OSError) -> bool:
        """Return whether another program caused *error* by removing the temporary file.

        Raises:
            FileNotFoundError: The folder itself was removed. Its other files are lost too, which only the caller can repair.
        """
        if error.errno not in _REMOVED or self._folder is None or self._part is None:
            return False
        removed = False
        try:
            self._folder.stat(self._part)
        except OSError as gone:
            removed = gone.errno in _REMOVED
        if not removed:
            return False
        try:
            self._open_folder(False).close()
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(errno.ENOENT, "its folder was removed while the file was written") from error
        return True

    def _publish_at_once(self, content: bytes) -> bool:
        """Write and rename a file of a single piece, without the cost of the lock.

        Return false if another program removed the unlocked temporary file meanwhile, as `remove_stale_files` may.
        """
        try:
            self._write_at_once(content)
            self._done()
        except OSError as error:
            if not self._was_removed(error):
                raise
            return False
        finally:
            self.abort()  # now, because a shared folder does not stay open
        return True

    def _write_at_once(self, content: bytes) -> None:
        descriptor = self._new(self._open_shared)
        try:
            written = os.write(descriptor, content)
            while written < len(content):
                written += os.write(descriptor, memoryview(content)[written:])
            if self._durable:
                os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is raised
                os.close(descriptor)
            raise
        os.close(descriptor)  # some file systems report a full disk only here
        self._put_in_place()

    def abort(self) -> None:
        """Remove the temporary file and close the folder. After `commit` this does nothing."""
        file, self._file = self._file, None
        part, self._part = self._part, None
        if part is not None:
            assert self._folder is not None
            with contextlib.suppress(OSError):  # report the first error; the next call removes what is left
                self._folder.unlink(part)
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
        self._leave()

    def _leave(self) -> None:
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _open(self) -> None:
        for _ in range(_TRIES):
            descriptor = self._new(self._open_folder)
            self._file = os.fdopen(descriptor, "wb")
            assert self._folder is not None
            assert self._part is not None
            if _own(descriptor, self._folder, self._part):
                return
            self.abort()  # another process removed it as stale before it was locked
        raise OSError(
            errno.EAGAIN, f"each of {_TRIES} temporary files was removed by another process before it was locked"
        )

    def _new(self, open_folder: FolderOpener) -> int:
        """Create the temporary file and return its descriptor."""
        part = f".mc-{secrets.token_hex(8)}.part"
        folder = self._folder = open_folder(True)
        try:
            descriptor = folder.open_new(part, _FLAGS, self._mode)
        except FileNotFoundError:  # the folder was removed after it was opened, for example by pruning
            folder.discard()
            folder = self._folder = open_folder(True)
            descriptor = folder.open_new(part, _FLAGS, self._mode)
        self._part = part
        return descriptor


def _own(descriptor: int, folder: OpenFolder, name: str) -> bool:
    """Lock a new temporary file; return false if another process locked or removed it first."""
    try:
        try_lock(descriptor)
    except BlockingIOError:
        return False
    except OSError:
        return True  # there are no locks here
    file = os.fstat(descriptor)
    if file.st_nlink:
        return True
    try:
        return folder.stat(name).st_ino == file.st_ino  # some file systems do not count links
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _still_locked(descriptor: int) -> Generator[None, None, None]:
    """Hold the lock of a file while it is closed, so that no other process removes it as stale before the rename."""
    if not can_lock():  # pragma: no cover -- Windows cannot rename an open file
        yield
        return
    keeper = os.dup(descriptor)
    try:
        yield
    finally:
        os.close(keeper)


def refuse_special(folder: OpenFolder, name: str) -> None:
    """Raise `OSError` if *name* is a pipe, device or folder, which a rename could replace. Links may be replaced."""
    try:
        mode = folder.stat(name).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise OSError(errno.EEXIST, f"expected {name} to be a file, got a pipe, device or folder; remove it")


def remove_stale_files(open_folder: FolderOpener) -> None:
    """Remove temporary files whose writers no longer exist."""
    try:
        folder = open_folder(False)
    except (FileNotFoundError, NotADirectoryError):
        return
    with folder:
        with folder.entries() as entries:
            names = [entry.name for entry in entries if is_temporary(entry.name)]
        for name in names:
            with contextlib.suppress(OSError):  # another process may remove them too
                _remove_stale_file(folder, name)


def _remove_stale_file(folder: OpenFolder, name: str) -> None:
    descriptor = folder.open_regular(name)
    try:
        if _abandoned(descriptor) and folder.stat(name).st_ino == os.fstat(descriptor).st_ino:
            folder.unlink(name)
    finally:
        os.close(descriptor)


def _abandoned(descriptor: int) -> bool:
    try:
        try_lock(descriptor)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks here: files become stale by age
        return time.time() - os.fstat(descriptor).st_mtime > _OLD
    return True
