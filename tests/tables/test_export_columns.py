"""The columns that `export` is asked for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.mirror_kit import tree
from support.table_kit import csv_of, lines_of, write_run

from multicart_async.errors import ArgumentError
from multicart_async.sinks import MemorySink
from multicart_async.tables import export

COLUMNS: list[dict[str, Any]] = [
    {"z": 1, "offer": {"price": 5, "old": {"x": 1, "y": 2}}, "list": [{"w": 1}], "a.b": 6},
    {"offer": {"price": 6}, "a": {"b": 7, "c": None}},
    {"z": 2, "offer": None},
]


@pytest.mark.parametrize(
    ("names", "flatten", "expected"),
    [
        (["offer.price", "z"], 1, [("5", "1"), ("6", ""), ("", "2")]),
        (["z", "offer.price"], 0, [("1", "5"), ("", "6"), ("2", "")]),
        (["offer.old.y", "offer.old.x"], 1, [("2", "1"), ("", ""), ("", "")]),
        (["offer.old.y", "z"], 1, [("2", "1"), ("", ""), ("", "2")]),
        (["offer.old.y"], 2, [("2",), ("",), ("",)]),
        (["a.b"], 1, [("6", ""), ("", "7"), ("", "")]),
        (["offer.old", "offer.old.x"], 1, [('{"x":1,"y":2}',), ("",), ("",)]),
        (["offer.old.x", "offer"], 2, [("1", "5", "2"), ("", "6", ""), ("", "", "")]),
        (["list"], 1, [('[{"w":1}]',), ("",), ("",)]),
        ([], 1, [(), (), ()]),
    ],
    ids=str,
)
async def test_columns_are_those_that_were_asked_for(
    tmp_path: Path, names: list[str], flatten: int, expected: list[tuple[str, ...]]
) -> None:
    """In their order, at any depth, however deep objects are flattened."""
    _, rows = await csv_of(tmp_path, COLUMNS, columns=names, flatten=flatten)

    assert [(*row.values(),) for row in rows] == expected


async def test_columns_of_a_varying_object_are_text(tmp_path: Path) -> None:
    """A member that was asked for is there, though its object has no columns otherwise."""
    report, rows = await csv_of(tmp_path, [{"a": {"b": {"c": 1}}}, {"a": 5}, {"a": {"b": 2}}], columns=["a.b", "a.b.c"])

    assert rows == [{"a.b": '{"c":1}'}, {"a.b": ""}, {"a.b": "2"}]
    assert report.columns == {"a.b": "a.b"}


async def test_lines_have_only_the_columns_asked_for(tmp_path: Path) -> None:
    """Members stay within their objects, several beside each other, all levels down."""
    names = ["offer.old.y", "z", "offer.old.x", "a.b"]
    _, lines = await lines_of(tmp_path, COLUMNS, columns=names)
    assert lines == [
        {"offer": {"old": {"y": 2, "x": 1}}, "z": 1, "a.b": 6},
        {"a": {"b": 7}},
        {"z": 2},
    ]
    assert [*lines[0]] == ["offer", "z", "a.b"]

    _, lines = await lines_of(tmp_path, COLUMNS, columns=["offer.price", "offer"])
    assert lines == [{"offer": record["offer"]} for record in COLUMNS]


@pytest.mark.parametrize("write", [csv_of, lines_of])
@pytest.mark.parametrize("name", ["prise", "offer.prise", "offer.price.x", "z.x", "list.w"])
async def test_an_unknown_column_is_refused_by_name(tmp_path: Path, write: Any, name: str) -> None:
    """One that no record has, though it is the only one, and whatever else stands in the pages."""
    with pytest.raises(
        ArgumentError, match=rf"columns: expected fields of the records, got '{name}', which none of them has"
    ):
        await write(tmp_path, COLUMNS, [5], columns=[name])
    assert tree(tmp_path) == {}


async def test_a_late_column_is_known(tmp_path: Path) -> None:
    """The last record may be the first that has it; null counts, and without any record nothing can be said."""
    _, rows = await csv_of(tmp_path, [{"a": 1}], [{"b": {"c": None}}], columns=["b.c"])
    assert rows == [{"b.c": ""}, {"b.c": ""}]

    _, rows = await csv_of(tmp_path, [7], columns=["b.c"])
    assert rows == [{"b.c": "", "_rest": "7"}]


async def test_fields_not_asked_for_are_not_in_the_rest(tmp_path: Path) -> None:
    """There is one for the values that are no objects alone."""
    report, rows = await csv_of(tmp_path, [{"a": 1, "b": 2}, "x"], columns=["a"])

    assert rows == [{"a": "1", "_rest": ""}, {"a": "", "_rest": '"x"'}]
    assert report.rest == 1


@pytest.mark.parametrize("flatten", [1, 2])
async def test_a_column_asked_for_outlives_its_object(tmp_path: Path, flatten: int) -> None:
    """Its object, and it itself, may become something else later: the column is text then, with the earlier values."""
    source, dest = MemorySink(), tmp_path / "t.sqlite"
    for run_id, record in enumerate([{"a": {"b": {"c": 7}}}, {"a": 5}, {"a": {"b": 0.5, "z": 1}}, {"b": 1}], 88):
        write_run(source, 101, run_id, [[record]])
        report = await export(source, dest, columns=["a.b"], flatten=flatten)
        assert (report.rows, report.rest) == (1, 0)

    with closing(sqlite3.connect(dest)) as db:
        cells = db.execute('SELECT "a.b" FROM history ORDER BY run_id').fetchall()
    assert cells == [
        ('{"c":7}',),
        (None,),
        ("0.5",),
        (None,),
    ]
