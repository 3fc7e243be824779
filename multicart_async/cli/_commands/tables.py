"""``multicart export``, ``changes`` and ``report``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import click

from multicart_async._core.text import as_line
from multicart_async.cli._call import Call
from multicart_async.cli._command import command
from multicart_async.cli._flag_option import option
from multicart_async.cli._numbers import ID
from multicart_async.cli._parameters import COLLECTION_ID
from multicart_async.cli._view import View

if TYPE_CHECKING:
    from multicart_async.tables import Change, ExportReport, ReportSummary

__all__ = ["changes", "export", "report"]

_EXPORT = View(("rows", "runs", "skipped", "replaced", "rest", "parts", "bytes"), None, "")
_REPORT = View(("ok", "file", "collections", "runs", "failed", "bytes"), None, "")
_CHANGE = View(("kind", "key", "field", "old", "new"), "key", "changes")


@command(None, "export", example="multicart export mirror prices --amount price", view=_EXPORT, offline=True)
@click.argument("mirror", metavar="MIRROR")
@click.argument("dest", metavar="DEST")
@option(
    "--format",
    "form",
    type=click.Choice(["parquet", "sqlite", "csv", "jsonl", "arrow"]),
    help="The format, if the name of DEST does not tell it.",
)
@option("--collection", "collections", type=ID, multiple=True, metavar="ID", help="Only this collection. Repeatable.")
@option(
    "--runs",
    type=click.Choice(["new", "latest", "all"]),
    default="new",
    show_default=True,
    help="All runs that DEST lacks, or only the newest of each collection.",
)
@option("--column", "columns", multiple=True, metavar="FIELD", help="Only this field of the records. Repeatable.")
@option(
    "--flatten",
    type=click.IntRange(0, 8),
    default=1,
    show_default=True,
    metavar="N",
    help="Levels of objects with columns.",
)
@option("--keep-record", is_flag=True, help="Add each record as JSON.")
@option(
    "--amount", "amounts", multiple=True, metavar="FIELD", help="Add the amount of a price as a number. Repeatable."
)
@option(
    "--max-columns",
    type=click.IntRange(1, 10_000),
    default=256,
    show_default=True,
    metavar="N",
    help="Other fields go to _rest.",
)
@option("--excel", is_flag=True, help="CSV for spreadsheets: with a BOM, and without formulas.")
async def export(
    call: Call,
    *,
    mirror: str,
    dest: str,
    form: Any,
    collections: tuple[int, ...],
    runs: Any,
    columns: tuple[str, ...],
    flatten: int,
    keep_record: bool,
    amounts: tuple[str, ...],
    max_columns: int,
    excel: bool,
) -> ExportReport | None:
    """Write the records of a mirror as a table.

    DEST is a folder for Parquet, or a file that ends with .sqlite, .csv, .csv.gz, .jsonl, .jsonl.gz, .jsonl.zst or .arrow.
    A Parquet folder and a database grow: only runs that they lack are read. Other files are written again. Parquet, Arrow
    and .zst need pyarrow: pip install 'multicart-async[parquet]'. Nothing is sent.
    """
    from multicart_async.tables import export as write_table  # noqa: PLC0415 -- not for help and completion

    if call.planned(f"the records of {mirror} would be written to {dest}"):
        return None
    async with call.progress_shown():
        return await write_table(
            mirror,
            dest,
            format=form,
            collections=collections or None,
            runs=runs,
            columns=columns or None,
            flatten=flatten,
            keep_record=keep_record,
            amounts=amounts,
            max_columns=max_columns,
            excel=excel,
            on_event=call.on_event,
        )


@command(None, "changes", example="multicart changes mirror 101 --field price", view=_CHANGE, offline=True)
@click.argument("mirror", metavar="MIRROR")
@COLLECTION_ID
@click.argument("old", type=ID, required=False)
@click.argument("new", type=ID, required=False)
@option("--key", multiple=True, metavar="FIELD", help="The field that identifies a record. Default: asin. Repeatable.")
@option("--field", "fields", multiple=True, metavar="FIELD", help="Compare this field instead of all. Repeatable.")
async def changes(
    call: Call,  # noqa: ARG001 -- each command has one
    *,
    mirror: str,
    collection_id: int,
    old: int | None,
    new: int | None,
    key: tuple[str, ...],
    fields: tuple[str, ...],
) -> AsyncGenerator[Change, None]:
    """Show what differs between two runs of a mirror.

    They are the two newest runs of the collection, or OLD and NEW. There is a line for each record that was added or
    removed, and for each field that has changed. Prices are compared as amounts: $1,049.99 and $1049.99 are equal. With
    several --key, all of them together identify a record. -q prints the key of each change. Nothing is sent.
    """
    from multicart_async.tables import changes as find_changes  # noqa: PLC0415 -- not for help and completion

    names = key[0] if len(key) == 1 else key or "asin"
    return find_changes(mirror, collection_id, old=old, new=new, key=names, fields=fields or None)


@command(None, "report", example="multicart report mirror -o report.html", view=_REPORT, offline=True)
@click.argument("mirror", metavar="MIRROR")
@option("-o", "--output", metavar="FILE", required=True, help="The HTML file; an existing one is replaced.")
@option("--collection", "collections", type=ID, multiple=True, metavar="ID", help="Only this collection. Repeatable.")
@option(
    "--runs",
    type=click.IntRange(min=2),
    default=30,
    show_default=True,
    metavar="N",
    help="How many of the newest runs the price history of each collection has.",
)
async def report(
    call: Call, *, mirror: str, output: str, collections: tuple[int, ...], runs: int
) -> dict[str, Any] | None:
    """Write what changed between the last two runs of each collection as an HTML file.

    FILE also has what was mirrored, what failed, and the price history. It needs no script, no other file and no
    network. Nothing is sent. A run that cannot be read does not stop the report: it is named there and on stderr, and
    the exit status is 1.
    """
    from multicart_async import tables  # noqa: PLC0415 -- not for help and completion

    if call.planned(f"a report on {mirror} would be written to {output}"):
        return None
    return explain_report(await tables.report(mirror, output, collections=collections or None, runs=runs), call)


def explain_report(summary: ReportSummary, call: Call) -> dict[str, Any]:
    """Say what is not in the report, and what differs, and return the row of its summary."""
    for failure in summary.failures:
        call.messages.error(str(failure))
    for difference in summary.differences:
        call.messages.warn(as_line(str(difference)))
    call.not_ok = not summary.ok
    return {**summary.to_dict(), "failed": len(summary.failures)}
