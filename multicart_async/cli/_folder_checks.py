"""Whether files can be stored in a folder: write, rename, and free space. Blocking."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from multicart_async._core.text import printable
from multicart_async.cli._check import Check

__all__ = ["check_folder"]

_ENOUGH: Final = 100 * 10**6  # bytes: fewer than the files of a few large runs
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_OTHER_FOLDER: Final = "name another folder, or change its permissions"


def check_folder(dest: str, *, dry_run: bool) -> tuple[Check, Check]:
    """Try to write and rename a file in *dest*, which is removed again, and look at the free space.

    A folder that does not exist is not made: its nearest existing parent is tried instead.
    """
    try:
        folder = _existing(Path(dest))
    except OSError as error:
        return Check("write", ok=False, detail=_reason(error)), Check.impossible("space", "there is no folder")
    return _check_writing(dest, folder, dry_run=dry_run), _check_space(folder)


def _existing(path: Path) -> Path:
    """Return *path*, or the nearest parent that exists."""
    place = path.absolute()
    while not os.path.lexists(place):
        place = place.parent
    return place


def _check_writing(dest: str, folder: Path, *, dry_run: bool) -> Check:
    shown = str(folder) if folder == Path(dest).absolute() else f"{folder}, because {dest} does not exist yet"
    try:
        done = _may_write(folder) if dry_run else _write_and_rename(folder)
    except OSError as error:
        return Check("write", ok=False, detail=f"{shown}: {_reason(error)}; {_OTHER_FOLDER}")
    return Check("write", ok=True, detail=f"{shown}: {done}")


def _may_write(folder: Path) -> str:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError("not writable")
    return "its permissions allow it; --dry-run writes nothing"


def _write_and_rename(folder: Path) -> str:
    """Write, rename and remove a file of an unused name."""
    first = folder / f".multicart-doctor.{secrets.token_hex(8)}"
    second = first.with_name(first.name + ".renamed")
    descriptor = os.open(first, _NEW, 0o600)
    try:
        try:
            os.write(descriptor, b"multicart doctor\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        first.rename(second)
    finally:
        for path in (first, second):
            with contextlib.suppress(OSError):
                path.unlink()
    return "a file was written, renamed and removed"


def _check_space(folder: Path) -> Check:
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return Check("space", ok=False, detail=f"{folder}: {_reason(error)}; {_OTHER_FOLDER}")
    if not usage.total:
        return Check("space", ok=True, detail=f"{folder}: its file system does not report it")
    ok = usage.free >= _ENOUGH
    advice = "" if ok else "; free some, or name a folder on another disk"
    return Check("space", ok=ok, detail=f"{folder}: {usage.free:,} bytes are free{advice}")


def _reason(error: Exception) -> str:
    return printable(str(getattr(error, "strerror", None) or error))
