"""A table written by a cluster is the one that a single process writes, in more parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_cluster import FakeCluster
from support.growing_tables import SCENARIOS, Runs, rows_of, unexpected
from support.table_kit import write_run

from multicart_async.distributed import _export_tasks
from multicart_async.distributed._destination import Probe
from multicart_async.distributed._export import export_over
from multicart_async.errors import ArgumentError, DiskError, IntegrityError, MultiCartError
from multicart_async.events import ExportAdvanced
from multicart_async.tables import ExportReport, export
from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables._fields import OPAQUE, Fields
from multicart_async.tables._options import ExportOptions

ODD: Runs = {
    (number, 1): records
    for number, records in enumerate(
        [
            [{"a": 1, "o": {"x": 1, "y": {"z": 2}}}, {"a": None, "b": True}],
            [{"a": 2.5, "o": {}}, "no object", {"late": [1, 2]}],
            [{"A": "same name", "o": {f"m{place}": place for place in range(30)}}],
            [{"o": {f"n{place}": place for place in range(10)}, "b": 7, "big": 2**70, "amount": "$1,049.99"}],
            [{f"many{place}": place for place in range(20)}],
            [{"a": 2**60}, {"o": "text"}],
        ],
        101,
    )
}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is full after three rows."""
    monkeypatch.setattr(parquet_writer, "PART_ROWS", 3)
    monkeypatch.setattr(_export_tasks, "worker_name", lambda: "one")


@pytest.fixture
def cluster() -> FakeCluster:
    """Its workers need no key."""
    return FakeCluster()


def mirror_in(folder: Path, runs: Runs) -> Path:
    """A mirror with one page for each run."""
    for (collection_id, run_id), records in runs.items():
        write_run(folder, collection_id, run_id, [records])
    return folder


async def exported(cluster: FakeCluster, source: Any, dest: Any, **given: Any) -> ExportReport:
    """What `export` returns."""
    names = ("columns", "flatten", "keep_record", "amounts", "max_columns")
    options = ExportOptions.checked(**{name: given.pop(name) for name in names if name in given})
    defaults: dict[str, Any] = {"collections": None, "runs": "new", "tasks": None, "on_event": None}
    return await export_over(cluster, source, dest, options, **{**defaults, **given})


def described(report: ExportReport) -> dict[str, Any]:
    """The report without the sizes of files: each task writes parts of its own."""
    return {name: value for name, value in report.to_dict().items() if name not in {"parts", "bytes"}}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_it_grows_as_the_table_of_a_single_process(cluster: FakeCluster, tmp_path: Path, name: str) -> None:
    """Rows, columns and report are the same, and nothing else is in the folder."""
    single, many = tmp_path / "one/table", tmp_path / "many/table"
    for number, runs in enumerate(SCENARIOS[name]):
        if runs:
            source = mirror_in(tmp_path / f"mirror{number}", runs)
            expected = await export(source, single)
            report = await exported(cluster, source, many)
            assert described(report) == described(expected)

    assert rows_of(many) == rows_of(single)
    assert unexpected(many) == set()
    schemas = [pyarrow.dataset.dataset(sorted(folder.glob("*.parquet"))).schema for folder in (single, many)]
    assert schemas[0] == schemas[1]


@pytest.mark.parametrize("tasks", [2, 6])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_columns": 5},
        {"columns": ["a", "o.x"], "keep_record": True},
        {"amounts": ["amount"], "flatten": 2},
    ],
    ids=json.dumps,
)
async def test_odd_records_get_the_same_columns(
    cluster: FakeCluster, tmp_path: Path, tasks: int, options: dict[str, Any]
) -> None:
    """Whatever task sees them: late names, mixed types, too many members, no objects, and no room."""
    source = mirror_in(tmp_path / "mirror", ODD)

    expected = await export(source, tmp_path / "single", **options)
    report = await exported(cluster, source, tmp_path / "many", tasks=tasks, **options)

    assert described(report) == described(expected)
    assert rows_of(tmp_path / "many") == rows_of(tmp_path / "single")
    states = [json.loads((tmp_path / name / "_export.json").read_bytes()) for name in ("single", "many")]
    assert states[0]["layout"] == states[1]["layout"]
    assert [*states[0]["fields"]] == [*states[1]["fields"]]
    assert len(cluster.tasks) == 2 * tasks


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abcdefg", max_size=2), inner, max_size=40),
    max_leaves=8,
)
records = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), values, max_size=6), max_size=8)


