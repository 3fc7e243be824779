"""A file object that becomes the target when it is complete: a temporary file beside it, then a rename."""

from __future__ import annotations

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import Any

from multicart_async.sinks._atomic_file import AtomicFile, remove_stale_files, translate_os_errors
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["OutputFile"]


class OutputFile(io.RawIOBase):
    """Write to a temporary file in the folder of *path*, which is made if it is missing. All methods block.

    ``size`` and ``digest`` are those of the bytes so far.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        open_folder = partial(_opened, path.parent)
        self._file = AtomicFile(open_folder, path, durable=True)
        self._digest = hashlib.sha256()
        self.size = 0
        self._aborted = False
        translate_os_errors(path, remove_stale_files, open_folder)

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: Any) -> int:
        """Append *data*.

        Raises:
            DiskError: The disk failed.
        """
        content = bytes(data)
        if self._aborted:  # a compressor or writer of pyarrow that was given up writes its end when it is deleted
            return len(content)
        translate_os_errors(self._path, self._file.write, content)
        self._digest.update(content)
        self.size += len(content)
        return len(content)

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes so far."""
        return self._digest.hexdigest()

    def commit(self) -> None:
        """Give the file its name, in one step.

        Raises:
            DiskError: The disk failed.
            IncompleteDownloadError: Another program removed the temporary file.
        """
        translate_os_errors(self._path, self._file.commit, b"")

    def abort(self) -> None:
        """Remove the temporary file; what is written from now on is lost. After `commit` this does nothing."""
        self._aborted = True
        self._file.abort()


def _opened(folder: Path, create: bool) -> OpenFolder:  # noqa: FBT001 -- a `FolderOpener`
    return OpenFolder.open(folder, create=create)
