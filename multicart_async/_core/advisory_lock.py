"""Exclusive advisory locks of the operating system, where it has them."""

from __future__ import annotations

import errno
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # pragma: no cover -- Windows has no advisory locks
    fcntl = None  # type: ignore[assignment]

__all__ = ["can_lock", "try_lock"]


def can_lock() -> bool:
    """Return whether the operating system has advisory locks; a file system may lack them all the same."""
    return fcntl is not None


def try_lock(file: int | BinaryIO) -> None:
    """Lock an open file or folder until it is closed, without waiting.

    Raises:
        BlockingIOError: Another process or descriptor holds the lock.
        OSError: There are no locks here, or they fail.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "this system has no advisory locks")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
