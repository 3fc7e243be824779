"""duckdb, polars and pandas read what `export` writes, and the batches, as the rules of tables say."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from support import table_oracle as oracle
from support.table_kit import write_run

from multicart_async.tables import batches, export

pytestmark = pytest.mark.heavy

PAGES = [
    b'[{"asin": "00123", "ASIN": "x", "price": "$5", "n": 1, "big": 9007199254740993, "yes": true, "brand": {"name": "a"}}]',
    b'[{"n": 0.5, "big": 1, "huge": 1180591620717411303424, "inf": 1e400, "page": 7, "t": "a,\\"b\\"\\nc\\u0000="}, 5]',
    b'[{"late": {"x": 1}, "brand": {}, "n": null, "t": "\xc3\xa9", "list": [1, "\xe2\x82\xac"], "late": {"x": 2}}]',
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a mirror with a run, in all formats."""
    folder = tmp_path_factory.mktemp("tables")
    write_run(folder / "mirror", 101, 88, PAGES, updated_at="2026-06-01T12:00:00Z")
    for name in ("t", "t.arrow", "t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.jsonl.zst", "t.sqlite"):
        asyncio.run(export(folder / "mirror", folder / name))
    return folder


def expected() -> dict[str, list[Any]]:
    """The columns of the records."""
    found = oracle.expect([value for page in PAGES for value in json.loads(page)])
    columns = dict(zip(found.kinds, map(list, zip(*found.rows, strict=True)), strict=True))
    return {
        **columns,
        "_rest": [None if rest is oracle.NOTHING else oracle.text_of([rest])[1:-1] for rest in found.rest],
    }


def is_null(cell: Any) -> bool:
    """Whether this is what a reader has for null."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def plain(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Columns without the first ones; what pandas and numpy have for null is ``None``."""
    names = [*columns][5:]
    return {name: [None if is_null(cell) else cell for cell in columns[name]] for name in names}


def test_polars_reads_each_format(folder: Path) -> None:
    """Parquet, Arrow and batches with all types; JSON Lines with all values."""
    polars = pytest.importorskip("polars")

    for frame in (
        polars.read_parquet(folder / "t" / "*.parquet"),
        polars.read_ipc(folder / "t.arrow"),
        polars.DataFrame(batches(folder / "mirror")),
        polars.from_arrow(batches(folder / "mirror")).struct.unnest(),  # a stream is a series there
    ):
        assert plain(frame.to_dict(as_series=False)) == expected()
        assert str(frame.schema["scraped_at"]) == "Datetime(time_unit='us', time_zone='UTC')"
    texts = polars.read_csv(folder / "t.csv.gz", infer_schema=False)
    assert texts["asin"].to_list() == ["00123", None, None, None]
    assert texts["t"].to_list()[1] == 'a,"b"\nc\0='


def test_duckdb_reads_each_format(folder: Path) -> None:
    """Parquet, batches, SQLite's file by sqlite3, CSV and JSON Lines."""
    duckdb = pytest.importorskip("duckdb")
    stream = batches(folder / "mirror")  # found by its name in the query
    parquet = folder / "t" / "*.parquet"

    for source in (f"read_parquet('{parquet}')", "stream"):
        relation = duckdb.sql(f"SELECT * FROM {source}")
        rows = relation.fetchall()
        names = relation.columns
        assert plain(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))) == expected()
    assert duckdb.from_arrow(stream).aggregate("count(*)").fetchall() == [(4,)]
    lines = duckdb.sql(f"SELECT asin, huge, page_2, _rest FROM read_json('{folder}/t.jsonl.gz') ORDER BY page, number")
    assert len(lines.fetchall()) == 4
    texts = duckdb.sql(f"SELECT asin, n, _rest FROM read_csv('{folder}/t.csv', all_varchar=true)").fetchall()
    assert texts == [("00123", "1", None), (None, "0.5", None), (None, None, "5"), (None, None, None)]


def test_pandas_reads_each_format(folder: Path) -> None:
    """By pyarrow, and its own readers of CSV and lines."""
    pandas = pytest.importorskip("pandas")
    import pyarrow as pa  # noqa: PLC0415

    for frame in (
        pandas.read_parquet(folder / "t" / "part-000001.parquet", dtype_backend="pyarrow"),
        pandas.read_feather(folder / "t.arrow", dtype_backend="pyarrow"),
        pa.table(batches(folder / "mirror")).to_pandas(types_mapper=pandas.ArrowDtype),
    ):
        columns = {name: [None if cell is pandas.NA else cell for cell in frame[name]] for name in frame.columns}
        assert plain(columns) == expected()
    texts = pandas.read_csv(folder / "t.csv", dtype=str, keep_default_na=False)
    assert texts["asin"].tolist() == ["00123", "", "", ""]
    # its own reader of lines has no integers beyond 64 bits
    lines = pandas.DataFrame.from_records([json.loads(line) for line in (folder / "t.jsonl").read_bytes().splitlines()])
    assert lines["late"].tolist()[-1] == {"x": 2}
