"""``multicart sync`` as cron runs it: a process with a folder and an environment."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from typing import Any

import attrs
import pytest
from support.eventually import until
from support.mirror_kit import FILE, results, runs_below, temporaries

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Envelope, Stall, Status

PARTS = ("ok", "collections", "runs", "skipped", "files", "bytes")


@attrs.frozen
class Night:
    """How a process ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The document that it has printed."""
        assert self.out, self.err
        report: dict[str, Any] = json.loads(self.out)
        return report

    @property
    def said(self) -> list[Any]:
        """What the report counts."""
        return [self.report[name] for name in PARTS]


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox that the environment names, and no profile."""
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path_factory.mktemp("settings")))
    monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
    monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
    return sandbox


async def begin(*arguments: object) -> asyncio.subprocess.Process:
    """A process."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "multicart_async", "sync", *map(str, arguments), "--json", stdout=pipe, stderr=pipe
    )


async def night(*arguments: object) -> Night:
    """One call, to its end."""
    return await end_of(await begin(*arguments))


async def end_of(process: asyncio.subprocess.Process) -> Night:
    """How it ended."""
    out, err = await process.communicate()
    assert process.returncode is not None
    return Night(process.returncode, out.decode(), err.decode())


async def test_the_first_night_and_the_second(account, tmp_path) -> None:
    """Each prints a report, and ends with 0; the second fetches nothing."""
    account.add_collections(5, items=3)

    first, second = await night(tmp_path), await night(tmp_path)

    size = sum((tmp_path / name).stat().st_size for name in results(tmp_path))
    assert first.said == [True, 5, 5, 0, 10, size]
    assert second.said == [True, 5, 5, 5, 0, 0]
    assert [each.status for each in (first, second)] == [0, 0]
    assert len(runs_below(tmp_path)) == 5


@pytest.mark.heavy
async def test_a_failure_is_named_and_the_rest_is_there(account, tmp_path) -> None:
    """On standard error and in the report, with the collection; the status is 1 until it is mended."""
    ids = account.add_collections(3, items=1)
    account.faults.add(f"/results/{ids[1]}/*", Status(404), times=None)

    bad = await night(tmp_path)
    account.faults.clear()
    good = await night(tmp_path)

    (failure,) = bad.report["failures"]
    assert (bad.status, bad.said[:5]) == (1, [False, 3, 3, 0, 2])
    assert (failure["collection"], failure["file"]) == (ids[1], "page-0001.json")
    assert re.search(rf"^multicart: {ids[1]}/\d+/page-0001\.json: ", bad.err, re.MULTILINE)
    assert (good.status, good.said[:5]) == (0, [True, 3, 3, 2, 1])


@pytest.mark.heavy
async def test_two_at_once(account, client, tmp_path) -> None:
    """A night that is longer than a day is no harm."""
    account.add_collections(20, items=3)

    both = await asyncio.gather(night(tmp_path), night(tmp_path))

    assert [each.status for each in both] == [0, 0], both
    assert [each.said[:3] for each in both] == [[True, 20, 20]] * 2
    assert temporaries(tmp_path) == []
    assert (await client.verify(tmp_path)).ok


@pytest.mark.heavy
async def test_a_night_that_cannot_begin(account, tmp_path, monkeypatch) -> None:
    """A list that is refused, a folder that is a file, no key: standard error says why, and the status what kind it is."""
    account.faults.add("/schedules/get_schedules/", Envelope(401, "Invalid key."))
    (tmp_path / "file").touch()

    refused = await night(tmp_path)
    in_the_way = await night(tmp_path / "file")
    monkeypatch.delenv("MULTICART_API_KEY")
    without = await night(tmp_path)

    ended = [refused, in_the_way, without]
    assert [each.status for each in ended] == [3, 1, 2]
    for each, word in zip(
        ended, ("Invalid key.", "expected a folder, got the file ", "MULTICART_API_KEY"), strict=True
    ):
        assert word in each.err
        assert "Traceback" not in each.err
        assert each.out == ""


@pytest.mark.heavy
async def test_a_night_that_is_interrupted_can_be_repeated(account, client, tmp_path) -> None:
    """Ctrl-C leaves no half file and no traceback; the status is what shells expect."""
    ids = account.add_collections(10, items=1)
    account.faults.add(f"/results/{ids[3]}/*", Stall(20))
    process = await begin(tmp_path)
    await until(lambda: len(runs_below(tmp_path)) == 9 and account.counts[FILE] == 10, patience=30)

    process.send_signal(signal.SIGINT)
    ended = await end_of(process)

    assert (ended.status, ended.out) == (130, "")
    assert "Traceback" not in ended.err
    assert temporaries(tmp_path) == []
    assert ((again := await night(tmp_path)).status, again.said[:5]) == (0, [True, 10, 10, 9, 1])
    assert (await client.verify(tmp_path)).ok