@given(records=records, cut=st.integers(0, 8), most=st.integers(1, 9), levels=st.integers(0, 2))
def test_what_parts_have_seen_is_what_one_has_seen(records, cut: int, most: int, levels: int) -> None:
    """In any division of the records: the same fields, in the same order, and the same ones without room."""
    whole = Fields(levels=levels, most=most)
    whole.observe(records)
    joined = Fields(levels=levels, most=most)
    for part in (records[:cut], records[cut:]):
        seen = Fields(levels=levels, most=1 << 62)
        seen.observe(part)
        joined.merge(seen)

    assert [*joined.leaves()] == [*whole.leaves()]
    for seen in (joined, whole):  # whether an object was too large as well does not matter if it has no columns anyway
        for field in seen.fields.values():
            field.seen &= ~OPAQUE
    assert [(name, field.to_json()) for name, field in joined.fields.items()] == [
        (name, field.to_json()) for name, field in whole.fields.items()
    ]
    assert joined.closed == whole.closed


async def test_events_count_runs_and_rows(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both passes, when tasks have ended."""
    monkeypatch.setattr("multicart_async.tables._export._PAUSE", 0)
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])
    events: list[Any] = []

    await exported(cluster, source, tmp_path / "table", tasks=1, on_event=events.append)

    assert events == [ExportAdvanced(phase=phase, runs=3, of_runs=3, rows=7) for phase in ("reading", "writing")]


async def test_a_lost_task_is_done_again(cluster: FakeCluster, tmp_path: Path) -> None:
    """What its first attempt has written is not part of the table."""
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])
    losses = [True, False, True, True, False]
    cluster.lost = lambda _: bool(losses) and losses.pop(0)

    report = await exported(cluster, source, tmp_path / "deep/table", tasks=1)

    assert (report.rows, len(cluster.tasks)) == (7, 5)
    assert unexpected(tmp_path / "deep/table") == set()


async def test_a_task_that_is_always_lost_ends_the_call(cluster: FakeCluster, tmp_path: Path) -> None:
    """Nothing became part of the table; the same call again succeeds."""
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])
    cluster.lost = lambda order: isinstance(order, _export_tasks.WriteOrder)

    with pytest.raises(MultiCartError, match="has lost the task 3 times") as caught:
        await exported(cluster, source, tmp_path / "table")

    assert caught.value.report == ExportReport()
    cluster.lost = lambda _: False
    assert (await exported(cluster, source, tmp_path / "table")).rows == 7


async def test_a_damaged_page_ends_the_call(cluster: FakeCluster, tmp_path: Path) -> None:
    """As it does for a single process."""
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])
    (source / "101/88/page-0001.json").write_bytes(b"[]")

    with pytest.raises(IntegrityError):
        await exported(cluster, source, tmp_path / "table")


async def test_the_folder_must_be_the_same_everywhere(cluster: FakeCluster, tmp_path: Path) -> None:
    """Workers that lack what the driver has written there are named; one that joins later does nothing."""
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])
    cluster.probe_results = {"three": Probe(sees_nonce=False)}
    with pytest.raises(ArgumentError, match=r"^dest: expected a destination .* is not at three; "):
        await exported(cluster, source, tmp_path / "table")

    cluster.probe_results = {}
    cluster.lost = lambda order: _forget(order, tmp_path)
    with pytest.raises(ArgumentError, match=r"^dest: what the driver has written there is not at the worker one"):
        await exported(cluster, source, tmp_path / "table")


def _forget(order: object, folder: Path) -> bool:
    if isinstance(order, _export_tasks.WriteOrder):
        (folder / "table/.new/nonce").unlink(missing_ok=True)
    return False


async def test_a_task_that_fails_leaves_no_part(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle of one."""
    source = mirror_in(tmp_path / "mirror", SCENARIOS["first"][1])

    def full(*_: object) -> None:
        raise DiskError("x", "full", 28)

    monkeypatch.setattr(parquet_writer._PartFile, "add", full)
    with pytest.raises(DiskError):
        await exported(cluster, source, tmp_path / "table")
    assert rows_of(tmp_path / "table") == []


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"dest": "table.csv"}, "dest"),
        ({"source": 5}, "source"),
        ({"runs": "some"}, "runs"),
        ({"tasks": 0}, "tasks"),
        ({"on_event": 5}, "on_event"),
        ({"collections": [5]}, "collections"),
    ],
)
async def test_wrong_arguments_are_named(
    cluster: FakeCluster, tmp_path: Path, given: dict[str, Any], argument: str
) -> None:
    """Before anything is submitted; other formats are those of `tables.export`."""
    source = given.pop("source", mirror_in(tmp_path / "mirror", SCENARIOS["first"][1]))
    dest = tmp_path / given.pop("dest", "table")

    with pytest.raises(ArgumentError) as caught:
        await exported(cluster, source, dest, **given)

    assert caught.value.argument == argument
    assert ("use tables.export for other formats" in str(caught.value)) == (argument == "dest")
    assert cluster.tasks == []
