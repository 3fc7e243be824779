"""``multicart sync`` and ``multicart verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command_kit import BackgroundSandbox, Commands, background_sandbox

from multicart_async import AsyncMultiCart, errors
from multicart_async.events import SyncCompleted
from multicart_async.models import SyncFailure, SyncReport


@pytest.fixture
def mirror(tmp_path: Path, multicart: Commands) -> Path:
    """A mirror of the sandbox `shop`."""
    assert multicart("sync", tmp_path / "mirror").status == 0
    return tmp_path / "mirror"


def test_a_second_sync_has_nothing_to_do_and_says_so(multicart: Commands, mirror: Path) -> None:
    """Status 0, and the same line as always."""
    assert multicart("sync", mirror).out == "true\t5\t5\t5\t0\t0\t0\n"


def test_a_report_has_the_documented_fields(multicart: Commands, mirror: Path) -> None:
    """In this order, with more behind."""
    done = multicart("sync", mirror, "--runs", "all", "--files", "both", "--check", "all", "--json").document

    assert {"ok", "runs", "files", "bytes", "skipped", "failures", "stopped"} <= set(done)
    assert (done["ok"], done["runs"], done["files"], done["skipped"], done["failures"]) == (True, 5, 5, 0, [])


def test_a_dry_run_writes_nothing(multicart: Commands, tmp_path: Path) -> None:
    """It counts the files that are missing."""
    done = multicart("sync", tmp_path / "mirror", "--dry-run", "--json").document

    assert (done["dry_run"], done["files"], done["bytes"]) == (True, 5, 0)
    assert not (tmp_path / "mirror").exists()


def test_a_dry_run_names_the_paths_that_keep_would_remove(plain: Commands, tmp_path: Path) -> None:
    """On stderr for a reader, in the report for a program."""
    with background_sandbox(1, instant=True) as served:
        plain.at(served)
        plain("sync", tmp_path)
        plain("runs", "run", 101, "--yes", "--poll-interval", 0.01)
        plain("sync", tmp_path, "--check", "all")  # the new run may have come within the same second
        done = plain("sync", tmp_path, "--keep", 1, "--dry-run", "--json")

        assert done.document["removed"] == ["101/88"]
        assert "would be removed: 101/88" in done.err
        assert "\nremoved: 101/88" in "\n" + plain("sync", tmp_path, "--keep", 1).err


def test_a_shard_takes_a_part(multicart: Commands, tmp_path: Path) -> None:
    """Two parts are the whole."""
    parts = [multicart("sync", tmp_path, "--shard", f"{n}/2", "--json").document["collections"] for n in (0, 1)]

    assert sum(parts) == 5


FAILED = SyncReport(
    collections=2,
    failures=(
        SyncFailure(101, 88, "page-0001.json", errors.IncompleteDownloadError("x", "cut\x1b[2J")),
        SyncFailure(102, None, None, errors.InsufficientCreditsError("/x", 402, "none")),
    ),
    differences=("run 88 has one record less",),
    gone=("103", "104/7"),
    stopped=True,
)


def test_a_report_with_failures_says_what_and_why(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the report with a code; on stderr a line each."""

    async def failed(*_: object, **__: object) -> SyncReport:
        return FAILED

    monkeypatch.setattr(AsyncMultiCart, "sync", failed)
    done = multicart("sync", "mirror", "--json")

    assert done.status == 4
    assert done.document["failures"] == [
        {"collection": 101, "run": 88, "file": "page-0001.json", "error": "x: cut\\x1b[2J", "code": None},
        {"collection": 102, "run": None, "file": None, "error": "/x: code 402: none", "code": 402},
    ]
    assert done.err.splitlines() == [
        "multicart: 101/88/page-0001.json: x: cut\\x1b[2J",
        "multicart: 102: /x: code 402: none",
        "multicart: warning: run 88 has one record less",
        "multicart: stopped, because everything else would have failed in the same way",
        "no longer at the service: 103, 104/7",
    ]


def test_following_ends_with_what_no_later_pass_can_mend(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a rejected key: the report of that pass decides the status."""

    async def stopped(client: AsyncMultiCart, *_: object, follow: bool, **__: object) -> SyncReport:
        assert follow
        for report in (FAILED, SyncReport(), FAILED):
            client._context.emit(SyncCompleted(report=report))
        return FAILED

    monkeypatch.setattr(AsyncMultiCart, "sync", stopped)
    done = multicart("sync", "mirror", "--follow", "--json")

    assert (done.status, [row["ok"] for row in done.document]) == (4, [False, True, False])


def test_log_json_makes_progress_an_object_a_line(multicart: Commands, tmp_path: Path) -> None:
    """Like all that the command says."""
    done = multicart("sync", tmp_path, "--log-json", "--jsonl")

    assert [json.loads(line)["message"].partition(",")[0] for line in done.err.splitlines()] == [
        "sync: 5 of 5 collections"
    ]


def test_verify_needs_no_credential(plain: Commands, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends nothing."""
    for name in ("MULTICART_API_KEY", "MULTICART_BASE_URL"):
        monkeypatch.delenv(name)

    assert plain("verify", mirror, "--json").document["ok"] is True
    assert plain("verify", mirror, "--repair").status == 2


def test_verify_names_what_does_not_match_and_repairs_it(multicart: Commands, mirror: Path) -> None:
    """Status 1 until it is repaired."""
    (mirror / "101/88/page-0001.json").write_text("[]")

    done = multicart("verify", mirror)
    assert (done.status, done.out.split("\t")[0]) == (1, "false")
    assert "101/88/page-0001.json" in done.err
    repaired = multicart("verify", mirror, "--repair", "--json")
    assert (repaired.status, repaired.document["repaired"]) == (0, ["101/88/page-0001.json"])


def test_following_prints_a_report_for_each_pass(
    multicart: Commands, shop: BackgroundSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the reader has enough."""
    seen: list[dict[str, Any]] = []

    def add(_: object, row: dict[str, Any]) -> None:
        seen.append(row)
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("multicart_async.cli._output.Output.add", add)
    done = multicart("sync", tmp_path / "mirror", "--follow", "--jsonl")

    assert done.status == 141
    assert [(row["ok"], row["runs"]) for row in seen] == [(True, 5)]
