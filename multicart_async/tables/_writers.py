"""The writer of each format."""

from __future__ import annotations

from multicart_async._core.validation import wrong_argument
from multicart_async.errors import ArgumentError
from multicart_async.tables._options import MAX_SQLITE_AMOUNTS, MAX_SQLITE_COLUMNS, ExportOptions, Target
from multicart_async.tables._writer import TableWriter

__all__ = ["make_writer"]


def make_writer(target: Target, options: ExportOptions, *, excel: bool) -> TableWriter:
    """Return the writer for *target*. What it needs is imported only now.

    Raises:
        ArgumentError: Its format needs a package that is missing, or has no room for so many columns.
    """
    if target.format == "parquet":
        from multicart_async.tables._parquet_writer import ParquetWriter  # noqa: PLC0415

        return ParquetWriter(target)
    if target.format == "sqlite":
        from multicart_async.tables._sqlite_writer import SqliteWriter  # noqa: PLC0415

        _check_sqlite(options)
        return SqliteWriter(target)
    if target.format == "csv":
        from multicart_async.tables._csv_writer import CsvWriter  # noqa: PLC0415

        return CsvWriter(target, excel=excel)
    if target.format == "jsonl":
        from multicart_async.tables._jsonl_writer import JsonLinesWriter  # noqa: PLC0415

        return JsonLinesWriter(target, options)
    from multicart_async.tables._ipc_writer import ArrowFileWriter  # noqa: PLC0415

    return ArrowFileWriter(target)


def _check_sqlite(options: ExportOptions) -> None:
    if options.max_columns > MAX_SQLITE_COLUMNS:
        raise wrong_argument("max_columns", f"at most {MAX_SQLITE_COLUMNS} for SQLite", options.max_columns)
    for argument, names, most in (
        ("columns", options.columns or (), MAX_SQLITE_COLUMNS),
        ("amounts", options.amounts, MAX_SQLITE_AMOUNTS),
    ):
        if len(names) > most:
            raise ArgumentError(argument, f"expected at most {most} names for SQLite, got {len(names)}")
