"""The script for cron, as cron runs it: a process with a folder and an environment."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import attrs
import pytest
from support.eventually import until
from support.mirror_kit import FILE, results, runs_below, temporaries

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Envelope, Stall, Status

SCRIPT = Path(__file__).parents[2] / "examples" / "nightly_mirror.py"
SUMMARY = re.compile(
    r"(ok|FAILED): ([\d,]+) collections?, ([\d,]+) runs?, ([\d,]+) of them in place before; ([\d,]+) files? fetched, "
    r"([\d,]+) bytes?; ([\d,]+) failures?; \d+\.\d s\n"
)


@attrs.frozen
class Night:
    """How a process ended."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The parts of its one line."""
        matched = SUMMARY.fullmatch(self.out)
        assert matched, (self.out, self.err)
        return list(matched.groups())


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that the environment names."""
    monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
    monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
    return sandbox


async def begin(*arguments: object) -> asyncio.subprocess.Process:
    """A process."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, os.fspath(SCRIPT), *map(str, arguments), stdout=pipe, stderr=pipe
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
    """One line each, nothing on standard error, and status 0."""
    account.add_collections(5, items=3)

    first, second = await night(tmp_path), await night(tmp_path)

    size = sum((tmp_path / name).stat().st_size for name in results(tmp_path))
    assert first.said == ["ok", "5", "5", "0", "10", f"{size:,}", "0"]
    assert second.said == ["ok", "5", "5", "5", "0", "0", "0"]
    assert [(each.status, each.err) for each in (first, second)] == [(0, "")] * 2
    assert len(runs_below(tmp_path)) == 5


async def test_a_failure_is_named_and_the_rest_is_there(account, tmp_path) -> None:
    """On standard error, with the collection; the status is 1 until it is mended."""
    ids = account.add_collections(3, items=1)
    account.faults.add(f"/results/{ids[1]}/*", Status(404), times=None)

    bad = await night(tmp_path)
    account.faults.clear()
    good = await night(tmp_path)

    assert bad.status == 1
    assert bad.said[:5] == ["FAILED", "3", "3", "0", "2"]
    (line,) = [line for line in bad.err.splitlines() if line.startswith(f"{ids[1]}/")]
    assert re.match(rf"{ids[1]}/\d+/page-0001\.json: ", line)
    assert (good.status, good.said[:5]) == (0, ["ok", "3", "3", "2", "1"])


async def test_two_at_once(account, client, tmp_path) -> None:
    """A night that is longer than a day is no harm."""
    account.add_collections(20, items=3)

    both = await asyncio.gather(night(tmp_path), night(tmp_path))

    assert [each.status for each in both] == [0, 0], both
    assert [each.said[:3] for each in both] == [["ok", "20", "20"]] * 2
    assert temporaries(tmp_path) == []
    assert (await client.verify(tmp_path)).ok


async def test_a_night_that_cannot_begin(account, tmp_path, monkeypatch) -> None:
    """A list that is refused, a folder that is a file, no key: one line on standard error says why; status 1."""
    account.faults.add("/schedules/get_schedules/", Envelope(401, "Invalid key."))
    (tmp_path / "file").touch()

    refused = await night(tmp_path)
    in_the_way = await night(tmp_path / "file")
    monkeypatch.delenv("MULTICART_API_KEY")
    without = await night(tmp_path)

    ended = [refused, in_the_way, without]
    assert [each.status for each in ended] == [1, 1, 1]
    for each, word in zip(
        ended, ("Invalid key.", "expected a folder, got the file ", "MULTICART_API_KEY"), strict=True
    ):
        assert word in each.err
        assert len(each.err.splitlines()) == 1
        assert each.out == ""


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--fast"]])
async def test_a_wrong_call_says_how_it_is_called(arguments) -> None:
    """Status 2, and nothing on standard output."""
    ended = await night(*arguments)

    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("usage: nightly_mirror.py [-h] FOLDER\n")


async def test_one_of_a_kind_is_singular(account, tmp_path) -> None:
    """One collection, one run, one file."""
    account.add_collections(1, items=1)

    ended = await night(tmp_path)

    assert ended.out.startswith("ok: 1 collection, 1 run, 0 of them in place before; 1 file fetched, ")


async def test_a_night_that_is_interrupted_can_be_repeated(account, client, tmp_path) -> None:
    """Ctrl-C leaves no half file and no traceback; the status is what shells expect."""
    ids = account.add_collections(10, items=1)
    account.faults.add(f"/results/{ids[3]}/*", Stall(20))
    process = await begin(tmp_path)
    await until(lambda: len(runs_below(tmp_path)) == 9 and account.counts[FILE] == 10, patience=30)

    process.send_signal(signal.SIGINT)
    ended = await end_of(process)

    assert (ended.status, ended.out, ended.err) == (130, "", "")
    assert temporaries(tmp_path) == []
    assert ((again := await night(tmp_path)).status, again.said[:5]) == (0, ["ok", "10", "10", "9", "1"])
    assert (await client.verify(tmp_path)).ok
