"""The CSV of a bulk import: looked at before it is sent, because the service drops what it does not recognise."""

from __future__ import annotations

import csv
import io
import os
from codecs import BOM_UTF8
from pathlib import Path
from typing import Final

from multicart_async._arguments import MOST_ITEMS
from multicart_async.errors import ArgumentError, DiskError

__all__ = ["check_csv", "read_source"]

COLUMNS: Final = ("domain", "customer_postcode", "asin", "include_raw_html")
OFFICEWORKS: Final = ("sku", "customer_postcode", "store_id")


def read_source(source: str | os.PathLike[str] | bytes) -> bytes:
    """The content of a CSV, from a file or as it is, without the byte order mark of spreadsheets. It blocks."""
    if isinstance(source, bytes):
        return source.removeprefix(BOM_UTF8)  # the header must match exactly, and it would be a part of it
    try:
        return Path(source).read_bytes().removeprefix(BOM_UTF8)
    except (TypeError, ValueError) as error:
        raise ArgumentError("source", f"wants a path or bytes, not {type(source).__name__}") from error
    except OSError as error:
        raise DiskError(str(source), f"source: {error.strerror}", error.errno) from error


def check_csv(content: bytes) -> None:
    """Raises `ArgumentError` unless header, columns and number of rows are what the service takes."""
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        header = tuple(next(rows, ()))
        if header != COLUMNS:
            raise ArgumentError("source", _about_header(header))
        count = 0
        for number, row in enumerate(rows, 2):
            if row and len(row) != len(COLUMNS):
                raise ArgumentError("source", f"row {number} has {len(row)} fields, not {len(COLUMNS)}")
            count += bool(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError("source", f"is no CSV in UTF-8: {error}") from error
    if not 1 <= count <= MOST_ITEMS:
        raise ArgumentError("source", f"has {count} rows; wants 1 to {MOST_ITEMS} in one call")


def _about_header(header: tuple[str, ...]) -> str:
    wanted = ",".join(COLUMNS)
    if tuple(name.strip() for name in header) == OFFICEWORKS:
        return f"has the columns of an Officeworks CSV; an Amazon one has {wanted}"
    return f"must begin with the header {wanted}, exactly; it begins with {','.join(header)[:100]!r}"
