"""The options of an export, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import check_bool, check_choice, check_int, check_local_path, wrong_argument
from multicart_async.errors import ArgumentError
from multicart_async.tables._field_path import check_names

__all__ = [
    "MAX_SQLITE_AMOUNTS",
    "MAX_SQLITE_COLUMNS",
    "Compression",
    "ExportOptions",
    "Format",
    "Target",
    "find_target",
]

Format = Literal["parquet", "sqlite", "csv", "jsonl", "arrow"]
Compression = Literal["none", "gzip", "zstd"]

MAX_FLATTEN: Final = 8
MAX_COLUMNS: Final = 10_000
MAX_SQLITE_COLUMNS: Final = 1900  # SQLite takes 2,000 by default, some of which are not of records
MAX_SQLITE_AMOUNTS: Final = 90
_SUFFIXES: Final[dict[str, Format]] = {
    ".sqlite": "sqlite",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".arrow": "arrow",
    ".parquet": "parquet",
}
_COMPRESSIONS: Final[dict[str, Compression]] = {".gz": "gzip", ".zst": "zstd"}
_COMPRESSIBLE: Final = ("csv", "jsonl")
_EXPECTED: Final = (
    "a folder for Parquet, or a file that ends with .sqlite, .csv, .csv.gz, .jsonl, .jsonl.gz, .jsonl.zst or .arrow"
)


@attrs.frozen
class Target:
    """Where a table is written, and as what."""

    path: Path
    format: Format
    compression: Compression = "none"


@attrs.frozen(kw_only=True)
class ExportOptions:
    """What the columns of a table are. A table that grows must be written with the same options each time."""

    columns: tuple[str, ...] | None = None
    flatten: int = 1
    keep_record: bool = False
    amounts: tuple[str, ...] = ()
    max_columns: int = 256

    @classmethod
    def checked(
        cls,
        *,
        columns: Sequence[str] | None = None,
        flatten: int = 1,
        keep_record: bool = False,
        amounts: Sequence[str] = (),
        max_columns: int = 256,
    ) -> ExportOptions:
        """Return the options. Raises `ArgumentError` if one is wrong."""
        if check_int("flatten", flatten) > MAX_FLATTEN:
            raise wrong_argument("flatten", f"an integer up to {MAX_FLATTEN}", flatten)
        if check_int("max_columns", max_columns, minimum=1) > MAX_COLUMNS:
            raise wrong_argument("max_columns", f"an integer up to {MAX_COLUMNS}", max_columns)
        check_bool("keep_record", keep_record)
        names = None if columns is None else check_names("columns", columns)
        return cls(
            columns=names,
            flatten=flatten,
            keep_record=keep_record,
            amounts=check_names("amounts", amounts),
            max_columns=max_columns,
        )

    @property
    def roots(self) -> frozenset[str] | None:
        """The names at the top of records among which the wanted fields are, ``None`` for all."""
        if self.columns is None:
            return None
        return frozenset(name[:place] for name in self.columns for place in _ends(name))

    @property
    def most(self) -> int:
        """The number of columns that a table has room for. Columns that were asked for by name are all written."""
        return self.max_columns if self.columns is None else MAX_COLUMNS

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON values."""
        return {name: [*value] if isinstance(value, tuple) else value for name, value in attrs.asdict(self).items()}

    def check_same(self, other: dict[str, Any]) -> None:
        """Raise `ArgumentError` unless *other*, of the table that is to grow, are the same options."""
        for name, value in self.to_json().items():
            if other.get(name) != value:
                reason = f"the table was made with {name}={other.get(name)!r}; pass the same, or choose another dest"
                raise ArgumentError(name, reason)


def _ends(name: str) -> list[int]:
    return [len(name), *(place for place, sign in enumerate(name) if sign == ".")]


def find_target(dest: str | os.PathLike[str], form: Format | None, *, excel: bool) -> Target:
    """Return where and as what to write, by *form* or else by the suffix of *dest*.

    Raises:
        ArgumentError: *dest* is no path, or says nothing about the format; or *excel* is asked for another one.
    """
    check_local_path("dest", dest)
    check_bool("excel", excel)
    if form is not None:
        check_choice("format", form, Format)
    try:
        text = os.fspath(dest)
        path = Path(os.path.abspath(text))  # noqa: PTH100 -- `Path` would lose the sign at the end
    except (TypeError, ValueError) as error:
        raise wrong_argument("dest", "a path", dest) from error
    if not text or "\0" in text:
        raise wrong_argument("dest", "a path", dest)
    target = _target(path, form, is_folder=text.endswith(("/", os.sep)) or path.is_dir())
    if excel and target.format != "csv":
        raise ArgumentError("excel", f"expected a dest that ends with .csv or .csv.gz, got {short_repr(path.name)}")
    return target


def _target(path: Path, form: Format | None, *, is_folder: bool) -> Target:
    lower = path.name.lower()
    suffix = next((end for end in _SUFFIXES if lower.endswith(end)), None)
    if form is None:
        if suffix and not is_folder:
            form = _SUFFIXES[suffix]
        elif is_folder or not path.suffix:
            form = "parquet"
        else:
            raise wrong_argument("dest", _EXPECTED, path.name)
    compression = _COMPRESSIONS.get(path.suffix.lower(), "none") if form in _COMPRESSIBLE else "none"
    if form != "parquet" and is_folder:
        raise ArgumentError("dest", f"expected a file for {form}, got the folder {short_repr(str(path))}")
    if form == "parquet" and path.exists() and not path.is_dir():
        raise ArgumentError(
            "dest", f"expected a folder for Parquet, got the file {short_repr(str(path))}; choose another name"
        )
    return Target(path, form, compression)
