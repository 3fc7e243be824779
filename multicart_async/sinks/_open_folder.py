"""An open folder: each operation happens in that folder, even if its path leads elsewhere by then.

Each folder below the destination is opened relative to the one above it, and links are rejected. If another process
replaces a folder with a link while a file is written, the file stays in the original folder. On systems without folder
descriptors (Windows), each folder is checked before its path is used; a link created between the check and the use is
followed there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final, Self, TypeAlias

from multicart_async._core.regular_file import open_regular

__all__ = ["FolderOpener", "OpenFolder", "SharedFolder"]

# looking up names does not require read permission
_SEARCH: Final = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0)
_HAS_DIR_FD: Final = {os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename} <= os.supports_dir_fd
_CANNOT_FLUSH: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class OpenFolder:
    """The folder at *path*, open as *descriptor*, which is ``None`` on systems without folder descriptors."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def open(cls, root: Path, parts: Sequence[str] = (), *, create: bool = False, durable: bool = False) -> Self:
        """Open the nested folders *parts* below *root* and return the innermost. *root* and its parents may be links.

        With *create*, missing folders are created; with *durable*, their names are flushed to the disk as well, because a
        file is lost if the name of its folder is.

        Raises:
            OSError: A folder is missing, a link, or not a folder.
        """
        folder = cls._root(root, create=create, durable=durable)
        for part in parts:
            try:
                inner = folder.inner(part, create=create, durable=durable)
            finally:
                folder.discard()
            folder = inner
        return folder

    @classmethod
    def _root(cls, root: Path, *, create: bool, durable: bool) -> Self:
        path = str(root)
        try:
            return cls(path, _opened(path))
        except FileNotFoundError:
            if not create:
                raise
        missing = [place for place in (root, *root.parents) if not place.exists()] if durable else []
        root.mkdir(parents=True, exist_ok=True)
        for place in missing:
            with OpenFolder(str(place.parent), _opened(str(place.parent))) as above:
                above.flush()
        return cls(path, _opened(path))

    def inner(self, part: str, *, create: bool = False, durable: bool = False) -> Self:
        """Open the subfolder *part*; see `open`."""
        try:
            return self._entered(part)
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):  # another writer created it first
            os.mkdir(self._at(part), dir_fd=self._descriptor)
        if durable:
            self.flush()
        return self._entered(part)

    def _entered(self, part: str) -> Self:
        path = f"{self._path}{os.sep}{part}"
        if self._descriptor is None:
            self._check_folder(part)
            return type(self)(path, None)
        try:
            return type(self)(path, os.open(part, _SEARCH | _NO_LINKS, dir_fd=self._descriptor))
        except OSError as error:
            if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                self._check_folder(part)
            raise

    def _check_folder(self, part: str) -> None:
        found = self.stat(part).st_mode
        if stat.S_ISLNK(found):
            raise OSError(errno.ELOOP, f"{part} is a link, and links below the destination are not followed")
        if not stat.S_ISDIR(found):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def close(self) -> None:
        """Close the descriptor. Closing it twice is harmless; any other use after that is an error."""
        if self._descriptor is not None and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1  # not `None`, which would mean that the path is used

    def discard(self) -> None:
        """Close it, also if it is shared: it is not needed again, or no longer there."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else f"{self._path}{os.sep}{name}"

    def open_new(self, name: str, flags: int, mode: int) -> int:
        """Create the file *name* and return its descriptor. The kernel applies the umask to *mode*."""
        return os.open(self._at(name), flags, mode, dir_fd=self._descriptor)

    def open_regular(self, name: str, *, max_bytes: int | None = None) -> int:
        """Open the file *name* for reading and return its descriptor; see `regular_file.open_regular`."""
        return open_regular(self._at(name), dir_fd=self._descriptor, max_bytes=max_bytes)

    def open_itself(self) -> int:
        """Return a descriptor of the folder itself, for reading, flushing or locking it."""
        return os.open(self._at("."), os.O_RDONLY, dir_fd=self._descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Return the status of *name*, without following links."""
        return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)

    def move(self, name: str, target: OpenFolder, new: str) -> None:
        """Rename *name* to *new* in *target*, in one step; an existing file of that name is replaced."""
        os.replace(self._at(name), target._at(new), src_dir_fd=self._descriptor, dst_dir_fd=target._descriptor)

    def unlink(self, name: str) -> None:
        """Remove the file or link *name*."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def rmdir(self, name: str) -> None:
        """Remove the empty folder *name*."""
        os.rmdir(self._at(name), dir_fd=self._descriptor)

    @contextlib.contextmanager
    def entries(self) -> Generator[Sequence[os.DirEntry[str]], None, None]:
        """Yield the entries. Their status can be read inside the block only."""
        if self._descriptor is None:
            with os.scandir(self._path) as found:
                yield [*found]
            return
        descriptor = self.open_itself()
        try:
            with os.scandir(descriptor) as found:
                yield [*found]
        finally:
            os.close(descriptor)

    def flush(self) -> None:
        """Flush the names in the folder to the disk, if the file system can. The content of files is flushed separately."""
        if os.name == "nt":  # pragma: no cover -- Windows cannot open folders
            return
        try:
            descriptor = self.open_itself()
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_FLUSH:
                raise


class SharedFolder(OpenFolder):
    """An open folder with several users one after another: it stays open when they close it, until `dispose`."""

    __slots__ = ("disposed",)

    def __init__(self, path: str, descriptor: int | None) -> None:
        super().__init__(path, descriptor)
        self.disposed = False

    def close(self) -> None:
        """Do nothing: another user may follow."""

    def discard(self) -> None:
        """See `OpenFolder.discard`."""
        self.dispose()

    def dispose(self) -> None:
        """Close it for good."""
        self.disposed = True
        super().close()


FolderOpener: TypeAlias = Callable[[bool], OpenFolder]
"""Open the folder of a file; with ``True``, create it if it is missing."""


def _opened(path: str) -> int | None:
    if _HAS_DIR_FD:
        return os.open(path, _SEARCH)
    if not stat.S_ISDIR(Path(path).stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return None
