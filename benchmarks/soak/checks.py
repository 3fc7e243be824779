"""What must be true of starts, tables and memory. Each function returns what is wrong, in words."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from multicart_async._core.threads import WORKERS
from soak.measures import Measure
from soak.mirror_check import Row
from soak.service import Runs

__all__ = ["ALLOWED_MIB", "double_starts", "finished", "growth", "left_open", "read_table", "wrong_rows"]

ALLOWED_MIB: Final = 24.0
"""What the memory in use may grow by, from the warm-up to the end: caches fill, and pages of the heap are not dense."""


def finished(runs: Runs) -> Runs:
    """Those that are finished."""
    return {
        collection: {run: state for run, state in states.items() if state == "done"}
        for collection, states in runs.items()
    }


def double_starts(before: Runs, after: Runs, ended: Mapping[int, str]) -> list[str]:
    """What is wrong with a batch, whose collections nothing else starts: each has one new run, or none if that is unknown."""
    wrong: list[str] = []
    for collection, how in ended.items():
        new = sorted(after[collection].keys() - before[collection].keys())
        if len(new) > 1:
            wrong.append(f"collection {collection} was asked for once and has the new runs {new}")
        elif not new and how == "done":
            wrong.append(f"collection {collection} is said to be done and has no new run")
    return wrong


def growth(warm: Measure, last: Measure) -> list[str]:
    """What is wrong with the memory."""
    grown = last.used - warm.used
    return (
        [f"the memory in use has grown by {grown:.1f} MiB; allowed are {ALLOWED_MIB:g} MiB"]
        if grown > ALLOWED_MIB
        else []
    )


def left_open(begin: Measure, idle: Measure) -> list[str]:
    """What is wrong with descriptors, threads and tasks when the client is closed; the threads for files stay."""
    allowed = (
        ("descriptors", begin.descriptors, idle.descriptors),
        ("threads", begin.threads + WORKERS, idle.threads),
        ("tasks", begin.tasks, idle.tasks),
    )
    return [f"{after} {name} at the end; allowed are {most}" for name, most, after in allowed if after > most]


def read_table(place: Path) -> Counter[Row]:
    """The rows of a table."""
    names = ("collection_id", "run_id", "page", "number")
    if place.suffix == ".sqlite":
        with closing(sqlite3.connect(place)) as db:
            return Counter(tuple(row) for row in db.execute(f"SELECT {', '.join(names)} FROM history"))
    if place.suffix == ".jsonl":
        lines = map(json.loads, place.read_text("utf-8").splitlines())
        return Counter(tuple(line[name] for name in names) for line in lines)
    import pyarrow.parquet  # noqa: PLC0415 -- it may be missing

    columns = [pyarrow.parquet.read_table(place, columns=[*names])[name].to_pylist() for name in names]
    return Counter(zip(*columns, strict=True))


def wrong_rows(rows: Counter[Row], expected: Counter[Row], *, grows: bool) -> list[str]:
    """What is wrong with a table; one that grows keeps the rows of runs that are in the mirror no more."""
    runs = {row[:2] for row in expected}
    extra = {row: count for row, count in (rows - expected).items() if not grows or row[:2] in runs or count > 1}
    lacking = expected - rows
    wrong = [f"{lacking.total()} rows are missing, such as {min(lacking)}"] if lacking else []
    return wrong + ([f"{sum(extra.values())} rows are too many, such as {min(extra)}"] if extra else [])
