"""The CSV of a bulk import: looked at before it is sent, because the service drops what it does not recognise."""

from __future__ import annotations

import csv
import io
import os
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from multicart_async._core.regular_file import MAX_FILE_BYTES, open_regular, read_whole
from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import MAX_ITEMS, check_local_path, is_decimal, is_rewritten, wrong_argument
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import AsinRow, SkuRow

__all__ = ["AMAZON", "OFFICEWORKS", "CsvParts", "CsvSchema", "CsvSource", "collect_rows", "prepare_csv", "rows_to_csv"]

Row: TypeAlias = AsinRow | SkuRow
CsvSource: TypeAlias = str | os.PathLike[str] | bytes | list[Row]
"""A path, the content of a CSV, or the rows of one."""


@attrs.frozen
class CsvSchema:
    """The CSV of a supplier: its columns in their order, and the row that has a field for each."""

    group: str
    columns: tuple[str, ...]
    row: type[Row]


@attrs.frozen
class CsvParts:
    """CSVs to send, and the number of rows of commas and blanks alone that were left out of them."""

    contents: list[bytes]
    blank_rows: int


AMAZON: Final = CsvSchema("asins", ("domain", "customer_postcode", "asin", "include_raw_html"), AsinRow)
OFFICEWORKS: Final = CsvSchema("skus", ("sku", "customer_postcode", "store_id"), SkuRow)

_FLAGS = ("true", "false")
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def collect_rows(
    source: str | os.PathLike[str] | bytes | Iterable[object], layout: CsvSchema, *, split: bool = False
) -> CsvSource:
    """*source*, read to its end if it is an iterable of rows: without *split* no further than a CSV may be long."""
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if isinstance(source, str | bytes | os.PathLike):
        check_local_path("source", source)
        return source
    name = layout.row.__name__
    if not hasattr(source, "__iter__"):
        raise wrong_argument("source", f"a path, bytes or several {name}", source)
    rows: list[Row] = []
    for number, row in enumerate(source, 1):
        if not isinstance(row, layout.row):
            raise wrong_argument("source", f"{name}({', '.join(layout.columns)}) as row {number}", row)
        if number > MAX_ITEMS and not split:
            raise ArgumentError("source", f"expected {_most()}, got more")
        rows.append(row)
    return rows


def prepare_csv(given: CsvSource, layout: CsvSchema, *, split: bool = False) -> CsvParts:
    """Return the CSVs to send: *given* as it is, or with *split* in parts that are not too long. It blocks.

    Rows of commas and blanks alone, which spreadsheets leave at the end, are left out; every other byte is kept.

    Raises:
        ArgumentError: Header, columns or number of rows are not what the service takes.
        DiskError: The file cannot be read.
    """
    content = rows_to_csv(given, layout) if isinstance(given, list) else _read(given)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        found = "UTF-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else f"another encoding ({error})"
        reason = f'expected a CSV in UTF-8, got {found}; in Excel, save it as "CSV UTF-8"'
        raise ArgumentError("source", reason) from error
    return _parts(text, layout, split=split)


def rows_to_csv(rows: Iterable[Row], layout: CsvSchema, *, header: bool = True) -> bytes:
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
    """Read a CSV without the byte order mark of spreadsheets, which would be a part of the header."""
    if isinstance(source, bytes):
        return source.removeprefix(BOM_UTF8)
    if isinstance(source, str) and "\n" in source:
        raise wrong_argument("source", "a path, or the content of a CSV as bytes", source)
    try:
        return read_whole(open_regular(source, max_bytes=MAX_FILE_BYTES, links=True)).removeprefix(BOM_UTF8)
    except (TypeError, ValueError) as error:
        raise wrong_argument("source", "a path or bytes", source) from error
    except OSError as error:
        raise DiskError(str(source), f"source: {error.strerror}", error.errno) from error


