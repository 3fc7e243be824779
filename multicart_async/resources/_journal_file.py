"""A file of JSON lines that one process at a time appends to, each on the disk before anything follows from it.

Its first line says what it is. What a crash left of a last line is as if it had not been written. All of it blocks.
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
    """The file at *path*, whose first line is *head*."""

    def __init__(self, path: str | os.PathLike[str], head: Mapping[str, Any]) -> None:
        self.path = check_file_path("journal", path)
        self._header = head
        self._file: BinaryIO | None = None
        self._file_lock = FileLock(self.path)

    def open(self, take: Callable[[Any], bool]) -> None:
        """Lock it, make it if it is not there, and give each line to *take*, which says whether it makes sense.

        It has to be closed in any case.

        Raises:
            ArgumentError: In use by another process, damaged, or something else. It is left as it is.
            DiskError: It cannot be read or written.
        """
        try:
            self._file = file = os.fdopen(self._descriptor(), "a+b")
            self._lock(file)
            file.seek(0)
            self._replay(file.read(), take)
        except OSError as error:
            name = str(error.filename or self.path)  # its lock file may be the one that cannot be made
            raise DiskError(name, f"journal: {error.strerror}", error.errno) from error

    def append(self, *rows: Mapping[str, Any]) -> None:
        """On disk when this returns.

        Raises:
            DiskError: They could not be written, or not all of them; or the file would be longer than can be read again.
        """
        assert self._file is not None
        content = b"".join(map(_line, rows))
        if self._file.seek(0, os.SEEK_END) + len(content) > MAX_FILE_BYTES:
            reason = f"journal: it would have more than {MAX_FILE_BYTES:,} bytes; begin a new one"
            raise DiskError(str(self.path), reason, errno.EFBIG)
        try:
            self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DiskError(str(self.path), f"journal: {error.strerror}", error.errno) from error

    def close(self) -> None:
        """Let it go, and its lock. Twice is once."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a note that is not on the disk: its maker got the error
                self._file.close()
        self._file_lock.release()

    def _descriptor(self) -> int:
        """Return one for the file, made for its owner alone if it is not there. A link in its place is not followed."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        return open_regular(self.path, flags=flags, mode=0o600, max_bytes=MAX_FILE_BYTES)

    def _lock(self, file: BinaryIO) -> None:
        try:
            self._file_lock.acquire(file)
        except BlockingIOError as error:
            raise ArgumentError("journal", f"{self.path} {error.strerror}") from error

    def _replay(self, content: bytes, take: Callable[[Any], bool]) -> None:
        assert self._file is not None
        lines = content.split(b"\n")
        torn = lines.pop()  # empty, or what a crash left of a note: nothing was sent after it
        if not lines and _line(self._header).startswith(torn):
            self._file.truncate(0)
            self.append(self._header)
            with OpenFolder.open(self.path.parent) as folder:
                folder.flush()  # the name of a new journal is to survive as its notes do
            return
        if not lines or _parsed(lines[0]) != self._header:
            raise ArgumentError("journal", f"{self.path} is something else than a journal of this kind and version")
        if not all(take(_parsed(line)) for line in lines[1:]):
            raise ArgumentError("journal", f"{self.path} is damaged; nothing is started on its account")
        if torn:
            self._file.truncate(len(content) - len(torn))


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
