"""A file for one process alone: by an advisory lock, or where there are none, by a lock file beside it. All of it blocks.

A lock file holds the host and process id of its owner. That of a process of this host that is gone is taken over; that of
another host is left alone, because it cannot be seen from here whether its owner still runs.
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

from multicart_async._core.regular_file import open_regular, read_whole

try:
    import fcntl
except ImportError:  # pragma: no cover -- Windows has no advisory locks
    fcntl = None  # type: ignore[assignment]

__all__ = ["FileLock"]

_UNSUPPORTED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_LONGEST = 4096  # bytes
_TRIES: Final = 5
_PAUSE = 0.05  # seconds in which a lock file that was just made is written
_held: set[str] = set()  # tokens of this process


class FileLock:
    """Exclusive use of the file at *path*, from `acquire` to `release` or to the end of the process."""

    def __init__(self, path: Path) -> None:
        self._lock_file = _LockFile(path)

    def acquire(self, file: BinaryIO) -> None:
        """Lock *file*, which is that at the path, opened.

        Raises:
            BlockingIOError: Another process has it; the text says which one, and what to do.
            OSError: The file system reports an error other than that it has no locks.
        """
        if not _flock(file) or self._lock_file.is_there():  # another process may see the same folder without locks
            self._lock_file.acquire()

    def release(self) -> None:
        """Remove the lock file, if there is one of ours. The advisory lock ends with the file object."""
        self._lock_file.release()


def _flock(file: BinaryIO) -> bool:
    """Return whether the file is locked; false where there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(errno.EAGAIN, "is in use by another process") from error
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
        if self.pid == os.getpid():  # perhaps of an earlier process, as in a container whose first process has id 1
            return self.token not in _held
        return not _runs(self.pid)


def _runs(pid: int) -> bool:
    if os.name == "nt":  # pragma: no cover -- os.kill would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _LockFile:
    """The lock file of the file at *path*."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._token: str | None = None

    def is_there(self) -> bool:
        return os.path.lexists(self._path)

    def acquire(self) -> None:
        """Make it, or take over that of a dead process."""
        token = secrets.token_hex(8)
        owner: _Owner | None = None
        for _ in range(_TRIES):
            if self._make(token):
                self._token = token
                return
            owner = self._owner()
            if owner is None:
                time.sleep(_PAUSE)  # it may be about to be written, or be gone
            elif owner.is_dead:
                self._remove_dead()
            else:
                break
        raise BlockingIOError(errno.EAGAIN, self._refusal(owner))

    def release(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(OSError):  # then it is that of a dead process soon
                if self._owner() == _Owner.this_process(token):
                    self._path.unlink()
            _held.discard(token)

    def _make(self, token: str) -> bool:
        """Return whether it could be made: it was not there, and is ours now."""
        _held.add(token)  # before it can be seen
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
            os.fsync(file.fileno())  # one that a power cut empties would have to be removed by hand
        except BaseException:
            self._path.unlink()
            raise

    def _owner(self) -> _Owner | None:
        """Return whom it names; None if it cannot be read, or is gone."""
        try:
            content = read_whole(open_regular(self._path), _LONGEST)
        except OSError:  # also of a link, a folder or a pipe
            return None
        return _Owner.parse(content)

    def _remove_dead(self) -> None:
        """Remove it, if its owner is still a dead one: another process may have taken it over meanwhile.

        Only one process at a time may do so: between its look and its removal no other can remove it and make its own.
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
