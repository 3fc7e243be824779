"""Tables that grow: the runs before and after, what a reader finds in a table, and what stands in its folder."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.dataset

from multicart_async.sinks import MemorySink
from support.table_kit import write_run

Runs = Mapping[tuple[int, int], list[Any]]

FORMATS = ("table", "table.sqlite")
BASE: Runs = {
    (101, 88): [{"asin": "A", "n": 1, "brand": {"name": "x"}}, {"asin": "B", "n": 2}, {"asin": "C"}, {"asin": "D"}],
    (101, 89): [{"asin": "E", "n": 3}, {"asin": "F"}],
    (102, 5): [{"asin": "G"}],
}
NEWER: Runs = {(101, 88): [{"asin": "H", "n": 8}, {"asin": "I", "n": 9}], (103, 7): [{"asin": "J"}]}
WIDER: Runs = {(101, 90): [{"asin": "K", "n": "many", "brand": "y", "new": True}]}
SCENARIOS: Mapping[str, tuple[Runs, Runs]] = {
    "first": ({}, BASE),
    "appended": (BASE, {**BASE, (101, 90): [{"asin": "K", "n": 4}, {"asin": "L"}, {"asin": "M"}, {"asin": "N"}]}),
    "replaced": (BASE, {**BASE, **NEWER}),
    "emptied": (BASE, {**BASE, (102, 5): []}),
    "widened": (BASE, {**BASE, **WIDER}),
    "all": (BASE, {**BASE, **NEWER, **WIDER}),
}


def mirror_of(runs: Runs) -> MemorySink:
    """A mirror with one page for each run."""
    sink = MemorySink()
    for (collection_id, run_id), records in runs.items():
        write_run(sink, collection_id, run_id, [records])
    return sink


def rows_of(table: Path) -> list[dict[str, Any]]:
    """What a reader finds in a table, by collection, run and number; nothing if there is none."""
    if table.suffix == ".sqlite":
        rows = _database_rows(table)
    else:
        parts = sorted(table.glob("*.parquet")) if table.exists() else []
        rows = pyarrow.dataset.dataset(parts).to_table().to_pylist() if parts else []
    return sorted(rows, key=lambda row: (row["collection_id"], row["run_id"], row["number"]))


def _database_rows(table: Path) -> list[dict[str, Any]]:
    if not table.exists():
        return []
    with closing(sqlite3.connect(table)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'history'").fetchone():
            return []
        found = db.execute("SELECT * FROM history")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]


def ids_of(table: Path) -> list[tuple[int, int, str]]:
    """The collection, run and ASIN of each row that a reader finds."""
    return [(row["collection_id"], row["run_id"], row["asin"]) for row in rows_of(table)]


def ids_in(runs: Runs) -> list[tuple[int, int, str]]:
    """The collection, run and ASIN of each record."""
    return [(*run, record["asin"]) for run, records in sorted(runs.items()) for record in records]


def snapshot(table: Path) -> dict[str, tuple[int, int, str]]:
    """Each file of a table: inode, time of the last change, and SHA-256."""
    files = [table] if table.is_file() else [path for path in table.rglob("*") if path.is_file()]
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def unexpected(table: Path) -> set[str]:
    """The names beside and in a table that do not belong to it."""
    beside = {path.name for path in table.parent.iterdir()} - {table.name}
    if table.suffix == ".sqlite":
        return beside
    listed = {part["name"] for part in json.loads((table / "_export.json").read_bytes())["parts"]}
    return beside | {path.name for path in table.iterdir()} ^ {".lock", "_export.json", *listed}
