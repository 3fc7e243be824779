"""Exclusive use of a file by one process: through an advisory lock, or a lock file where there are none. Blocking.

A lock file contains the host and process id of its owner. The lock file of a dead process of this host is taken over;
that of another host is left alone, because this host cannot tell whether its owner still runs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, cast

import attrs

from multicart_async._core.advisory_lock import try_lock
from multicart_async._core.regular_file import open_regular, read_whole

__all__ = ["FileLock"]

_UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_LONGEST = 4096  # bytes
_TRIES: Final = 5
_PAUSE = 0.05  # seconds within which a new lock file is written
_held: set[str] = set()  # tokens of this process


class FileLock:
    """Exclusive use of the file at *path*, from `acquire` to `release` or to the end of the process."""

    def __init__(self, path: Path) -> None:
        self._lock_file = _LockFile(path)

    def acquire(self, file: BinaryIO) -> None:
        """Lock *file*, which is the opened file at the path.

        Raises:
            BlockingIOError: Another process holds it; the message says which one and what to do.
            OSError: The file system reports an error other than missing support for locks.
        """
        if not _flock(file) or self._lock_file.is_there():  # another process may see the same folder without locks
            self._lock_file.acquire()

    def move_to(self, file: BinaryIO) -> None:
        """Lock *file* too, which is about to take the place of the locked file. A lock file stays as it is.

        Raises:
            OSError: It cannot be locked.
        """
        _flock(file)

    def release(self) -> None:
        """Remove the lock file if this process created one. The advisory lock ends with the file object."""
        self._lock_file.release()


def _flock(file: BinaryIO) -> bool:
    """Return whether the file was locked; ``False`` where the file system has no locks."""
    try:
        try_lock(file)
    except BlockingIOError as error:
        raise BlockingIOError(errno.EAGAIN, "is in use by another process; wait until it has ended") from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


@attrs.frozen
class _Owner:
    """The process that a lock file names; *token* distinguishes its locks, also from those of an earlier process."""

    host: str
    pid: int
    token: str

    @classmethod
    def this_process(cls, token: str) -> Self:
        return cls(socket.gethostname(), os.getpid(), token)

    @classmethod
    def parse(cls, content: bytes) -> Self | None:
        try:
            fields: Any = json.loads(content)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        host, pid, token = (cast("dict[str, Any]", fields).get(name) for name in ("host", "pid", "token"))
        if not isinstance(host, str) or not isinstance(token, str) or type(pid) is not int or not 0 < pid < 1 << 31:
            return None
        return cls(host, pid, token)

    def render(self) -> bytes:
        return json.dumps(attrs.asdict(self)).encode()

    @property
    def is_here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def is_dead(self) -> bool:
        if not self.is_here:
            return False
        if self.pid == os.getpid():  # maybe an earlier process, as in a container whose first process has id 1
            return self.token not in _held
        return not _runs(self.pid)


def _runs(pid: int) -> bool:
    if os.name == "nt":  # pragma: no cover -- there os.kill would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _LockFile:
    """The lock file for the file at *path*."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._token: str | None = None

    def is_there(self) -> bool:
        return os.path.lexists(self._path)

    def acquire(self) -> None:
        """Create the lock file, or take over that of a dead process."""
        token = secrets.token_hex(8)
        owner: _Owner | None = None
        for _ in range(_TRIES):
            if self._make(token):
                self._token = token
                return
            owner = self._owner()
            if owner is None:
                time.sleep(_PAUSE)  # it may not be written yet, or may be gone
            elif owner.is_dead:
                self._remove_dead()
            else:
                break
        raise BlockingIOError(errno.EAGAIN, self._refusal(owner))

    def release(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(OSError):  # if it stays, the next process finds a dead owner
                if self._owner() == _Owner.this_process(token):
                    self._path.unlink()
            _held.discard(token)

    def _make(self, token: str) -> bool:
        """Return whether the lock file was created, and not there before."""
        _held.add(token)  # before other processes can see the file
        try:
            with os.fdopen(os.open(self._path, _NEW, 0o666), "wb") as file:
                self._write(file, token)
        except FileExistsError:
            _held.discard(token)
            return False
        except BaseException:
            _held.discard(token)
            raise
        return True

    def _write(self, file: BinaryIO, token: str) -> None:
        try:
            file.write(_Owner.this_process(token).render())
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave an empty file, which has to be removed manually
        except BaseException:
            self._path.unlink()
            raise

    def _owner(self) -> _Owner | None:
        """Return its owner, or ``None`` if the file is unreadable or gone."""
        try:
            content = read_whole(open_regular(self._path), _LONGEST)
        except OSError:  # also for a link, a folder or a pipe
            return None
        return _Owner.parse(content)

    def _remove_dead(self) -> None:
        """Remove the lock file if its owner is still a dead one: another process may have taken it over meanwhile.

        Only one process at a time may do this: otherwise, between the check and the removal, another process could
        remove the file and create its own.
        """
        guard = _LockFile(self._path)
        guard.acquire()
        try:
            owner = self._owner()
            if owner is not None and owner.is_dead:
                self._path.unlink()
        finally:
            guard.release()

    def _refusal(self, owner: _Owner | None) -> str:
        if owner is None:
            state = f"may be in use by another process: {self._path} cannot be read as a lock file"
            return f"{state}; make sure that no process uses it, remove that file, and call again"
        if owner.is_here:
            state = f"is in use by another process: {self._path} names process {owner.pid} of this host ({owner.host})"
            return f"{state}; wait until it has ended (if that is an unrelated program, remove that file)"
        state = f"may be in use by another process: {self._path} names process {owner.pid} of host {owner.host[:80]!r}"
        return f"{state}, which cannot be seen from here; make sure that it has ended, remove that file, and call again"
