"""A file of JSON lines that one process at a time appends to, each synced to disk before it is acted on. Blocking.

The first line identifies the file. An incomplete last line, left by a crash, is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from multicart_async._core.file_lock import FileLock
from multicart_async._core.regular_file import MAX_FILE_BYTES, open_regular, read_whole
from multicart_async._core.validation import check_file_path
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["JournalFile"]

_STARTS = "so nothing is started; check what it has started and use a new journal"


class JournalFile:
    """The journal at *path*, whose first line is *header*. *argument* is the name of the caller's argument.

    *if_damaged* says what follows from a damaged file and what to do.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        header: Mapping[str, Any],
        *,
        argument: str = "journal",
        if_damaged: str = _STARTS,
    ) -> None:
        self.path = check_file_path(argument, path)
        self._argument = argument
        self._if_damaged = if_damaged
        self._header = header
        self._file: BinaryIO | None = None
        self._file_lock = FileLock(self.path)

    def open(self, replay: Callable[[Any], bool]) -> None:
        """Lock the file, create it if necessary, and pass each line to *replay*, which returns whether it is valid.

        It must be closed in any case.

        Raises:
            ArgumentError: The file is in use by another process, damaged, or not such a journal. It is left unchanged.
            DiskError: The file cannot be read or written.
        """
        try:
            self._file = file = os.fdopen(self._descriptor(self.path, os.O_CREAT), "a+b")
            self._lock(file)
            file.seek(0)
            content = file.read()
            end = self._replay(content, replay)
            if end < len(content) or not end:
                file.truncate(end)
            if not end:
                self.append(self._header)
                self._flush_folder()  # the name of a new journal must be as durable as its lines
        except DiskError:  # which is an OSError, too
            raise
        except OSError as error:
            raise self._disk_error(error) from error

    def read(self, replay: Callable[[Any], bool]) -> None:
        """Pass each line to *replay* as `open` does, without a lock: the file is not changed, and may be missing.

        Raises:
            ArgumentError: The file is damaged, or not such a journal.
            DiskError: The file cannot be read.
        """
        try:
            content = read_whole(open_regular(self.path, max_bytes=MAX_FILE_BYTES))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._disk_error(error) from error
        self._replay(content, replay)

    @property
    def size(self) -> int:
        """The length of the open file in bytes."""
        assert self._file is not None
        return self._file.seek(0, os.SEEK_END)

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Append *entries*, which are on disk when this returns.

        Raises:
            DiskError: The lines could not be written completely, or the file would become too long to be read again.
        """
        assert self._file is not None
        content = b"".join(map(_line, entries))
        if self.size + len(content) > MAX_FILE_BYTES:
            reason = (
                f"{self._argument}: expected at most {MAX_FILE_BYTES:,} bytes, got more; start a new {self._argument}"
            )
            raise DiskError(str(self.path), reason, errno.EFBIG)
        try:
            _write(self._file, content)
        except OSError as error:
            raise self._disk_error(error) from error

    def replace(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Replace all lines by *entries*, in one step: after a crash the file has either the old or the new ones.

        The lock is kept.

        Raises:
            DiskError: The new lines could not be written. The file has the old ones, and can still be appended to.
        """
        new = _temporary(self.path)
        try:
            descriptor = self._descriptor(new, os.O_CREAT | os.O_TRUNC)
            try:
                self._replace(new, descriptor, b"".join(map(_line, [self._header, *entries])))
            except BaseException:
                new.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._disk_error(error) from error

    def _replace(self, new: Path, descriptor: int, content: bytes) -> None:
        assert self._file is not None
        file: BinaryIO = os.fdopen(descriptor, "a+b")
        try:
            self._file_lock.move_to(file)
            _write(file, content)
            if os.name == "nt":  # pragma: no cover -- open files cannot be renamed there
                file.close()
                self._file.close()
                file = self._file
                new.replace(self.path)
                self._file = os.fdopen(self._descriptor(self.path, 0), "a+b")
            else:
                os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._file.fileno()).st_mode))
                new.replace(self.path)
                file, self._file = self._file, file
        finally:
            file.close()  # the one that is not the journal: its lock ends
        self._flush_folder()

    def remove_temporary(self) -> None:
        """Remove what a process that was killed during `replace` has left. The file must be open.

        Raises:
            DiskError: It cannot be removed.
        """
        try:
            _temporary(self.path).unlink(missing_ok=True)
        except OSError as error:
            raise self._disk_error(error) from error

    def close(self) -> None:
        """Close the file and release its lock. Calling it again has no effect."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # append has raised the error already
                self._file.close()
        self._file_lock.release()

    def _descriptor(self, path: Path, flags: int) -> int:
        """Return a descriptor of the file, created for its owner only if missing. A symbolic link is not followed."""
        return open_regular(path, flags=os.O_RDWR | os.O_APPEND | flags, mode=0o600, max_bytes=MAX_FILE_BYTES)

    def _lock(self, file: BinaryIO) -> None:
        try:
            self._file_lock.acquire(file)
        except BlockingIOError as error:
            raise ArgumentError(self._argument, f"{self.path} {error.strerror}") from error
        if not self._is_current(file):
            raise ArgumentError(self._argument, f"{self.path} is in use by another process; wait until it has ended")

    def _is_current(self, file: BinaryIO) -> bool:
        """Return whether *file* is still the one at the path: another process may have replaced it before the lock."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def _replay(self, content: bytes, replay: Callable[[Any], bool]) -> int:
        """Pass each complete line but the first to *replay*, and return where the last one ends."""
        lines = content.split(b"\n")
        partial_tail = lines.pop()  # empty, or a line cut by a crash, after which nothing was sent
        if not lines and _line(self._header).startswith(partial_tail):
            return 0
        if not lines or _parsed(lines[0]) != self._header:
            what = self._argument
            reason = f"expected a {what} of this kind and version, got {self.path}, which is not one; name a new file"
            raise ArgumentError(what, reason)
        if not all(replay(_parsed(line)) for line in lines[1:]):
            raise ArgumentError(self._argument, f"{self.path} is damaged, {self._if_damaged}")
        return len(content) - len(partial_tail)

    def _flush_folder(self) -> None:
        with OpenFolder.open(self.path.parent) as folder:
            folder.flush()

    def _disk_error(self, error: OSError) -> DiskError:
        name = str(error.filename or self.path)  # the lock file, if that is what failed
        return DiskError(name, f"{self._argument}: {error.strerror}", error.errno)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
