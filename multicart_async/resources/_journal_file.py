"""A file of JSON lines that one process at a time appends to, each synced to disk before it is acted on. Blocking.

The first line identifies the file. An incomplete last line, left by a crash, is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from multicart_async._core.file_lock import FileLock
from multicart_async._core.regular_file import MAX_FILE_BYTES, open_regular
from multicart_async._core.validation import check_file_path
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["JournalFile"]


class JournalFile:
    """The journal at *path*, whose first line is *header*."""

    def __init__(self, path: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        self.path = check_file_path("journal", path)
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
            self._file = file = os.fdopen(self._descriptor(), "a+b")
            self._lock(file)
            file.seek(0)
            self._replay(file.read(), replay)
        except OSError as error:
            name = str(error.filename or self.path)  # the lock file, if that is what failed
            raise DiskError(name, f"journal: {error.strerror}", error.errno) from error

    def append(self, *entries: Mapping[str, Any]) -> None:
        """Append *entries*, which are on disk when this returns.

        Raises:
            DiskError: The lines could not be written completely, or the file would become too long to be read again.
        """
        assert self._file is not None
        content = b"".join(map(_line, entries))
        if self._file.seek(0, os.SEEK_END) + len(content) > MAX_FILE_BYTES:
            reason = f"journal: expected at most {MAX_FILE_BYTES:,} bytes, got more; start a new journal"
            raise DiskError(str(self.path), reason, errno.EFBIG)
        try:
            self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DiskError(str(self.path), f"journal: {error.strerror}", error.errno) from error

    def close(self) -> None:
        """Close the file and release its lock. Calling it again has no effect."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # append has raised the error already
                self._file.close()
        self._file_lock.release()

    def _descriptor(self) -> int:
        """Return a descriptor of the file, created for its owner only if missing. A symbolic link is not followed."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        return open_regular(self.path, flags=flags, mode=0o600, max_bytes=MAX_FILE_BYTES)

    def _lock(self, file: BinaryIO) -> None:
        try:
            self._file_lock.acquire(file)
        except BlockingIOError as error:
            raise ArgumentError("journal", f"{self.path} {error.strerror}") from error

    def _replay(self, content: bytes, replay: Callable[[Any], bool]) -> None:
        assert self._file is not None
        lines = content.split(b"\n")
        partial_tail = lines.pop()  # empty, or a line cut by a crash, after which nothing was sent
        if not lines and _line(self._header).startswith(partial_tail):
            self._file.truncate(0)
            self.append(self._header)
            with OpenFolder.open(self.path.parent) as folder:
                folder.flush()  # the name of a new journal must be as durable as its lines
            return
        if not lines or _parsed(lines[0]) != self._header:
            reason = f"expected a journal of this kind and version, got {self.path}, which is not one; name a new file"
            raise ArgumentError("journal", reason)
        if not all(replay(_parsed(line)) for line in lines[1:]):
            reason = f"{self.path} is damaged, so nothing is started; check what it has started and use a new journal"
            raise ArgumentError("journal", reason)
        if partial_tail:
            self._file.truncate(len(content) - len(partial_tail))


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
