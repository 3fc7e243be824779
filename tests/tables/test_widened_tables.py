"""Tables whose columns widen: a table that grew run by run has what one of all runs has."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.growing_tables import FORMATS, Runs, mirror_of, rows_of, snapshot

from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables import export

EXAMPLES = int(os.environ.get("MULTICART_EXAMPLES", "0"))
LARGE = {f"m{number}": number for number in range(33)}


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Any:
    """Parts and row groups are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_writer, "PART_ROWS", 2)
        patch.setattr(parquet_writer, "GROUP_BYTES", 300)
        patch.setattr(parquet_writer, "CAST_ROWS", 1)
        yield


async def grown(table: Path, *values: Any, **options: Any) -> list[dict[str, Any]]:
    """The rows of a table to which one run after another was added, each with one record."""
    runs: Runs = {}
    for run_id, value in enumerate(values, 1):
        runs = {**runs, (101, run_id): [value]}
        await export(mirror_of(runs), table, **options)
    return rows_of(table)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ((None, True), (None, True)),
        ((None, 5), (None, 5)),
        ((None, 2.5), (None, 2.5)),
        ((None, "x"), (None, "x")),
        ((None, {"a": 1}, "x"), (None, '{"a":1}', "x")),
        ((True, None, "x"), ("true", None, "x")),
        ((False, 0), ("false", "0")),
        ((1, None, 2.5), (1.0, None, 2.5)),
        ((1, "x"), ("1", "x")),
        ((2**53 + 1, 2.5), ("9007199254740993", "2.5")),
        ((2**63, 1), ("9223372036854775808", "1")),
        ((2.5, None, "x"), ("2.5", None, "x")),
        ((1, 2.5, "x"), ("1.0", "2.5", "x")),
        (({"a": 1}, None, "x"), ('{"a":1}', None, "x")),
        (({"a": True, "b": None, "c": "t", "d": [1]}, {"e": 1}, []), ('{"a":true,"c":"t","d":[1]}', '{"e":1}', "[]")),
        (({}, {"a": {"b": 1}}, {}, "x"), ("{}", '{"a":{"b":1}}', "{}", "x")),
        (({"a": 1}, LARGE), ('{"a":1}', json.dumps(LARGE, separators=(",", ":")))),
        (({"a": {}}, {"a": None}, 1), ('{"a":{}}', None, "1")),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_cells_are_cast(values: tuple[Any, ...], cells: tuple[Any, ...], name: str, tmp_path: Path) -> None:
    """Each cell becomes what the wider column would have held; nulls within an object are lost."""
    rows = await grown(tmp_path / name, *({"v": value} for value in values))

    assert [row["v"] for row in rows] == [*cells]


@pytest.mark.parametrize("name", FORMATS)
async def test_inner_objects_are_put_together(name: str, tmp_path: Path) -> None:
    """So are objects in objects, with their empty ones; a member that saw strings and others is taken as a string."""
    first = {"v": {"a": {"b": "1", "c": {}}, "d": {}}}
    rows = await grown(tmp_path / name, first, {"v": {"a": {"b": 1, "c": {"e": 2}}}}, {"v": 3}, flatten=3)

    assert [row["v"] for row in rows] == ['{"a":{"b":"1","c":{}},"d":{}}', '{"a":{"b":"1","c":{"e":2}}}', "3"]


@pytest.mark.parametrize("name", FORMATS)
async def test_empty_objects_get_a_column_later(name: str, tmp_path: Path) -> None:
    """The object has a column beside those of its members from the first empty one on."""
    rows = await grown(tmp_path / name, {"v": {"a": 1}}, {"v": {}}, {"v": {"a": 2}})

    assert [(row["v"], row["v.a"]) for row in rows] == [(None, 1), ("{}", None), (None, 2)]


@pytest.mark.parametrize("name", FORMATS)
async def test_a_name_can_pass_to_another_field(name: str, tmp_path: Path) -> None:
    """A field whose name has a point takes the column name of a member that is gone, and none of its cells."""
    rows = await grown(tmp_path / name, {"v": {"a": "x"}}, {"v": {}}, {"v": 1, "v.a": "y"})

    assert [(row["v"], row["v.a"]) for row in rows] == [('{"a":"x"}', None), ("{}", None), ("1", "y")]


@pytest.mark.parametrize("name", FORMATS)
async def test_a_full_table_gets_a_rest(name: str, tmp_path: Path) -> None:
    """What has no room stands in ``_rest``, with the other columns behind the new ones."""
    records = ({"a": 1}, {"a": 2, "b": 3, "c": 4}, {"c": "x", "a": None}, "odd")
    rows = await grown(tmp_path / name, *records, max_columns=2, keep_record=True, amounts=["a"])

    assert [(row["a"], row["b"], row["_rest"]) for row in rows] == [
        (1, None, None),
        (2, 3, '{"c":4}'),
        (None, None, '{"c":"x"}'),
        (None, None, '"odd"'),
    ]
    assert [row["_record"] for row in rows] == ['{"a":1}', '{"a":2,"b":3,"c":4}', '{"c":"x","a":null}', '"odd"']
    assert [None if row["a_amount"] is None else int(row["a_amount"]) for row in rows] == [1, 2, None, None]


