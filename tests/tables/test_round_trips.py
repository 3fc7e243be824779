"""Any records come back from each format as the rules of tables say, compared with an independent model of these rules."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import table_oracle as oracle
from support.table_kit import write_run

from multicart_async.tables import ExportReport, export

EXAMPLES = int(os.environ.get("MULTICART_EXAMPLES", "0"))  # how many, to search at length

MOMENT = "2026-06-01T12:30:00.000125+02:00"

# JSON texts. Of a repeated name the last one counts, as in `json.loads`.
KEYS = [
    *("asin", "ASIN", "Asin", "price", "brand", "brand.name", "brand_2", "page", "Page", "Number", "number_2", "_rest"),
    *("_REST", "_record", "", "_", "a\0", "\ud800", "\\ud800", "x,y", 'q"', "n\nl", "=1", "straße", "STRASSE"),
]
NUMBERS = [
    "0",
    "-0",
    "1",
    "7",
    "-0.0",
    "0.1",
    "1.0",
    "1e400",
    "-1e400",
    "NaN",
    "1E2",
    "5e-324",
    "1.7976931348623157e308",
]
LIMITS = [2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**70]
TEXTS = [
    "",
    "00123",
    "=1+1",
    "-5",
    "a,b",
    'a"b',
    "a\nb",
    "a\rb",
    "\r\n",
    "\0",
    "é",
    "\U0001f600",
    "\ud800",
    "\\ud800",
    "NaN",
]

scalars = st.sampled_from(["null", "true", "false", *NUMBERS, *map(str, LIMITS), *map(json.dumps, TEXTS)])


def object_text(members: list[tuple[str, str]]) -> str:
    """A JSON object, in which names may be repeated."""
    return "{" + ",".join(f"{json.dumps(name)}: {value}" for name, value in members) + "}"


def objects_of(values: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Objects of such values."""
    return st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=most).map(object_text)


many = st.integers(31, 34).map(lambda size: object_text([(f"m{number}", "1") for number in range(size)]))
lists = st.lists(scalars, max_size=3).map(lambda items: f"[{','.join(items)}]")
inner = st.one_of(scalars, lists, objects_of(scalars, 2))
nested = st.one_of(scalars, lists, objects_of(inner, 3), many)
# fields that are more often of one type than of any
typed = [
    st.sampled_from(["null", "true", "false"]),
    st.sampled_from(["null", "1", "-7", "9007199254740993"]),
    st.sampled_from(["null", "1", "0.5", "-0.0"]),
    objects_of(scalars, 3) | st.just("null"),
]
fields = st.one_of(
    st.tuples(st.sampled_from(KEYS), nested),
    *(st.tuples(st.just(f"f{number}"), values) for number, values in enumerate(typed)),
)
records = st.lists(fields, max_size=7).map(object_text)
pages = st.lists(st.lists(records | records | records | scalars | lists, max_size=5), max_size=4)


@attrs.frozen
class Table:
    """What a reader found: the names of the columns with their types, if it knows any, and the rows."""

    names: list[str]
    kinds: list[str]
    rows: list[list[Any]]


def from_arrow(table: pa.Table) -> Table:
    """An Arrow table."""
    return Table(
        table.column_names, [str(kind) for kind in table.schema.types], [[*row.values()] for row in _rows(table)]
    )


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    columns = [column.to_pylist() for column in table.columns]
    return [dict(enumerate(row)) for row in zip(*columns, strict=True)]  # type: ignore[misc]


def read_parquet(path: Path) -> Table:
    """A folder of Parquet files, by pyarrow."""
    return from_arrow(pa.concat_tables(pa.parquet.read_table(part) for part in sorted(path.glob("*.parquet"))))


def read_arrow(path: Path) -> Table:
    """An Arrow file, by pyarrow."""
    with pa.memory_map(str(path)) as file:
        return from_arrow(pa.ipc.open_file(file).read_all())


def read_sqlite(path: Path) -> Table:
    """A database, by sqlite3."""
    database = sqlite3.connect(path)
    kinds = [kind for (kind,) in database.execute("SELECT type FROM pragma_table_info('history')")]
    cursor = database.execute("SELECT * FROM history ORDER BY page, number")
    table = Table([column[0] for column in cursor.description], kinds, [[*row] for row in cursor])
    database.close()
    return table


def read_csv(path: Path) -> Table:
    """A CSV file, by csv."""
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    return Table(names, [], rows)


ARROW_KINDS = {"bool": "bool", "int64": "int64", "double": "double"}
SQL_KINDS = {"bool": "INTEGER", "int64": "INTEGER", "double": "REAL"}
FIRST_ARROW = ["int64", "int64", "timestamp[us, tz=UTC]", "int64", "int64"]


def arrow_cell(cell: Any, _: str) -> str:
    """A cell, by type and exact value."""
    return repr(cell)


def sql_cell(cell: Any, _: str) -> str:
    """SQLite has no booleans and no negative zero."""
    return repr(int(cell)) if isinstance(cell, bool) else repr(cell + 0.0 if isinstance(cell, float) else cell)


