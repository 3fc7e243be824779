"""A private file in the folder of the final one: written, then renamed into place, or removed. All of it blocks.

The thread that writes owns the file object. A writer holds an advisory lock on its open temporary file, so that one
whose lock can be taken has no owner and may go; where locks do not work, age decides.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from multicart_async.errors import DiskError, IncompleteDownloadError

try:
    import fcntl
except ImportError:  # pragma: no cover -- Windows has no advisory locks: age decides there
    fcntl = None  # type: ignore[assignment]

__all__ = ["Temporary", "disk_error", "is_temporary", "refuse_special", "sweep", "sync_folder"]

_NAME = re.compile(r"\.mc-[0-9a-f]{16}\.part\Z")
_OLD = 24 * 3600.0  # seconds after which a temporary file has no owner, where locks cannot tell
_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us
_TRIES = 5
_REMOVED = frozenset({errno.ENOENT, errno.ESTALE})  # a network file system reports a file that is gone as stale
_CANNOT_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def disk_error(path: Path, error: OSError) -> DiskError:
    """*error* as ours."""
    return DiskError(str(path), error.strerror or str(error), error.errno)


def is_temporary(name: str) -> bool:
    """Whether a file of that name is on its way to another one."""
    return _NAME.match(name) is not None


class Temporary:
    """One file on its way to *target*. Used by one thread at a time."""

    def __init__(self, target: Path, *, durable: bool) -> None:
        self._target = target
        self._start = (
            f"{target.parent}{os.sep}.mc-"  # no Path on the way of each file: it costs as much as the system calls
        )
        self._durable = durable
        self._path: str | None = None
        self._file: BinaryIO | None = None

    @property
    def there(self) -> bool:
        """Whether there is something to `discard`."""
        return self._path is not None

    def write(self, piece: bytes) -> None:
        """Append *piece*; the first one makes the file, and the folder if need be."""
        if self._file is None:
            self._open()
        assert self._file is not None
        try:
            self._file.write(piece)
        except OSError as error:
            self._raise_if_removed(error)
            raise

    def publish(self, last: bytes) -> None:
        """Append *last* and put the file in place: one atomic rename, after which it belongs to its final name.

        Raises:
            IncompleteDownloadError: Another program removed the temporary file, so the content must be written again.
        """
        if self._file is None and self._publish_at_once(last):
            return
        self.write(last)
        try:
            self._rename()
        except OSError as error:
            self._raise_if_removed(error)
            raise
        self._path = self._file = None
        if self._durable:
            sync_folder(self._target.parent)

    def _rename(self) -> None:
        assert self._file is not None
        assert self._path is not None
        file = self._file
        file.flush()  # a full disk may show here first
        if self._durable:
            os.fsync(file.fileno())
        refuse_special(self._target)
        with _still_locked(file.fileno()):
            file.close()  # some file systems say only now that the disk is full
            os.replace(self._path, self._target)  # noqa: PTH105 -- it is no Path

    def _raise_if_removed(self, error: OSError) -> None:
        if self._was_removed(error):
            reason = "its temporary file was removed by another program before it was in place"
            raise IncompleteDownloadError(str(self._target), reason) from error

    def _was_removed(self, error: OSError) -> bool:
        """Return whether *error* came because another program removed the temporary file.

        Raises:
            FileNotFoundError: The folder is gone, with the other files in it: only the caller knows which those were.
        """
        if error.errno not in _REMOVED or self._path is None or os.path.lexists(self._path):
            return False
        if not self._target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "its folder was removed while the file was written") from error
        return True

    def _publish_at_once(self, content: bytes) -> bool:
        """A file of one piece, without the lock and its system calls; false if it was removed, as by a sweep."""
        try:
            self._write_at_once(content)
        except OSError as error:
            if self._was_removed(error):
                return False
            raise
        self._path = None
        if self._durable:
            sync_folder(self._target.parent)
        return True

    def _write_at_once(self, content: bytes) -> None:
        path = self._new_path()
        with io.FileIO(_opened(path, durable=self._durable), "wb") as file:
            self._path = path
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            if self._durable:
                os.fsync(file.fileno())
        refuse_special(self._target)
        os.replace(path, self._target)  # noqa: PTH105 -- it is no Path

    def discard(self) -> None:
        """Leave nothing behind. After `publish` there is nothing to leave."""
        file, self._file = self._file, None
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):  # the first error counts; what stays is swept by the next call
                Path(path).unlink()
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _open(self) -> None:
        for _ in range(_TRIES):
            path = self._new_path()
            descriptor = _opened(path, durable=self._durable)
            self._path, self._file = path, os.fdopen(descriptor, "wb")
            if _own(descriptor, path):
                return
            self.discard()  # somebody who sweeps was quicker than our lock
        raise OSError(errno.EAGAIN, "no temporary file could be kept")

    def _new_path(self) -> str:
        return f"{self._start}{secrets.token_hex(8)}.part"


def _opened(path: str, *, durable: bool) -> int:
    """A new file, and its folder if need be. The kernel applies the umask."""
    try:
        return os.open(path, _FLAGS, 0o666)
    except FileNotFoundError:
        _make_folder(Path(path).parent, durable=durable)
        return os.open(path, _FLAGS, 0o666)


def _make_folder(folder: Path, *, durable: bool) -> None:
    """With all above it; *durable*: their names are on the disk as well, for a file in a folder without a name is gone."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()] if durable else []
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        sync_folder(place.parent)


def _own(descriptor: int, path: str) -> bool:
    """Lock a new temporary file; whether it is still there, and ours."""
    if fcntl is None:  # pragma: no cover -- Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks on this file system
    file = os.fstat(descriptor)
    if file.st_nlink:
        return True
    try:
        return Path(path).stat().st_ino == file.st_ino  # some file systems count no links
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _still_locked(descriptor: int) -> Generator[None, None, None]:
    """Keep the lock of a file that is closed meanwhile: without it a sweep could come before the rename."""
    if fcntl is None:  # pragma: no cover -- Windows renames no open file
        yield
        return
    keeper = os.dup(descriptor)
    try:
        yield
    finally:
        os.close(keeper)


def refuse_special(target: Path) -> None:
    """A rename would replace a pipe or a device without a word. A link is replaced, not followed: that is fine."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise OSError(errno.EEXIST, "there is something that is not a file under the final name")


def sync_folder(folder: Path) -> None:
    """Flush the names in *folder* to the disk, where its file system can do that; what is in the files is flushed apart."""
    if os.name == "nt":  # pragma: no cover -- Windows opens no folders
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


def sweep(folder: Path) -> None:
    """Remove the temporary files of writers that are gone."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_temporary(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        with contextlib.suppress(OSError):  # somebody else may sweep too
            _sweep_one(folder / name)


def _sweep_one(path: Path) -> None:
    descriptor = os.open(path, _LOOK)
    try:
        if _abandoned(descriptor) and path.stat().st_ino == os.fstat(descriptor).st_ino:
            path.unlink()
    finally:
        os.close(descriptor)


def _abandoned(descriptor: int) -> bool:
    if fcntl is not None:  # pragma: no branch -- Windows
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # no locks on this file system
        else:
            return True
    return time.time() - os.fstat(descriptor).st_mtime > _OLD