def _parts(content: str, layout: CsvSchema, *, split: bool) -> CsvParts:
    head = ""
    parts: list[list[str]] = []
    rows = blank_rows = 0
    for number, row, text in _rows(content):
        if row and not any(cell.strip() for cell in row):
            blank_rows += 1
        elif not head:
            _check_header(number, row, layout)
            head = text
            parts.append([head])
        else:
            if row:
                _check_row(number, row, layout)
                if rows and rows % MAX_ITEMS == 0:
                    parts.append([head])
                rows += 1
            parts[-1].append(text)
    if not head:
        _check_header(1, (), layout)
    if not rows or (rows > MAX_ITEMS and not split):
        raise ArgumentError("source", f"expected 1 to {_most()}, got {rows}")
    return CsvParts(["".join(part).encode() for part in parts], blank_rows)


def _rows(content: str) -> Iterator[tuple[int, list[str], str]]:
    """Each row: its number from 1, its cells, and the text that they were read from."""
    lines = io.StringIO(content, newline="")  # the reader takes whole lines, so where it stands a row has ended
    reader = csv.reader(lines, strict=True)
    number = 0
    while True:
        number, start = number + 1, lines.tell()
        try:
            row = next(reader, None)
        except csv.Error as error:
            cure = "look for a quotation mark that is not closed, or that stands inside of a cell"
            raise _unfit(number, f"the row cannot be read as CSV ({error}); {cure}") from error
        if row is None:
            return
        yield number, row, content[start : lines.tell()]


def _check_header(number: int, header: Sequence[str], layout: CsvSchema) -> None:
    if tuple(header) == layout.columns:
        return
    text = ",".join(header)
    if text.lower().startswith("sep="):
        what = "which only spreadsheets understand; delete this line in a text editor"
        raise _unfit(number, f"expected the header, got {short_repr(text)}, {what}")
    if _has_empty_columns(header, layout):
        raise _unfit(number, _empty_columns(header, layout))
    reason = f"expected the header {','.join(layout.columns)}, exactly, got {short_repr(text)}"
    found = [called for sign, called in _DELIMITERS.items() if sign in text and len(header) == 1]
    if found:
        where = "Excel takes the list separator of the system's regional settings"
        reason += f"; its columns are separated by {found[0]}: save it again, separated by commas ({where})"
    raise _unfit(number, reason)


def _check_row(number: int, row: Sequence[str], layout: CsvSchema) -> None:
    if _has_empty_columns(row, layout):
        raise _unfit(number, _empty_columns(row, layout))
    if len(row) != len(layout.columns):
        raise _unfit(number, f"expected {len(layout.columns)} columns, got {len(row)}")
    for column, cell in zip(layout.columns, row, strict=True):
        text = cell.strip()
        if is_rewritten(text) or (column == "customer_postcode" and is_decimal(text)):
            cure = "a spreadsheet has turned it into a number: format the column as text, and enter it again in full"
            raise _unfit(number, f"expected {column} as text, got {short_repr(cell)}; {cure}")
    flag = row[-1].strip().lower()
    if layout is AMAZON and row[-1] not in _FLAGS and flag in _FLAGS:  # spreadsheets write TRUE
        cure = "in a spreadsheet, format the column as text, and enter it again"
        raise _unfit(number, f"expected {flag}, in lower case, got {short_repr(row[-1])}; {cure}")


def _has_empty_columns(row: Sequence[str], layout: CsvSchema) -> bool:
    surplus = row[len(layout.columns) :]
    return bool(surplus) and not any(cell.strip() for cell in surplus)


def _empty_columns(row: Sequence[str], layout: CsvSchema) -> str:
    cure = f"in the spreadsheet, delete all columns to the right of {layout.columns[-1]}"
    return f"expected {len(layout.columns)} columns, got {len(row)}, the last of them empty; {cure}"


def _unfit(number: int, reason: str) -> ArgumentError:
    return ArgumentError("source", f"row {number}: {reason}")


def _most() -> str:
    return f"{MAX_ITEMS} rows in one call (split=True makes several calls)"