async def test_reports_name_the_widened_columns(tmp_path: Path) -> None:
    """Columns whose type has changed, or that are gone; a new one is none of them."""
    before: Runs = {(101, 1): [{"a": 1, "b": 1, "o": {"x": 1}}]}
    for name in FORMATS:
        await export(mirror_of(before), tmp_path / name)
        report = await export(mirror_of({**before, (101, 2): [{"a": "x", "o": 5, "new": 1}]}), tmp_path / name)

        assert report.widened == ("a", "o.x")
        assert report.columns == {"a": "a", "b": "b", "o": "o", "new": "new"}
        assert report.rows == 1


async def test_text_in_an_empty_column_rewrites_nothing(tmp_path: Path) -> None:
    """A column that was always null is one of text already."""
    table = tmp_path / "table"
    before: Runs = {(101, 1): [{"a": 1, "b": None}]}
    await export(mirror_of(before), table)
    there = snapshot(table)["part-000001.parquet"]

    report = await export(mirror_of({**before, (101, 2): [{"b": "x"}]}), table)

    assert snapshot(table)["part-000001.parquet"] == there
    assert (report.parts, report.widened) == (1, ("b",))
    assert [row["b"] for row in rows_of(table)] == [None, "x"]


async def test_what_users_add_to_a_database_stays(tmp_path: Path) -> None:
    """Views, indexes and triggers survive when the table is written again; an index of a column that is gone does not."""
    table = tmp_path / "t.sqlite"
    runs: Runs = {(101, 1): [{"asin": "A", "n": 1, "o": {"x": 1}}]}
    await export(mirror_of(runs), table)
    with closing(sqlite3.connect(table)) as db:
        db.execute("CREATE VIEW newest AS SELECT asin, n FROM history")
        db.execute("CREATE INDEX by_asin ON history (asin)")
        db.execute("CREATE INDEX gone ON history ([o.x])")
        db.execute("CREATE TABLE log (asin)")
        db.execute("CREATE TRIGGER note AFTER INSERT ON history BEGIN INSERT INTO log VALUES (new.asin); END")

    await export(mirror_of({**runs, (101, 2): [{"asin": "B", "n": "x", "o": 1}]}), table)

    with closing(sqlite3.connect(table)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'history'")}
        assert names == {"history", "history_run", "by_asin", "note"}
        assert db.execute("SELECT * FROM newest").fetchall() == [("A", "1"), ("B", "x")]
        assert db.execute("SELECT asin FROM log").fetchall() == [("B",)]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53 + 1, 2**63, 1e16, 0.5, "", "x", "1", "null", "\0", "ü\U0001f600", [], [1]]),
)
MEMBERS = st.sampled_from(["x", "y", "X"])
OBJECTS = st.dictionaries(MEMBERS, SCALARS | st.dictionaries(MEMBERS, SCALARS, max_size=2), max_size=3)
RECORDS = st.dictionaries(st.sampled_from(["a", "b", "A", "a.x", "page"]), SCALARS | OBJECTS | st.just(LARGE))
TABLES = st.lists(st.lists(RECORDS, max_size=3), min_size=2, max_size=4)


def loose(value: Any, *, inner: bool = False) -> Any:
    """A value without what a table that widened has lost: the type of numbers, nulls and strings within objects."""
    if isinstance(value, dict):
        members = {name: loose(one, inner=True) for name, one in value.items()}
        return {name: one for name, one in members.items() if one is not None} or (None if value else {})
    if isinstance(value, bool) or value is None:
        return json.dumps(value) if value is not None else None
    if isinstance(value, int | float):
        return json.dumps(value if abs(value) > 2**53 else float(value))
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return _parsed(value, inner=inner)


def _parsed(text: str, *, inner: bool) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str) or value is None:
        return text
    return loose(value, inner=inner)


def by_field(rows: list[dict[str, Any]], columns: dict[str, str]) -> list[dict[str, Any]]:
    """The cells of each row by the name of their field, and the ids of the row."""
    names = {**columns, "run": "run_id", "record": "number"}
    found = [{field: loose(row[name]) for field, name in names.items()} for row in rows]
    return [{field: value for field, value in row.items() if value is not None} for row in found]


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=EXAMPLES or 12, deadline=None)
@given(pages=TABLES, flatten=st.integers(0, 2))
async def test_a_grown_table_equals_a_new_one(name: str, pages: list[list[Any]], flatten: int) -> None:
    """Runs that were exported one by one are the table that one export of all of them makes, but for what is documented."""
    runs: Runs = {}
    with TemporaryDirectory() as folder:
        grown_table, new_table = Path(folder) / "grown" / name, Path(folder) / "new" / name
        for run_id, records in enumerate(pages, 1):
            runs = {**runs, (101, run_id): records}
            report = await export(mirror_of(runs), grown_table, flatten=flatten)
        fresh = await export(mirror_of(runs), new_table, flatten=flatten)

        assert {*report.columns} == {*fresh.columns}
        assert by_field(rows_of(grown_table), dict(report.columns)) == by_field(rows_of(new_table), dict(fresh.columns))