def csv_cell(cell: Any, kind: str) -> str:
    """CSV has text alone."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if kind == "double" and cell not in {None, ""}:
        return repr(float(cell))
    return "" if cell is None else str(cell)


@attrs.frozen
class Format:
    """A format: its file, its reader, and how it shows a cell."""

    name: str
    read: Callable[[Path], Table]
    cell: Callable[[Any, str], str]
    kinds: dict[str, str] | None = None
    first: Sequence[str] = ()
    text: str = ""


FORMATS = [
    Format("out", read_parquet, arrow_cell, ARROW_KINDS, FIRST_ARROW, "string"),
    Format("out.arrow", read_arrow, arrow_cell, ARROW_KINDS, FIRST_ARROW, "string"),
    Format(
        "out.sqlite", read_sqlite, sql_cell, SQL_KINDS, ["INTEGER", "INTEGER", "TEXT", "INTEGER", "INTEGER"], "TEXT"
    ),
    Format("out.csv", read_csv, csv_cell),
]


def check_table(form: Format, table: Table, expected: oracle.Expected, places: list[tuple[int, int]]) -> None:
    """Compare a table with what it has to be."""
    own = [*expected.kinds]
    assert table.names == [*oracle.FIRST, *own, *(["_rest"] if expected.has_rest else []), "_record"]
    if form.kinds is not None:
        kinds = [form.kinds.get(kind, form.text) for kind in expected.kinds.values()]
        others = [form.text] * (len(table.names) - 5 - len(own))
        assert table.kinds == [*form.first, *kinds, *others]
    assert len(table.rows) == len(places)
    for row, cells, place in zip(table.rows, expected.rows, places, strict=True):
        found = dict(zip(own, row[5 : 5 + len(own)], strict=True))
        assert [*map(form.cell, found.values(), expected.kinds.values())] == [
            *map(form.cell, cells, expected.kinds.values())
        ]
        assert [*map(str, (*row[:2], *row[3:5]))] == ["101", "88", *map(str, place)]
        moment = str(row[2]).replace(" ", "T")
        assert moment == "2026-06-01T10:30:00.000125+00:00"
    for row, rest in zip(table.rows, expected.rest, strict=True):
        if expected.has_rest:
            text = row[5 + len(own)] or None
            assert text == (None if rest is oracle.NOTHING else oracle.text_of([rest])[1:-1])


def check_report(form: Format, report: ExportReport, path: Path, expected: oracle.Expected) -> None:
    """Compare the report with what was written."""
    assert (report.rows, report.runs, report.skipped, report.replaced) == (len(expected.rows), 1, 0, 0)
    assert report.columns == expected.mapping
    assert report.rest == expected.rest_count
    files = [*path.glob("*.parquet")] if path.is_dir() else [path]
    assert (report.parts, report.bytes) == (len(files), sum(file.stat().st_size for file in files)), form.name


def check_lines(path: Path, values: list[Any], places: list[tuple[int, int]]) -> None:
    """Compare JSON Lines with the records."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    expected = [
        {
            **dict(zip(oracle.FIRST, (101, 88, "2026-06-01T10:30:00.000125+00:00", *place), strict=True)),
            **line,
            "_record": oracle.text_of([value])[1:-1],
        }
        for place, line, value in zip(places, oracle.expected_lines(values), values, strict=True)
    ]
    assert [json.dumps(line) for line in lines] == [json.dumps(line) for line in expected]


def check_round_trip(texts: list[list[str]], flatten: int, most: int) -> None:
    """Write pages of these JSON texts as a mirror, export it to each format, and compare what its reader finds."""
    folder = Path(mkdtemp(prefix="multicart-round-trip-"))
    try:
        contents = [f"[{', '.join(page)}]".encode() for page in texts]
        write_run(folder / "mirror", 101, 88, contents, updated_at=MOMENT)
        values = [value for content in contents for value in json.loads(content)]
        places = [(page, row + 1) for page, content in enumerate(texts, 1) for row in range(len(content))]
        expected = oracle.expect(values, flatten=flatten, most=most)

        async def exported(name: str) -> ExportReport:
            options: dict[str, Any] = {"flatten": flatten, "max_columns": most, "keep_record": True}
            return await export(folder / "mirror", folder / name, **options)

        for form in FORMATS:
            report = asyncio.run(exported(form.name))
            check_report(form, report, folder / form.name, expected)
            if values or form.name != "out":  # no rows, no part
                check_table(form, form.read(folder / form.name), expected, places)
        asyncio.run(exported("out.jsonl"))
        check_lines(folder / "out.jsonl", values, places)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=EXAMPLES or 12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pages, st.sampled_from([0, 1, 2]), st.sampled_from([1, 2, 3, 5, 256]))
@example([['{"a": 1}'], ['{"a": "x", "b": {"c": 1}}', '{"b": {"c": 2, "d": {}}}'], [], ["5"]], 1, 256)
@example([['{"a": {"b": 1}, "c": {}}', '{"c": {"d": 1}, "e": 1}', '{"a": {"x": 2}}']], 1, 2)
@pytest.mark.filterwarnings("error")
def test_any_records_come_back_from_each_format(texts: list[list[str]], flatten: int, most: int) -> None:
    """Nothing is lost: the cells, their types, what has no column, and the report are as the rules say."""
    check_round_trip(texts, flatten, most)
