"""Tables that grow, Parquet folders and SQLite databases: later calls add runs, replace changed ones, and do no more."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pyarrow.parquet
import pytest
from support.growing_tables import BASE, FORMATS, Runs, ids_in, ids_of, mirror_of, rows_of, snapshot, unexpected

from multicart_async.errors import ArgumentError
from multicart_async.tables import ExportReport, export
from multicart_async.tables import _parquet_writer as parquet_writer

MORE: Runs = {**BASE, (101, 90): [{"asin": "K", "n": 4}, {"asin": "L"}, {"asin": "M"}, {"asin": "N"}]}
NEWER: Runs = {**BASE, (101, 88): [{"asin": "H", "n": 8}]}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is full after three rows."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 3)


@pytest.fixture(params=FORMATS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the table will be, in a folder that is missing."""
    return tmp_path / "deep" / request.param


def counts(report: ExportReport) -> tuple[int, int, int, int]:
    """The rows, runs, skipped and replaced of a report."""
    return report.rows, report.runs, report.skipped, report.replaced


async def test_a_second_export_writes_nothing(table: Path) -> None:
    """All runs are skipped, and no file is touched."""
    assert counts(await export(mirror_of(BASE), table)) == (7, 3, 0, 0)
    there = snapshot(table)

    report = await export(mirror_of(BASE), table)

    assert counts(report) == (0, 0, 3, 0)
    assert (report.parts, report.bytes, report.widened) == (0, 0, ())
    assert report.columns == {"asin": "asin", "n": "n", "brand.name": "brand.name"}
    assert snapshot(table) == there
    assert unexpected(table) == set()


async def test_a_new_run_is_added(table: Path) -> None:
    """The rows of the earlier runs stay."""
    await export(mirror_of(BASE), table)
    there = snapshot(table)

    report = await export(mirror_of(MORE), table)

    assert counts(report) == (4, 1, 3, 0)
    assert ids_of(table) == ids_in(MORE)
    if table.suffix != ".sqlite":
        now = snapshot(table)
        kept = {name for name in there if name.startswith("part-")}
        assert {name: now[name] for name in kept} == {name: there[name] for name in kept}
        new = {name for name in now if name.startswith("part-")} - kept
        assert (len(new), report.parts) == (1, 1)
        assert report.bytes == sum((table / name).stat().st_size for name in new)


async def test_a_changed_run_is_replaced(table: Path) -> None:
    """Its old rows are gone, and its new ones are there once; it shared parts with others, and had several."""
    await export(mirror_of(BASE), table)

    report = await export(mirror_of(NEWER), table)

    assert counts(report) == (1, 1, 2, 1)
    assert ids_of(table) == ids_in(NEWER)
    assert unexpected(table) == set()
    assert counts(await export(mirror_of(NEWER), table)) == (0, 0, 3, 0)


@pytest.mark.parametrize(("before", "after"), [([{"asin": "A"}], []), ([], [{"asin": "A"}]), ([], [])])
async def test_a_run_without_rows_can_be_replaced(before: list[Any], after: list[Any], table: Path) -> None:
    """A run can have had no rows, and can have none now."""
    first: Runs = {(101, 88): before, (101, 89): [{"asin": "B"}]}
    second: Runs = {**first, (101, 88): after}
    await export(mirror_of(first), table)

    report = await export(mirror_of(second), table)

    assert report.replaced == (before != after)
    assert ids_of(table) == ids_in(second)
    assert unexpected(table) == set()


async def test_a_table_can_become_empty(table: Path) -> None:
    """A table without rows has no parts, and grows again."""
    await export(mirror_of({(101, 88): [{"asin": "A"}]}), table)
    await export(mirror_of({(101, 88): []}), table)
    assert rows_of(table) == []

    await export(mirror_of({(101, 88): [], (101, 89): [{"asin": "B"}]}), table)

    assert ids_of(table) == [(101, 89, "B")]


async def test_later_calls_can_choose_runs(table: Path) -> None:
    """``latest`` and ``collections`` say what is looked at, ``all`` writes it again; what the table has stays."""
    assert counts(await export(mirror_of(BASE), table, collections=[102])) == (1, 1, 0, 0)
    assert counts(await export(mirror_of(BASE), table, runs="latest")) == (2, 1, 1, 0)
    assert counts(await export(mirror_of(BASE), table, runs="all")) == (7, 3, 0, 2)
    assert counts(await export(mirror_of(NEWER), table, runs="latest")) == (0, 0, 2, 0)
    assert counts(await export(mirror_of(NEWER), table, collections=[101])) == (1, 1, 1, 1)
    assert ids_of(table) == ids_in(NEWER)


