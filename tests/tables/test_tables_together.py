"""Two exports to the same table at once: one waits, or says so, and the table is right afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.cancel_kit import cancelled_at
from support.growing_tables import BASE, FORMATS, SCENARIOS, Runs, ids_in, ids_of, mirror_of, rows_of, unexpected
from support.table_kit import threads_left

from multicart_async.errors import ArgumentError
from multicart_async.sinks import MemorySink
from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables import _sqlite_writer as sqlite_writer
from multicart_async.tables import export

AFTER = SCENARIOS["all"][1]
TESTS = Path(__file__).parents[1]
PROGRAM = """
import asyncio, sys
from support.growing_tables import SCENARIOS, mirror_of
from multicart_async.errors import ArgumentError
from multicart_async.tables import export

async def main(table, runs, times):
    for _ in range(times):
        try:
            await export(mirror_of(SCENARIOS["all"][runs]), table)
        except ArgumentError as error:
            assert "another process" in str(error) or "another program" in str(error), error

asyncio.run(main(sys.argv[1], int(sys.argv[2]), 20))
"""


class Meeting(MemorySink):
    """A source that calls *meet* before the so-many-th time that a page is read."""

    def __init__(self, runs: Runs, at: int, meet: Any) -> None:
        super().__init__()
        self.files = mirror_of(runs).files
        self._left = at
        self._meet = meet

    async def read(self, name: str) -> bytes | None:
        """Read a file."""
        if "page" in name:
            self._left -= 1
            if not self._left:
                await self._meet()
        return await super().read(name)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("before", [{}, BASE], ids=["new", "there"])
@pytest.mark.parametrize("at", [1, 3, 5, 6])
async def test_a_second_export_can_come_at_any_time(
    at: int, before: Runs, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first one reads or writes; one of them may say that the other one is there, and calling again helps."""
    monkeypatch.setattr(sqlite_writer, "_BUSY", 0.0)  # the first export does not go on before the second one ends
    table = tmp_path / name
    runs: Runs = {**before, (104, 1): [{"asin": "X"}], (104, 2): [{"asin": "Y"}], (104, 3): [{"asin": "Z"}]}
    refusals: list[str] = []

    async def attempt(source: MemorySink) -> None:
        try:
            await export(source, table)
        except ArgumentError as error:
            refusals.append(str(error))

    if before:
        await export(mirror_of(before), table)
    await attempt(Meeting(runs, at, partial(attempt, mirror_of(AFTER))))

    assert len(refusals) == 1
    assert re.search("another pro(cess|gram)", refusals[0])
    everything: Runs = {**runs, **AFTER}
    await export(mirror_of(everything), table)
    assert ids_of(table) == ids_in(everything)
    assert unexpected(table) == set()


@pytest.mark.parametrize("name", FORMATS)
async def test_two_calls_at_once_in_one_process(name: str, tmp_path: Path) -> None:
    """At least one of them succeeds; the other one may say that the table is in use."""
    table = tmp_path / name
    found = await asyncio.gather(*(export(mirror_of(AFTER), table) for _ in range(2)), return_exceptions=True)

    errors = [one for one in found if isinstance(one, BaseException)]
    assert len(errors) < 2
    assert all(isinstance(error, ArgumentError) for error in errors)
    assert ids_of(table) == ids_in(AFTER)


@pytest.mark.heavy
@pytest.mark.parametrize("name", FORMATS)
def test_two_processes_at_once(name: str, tmp_path: Path) -> None:
    """Both replace each other's runs again and again; each of them may be refused, and the table has each row once."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    table = tmp_path / name
    processes = [subprocess.Popen([sys.executable, "-c", PROGRAM, table, runs], env=environment) for runs in ("0", "1")]
    assert [process.wait() for process in processes] == [0, 0]

    asyncio.run(export(mirror_of(AFTER), table))
    assert ids_of(table) == ids_in(AFTER)
    assert unexpected(table) == set()


@pytest.mark.parametrize("how", ["native", "scope"])
@pytest.mark.parametrize("name", FORMATS)
async def test_a_cancelled_export_leaves_the_table(
    name: str, how: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any point: no temporary file, no lock and no thread is left, and the next call completes the table."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 3)
    for at in range(1, 1000, 5):
        (tmp_path / str(at)).mkdir()
        table = tmp_path / str(at) / name
        await export(mirror_of(BASE), table)
        ended, reached = await cancelled_at(at, export(mirror_of(AFTER), table), how)
        gc.collect()
        assert threads_left() == []
        assert unexpected(table) == set()
        found = ids_of(table)
        assert len({*found}) == len(found)
        if name == "table":
            assert found in ([ids_in(AFTER)] if ended == "done" else [ids_in(BASE), ids_in(AFTER)])
        await export(mirror_of(AFTER), table)
        assert ids_of(table) == ids_in(AFTER)
        if not reached:
            break

    assert at > 20
    assert rows_of(table)
