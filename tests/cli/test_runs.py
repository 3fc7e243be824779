"""``multicart runs``: what is spent, started, waited for and printed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_kit import BackgroundSandbox, Commands, Terminal, background_sandbox

from multicart_async import PollPolicy, errors
from multicart_async.cli._resuming import started_advice
from multicart_async.events import RunProgress
from multicart_async.models import StartedCategory, StartedRun
from multicart_async.models.outcome import Failure
from multicart_async.sandbox import faults

FAST = ("--poll-interval", 0.01)
RUN = "/schedules/run/result/"


@pytest.fixture
def spending() -> Iterator[BackgroundSandbox]:
    """A sandbox with collections 101 to 103 of 10 items, 25 credits, and runs that finish at once."""
    with background_sandbox(3, credits=25, instant=True) as served:
        yield served


@pytest.fixture
def spend(plain: Commands, spending: BackgroundSandbox) -> Commands:
    """The command, with the sandbox `spending`."""
    return plain.at(spending)


def starts(served: BackgroundSandbox) -> int:
    """How many runs the service was asked to start."""
    return served.do(lambda sandbox: sum(request.path.endswith(RUN) for request in sandbox.requests))


def test_start_prints_what_wait_needs(spend: Commands) -> None:
    """Exactly two integers for each, and `wait -` reads them."""
    started = spend("runs", "start", 101, 102, "--yes", "--jsonl")

    assert sorted(started.rows, key=lambda row: row["collection_id"]) == [
        {"collection_id": 101, "after_run_id": 88},
        {"collection_id": 102, "after_run_id": 89},
    ]
    waited = spend("runs", "wait", "-", "--jsonl", *FAST, stdin=started.out)
    assert waited.status == 0
    assert {(row["collection_id"], row["ok"], row["run"]["is_download_generated"]) for row in waited.rows} == {
        (101, True, True),
        (102, True, True),
    }


def test_what_it_costs_is_asked_on_a_terminal(spend: Commands, spending: BackgroundSandbox) -> None:
    """The answer no spends nothing."""
    done = spend("runs", "start", 101, 102, stdin=Terminal("n\n"))

    assert (done.status, done.out, starts(spending)) == (2, "", 0)
    assert "2 collections, 20 items: 20 of 25 credits. Go on? [y/N]" in done.err
    assert spend("runs", "start", 101, stdin=Terminal("y\n")).status == 0
    assert starts(spending) == 1


def test_without_a_terminal_a_confirmation_is_missing(spend: Commands, spending: BackgroundSandbox) -> None:
    """Nothing at all is sent."""
    done = spend("runs", "run", "--all")

    assert (done.status, done.out) == (2, "")
    assert "--yes" in done.err
    assert spending.do(lambda sandbox: len(sandbox.requests)) == 0


@pytest.mark.parametrize("word", ["start", "run"])
def test_max_credits_binds_with_yes_too(spend: Commands, spending: BackgroundSandbox, word: str) -> None:
    """Status 4, and nothing was started."""
    done = spend("runs", word, 101, 102, "--yes", "--max-credits", 19)

    assert (done.status, starts(spending)) == (4, 0)
    assert "20 credits are needed and --max-credits allows 19" in done.err


def test_more_than_is_spendable_is_refused_before_the_first_start(spend: Commands, spending: BackgroundSandbox) -> None:
    """Instead of starting some of them."""
    done = spend("runs", "start", "--all", "--yes")

    assert (done.status, starts(spending)) == (4, 0)
    assert "30 credits are needed and 25 are spendable" in done.err


def test_all_leaves_out_category_scrapes(spend: Commands, spending: BackgroundSandbox) -> None:
    """They are listed beside the others, but were paid for already."""
    place = ("--domain", "amazon.com.au", "--postcode", 4500)
    assert spend("category", "submit", "https://www.amazon.com.au/s?rh=n%3A4851693051", *place, "--yes").status == 0
    listed = spend("collections", "list", "-q").out.split()

    done = spend("runs", "estimate", "--all", "--json")

    assert (len(listed), done.document["collections"]) == (4, 3)


def test_an_unknown_number_of_items_cannot_keep_a_limit(spend: Commands, spending: BackgroundSandbox) -> None:
    """A draft is not listed; unless not more than the limit is spendable at all."""
    done = spend("runs", "start", 999, "--yes", "--max-credits", 24)
    assert (done.status, starts(spending)) == (4, 0)
    assert "999" in done.err

    done = spend("runs", "start", 999, "--yes", "--max-credits", 25)
    assert done.status == 1
    assert "the items of 1 collection, whose number is not known" in done.err


@pytest.mark.parametrize("limit", [(), ("--max-credits", 5)])
def test_a_dry_run_starts_nothing(spend: Commands, spending: BackgroundSandbox, limit: tuple[Any, ...]) -> None:
    """It says what it would cost, and whether it would be refused."""
    done = spend("runs", "start", 101, "--dry-run", *limit)

    assert (done.status, starts(spending)) == (4 if limit else 0, 0)
    assert done.out == "1 collection, 10 items: 10 of 25 credits.\n"
    assert spend("runs", "run", 101, "--dry-run", "--json").document["items"] == 10


def test_run_downloads_each_as_it_is_finished(spend: Commands, tmp_path: Path) -> None:
    """With a journal, the same call starts nothing twice."""
    words = (
        "runs",
        "run",
        101,
        102,
        "--dest",
        tmp_path / "out",
        "--journal",
        tmp_path / "j",
        "--yes",
        "--jsonl",
        *FAST,
    )
    done = spend(*words)

    assert done.status == 0
    assert {(row["collection_id"], row["ok"], row["files"]) for row in done.rows} == {(101, True, 1), (102, True, 1)}
    for row in done.rows:
        assert (Path(row["directory"]) / "manifest.json").is_file()
    again = spend(*words)
    assert again.status == 0
    assert "nothing is to be started" in again.err


def test_run_without_dest_prints_the_run(spend: Commands) -> None:
    """With -q its id, in a pipe a row."""
    assert spend("runs", "run", 101, "--yes", "-q", *FAST).out == "91\n"
    assert spend("runs", "run", 102, "--yes", *FAST).out.startswith("102\ttrue\t92\t")


def test_one_failure_does_not_stop_the_others(spend: Commands) -> None:
    """It has a line of its own, on stderr too, and the status is 1."""
    done = spend("runs", "run", 101, 999, "--yes", "--jsonl", *FAST)

    assert done.status == 1
    rows = {row["collection_id"]: row for row in done.rows}
    assert rows[101]["ok"] is True
    assert rows[999] == {
        "collection_id": 999, "ok": False, "error": "collection 999: not found", "code": 404,
    }  # fmt: skip
    assert "multicart: collection 999: not found" in done.err
    assert spend("runs", "start", 999, "--yes", "-q").out == ""


def test_a_wait_that_times_out_says_how_to_go_on(plain: Commands) -> None:
    """Status 6."""
    with background_sandbox(1, scrape_seconds_per_item=100) as served:
        done = plain.at(served)("runs", "run", 101, "--yes", "--timeout", 0.05, "--jsonl", *FAST)
        quiet = plain("runs", "wait", "101:88", "--timeout", 0.05, "-q", *FAST)

    assert (done.status, done.rows[0]["ok"]) == (6, False)
    assert "multicart runs wait 101:88" in done.err
    assert (quiet.status, "multicart runs wait 101:88" in quiet.err) == (6, True)


def test_an_unknown_outcome_has_status_7(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the command that waits instead of starting again."""

    async def lost(_: object, ids: list[int]) -> Any:
        for number in ids:
            error = errors.OutcomeUnknownError(RUN, "no response", started=StartedRun(number, 88))
            yield Failure(number, error)

    monkeypatch.setattr("multicart_async.resources.runs.runs.Runs.start_many", lost)
    done = multicart("runs", "start", 101, "--yes", "--jsonl")

    assert done.status == 7
    assert "it may have been charged" in done.err
    assert "multicart runs wait 101:88" in done.err
    assert done.rows[0]["after_run_id"] == 88  # so `runs wait -` waits for it


