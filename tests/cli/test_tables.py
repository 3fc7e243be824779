"""``multicart export``, ``changes`` and ``runs records --from``, which read a mirror."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
from pathlib import Path

import pytest
from support.command_kit import Commands
from support.table_kit import write_run


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with two runs of collection 101."""
    write_run(
        tmp_path,
        101,
        88,
        [[{"asin": "A", "price": "$5"}, {"asin": "B", "price": "$1,049.99"}], [{"asin": "C", "size": 1}]],
    )
    write_run(
        tmp_path, 101, 89, [[{"asin": "D", "price": "$1\t"}, {"asin": "A", "price": "$6", "tags": {"new": True}}]]
    )
    write_run(tmp_path, 102, 90, [[{"asin": "A"}, 5, {"asin": "B"}, None]])
    return tmp_path


@pytest.fixture
def offline(plain: Commands, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The command without a credential, and where a connection or a client is an error."""

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    plain("--version")
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, none)
    monkeypatch.setattr("multicart_async.client.AsyncMultiCart.__aenter__", none)
    return plain


def test_changes_are_lines_of_five_columns(offline: Commands, mirror: Path) -> None:
    """Kind, key, field, old and new; objects as JSON, a missing value empty."""
    done = offline("changes", mirror, 101)

    assert done.status == 0
    assert done.out.splitlines() == [
        'added\tD\t\t\t{"asin": "D", "price": "$1\\t"}',
        "changed\tA\tprice\t$5\t$6",
        'changed\tA\ttags\t\t{"new": true}',
        'removed\tB\t\t{"asin": "B", "price": "$1,049.99"}\t',
        'removed\tC\t\t{"asin": "C", "size": 1}\t',
    ]


def test_changes_are_objects_for_programs(offline: Commands, mirror: Path) -> None:
    """A line for each with --jsonl, and one document with --json."""
    lines = offline("changes", mirror, 101, 89, 88, "--field", "price", "--field", "size", "--jsonl").rows

    assert lines[0] == {"kind": "changed", "key": "A", "field": "price", "old": "$6", "new": "$5"}
    assert [line["kind"] for line in lines] == ["changed", "added", "added", "removed"]
    assert offline("changes", mirror, 101, 89, 88, "--field", "price", "--field", "size", "--json").document == lines


def test_changes_have_keys_for_other_commands(offline: Commands, mirror: Path) -> None:
    """One line for each change with -q; several keys are JSON."""
    assert offline("changes", mirror, 101, "-q").out.split() == ["D", "A", "A", "B", "C"]
    assert offline("changes", mirror, 101, "--key", "asin", "--key", "price", "-q").out.splitlines()[:2] == [
        '["D", "$1\\t"]',
        '["A", "$6"]',
    ]


def test_no_changes_are_said_on_stderr(offline: Commands, tmp_path: Path) -> None:
    """With status 0 and nothing on stdout; --key alone chooses another field."""
    for run_id in (88, 89):
        write_run(tmp_path, 101, run_id, [[{"sku": 1}]])
    done = offline("changes", tmp_path, 101, "--key", "sku")

    assert (done.status, done.out, done.err) == (0, "", "no changes\n")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((102,), 2, "collection_id: expected a collection with two runs, got 102, which has one with a manifest: 90"),
        ((7,), 2, "collection_id: expected a collection of the source, got 7, not there"),
        ((101, 88, 88), 2, "old: expected another run than 88"),
        ((101, "--key", "sku"), 2, "key: no record of run 88 has 'sku'; they have: asin, price, size"),
        ((101, "x"), 2, "expected an id, which is a positive integer, got 'x'"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_has_status_2(
    offline: Commands, mirror: Path, words: tuple[object, ...], status: int, said: str
) -> None:
    """It says what is there."""
    done = offline("changes", mirror, *words)

    assert (done.status, said in done.err) == (status, True), done.err


def test_records_of_a_mirror_need_no_service(offline: Commands, mirror: Path) -> None:
    """Those of the newest run, or of the one that is named; without a credential, and without a socket."""
    newest = offline("runs", "records", "--from", mirror, 101)

    assert (newest.status, [row["asin"] for row in newest.rows]) == (0, ["D", "A"])
    assert [row["asin"] for row in offline("runs", "records", 101, 88, "--from", mirror).rows] == ["A", "B", "C"]


def test_records_of_a_whole_mirror_need_no_collection(offline: Commands, mirror: Path) -> None:
    """Those of the newest run of each."""
    done = offline("runs", "records", "--from", mirror, "--skip-invalid")
    assert (done.status, [row["asin"] for row in done.rows]) == (0, ["D", "A", "A", "B"])


def test_a_variable_can_name_the_mirror(offline: Commands, mirror: Path) -> None:
    """Like every option."""
    offline.monkeypatch.setenv("MULTICART_RUNS_RECORDS_FROM", os.fspath(mirror))

    assert len(offline("runs", "records", 101).rows) == 2


def test_values_of_a_mirror_that_are_no_records_fail(offline: Commands, mirror: Path) -> None:
    """Unless they are left out, which is said."""
    failed = offline("runs", "records", "--from", mirror, 102)
    assert (failed.status, len(failed.rows)) == (1, 1)
    assert "102/90/page-0001.json: record 2: expected an object, got int 5" in failed.err

    done = offline("runs", "records", "--from", mirror, 102, "--skip-invalid")
    assert (done.status, [row["asin"] for row in done.rows]) == (0, ["A", "B"])
    assert done.err == "multicart: warning: run 102/90: left out 2 values that are no object\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [((101, 7), 1, "collection 101: no run 7"), ((7,), 1, "collection 7: no finished run")],
    ids=str,
)
def test_a_run_that_is_not_in_the_mirror_has_status_1(
    offline: Commands, mirror: Path, words: tuple[int, ...], status: int, said: str
) -> None:
    """As without a mirror."""
    done = offline("runs", "records", "--from", mirror, *words)

    assert (done.status, said in done.err) == (status, True), done.err


def test_a_mirror_that_is_not_there_has_status_2(offline: Commands, tmp_path: Path) -> None:
    """It names the option."""
    done = offline("runs", "records", "--from", tmp_path / "none", 101)

    assert (
        done.status,
        done.err.startswith("multicart: --from: expected a folder that sync or download has made"),
    ) == (2, True)


def test_an_export_says_what_it_has_written(offline: Commands, mirror: Path) -> None:
    """One line, also if there was nothing to do, and one object for programs."""
    dest = mirror / "prices.sqlite"

    done = offline("export", mirror, dest, "--amount", "price", "--collection", 101)
    again = offline("export", mirror, dest, "--amount", "price", "--collection", 101, "--json")

    assert (done.status, done.out.split("\t")[:5]) == (0, ["5", "2", "0", "0", "0"])
    with contextlib.closing(sqlite3.connect(dest)) as database:
        amounts = database.execute("SELECT price_amount FROM history ORDER BY 1").fetchall()
    assert amounts == [(None,), (1.0,), (5.0,), (6.0,), (1049.99,)]
    report = json.loads(again.out)
    assert {name: report[name] for name in ("rows", "runs", "skipped")} == {"rows": 0, "runs": 0, "skipped": 2}
    assert report["columns"]["price"] == "price"


def test_the_options_of_an_export_reach_it(offline: Commands, mirror: Path) -> None:
    """Each of them changes the file."""
    options = ("--runs", "latest", "--column", "asin", "--column", "tags", "--flatten", "0", "--excel", "--keep-record")

    done = offline(
        "export", mirror, mirror / "t", "--format", "csv", "--max-columns", "9", "--collection", 101, *options
    )

    assert done.status == 0, done.err
    lines = (mirror / "t").read_text("utf-8").splitlines()
    assert lines[0] == "\ufeffcollection_id,run_id,scraped_at,page,number,asin,tags,_record"
    assert [line.split(",")[5] for line in lines[1:]] == ["D", "A"]


def test_an_export_can_be_planned(offline: Commands, mirror: Path) -> None:
    """Nothing is written."""
    done = offline("export", mirror, mirror / "t.csv", "--dry-run")

    assert (done.status, "would be written" in done.out) == (0, True)
    assert not (mirror / "t.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{mirror}", "{mirror}/t.xlsx"), "dest: expected a folder for Parquet"),
        (("{mirror}/none", "{mirror}/t.csv"), "source: expected a folder that sync or download has made"),
        (("{mirror}", "{mirror}/t.csv", "--column", "nope"), "columns: expected fields of the records, got 'nope'"),
    ],
    ids=["format", "source", "column"],
)
def test_a_wrong_export_has_status_2(offline: Commands, mirror: Path, words: tuple[str, ...], said: str) -> None:
    """The message names the argument."""
    done = offline("export", *(word.format(mirror=mirror) for word in words))

    assert (done.status, said in done.err) == (2, True), done.err
