"""What `export` leaves when it fails or is cancelled, and what it tells meanwhile."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest
from support.cancel_kit import How, cancelled_at
from support.mirror_kit import tree
from support.table_kit import threads_left, write_run
from support.thinning import thinned

from multicart_async.errors import DiskError, IntegrityError, MultiCartError
from multicart_async.events import Event, ExportAdvanced
from multicart_async.sinks import MemorySink
from multicart_async.tables import ExportReport, export
from multicart_async.tables._options import find_target
from multicart_async.tables._writers import make_writer

FILES = ["t.csv", "t.csv.gz", "t.jsonl", "t.jsonl.gz", "t.jsonl.zst", "t.arrow"]


def mirror_of(*pages: Any) -> MemorySink:
    """A mirror with one run of these pages."""
    sink = MemorySink()
    write_run(sink, 101, 88, pages or [[{"a": 1}, {"b": "x"}]])
    return sink


class _ChangedSink(MemorySink):
    """A mirror in which something happens after the first pass."""

    def __init__(self, files: dict[str, bytes], after: int, changes: dict[str, bytes | None]) -> None:
        super().__init__()
        self.files = {**files}
        self._after = after
        self._changes = changes

    async def read(self, name: str) -> bytes | None:
        """Change the files before one of the reads."""
        self._after -= 1
        if not self._after:
            for changed, content in self._changes.items():
                self.files.pop(changed, None)
                if content is not None:
                    self.files[changed] = content
        return await super().read(name)


def replaced(rows: list[Any]) -> dict[str, bytes | None]:
    """The files of another version of the run."""
    return {**mirror_of(rows).files}


PAGE = "101/88/page-0001.json"
# reads: the manifest of the folder, that of the run to choose it and to read it, the page, then again the last two; lines
# are written in the first pass
CHANGES = [
    (1, {PAGE: b'[{"a": 2}, {"b": "x"}]'}, "it differs from its manifest; mend the mirror with client.verify"),
    (1, {PAGE: b'[{"a": 1}'}, "it differs from its manifest; mend the mirror with client.verify"),
    (1, {PAGE: b'[{"a": 1}] 5'}, "invalid JSON: .*; mend the mirror with client.verify"),
    (5, {PAGE: b'[{"a": 2}, {"b": "x"}]'}, "it differs from its manifest; mend the mirror with client.verify"),
    (5, {PAGE: None}, "it differs from its manifest; mend the mirror with client.verify"),
    (5, replaced([{"late": 1}]), "101/88: the run was changed while it was read; call again"),
    (5, {"101/88/manifest.json": None}, "101/88: the run was changed while it was read; call again"),
]


@pytest.mark.parametrize("name", thinned(FILES, *FILES[:2]))
@pytest.mark.parametrize(("after", "change", "said"), CHANGES, ids=range(len(CHANGES)))
async def test_a_run_that_changes_is_never_written(
    tmp_path: Path, name: str, after: int, change: dict[str, bytes | None], said: str
) -> None:
    """Before or between the two passes: the earlier file stays, no other one is left, and the error has a report."""
    (tmp_path / name).write_bytes(b"old")

    with pytest.raises(IntegrityError, match=said) as caught:
        await export(
            _ChangedSink(mirror_of().files, min(after, 3) if "jsonl" in name else after, change), tmp_path / name
        )
    report: Any = caught.value.report
    assert isinstance(report, ExportReport)
    assert (report.runs, report.parts, report.bytes) == (0, 0, 0)
    del caught, report
    gc.collect()  # what is deleted late must not write either
    assert tree(tmp_path) == {name: b"old"}


@pytest.mark.parametrize(
    ("name", "rows", "runs", "columns"), [("t.csv", 0, 0, {}), ("t.sqlite", 2, 1, {"a": "a", "b": "b"})]
)
async def test_the_report_of_an_error_tells_what_is_there(
    tmp_path: Path, name: str, rows: int, runs: int, columns: dict[str, str]
) -> None:
    """A database has the runs before the error, a file nothing."""
    source = mirror_of()
    write_run(source, 101, 89, [[{"a": 1}]])
    damaged = _ChangedSink(source.files, 9, {"101/89/page-0001.json": b"[]"})

    with pytest.raises(IntegrityError) as caught:
        await export(damaged, tmp_path / name)
    report: Any = caught.value.report
    assert (report.rows, report.runs, report.columns) == (rows, runs, columns)


async def test_a_large_page_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A page above 1 MiB is read in pieces."""
    source = mirror_of([{"a": "x" * 2000}] * 600)
    assert (await export(source, tmp_path / "t.csv")).rows == 600

    del source.files[PAGE]
    with pytest.raises(MultiCartError, match=PAGE):
        await export(source, tmp_path / "t.csv")


