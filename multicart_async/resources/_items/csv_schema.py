"""The CSV of a bulk import, checked before it is sent because the service ignores what it does not recognise."""

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
    """The CSV of a supplier: its columns in order, and the row class with a field for each."""

    group: str
    columns: tuple[str, ...]
    row: type[Row]


@attrs.frozen
class CsvParts:
    """CSVs to send, and the number of rows with only commas and whitespace that were left out of them."""

    contents: list[bytes]
    blank_rows: int


AMAZON: Final = CsvSchema("asins", ("domain", "customer_postcode", "asin", "include_raw_html"), AsinRow)
OFFICEWORKS: Final = CsvSchema("skus", ("sku", "customer_postcode", "store_id"), SkuRow)

_FLAGS = ("true", "false")
_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def collect_rows(
    source: str | os.PathLike[str] | bytes | Iterable[object], schema: CsvSchema, *, split: bool = False
) -> CsvSource:
    """Return *source*, read to its end if it is an iterable of rows; without *split*, up to the limit of one CSV."""
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if isinstance(source, str | bytes | os.PathLike):
        check_local_path("source", source)
        return source
    name = schema.row.__name__
    if not hasattr(source, "__iter__"):
        raise wrong_argument("source", f"a path, bytes or an iterable of {name}", source)
    rows: list[Row] = []
    for number, row in enumerate(source, 1):
        if not isinstance(row, schema.row):
            raise wrong_argument("source", f"{name}({', '.join(schema.columns)}) as row {number}", row)
        if number > MAX_ITEMS and not split:
            raise ArgumentError("source", f"expected at most {_limit()}, got more")
        rows.append(row)
    return rows


def prepare_csv(csv_source: CsvSource, schema: CsvSchema, *, split: bool = False) -> CsvParts:
    """Return the CSVs to send: the source unchanged, or with *split* in parts within the limit. It blocks.

    Rows of only commas and whitespace, which spreadsheets leave at the end, are left out; all other bytes are
    unchanged.

    Raises:
        ArgumentError: Header, columns or number of rows are not as the service expects.
        DiskError: The file cannot be read.
    """
    content = rows_to_csv(csv_source, schema) if isinstance(csv_source, list) else _read(csv_source)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        found = "UTF-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else f"another encoding ({error})"
        reason = f'expected a CSV in UTF-8, got {found}; in Excel, save it as "CSV UTF-8"'
        raise ArgumentError("source", reason) from error
    return _parts(text, schema, split=split)


def rows_to_csv(rows: Iterable[Row], schema: CsvSchema, *, header: bool = True) -> bytes:
    """Return *rows* as a CSV in the documented format: lines end with a line feed, and booleans are in lower case."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(schema.columns)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in schema.columns])
    return text.getvalue().encode()


def _cell(value: str | bool) -> str:  # noqa: FBT001 -- a value of either type
    return value if isinstance(value, str) else str(value).lower()


def _read(source: str | os.PathLike[str] | bytes) -> bytes:
    """Read a CSV without the byte order mark of spreadsheets, which would become part of the header."""
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


def _parts(content: str, schema: CsvSchema, *, split: bool) -> CsvParts:
    head = ""
    parts: list[list[str]] = []
    rows = blank_rows = 0
    for number, row, text in _rows(content):
        if row and not any(cell.strip() for cell in row):
            blank_rows += 1
        elif not head:
            _check_header(number, row, schema)
            head = text
            parts.append([head])
        else:
            if row:
                _check_row(number, row, schema)
                if rows and rows % MAX_ITEMS == 0:
                    parts.append([head])
                rows += 1
            parts[-1].append(text)
    if not head:
        _check_header(1, (), schema)
    if not rows or (rows > MAX_ITEMS and not split):
        raise ArgumentError("source", f"expected 1 to {_limit()}, got {rows}")
    return CsvParts(["".join(part).encode() for part in parts], blank_rows)


def _rows(content: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield each row: its number from 1, its cells, and the string that they were read from."""
    lines = io.StringIO(content, newline="")  # the reader takes complete lines, so its position is the end of a row
    reader = csv.reader(lines, strict=True)
    number = 0
    while True:
        number, start = number + 1, lines.tell()
        try:
            row = next(reader, None)
        except csv.Error as error:
            advice = "check for an unclosed quotation mark, or one inside a cell"
            raise _row_error(number, f"the row cannot be read as CSV ({error}); {advice}") from error
        if row is None:
            return
        yield number, row, content[start : lines.tell()]


def _check_header(number: int, header: Sequence[str], schema: CsvSchema) -> None:
    if tuple(header) == schema.columns:
        return
    text = ",".join(header)
    if text.lower().startswith("sep="):
        what = "which only spreadsheets interpret; delete this line in a text editor"
        raise _row_error(number, f"expected the header, got {short_repr(text)}, {what}")
    if _has_empty_columns(header, schema):
        raise _row_error(number, _empty_columns(header, schema))
    reason = f"expected exactly the header {','.join(schema.columns)}, got {short_repr(text)}"
    found = [called for sign, called in _DELIMITERS.items() if sign in text and len(header) == 1]
    if found:
        where = "Excel uses the list separator of the system's regional settings"
        reason += f"; its columns are separated by {found[0]}: save it again with commas ({where})"
    raise _row_error(number, reason)


def _check_row(number: int, row: Sequence[str], schema: CsvSchema) -> None:
    if _has_empty_columns(row, schema):
        raise _row_error(number, _empty_columns(row, schema))
    if len(row) != len(schema.columns):
        raise _row_error(number, f"expected {len(schema.columns)} columns, got {len(row)}; correct the row")
    for column, cell in zip(schema.columns, row, strict=True):
        text = cell.strip()
        if is_rewritten(text) or (column == "customer_postcode" and is_decimal(text)):
            advice = "a spreadsheet has converted it to a number: format the column as text and enter it again in full"
            raise _row_error(number, f"expected {column} as text, got {short_repr(cell)}; {advice}")
    flag = row[-1].strip().lower()
    if schema is AMAZON and row[-1] not in _FLAGS and flag in _FLAGS:  # spreadsheets write TRUE
        advice = "in a spreadsheet, format the column as text and enter it again"
        raise _row_error(number, f"expected {flag} in lower case, got {short_repr(row[-1])}; {advice}")


def _has_empty_columns(row: Sequence[str], schema: CsvSchema) -> bool:
    surplus = row[len(schema.columns) :]
    return bool(surplus) and not any(cell.strip() for cell in surplus)


def _empty_columns(row: Sequence[str], schema: CsvSchema) -> str:
    advice = f"in the spreadsheet, delete all columns to the right of {schema.columns[-1]}"
    return f"expected {len(schema.columns)} columns, got {len(row)}, the last ones empty; {advice}"


def _row_error(number: int, reason: str) -> ArgumentError:
    return ArgumentError("source", f"row {number}: {reason}")


def _limit() -> str:
    return f"{MAX_ITEMS} rows per call (pass split=True for several calls)"
