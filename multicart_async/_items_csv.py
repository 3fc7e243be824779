"""The CSV of a bulk import: looked at before it is sent, because the service drops what it does not recognise."""

from __future__ import annotations

import csv
import io
import os
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from multicart_async._arguments import MOST_ITEMS, check_local_path
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import AsinRow, SkuRow

__all__ = ["AMAZON", "OFFICEWORKS", "Given", "Layout", "csv_parts", "given_rows", "written"]

Row: TypeAlias = AsinRow | SkuRow
Given: TypeAlias = str | os.PathLike[str] | bytes | list[Row]
"""A path, the content of a CSV, or the rows of one."""


@attrs.frozen
class Layout:
    """The CSV of a supplier: its columns in their order, and the row that has a field for each."""

    supplier: str
    group: str
    columns: tuple[str, ...]
    row: type[Row]


AMAZON: Final = Layout("Amazon", "asins", ("domain", "customer_postcode", "asin", "include_raw_html"), AsinRow)
OFFICEWORKS: Final = Layout("Officeworks", "skus", ("sku", "customer_postcode", "store_id"), SkuRow)

_FLAGS = ("true", "false")


def given_rows(
    source: str | os.PathLike[str] | bytes | Iterable[object], layout: Layout, *, split: bool = False
) -> Given:
    """*source*, read to its end if it is an iterable of rows: without *split* no further than a CSV may be long."""
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if isinstance(source, str | bytes | os.PathLike):
        check_local_path("source", source)
        return source
    name = layout.row.__name__
    if not hasattr(source, "__iter__"):
        raise ArgumentError("source", f"wants a path, bytes or many {name}, not {type(source).__name__}")
    rows: list[Row] = []
    for number, row in enumerate(source, 1):
        if not isinstance(row, layout.row):
            wanted = f"{name}({', '.join(layout.columns)})"
            raise ArgumentError("source", f"row {number} is of type {type(row).__name__}; wants {wanted}")
        if number > MOST_ITEMS and not split:
            raise ArgumentError("source", f"has more than {_most()}")
        rows.append(row)
    return rows


def csv_parts(given: Given, layout: Layout, *, split: bool = False) -> list[bytes]:
    """The CSVs to send: *given* as it is, or with *split* in parts that are not too long. It blocks.

    Raises:
        ArgumentError: Header, columns or number of rows are not what the service takes.
        DiskError: The file cannot be read.
    """
    content = written(given, layout) if isinstance(given, list) else _read(given)
    try:
        return _parts(content, layout, split=split)
    except (UnicodeDecodeError, csv.Error) as error:
        wide = ": it is UTF-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else f": {error}"
        raise ArgumentError("source", f"is no CSV in UTF-8{wide}") from error


def written(rows: Iterable[Row], layout: Layout, *, header: bool = True) -> bytes:
    """*rows* as a CSV, as the documentation's example has it: a line feed ends a line, ``true`` is in lower case."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(layout.columns)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in layout.columns])
    return text.getvalue().encode()


def _cell(value: str | bool) -> str:  # noqa: FBT001 -- a value of either kind
    return value if isinstance(value, str) else str(value).lower()


def _read(source: str | os.PathLike[str] | bytes) -> bytes:
    """The content of a CSV without the byte order mark of spreadsheets, which would be a part of the header."""
    if isinstance(source, bytes):
        return source.removeprefix(BOM_UTF8)
    if isinstance(source, str) and "\n" in source:
        raise ArgumentError("source", "is a text, which is taken for a path; give the content of a CSV as bytes")
    try:
        return Path(source).read_bytes().removeprefix(BOM_UTF8)
    except (TypeError, ValueError) as error:
        raise ArgumentError("source", f"wants a path or bytes, not {source!r}") from error
    except OSError as error:
        raise DiskError(str(source), f"source: {error.strerror}", error.errno) from error


def _parts(content: bytes, layout: Layout, *, split: bool) -> list[bytes]:
    text = content.decode("utf-8")
    lines = io.StringIO(text, newline="")  # the reader takes whole lines, so where it stands a row has ended
    rows = csv.reader(lines, strict=True)
    header = tuple(next(rows, ()))
    if header != layout.columns:
        raise ArgumentError("source", _about_header(header, layout))
    starts = [lines.tell()]
    count, place = 0, lines.tell()
    for number, row in enumerate(rows, 2):
        if row:
            _check_row(number, row, layout)
            if count and count % MOST_ITEMS == 0:
                starts.append(place)
            count += 1
        place = lines.tell()
    if not count or (count > MOST_ITEMS and not split):
        raise ArgumentError("source", f"has {count} rows; wants 1 to {_most()}")
    head, ends = text[: starts[0]], [*starts[1:], len(text)]
    return [(head + text[start:end]).encode() for start, end in zip(starts, ends, strict=True)]


def _check_row(number: int, row: Sequence[str], layout: Layout) -> None:
    if len(row) != len(layout.columns):
        raise ArgumentError("source", f"row {number} has {len(row)} fields, not {len(layout.columns)}")
    if layout is AMAZON and row[-1] not in _FLAGS and row[-1].strip().lower() in _FLAGS:  # spreadsheets write TRUE
        raise ArgumentError("source", f"row {number} has {row[-1]!r}; wants {row[-1].strip().lower()}, in lower case")


def _most() -> str:
    return f"{MOST_ITEMS} rows in one call; with split=True there are several"


def _about_header(header: Sequence[str], layout: Layout) -> str:
    wanted = ",".join(layout.columns)
    start = ",".join(header)[:100]
    about = "; ".join(_faults(header, layout))
    return f"must begin with the header {wanted}, exactly; it begins with {start!r}{about and ': '}{about}"


def _faults(header: Sequence[str], layout: Layout) -> list[str]:
    """What is known to go wrong with a header."""
    faults: list[str] = []
    names = header
    for mark, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            names = header[0].split(mark)
            faults.append(f"it is separated by {called}, not by commas")
    bare = [name.strip() for name in names]
    small = [name.lower() for name in bare]
    other = OFFICEWORKS if layout is AMAZON else AMAZON
    if set(small) == set(other.columns):
        faults.append(f"these are the columns of an {other.supplier} CSV, for client.{other.group}")
        return faults
    if sorted(small) == sorted(layout.columns) and small != list(layout.columns):
        faults.append("the columns are in another order")
    if set(small) & set(layout.columns):
        faults += _spelling(names, bare, small, layout)
    return faults


def _spelling(names: Sequence[str], bare: list[str], small: list[str], layout: Layout) -> list[str]:
    faults: list[str] = []
    if bare != small:
        faults.append("names are written in lower case")
    if bare != list(names):
        faults.append("there must be no blank around a name")
    if missing := [name for name in layout.columns if name not in small]:
        faults.append(f"{', '.join(missing)} is missing")
    if surplus := [name for name in small if name not in layout.columns]:
        faults.append(f"{', '.join(surplus)[:100]} is not known")
    return faults