def test_a_start_that_a_gateway_has_timed_out_is_unknown(
    spend: Commands, spending: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been charged, although there was a response: status 7, and what to wait for."""
    monkeypatch.setattr("multicart_async.resources.runs._start.RECOVERY", PollPolicy(wait_timeout=0))
    spending.do(lambda sandbox: sandbox.faults.add(RUN, faults.Status(504)))
    done = spend("runs", "start", 101, "--yes", "--jsonl")

    assert (done.status, done.rows[0]["code"], done.rows[0]["after_run_id"]) == (7, 504, 88)
    assert "multicart runs wait 101:88" in done.err


@pytest.mark.parametrize("more", [(), ("-q",), ("--no-progress", "--log-json")])
def test_a_signal_names_what_was_charged(
    plain: Commands, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """As the command that waits for it, however quiet the command is."""

    def interrupt(_: object, event: object) -> None:
        if isinstance(event, RunProgress):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("multicart_async.cli._progress.Progress.on_event", interrupt)
    with background_sandbox(1, scrape_seconds_per_item=100) as served:
        done = plain.at(served)("runs", "run", 101, "--yes", *more, *FAST)

    assert done.status == 143
    assert "started and charged, or possibly so; wait for it: multicart runs wait 101:88" in done.err


def test_a_start_that_cannot_be_printed_is_named(
    spend: Commands, spending: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was charged; a full disk behind stdout must not hide it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multicart_async.cli._output.Output.add", full)
    done = spend("runs", "start", 101, "--yes", "--jsonl")

    assert done.status == 1
    assert "wait for it: multicart runs wait 101:88" in done.err
    assert starts(spending) == 1


def test_a_failed_start_has_no_row_among_results(spend: Commands) -> None:
    """It would be taken for one."""
    assert spend("runs", "start", 999, "--yes").out == ""


@pytest.mark.parametrize("words", [("runs", "start", 101), ("runs", "wait", "-"), ("login",), ("login", "--stdin")])
def test_a_closed_stdin_is_a_wrong_call(
    spend: Commands, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...]
) -> None:
    """As under some supervisors: status 2, no traceback."""
    done = spend(*words, stdin=None)

    assert (done.status, done.err.count("\n")) == (2, 1)


def test_many_started_runs_are_named_in_several_commands() -> None:
    """All of them; scrapes of categories have a command each."""
    started = [*(StartedRun(number, 1) for number in range(101, 112)), StartedCategory(7, 8), "unknown"]

    assert [line.partition(": ")[2] for line in started_advice(started)] == [
        "multicart runs wait " + " ".join(f"{number}:1" for number in range(101, 111)),
        "multicart runs wait 111:1",
        "multicart category wait 7",
    ]


def test_wait_takes_lines_of_failed_starts_as_failures(spend: Commands) -> None:
    """So a pipeline does not end well if a start has failed; words and blank lines are read, too."""
    spend("runs", "start", 101, "--yes")
    lines = '\n101:88\n{"collection_id": 102, "ok": false, "error": "no", "code": 402}\n'
    done = spend("runs", "wait", "-", "--jsonl", *FAST, stdin=lines)

    assert (done.status, len(done.rows)) == (4, 1)
    done = spend("runs", "wait", "-", *FAST, stdin='{"collection_id": 102, "ok": false, "error": "no", "code": null}\n')
    assert done.status == 1


@pytest.mark.parametrize("line", ["[]", '{"collection_id": 101}', '{"collection_id": "101", "after_run_id": 1}', "x"])
def test_a_line_that_names_no_run_is_a_failure(spend: Commands, line: str) -> None:
    """With an example of a right one; the others are waited for."""
    spend("runs", "start", 101, "--yes")
    done = spend("runs", "wait", "-", "--jsonl", *FAST, stdin=f"{line}\n101\t88\n")

    assert (done.status, len(done.rows)) == (1, 1)
    assert 'expected lines such as {"collection_id": 101' in done.err


def test_ids_are_read_from_stdin(spend: Commands) -> None:
    """Each is taken once."""
    done = spend("runs", "estimate", "-", 101, "--json", stdin="101 102\n102\n")

    assert done.document == {"collections": 2, "items": 20, "spendable": 25, "unknown": []}
    assert "2 collections, 20 items: 20 of 25 credits" in done.err


def test_runs_are_listed(multicart: Commands) -> None:
    """With the documented fields."""
    row = multicart("runs", "list", 101, "--jsonl").rows[0]

    assert (row["id"], row["collection"], row["is_download_generated"]) == (88, 101, True)
    assert multicart("runs", "list", 101, "-q").out == "88\n"


def test_a_run_is_downloaded(multicart: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest, or a named one; into the current folder unless another is named."""
    monkeypatch.chdir(tmp_path)
    assert multicart("runs", "download", 101, "--dry-run").out.startswith("run 88 of collection 101 would be")
    done = multicart("runs", "download", 101, "--json").document
    assert (done["run"]["id"], len(done["files"]), done["skipped"]) == (88, 1, 0)
    assert (tmp_path / "101/88/manifest.json").is_file()
    assert multicart("runs", "download", 101, 88, "--dest", tmp_path, "-q").out == "88\n"


@pytest.mark.parametrize(
    ("words", "said"), [((101, 7), "collection 101: no run 7"), ((999,), "collection 999: not found")]
)
def test_a_run_that_is_not_there_has_status_1(multicart: Commands, words: tuple[int, ...], said: str) -> None:
    """It says what is missing."""
    done = multicart("runs", "download", *words)

    assert (done.status, said in done.err) == (1, True), done.err


def test_records_are_lines_of_json(multicart: Commands) -> None:
    """In a document with --json."""
    lines = multicart("runs", "records", 101).rows

    assert len(lines) == 10
    assert multicart("runs", "records", 101, 88, "--skip-invalid", "--json").document == lines


def test_a_document_that_ends_with_an_error_can_be_read(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status says that it is not all."""

    async def cut(*_: object, **__: object) -> Any:
        yield {"asin": "B000000001"}
        raise errors.IncompleteDownloadError("page-0001.json", "interrupted")

    monkeypatch.setattr("multicart_async.resources.runs.runs.Runs.records", cut)
    done = multicart("runs", "records", 101, "--json")

    assert (done.status, json.loads(done.out)) == (1, [{"asin": "B000000001"}])


def test_follow_prints_each_run_once(spend: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state file, a second call goes on where the first one ended."""
    words = ("runs", "follow", "--since", "all", "--state", tmp_path / "state", "--jsonl", *FAST)
    seen: list[int] = []
    for limit in (2, 2):
        monkeypatch.setattr("multicart_async.cli._output.Output.add", _stop_after(limit, seen))
        assert spend(*words).status == 141

    assert sorted(seen[:1] + seen[2:]) == [88, 89, 90]


def _stop_after(limit: int, seen: list[int]) -> Any:
    """A stand-in for `Output.add` that behaves as a pipe that is closed after so many lines."""
    count = 0

    def add(_: object, row: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        seen.append(row["id"])
        if count == limit:
            raise BrokenPipeError(32, "Broken pipe")

    return add


def test_records_of_the_service_need_a_collection(multicart: Commands) -> None:
    """Only a mirror can be read as a whole."""
    done = multicart("runs", "records")

    assert (done.status, "missing argument 'COLLECTION_ID'; only a mirror, with --from," in done.err) == (2, True)
