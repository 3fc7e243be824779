"""``multicart report``."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_kit import Commands
from support.report_kit import record, write_run

NO_MANIFEST = (
    "there is no manifest: the download was interrupted or is under way; multicart sync fetches what is missing"
)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Two runs of each of two collections."""
    for collection in (101, 102):
        for run in (86, 88):
            write_run(tmp_path / "mirror", collection, run, [record("A", f"${run}")])
    return tmp_path / "mirror"


def test_a_report_needs_no_credential(plain: Commands, mirror: Path, tmp_path: Path) -> None:
    """It sends nothing, and prints what it has written."""
    done = plain("report", mirror, "-o", tmp_path / "report.html", "--json")

    assert (done.status, done.err) == (0, "")
    assert list(done.document) == [
        *("file", "collections", "runs", "records", "bytes", "failures", "differences", "ok", "failed")
    ]
    assert (done.document["collections"], done.document["runs"], done.document["failed"]) == (2, 4, 0)
    assert "$86" in (tmp_path / "report.html").read_text()


def test_the_table_of_a_report_has_its_file(plain: Commands, mirror: Path, tmp_path: Path) -> None:
    """And what it is about; collections and the length of the history can be chosen."""
    target = tmp_path / "report.html"
    done = plain("report", mirror, "-o", target, "--collection", 102, "--runs", 2)

    assert done.out == f"true\t{target}\t1\t2\t0\t{target.stat().st_size}\n"


def test_a_report_with_failures_has_status_1(plain: Commands, mirror: Path, tmp_path: Path) -> None:
    """As `verify` has. The report is written all the same; each failure and difference is named on stderr."""
    (mirror / "101/90").mkdir()
    write_run(mirror, 101, 91, [], differences=("one \x1b record less",))
    done = plain("report", mirror, "-o", tmp_path / "report.html")

    assert (done.status, done.out.split("\t")[0]) == (1, "false")
    assert done.err.splitlines() == [
        f"multicart: 101/90: {NO_MANIFEST}",
        "multicart: warning: 101/91: one \\x1b record less",
    ]
    assert (tmp_path / "report.html").exists()


def test_a_dry_run_writes_no_report(plain: Commands, mirror: Path, tmp_path: Path) -> None:
    """It says what it would write."""
    target = tmp_path / "report.html"
    done = plain("report", mirror, "-o", target, "--dry-run")

    assert (done.status, done.out) == (0, f"a report on {mirror} would be written to {target}\n")
    assert not target.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing option '-o'"),
        (["-o", "."], "dest: expected the path of a file"),
        (["-o", "https://host/report.html"], "dest: expected a path, got the URL"),
        (["-o", "report.html", "--runs", "1"], "--runs"),
        (["-o", "report.html", "--collection", "x"], "--collection"),
    ],
)
def test_a_wrong_call_of_report_is_explained(plain: Commands, mirror: Path, words: list[str], said: str) -> None:
    """In one line, with status 2."""
    done = plain("report", mirror, *words)

    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
