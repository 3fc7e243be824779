"""The example that runs a batch each night: one journal for each, a budget, one line, and an exit status."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio

from multicart_async import PollPolicy
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Cut, DropBefore

TODAY = date(2026, 11, 29)
QUICK = PollPolicy(poll_interval=0.01, max_poll_interval=0.05, wait_timeout=20)
START = "/schedules/run/result/"


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example."""
    monkeypatch.syspath_prepend(os.fspath(Path(__file__).parents[2] / "examples"))
    yield importlib.import_module("nightly_run")
    sys.modules.pop("nightly_run")


@pytest_asyncio.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """Two collections of ten items, and a category scrape, which no batch runs again."""
    async with Sandbox(instant=True) as running:
        monkeypatch.setenv("MULTICART_BASE_URL", running.url)
        monkeypatch.setenv("MULTICART_API_KEY", running.api_key)
        running.add_collections(2, runs=0, items=10)
        async with running.client() as client:
            await client.categories.submit(
                "https://www.amazon.com.au/s?rh=n%3A4851693051", domain="amazon.com.au", postcode="4500"
            )
        yield running


def journals(folder: Path) -> list[str]:
    """The names of the journals."""
    return sorted(path.name for path in (folder / "journals").iterdir())


def line_of(capsys: Any) -> dict[str, Any]:
    """The one line on standard output, without what differs from run to run."""
    (line,) = capsys.readouterr().out.splitlines()
    return {name: value for name, value in json.loads(line).items() if name not in {"bytes", "seconds"}}


async def test_a_batch_is_run_once_a_day(nightly, sandbox, tmp_path, capsys) -> None:
    """A second call on that day does nothing, not even a request; the next day has a batch of its own."""
    assert await nightly.main(tmp_path, 20, policy=QUICK, today=TODAY) == 0
    assert line_of(capsys) == {"batch": "2026-11-29", "status": 0, "collections": 2, "ok": 2, "credits": 20}
    requests = len(sandbox.requests)

    assert await nightly.main(tmp_path, 20, policy=QUICK, today=TODAY) == 0
    assert len(sandbox.requests) == requests
    assert capsys.readouterr().out == ""

    assert await nightly.main(tmp_path, 20, policy=QUICK, today=date(2026, 11, 30)) == 0
    assert journals(tmp_path) == ["2026-11-29.done.jsonl", "2026-11-30.done.jsonl"]
    assert sandbox.counts[START] == 4
    assert len(list(tmp_path.glob("*/*/manifest.json"))) == 4


async def test_a_batch_beyond_the_budget_is_not_begun(nightly, sandbox, tmp_path, capsys) -> None:
    """Status 4, and no journal."""
    assert await nightly.main(tmp_path, 19, policy=QUICK, today=TODAY) == 4

    assert capsys.readouterr().err.startswith("nothing was started: the budget is 19, and this is needed: Estimate(")
    assert (sandbox.counts[START], journals(tmp_path)) == (0, [])


@pytest.mark.parametrize("fault", [Cut(10), DropBefore()], ids=["cut", "dropped"])
async def test_a_file_that_cannot_be_fetched_is_fetched_by_the_next_call(
    fault: Any, nightly, sandbox, tmp_path, capsys
) -> None:
    """Also past midnight, and nothing is started again."""
    sandbox.faults.add("/results/102/*", fault, times=None)
    assert await nightly.main(tmp_path, 20, policy=QUICK, today=TODAY) == 6
    assert line_of(capsys) == {"batch": "2026-11-29", "status": 6, "collections": 2, "ok": 1, "later": 1, "credits": 20}
    assert journals(tmp_path) == ["2026-11-29.jsonl"]
    sandbox.faults.clear()

    assert await nightly.main(tmp_path, 0, policy=QUICK, today=date(2026, 11, 30)) == 0

    assert line_of(capsys) == {"batch": "2026-11-29", "status": 0, "collections": 2, "ok": 2, "credits": 0}
    assert sandbox.counts[START] == 2
    assert journals(tmp_path) == ["2026-11-29.done.jsonl"]


async def test_runs_that_are_not_finished_are_waited_for_by_the_next_call(nightly, monkeypatch, tmp_path) -> None:
    """Status 6 until then; a run that fails is settled, too."""
    impatient = PollPolicy(poll_interval=0.01, wait_timeout=0.05)
    async with Sandbox(clock="manual") as sandbox:
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        failing, _ = sandbox.add_collections(2, runs=0, items=10)
        sandbox.fail_next_run(failing)
        assert await nightly.main(tmp_path, 20, policy=impatient, today=TODAY) == 6
        sandbox.advance(3600)

        assert await nightly.main(tmp_path, 0, policy=QUICK, today=TODAY) == 1

        assert sandbox.counts[START] == 2
    assert journals(tmp_path) == ["2026-11-29.done.jsonl"]


async def test_an_unknown_start_stays_open_for_two_days(nightly, sandbox, tmp_path, monkeypatch) -> None:
    """Status 7; then it is given up, and there is a new batch."""
    soon = PollPolicy(poll_interval=0.01, wait_timeout=0.1)
    monkeypatch.setattr("multicart_async.resources.runs._start.RECOVERY", soon)
    sandbox.faults.add(START, DropBefore(), times=None)

    first = await nightly.main(tmp_path, 10, [101], policy=QUICK, today=TODAY)
    second = await nightly.main(tmp_path, 10, [101], policy=QUICK, today=date(2026, 11, 30))
    sandbox.faults.clear()
    third = await nightly.main(tmp_path, 10, [101], policy=QUICK, today=date(2026, 12, 1))

    assert (first, second, third) == (7, 7, 0)
    assert journals(tmp_path) == ["2026-11-29.given-up.jsonl", "2026-12-01.done.jsonl"]


async def test_the_key_can_come_from_a_file(nightly, sandbox, tmp_path, monkeypatch) -> None:
    """So that neither the crontab nor the list of processes shows it."""
    monkeypatch.delenv("MULTICART_API_KEY")
    key = tmp_path / "key"
    key.write_text(sandbox.api_key)
    key.chmod(0o600)

    assert await nightly.main(tmp_path / "results", 20, key_file=key, policy=QUICK, today=TODAY) == 0


def test_the_day_is_that_of_utc(nightly, tmp_path, monkeypatch) -> None:
    """And of the moment when the batch begins, if no other is given."""
    days: list[date] = []
    monkeypatch.setattr(nightly, "batch_of", lambda _, today: days.append(today))

    assert asyncio.run(nightly.main(tmp_path, 1)) == 0
    assert len(days) == 1
