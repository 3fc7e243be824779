"""`batches`: records as a stream that Arrow's consumers read."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.table_kit import write_run

from multicart_async.errors import ArgumentError, IntegrityError
from multicart_async.sinks import MemorySink
from multicart_async.tables import batches, export


def mirror_of(*runs: list[list[Any]]) -> MemorySink:
    """A mirror of collection 101 with these runs, from 88 on."""
    sink = MemorySink()
    for run_id, pages in enumerate(runs, 88):
        write_run(sink, 101, run_id, pages, updated_at="2026-06-01T12:00:00+02:00")
    return sink


TWO = mirror_of([[{"a": 1, "b": {"c": "x"}}, 5], [], [{"a": 0.5, "late": True}]], [[{"a": 1, "b": {"c": "y"}}]])


def threads() -> set[str]:
    """The threads of the package."""
    gc.collect()
    found = [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith(("multicart-tables", "AnyIO", "asyncio-portal"))
    ]
    for thread in found:
        thread.join(0 if thread.name.startswith("AnyIO worker") else 5)
    return {thread.name for thread in found if thread.is_alive() and not thread.name.startswith("AnyIO worker")}


def test_batches_are_the_table_of_export(tmp_path: Path) -> None:
    """The same columns, types and rows."""
    asyncio.run(export(TWO, tmp_path / "t.arrow", runs="all"))
    with pa.memory_map(str(tmp_path / "t.arrow")) as file:
        expected = pa.ipc.open_file(file).read_all()

    stream = batches(TWO, runs="all")
    assert stream.schema == expected.schema
    assert pa.table(stream) == expected
    assert pa.Table.from_batches(stream) == expected


def test_batches_can_be_read_twice() -> None:
    """Each consumer reads from the beginning; by default the newest runs."""
    stream = batches(TWO)

    for _ in range(2):
        assert pa.table(stream).select(["run_id", "a", "b.c"]).to_pylist() == [{"run_id": 89, "a": 1, "b.c": "y"}]
    assert repr(stream) == "<Batches of the latest runs>"


def test_batches_take_the_options_of_a_table() -> None:
    """Collections, columns and levels."""
    source = mirror_of([[{"a": {"b": {"c": 1}}, "x": 2}]])
    write_run(source, 102, 90, [[{"x": 3}]])

    assert pa.table(batches(source, columns=["x"], collections=iter([102])))["x"].to_pylist() == [3]
    assert pa.table(batches(source, flatten=2, collections=[101])).column_names[5:] == ["a.b.c", "x"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"runs": "new"}, "runs: expected .*, got 'new'"),
        ({"columns": "a"}, "columns: expected a list of names of fields, got 'a'"),
        ({"flatten": "1"}, "flatten: expected .*, got '1'"),
        ({"collections": 5}, "collections: expected an iterable of ids, such as a list, got 5"),
        ({"collections": "101"}, "collections: expected an iterable of ids, such as a list, got '101'"),
        ({"collections": [0]}, "collections: expected a positive integer, got 0"),
    ],
    ids=str,
)
def test_a_wrong_option_of_batches_is_refused_at_once(options: dict[str, Any], said: str) -> None:
    """Before anything is read."""
    with pytest.raises(ArgumentError, match=said):
        batches(TWO, **options)


def test_a_wrong_source_of_batches_is_refused_on_reading(tmp_path: Path) -> None:
    """By each way to read."""
    stream = batches(tmp_path / "none")
    for read in (lambda: stream.schema, lambda: next(iter(stream)), stream.__arrow_c_stream__):
        with pytest.raises(ArgumentError, match="source: expected a folder"):
            read()
    assert threads() == set()


def test_an_iteration_that_is_left_leaves_no_thread() -> None:
    """The generator is closed, or deleted."""
    stream = batches(TWO, runs="all")
    for batch in stream:
        assert batch.num_rows == 2
        break
    left = iter(stream)
    next(left)
    del left
    reader = pa.RecordBatchReader.from_stream(stream)
    assert reader.read_next_batch().num_rows == 2
    reader.close()
    del reader
    assert threads() == set()


def test_batches_are_not_read_in_advance() -> None:
    """Making them reads nothing; a mirror may be filled later."""
    source = MemorySink()
    stream = batches(source)
    assert pa.table(stream).num_rows == 0
    write_run(source, 101, 88, [[{"a": 1}]])
    assert pa.table(stream)["a"].to_pylist() == [1]


async def test_batches_work_beside_a_running_loop() -> None:
    """In a thread; several at once."""
    tables = await asyncio.gather(*(asyncio.to_thread(pa.table, batches(TWO, runs="all")) for _ in range(3)))
    assert [table.num_rows for table in tables] == [4, 4, 4]


class _Passes(MemorySink):
    """A mirror that changes before a given read of a page."""

    def __init__(self, files: dict[str, bytes], page: int, changes: dict[str, bytes]) -> None:
        super().__init__()
        self.files = {**files}
        self._page = page
        self._changes = changes

    async def read(self, name: str) -> bytes | None:
        """Count the pages."""
        content = await super().read(name)
        self._page -= "page" in name
        if not self._page:
            self.files.update(self._changes)
        return content


def test_a_run_that_comes_meanwhile_is_not_read() -> None:
    """It might need other columns, and what has none would be lost."""
    old = mirror_of([[{"a": 1}]])
    new = mirror_of([[{"a": 1}]], [[{"late": 2}]])

    assert pa.table(batches(_Passes(old.files, 1, new.files))).to_pylist()[0]["a"] == 1
    assert pa.table(batches(new)).column_names[5:] == ["late"]


def test_a_run_that_is_replaced_meanwhile_is_an_error() -> None:
    """Between the two passes, and within the second one."""
    old, new = mirror_of([[{"a": 1}], [{"a": 2}]]), mirror_of([[{"late": 1}], [{"a": 2}]])

    with pytest.raises(IntegrityError, match="101/88: the run was changed while it was read"):
        list(batches(_Passes(old.files, 2, new.files)))
    damaged = batches(_Passes(old.files, 2, {"101/88/page-0002.json": b"[]"}))
    with pytest.raises(
        OSError, match=r"101/88/page-0002\.json: it differs from its manifest"
    ):  # of the stream: its text
        pa.table(damaged)
    assert threads() == set()


def test_short_records_come_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is of bounded size, however many columns there are."""
    monkeypatch.setattr("multicart_async.tables._pages._CELLS", 12)

    assert [batch.num_rows for batch in batches(mirror_of([[{"a": number} for number in range(5)]]))] == [2, 2, 1]
