"""A regular file, opened so that what another user puts in its place does no harm: neither a pipe nor a link.

A file that is checked by its path may be replaced before it is opened. So it is opened first, without waiting for anything,
and checked by its descriptor.
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
_NO_PEER: Final = frozenset({errno.ENXIO, errno.ENODEV})  # a socket, a pipe without reader, a device without driver


def open_regular(
    name: str | os.PathLike[str],
    *,
    dir_fd: int | None = None,
    flags: int = os.O_RDONLY,
    mode: int = 0o666,
    max_bytes: int | None = None,
    links: bool = False,
) -> int:
    """Open the regular file *name*, in the open folder *dir_fd* if that is given, and return its descriptor.

    With *links*, a link in its place is followed. *flags* and *mode* are those of `os.open`.

    Raises:
        OSError: It is something else, a link, or larger than *max_bytes*; or it cannot be opened.
    """
    try:
        descriptor = os.open(name, flags | _SAFE | (0 if links else _NO_LINKS), mode, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.ELOOP and not links:
            raise OSError(errno.ELOOP, "it is a link, and links are not followed here") from error
        if error.errno in _NO_PEER:
            raise OSError(errno.EINVAL, "it is not a file") from error
        raise
    try:
        _check(os.fstat(descriptor), max_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_whole(descriptor: int, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return all of the file behind *descriptor*, which is closed: at most *max_bytes*, however it grows meanwhile."""
    parts: list[bytes] = []
    with os.fdopen(descriptor, "rb") as file:
        size = max(os.fstat(descriptor).st_size + 1, _PIECE)  # not far more: Python reserves what is asked for
        while max_bytes and (piece := file.read(min(size, max_bytes))):  # some file systems tell no size
            parts.append(piece)
            max_bytes -= len(piece)
    return b"".join(parts)


def _check(found: os.stat_result, max_bytes: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is not a file, but a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    if max_bytes is not None and found.st_size > max_bytes:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, and at most {max_bytes:,} are read")
