"""Open regular files safely, even where another user may put a pipe or a link in their place.

A file that is checked by its path may be replaced before it is opened. So it is first opened without blocking and then
checked by its descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

__all__ = ["MAX_FILE_BYTES", "open_regular", "read_whole"]

MAX_FILE_BYTES: Final = 256 << 20
"""The largest manifest, journal or CSV to import: these are read into memory."""

_SAFE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0)
_PIECE: Final = 1 << 16
_NO_PEER: Final = frozenset({errno.ENXIO, errno.ENODEV})  # a socket, a pipe without a reader, a device without a driver


def open_regular(
    name: str | os.PathLike[str],
    *,
    dir_fd: int | None = None,
    flags: int = os.O_RDONLY,
    mode: int = 0o666,
    max_bytes: int | None = None,
    links: bool = False,
) -> int:
    """Open the regular file *name*, relative to the open folder *dir_fd* if given, and return its descriptor.

    With *links*, symbolic links are followed. *flags* and *mode* are those of `os.open`.

    Raises:
        OSError: It is not a regular file, is a link, is larger than *max_bytes*, or cannot be opened.
    """
    try:
        descriptor = os.open(name, flags | _SAFE | (0 if links else _NO_LINKS), mode, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ELOOP and not links:
            raise OSError(errno.ELOOP, "expected a regular file, got a link, which is not followed here") from error
        if error.errno in _NO_PEER:
            raise OSError(errno.EINVAL, "expected a regular file, got a device, pipe or socket") from error
        raise
    try:
        _check(os.fstat(descriptor), max_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_whole(descriptor: int, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of the file *descriptor*, which is closed: at most *max_bytes*, even if it grows meanwhile."""
    parts: list[bytes] = []
    try:
        size = max(os.fstat(descriptor).st_size + 1, _PIECE)  # Python allocates the requested size
        while max_bytes and (piece := os.read(descriptor, min(size, max_bytes))):  # some file systems report no size
            parts.append(piece)
            max_bytes -= len(piece)
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _check(found: os.stat_result, max_bytes: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "expected a regular file, got a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected a regular file, got a device, pipe or socket")
    if max_bytes is not None and found.st_size > max_bytes:
        raise OSError(errno.EFBIG, f"expected at most {max_bytes:,} bytes, got {found.st_size:,}")
