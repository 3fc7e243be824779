"""The file of a report: nothing is left of it if it was not completed. Everything here blocks: use it in threads."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final, cast

from multicart_async._core.validation import check_file_path, wrong_argument
from multicart_async.sinks._atomic_file import AtomicFile, translate_os_errors
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["check_target", "open_draft", "publish"]

_PIECE: Final = 1 << 20  # bytes


def check_target(dest: str | os.PathLike[str]) -> Path:
    """Return the path of the file that *dest* names; the target of a link.

    Raises:
        ArgumentError: It is a URL, a folder or a device, or in a folder that does not exist.
        DiskError: The system does not say what it is, such as for a name that is too long.
    """
    path = check_file_path("dest", dest)
    return translate_os_errors(path, _target_of, path)


def _target_of(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    if path.is_dir():
        raise wrong_argument("dest", "a file, such as report.html in that folder", str(path))
    if path.exists() and not path.is_file():  # first, because /dev/stdout may lead to no path
        raise wrong_argument("dest", "a file; no pipe or device can be replaced", str(path))
    if not target.parent.is_dir():
        raise wrong_argument("dest", "a file in an existing folder; make the folder first", str(path))
    return target


def open_draft(target: Path) -> BinaryIO:
    """Open a file without a name, for the sections, on the disk of *target*."""
    return cast("BinaryIO", TemporaryFile(dir=target.parent))


def publish(target: Path, start: bytes, draft: BinaryIO, end: bytes) -> int:
    """Write *start*, the content of *draft* and *end*, put the file in its place, and return its size."""
    file = AtomicFile(partial(_open_folder, target.parent), target, durable=False)
    size = len(start) + draft.tell() + len(end)
    try:
        file.write(start)
        draft.seek(0)
        while piece := draft.read(_PIECE):
            file.write(piece)
        file.commit(end)
    finally:
        file.abort()
    return size


def _open_folder(folder: Path, create: bool) -> OpenFolder:  # noqa: ARG001, FBT001 -- a `FolderOpener`; it exists
    return OpenFolder.open(folder)