HOWS: list[How] = ["native", "twice", "scope"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl.zst", "t.arrow"])
async def test_an_export_cancelled_anywhere_leaves_nothing(tmp_path: Path, name: str, how: How) -> None:
    """The earlier file is there, or the new one; no other file, and no thread."""
    source = mirror_of()
    await export(source, tmp_path / name)
    versions = {name: (tmp_path / name).read_bytes()}
    at, ends, reached = 0, set[str](), True
    while reached:
        at += 1
        (tmp_path / name).write_bytes(b"old")
        end, reached = await cancelled_at(at, export(source, tmp_path / name), how)
        assert tree(tmp_path) in ({name: b"old"}, versions)
        assert end == "cancelled" or tree(tmp_path) == versions
        ends.add(end)
    gc.collect()
    assert tree(tmp_path) == versions
    assert (at > 8, ends) == (True, {"done", "cancelled"})
    assert threads_left() == []


async def test_a_disk_that_fails_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the errno of the system."""
    (tmp_path / "t.csv.gz").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multicart_async.sinks._atomic_file.AtomicFile.commit", full)
    with pytest.raises(DiskError, match="No space left on device") as caught:
        await export(mirror_of(), tmp_path / "t.csv.gz")
    assert (caught.value.errno, tree(tmp_path)) == (28, {"t.csv.gz": b"old"})


async def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """Where its name is that of a file."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DiskError, match="file"):
        await export(mirror_of(), tmp_path / "file" / "t.csv")


async def test_temporary_files_of_killed_processes_go(tmp_path: Path) -> None:
    """The next export into the folder removes them."""
    (tmp_path / ".mc-0123456789abcdef.part").write_bytes(b"x")
    await export(mirror_of(), tmp_path / "t.csv")

    assert [*tree(tmp_path)] == ["t.csv"]


async def test_progress_is_told_by_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both phases, with the runs that are done and the rows."""
    monkeypatch.setattr("multicart_async.tables._export._PAUSE", 0.0)
    source = mirror_of()
    write_run(source, 101, 89, [[{"a": 1}]])
    events: list[Event] = []
    await export(source, tmp_path / "t.csv", on_event=events.append)

    expected = [(0, 2), (0, 2), (1, 3), (1, 3)]
    assert events == [
        ExportAdvanced(phase=phase, runs=runs, of_runs=2, rows=rows)
        for phase in ("reading", "writing")
        for runs, rows in expected
    ]


async def test_events_come_ten_times_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages there are."""
    monkeypatch.setattr("multicart_async.tables._export.time.monotonic", lambda: 5.0)
    events: list[Event] = []
    await export(mirror_of([{"a": 1}], [{"a": 1}]), tmp_path / "t.csv", on_event=events.append)

    assert events == [ExportAdvanced(phase="reading", runs=0, of_runs=1, rows=1)]


@pytest.mark.parametrize(
    ("name", "phase"),
    [("t.csv", "reading"), ("t.arrow", "reading"), *((name, "writing") for name in FILES)],
)
async def test_a_listener_that_fails_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, phase: str
) -> None:
    """With its exception; the earlier file stays, and no other one."""
    monkeypatch.setattr("multicart_async.tables._export._PAUSE", 0.0)
    (tmp_path / name).write_bytes(b"old")

    def listener(event: Any) -> None:
        if event.phase == phase:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await export(mirror_of(), tmp_path / name, on_event=listener)
    gc.collect()
    assert tree(tmp_path) == {name: b"old"}


@pytest.mark.parametrize("name", ["t.csv", "t.arrow"])
async def test_what_blocks_is_done_in_threads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to look at the destination, and to import what its format needs, which takes half a second."""
    threads: set[int] = set()

    def noted(*arguments: Any, **options: Any) -> Any:
        threads.add(threading.get_ident())
        return find_target(*arguments, **options)

    def made(*arguments: Any, **options: Any) -> Any:
        threads.add(threading.get_ident())
        return make_writer(*arguments, **options)

    monkeypatch.setattr("multicart_async.tables._export.find_target", noted)
    monkeypatch.setattr("multicart_async.tables._export.make_writer", made)
    await export(mirror_of(), tmp_path / name)

    assert threads
    assert threading.get_ident() not in threads
