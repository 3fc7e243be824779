"""The folder of a Parquet table: its parts, and `_export.json`, which is written last and lists them.

What a call writes stands in ``.new`` until all of it is there, and is sealed by an `_export.json` of its own. Then the new
version is put in place, and `_export.json` last. A killed process leaves the former table, or a sealed new version that
the next call puts in place.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import attrs

from multicart_async._core.file_lock import FileLock
from multicart_async._core.short_repr import short_repr
from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async.errors import ArgumentError, IntegrityError
from multicart_async.tables._output_file import OutputFile
from multicart_async.tables._state import TableState

__all__ = ["EXPORT", "Contents", "ParquetFolder", "Part", "next_number", "part_name"]

EXPORT: Final = "_export.json"
_NEW: Final = ".new"
_LOCK: Final = ".lock"
_OWN: Final = {_LOCK, f"{_LOCK}.lock", _NEW}  # the second is that of a file system without locks
_PART: Final = re.compile(r"part-([0-9]{6,})\.parquet\Z")


@attrs.frozen
class Part:
    """One file of the table. ``runs`` are those that have rows in it."""

    name: str
    rows: int
    bytes: int
    sha256: str
    runs: tuple[str, ...]

    @property
    def number(self) -> int:
        """The number in its name."""
        found = _PART.match(self.name)
        assert found is not None
        return int(found[1])


@attrs.frozen
class Contents:
    """What `_export.json` says."""

    state: TableState
    parts: tuple[Part, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        parts = [{**attrs.asdict(part), "runs": [*part.runs]} for part in self.parts]
        return {**self.state.to_json(), "runs": dict(self.state.runs), "parts": parts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` was made of. Raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        parts = [
            Part(part["name"], part["rows"], part["bytes"], part["sha256"], tuple(part["runs"]))
            for part in value["parts"]
        ]
        if not all(_PART.match(part.name) for part in parts):
            raise ValueError("the name of a part")
        return cls(TableState.from_json(value, value["runs"]), tuple(parts))


class ParquetFolder:
    """Use the folder at *path* alone, from `open` to `close`. All methods block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new = path / _NEW
        self._lock = FileLock(path / _LOCK)
        self._lock_file: BinaryIO | None = None

    def open(self) -> Contents | None:
        """Lock the folder if it is there, put a sealed version in place, and return what it holds.

        Raises:
            ArgumentError: It holds something else, or is in use.
            IntegrityError: It was damaged.
        """
        if not self.path.exists():
            return None
        self._refuse_foreign()  # before there is a lock file in it
        self._acquire()
        self._recover()
        contents = self._read(self.path / EXPORT)
        if contents is None:
            self._refuse_foreign()
            return None
        self._check(contents.parts)
        return contents

    def prepare(self) -> None:
        """Make the folder if it is missing, and an empty one for the new version.

        Raises:
            ArgumentError: Another process has made the table since `open`, or uses the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self._lock_file is None and self.open() is not None:
            reason = "was made by another process during this export; what it lacks is added by calling again"
            raise ArgumentError("dest", f"{short_repr(str(self.path))} {reason}")
        self.new.mkdir()

    def verify(self, part: Part) -> Path:
        """Return the path of a part. Raises `IntegrityError` if its content was changed."""
        path = self.path / part.name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != part.sha256:
            raise _changed(path, "its SHA-256 differs")
        return path

    def seal(self, contents: Contents) -> None:
        """Put the new version in place."""
        sealed = OutputFile(self.new / EXPORT)
        try:
            sealed.write(dump_checksummed(contents.to_json()))
            sealed.commit()
        except BaseException:
            sealed.abort()
            raise
        _flush(self.new)
        self._swap(contents)

    def discard(self) -> None:
        """Remove a version that was not sealed."""
        with contextlib.suppress(OSError):
            if self._lock_file is not None and not (self.new / EXPORT).exists():
                shutil.rmtree(self.new)

    def close(self) -> None:
        """Let other processes use the folder."""
        file, self._lock_file = self._lock_file, None
        if file is not None:
            self._lock.release()
            file.close()

    def _acquire(self) -> None:
        file = (self.path / _LOCK).open("ab")
        try:
            self._lock.acquire(file)
        except BlockingIOError as error:
            file.close()
            raise ArgumentError("dest", f"{short_repr(str(self.path))} {error.strerror}") from error
        except BaseException:
            file.close()
            raise
        self._lock_file = file

    def _recover(self) -> None:
        if not self.new.is_dir():
            return
        contents = self._read(self.new / EXPORT)
        if contents is None:
            shutil.rmtree(self.new)
        else:
            self._swap(contents)

    def _swap(self, contents: Contents) -> None:
        """Put the sealed version in place; it may have been interrupted anywhere.

        Meanwhile a reader of all parts sees no row twice: parts without rows go first, then those that were written again
        lose the rows of replaced runs, and the new parts come last. The first part is always the one with the widest types.
        """
        for name in self._unlisted(contents.parts):
            (self.path / name).unlink()
        for part in contents.parts:
            moved = self.new / part.name
            if moved.exists():
                moved.replace(self.path / part.name)
        _flush(self.path)
        (self.new / EXPORT).replace(self.path / EXPORT)
        _flush(self.path)
        shutil.rmtree(self.new)

    def _unlisted(self, parts: Iterable[Part]) -> list[str]:
        """Return the names of files that look like parts, but are none of *parts*."""
        names = {entry.name for entry in self.path.iterdir() if _PART.match(entry.name)}
        return sorted(names.difference(part.name for part in parts))

    def _read(self, path: Path) -> Contents | None:
        try:
            payload = path.read_bytes()
        except FileNotFoundError:
            return None
        fields = load_checksummed(payload)
        if isinstance(fields, str):
            raise _untrusted(path, fields)
        try:
            return Contents.from_json(fields)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _untrusted(path, f"a field is missing or invalid ({short_repr(str(error))})") from error

    def _check(self, parts: Iterable[Part]) -> None:
        for part in parts:
            path = self.path / part.name
            size = path.stat().st_size if path.is_file() else None
            if size != part.bytes:
                found = "it is missing" if size is None else f"expected {part.bytes} bytes, got {size}"
                raise _changed(path, found)
        for name in self._unlisted(parts):
            raise IntegrityError(
                str(self.path / name), f"expected no part that {EXPORT} does not list; move it elsewhere"
            )

    def _refuse_foreign(self) -> None:
        if any((folder / EXPORT).exists() for folder in (self.new, self.path)):  # one becomes the other, in this order
            return
        names = sorted({entry.name for entry in self.path.iterdir()} - _OWN)
        if names:
            reason = f"expected an empty folder, or one with {EXPORT}, got {len(names)} entries such as"
            raise ArgumentError("dest", f"{reason} {short_repr(names[0])} in {short_repr(str(self.path))}")


def _untrusted(path: Path, reason: str) -> IntegrityError:
    return IntegrityError(str(path), f"it is not trusted: {reason}; restore it, or export to a new folder")


def _changed(path: Path, found: str) -> IntegrityError:
    return IntegrityError(str(path), f"the table was changed: {found}; restore it, or export to a new folder")


def _flush(folder: Path) -> None:
    """Flush the names in a folder to the disk, where that is possible."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def part_name(number: int) -> str:
    """Return the name of the part with a number."""
    return f"part-{number:06d}.parquet"


def next_number(parts: Sequence[Part]) -> int:
    """Return the number of the next part."""
    return max((part.number for part in parts), default=0) + 1
