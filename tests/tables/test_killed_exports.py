"""Exports that end before any of their steps on the disk: the table stays readable, and the next call completes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.growing_tables import FORMATS, SCENARIOS, Runs, ids_in, ids_of, mirror_of, rows_of, snapshot, unexpected
from support.table_steps import Killed, Steps, counted, raise_killed

from multicart_async._core.threads import run_in_thread
from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables import export

TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is full after three rows."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 3)


async def grown(place: Path, name: str, *steps: Runs) -> Path:
    """A table in a new folder, with the runs of each step."""
    await run_in_thread(place.mkdir)
    for runs in steps:
        if runs:
            await export(mirror_of(runs), place / name)
    return place / name


def check_half(table: Path, before: Runs, after: Runs) -> None:
    """Each row is there at most once, rows that stay are there, and others are those of the old or the new version."""
    found = ids_of(table)
    old, new = ids_in(before), ids_in(after)
    assert len({*found}) == len(found)
    assert {*old}.intersection(new) <= {*found} <= {*old, *new}
    if table.suffix != ".sqlite" and not (table / ".new/_export.json").exists():
        assert found in (old, new)
    if table.suffix == ".sqlite":
        for run in {*before, *after}:
            rows = [row for row in found if row[:2] == run]
            assert rows in ([row for row in ids if row[:2] == run] for ids in (old, new))


async def check_next(table: Path, before: Runs, after: Runs, expected: Path) -> None:
    """The next call completes the table, as if it had not been interrupted; the one after that does nothing."""
    check_half(table, before, after)
    await export(mirror_of(after), table)
    assert rows_of(table) == rows_of(expected)
    assert unexpected(table) == set()
    there = snapshot(table)
    assert (await export(mirror_of(after), table)).skipped == len(after)
    assert snapshot(table) == there


@pytest.mark.parametrize("name", FORMATS)
async def test_an_export_can_end_before_any_step(name: str, tmp_path: Path) -> None:
    """Runs are added and replaced, columns widened; nothing that the process would have done later happens."""
    before, after = SCENARIOS["all"]
    former = await grown(tmp_path / "former", name, before)
    expected = await grown(tmp_path / "expected", name, before, after)
    for at in range(1, 1000, 3):  # SIGKILL comes before every step, in the test below
        place = tmp_path / str(at)
        shutil.copytree(former.parent, place)
        try:
            with counted(Steps(at, raise_killed)):
                await export(mirror_of(after), place / name)
        except Killed:
            await check_next(place / name, before, after, expected)
            continue
        break

    assert at > 20


@pytest.mark.heavy
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_killed_export_leaves_a_table(scenario: str, name: str, tmp_path: Path) -> None:
    """SIGKILL before any step on the disk, in processes of their own; the tables are read by other programs too."""
    before, after = SCENARIOS[scenario]
    former = await grown(tmp_path / "former", name, before)
    expected = await grown(tmp_path / "expected", name, before, after)
    (tmp_path / "after").mkdir()
    kills = kill_each(scenario, name, str(former.parent), str(tmp_path / "after"))

    for at in range(1, kills + 1):
        table = tmp_path / "after" / str(at) / name
        if name == "table":
            check_duckdb(table)
        await check_next(table, before, after, expected)
    assert kills > 10


def kill_each(*arguments: str) -> int:
    """Run the program that kills, and return how often it did."""
    command = [sys.executable, "-m", "support.table_killed", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def check_duckdb(table: Path) -> None:
    """Check that duckdb finds in all parts what pyarrow finds."""
    import duckdb  # noqa: PLC0415 -- for heavy tests only

    if not [*table.glob("*.parquet")]:
        return
    query = "SELECT collection_id, run_id, asin FROM read_parquet(?, union_by_name = true) ORDER BY 1, 2, number"
    assert duckdb.execute(query, [f"{table}/*.parquet"]).fetchall() == ids_of(table)