@pytest.mark.parametrize(
    "option",
    [{"flatten": 0}, {"amounts": ["n"]}, {"columns": ["asin"]}, {"keep_record": True}, {"max_columns": 9}],
    ids=lambda option: next(iter(option)),
)
async def test_other_options_are_an_error(option: dict[str, Any], table: Path) -> None:
    """The error names the option, and the table stays as it is; it can be written with the same options."""
    await export(mirror_of(BASE), table)
    there = snapshot(table)

    with pytest.raises(ArgumentError, match=f"^{next(iter(option))}: the table was made with"):
        await export(mirror_of(MORE), table, **option)
    assert snapshot(table) == there

    other = table.with_stem("other")
    await export(mirror_of(BASE), other, **option)
    assert (await export(mirror_of(MORE), other, **option)).rows == 4


async def test_small_row_groups_have_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group ends after so many bytes; those without rows that are left are not written."""
    monkeypatch.setattr(parquet_writer, "GROUP_BYTES", 1)
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 1000)
    await export(mirror_of(BASE), tmp_path / "table")
    await export(mirror_of(NEWER), tmp_path / "table")

    found = pyarrow.parquet.ParquetFile(tmp_path / "table/part-000001.parquet").metadata
    assert [found.row_group(number).num_rows for number in range(found.num_row_groups)] == [2, 1]
    assert ids_of(tmp_path / "table") == ids_in(NEWER)


async def test_many_small_runs_share_a_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches become one before they need more memory than their rows."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 1000)
    monkeypatch.setattr(parquet_writer, "SMALL_BATCHES", 3)
    runs: Runs = {(101, number): [{"asin": f"A{number}", "n": number}] for number in range(1, 8)}

    await export(mirror_of(runs), tmp_path / "table")

    assert pyarrow.parquet.ParquetFile(tmp_path / "table/part-000001.parquet").num_row_groups == 1
    assert ids_of(tmp_path / "table") == ids_in(runs)


async def test_a_part_ends_after_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is also full when its file is large."""
    monkeypatch.setattr(parquet_writer, "GROUP_BYTES", 1)
    monkeypatch.setattr(parquet_writer, "PART_BYTES", 1)

    report = await export(mirror_of(BASE), tmp_path / "table")

    assert report.parts == len(BASE)
    parts = json.loads((tmp_path / "table/_export.json").read_bytes())["parts"]
    assert [part["runs"] for part in parts] == [["101/88"], ["101/89"], ["102/5"]]


async def test_a_database_lists_its_runs(tmp_path: Path) -> None:
    """Each run has a row in ``runs``, also if it has no records."""
    await export(mirror_of({**BASE, (101, 90): []}), tmp_path / "t.sqlite")

    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as db:
        found = db.execute("SELECT collection_id, run_id, rows FROM runs").fetchall()
    assert found == [(101, 88, 4), (101, 89, 2), (101, 90, 0), (102, 5, 1)]


async def test_several_runs_are_replaced_at_once(table: Path) -> None:
    """Runs of the same number in other collections keep their rows."""
    runs: Runs = {
        (collection, run): [{"asin": f"A{collection}-{run}"}] for collection in (1, 2, 3) for run in (1, 2, 3)
    }
    newer: Runs = {(1, 1): [{"asin": "X"}], (1, 3): [{"asin": "Y"}], (2, 2): []}
    await export(mirror_of(runs), table)

    report = await export(mirror_of({**runs, **newer}), table)

    assert counts(report) == (2, 3, 6, 3)
    assert ids_of(table) == ids_in({**runs, **newer})


@pytest.mark.heavy
async def test_other_programs_read_all_parts(tmp_path: Path) -> None:
    """pyarrow, pandas, polars and duckdb find the rows, and nothing of what a killed call has left in ``.new``."""
    import duckdb  # noqa: PLC0415 -- for heavy tests only
    import pandas as pd  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    table = tmp_path / "table"
    await export(mirror_of(BASE), table)
    (table / ".new").mkdir()
    (table / ".new/part-000009.parquet").write_bytes(b"half")

    found = [
        pyarrow.dataset.dataset(table, format="parquet").count_rows(),
        len(pd.read_parquet(table)),
        pl.scan_parquet(table / "*.parquet").collect().height,
        duckdb.execute("SELECT count(*) FROM read_parquet(?)", [f"{table}/*.parquet"]).fetchall()[0][0],
    ]

    assert found == [len(ids_in(BASE))] * 4
