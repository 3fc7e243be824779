"""The command line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from multicart_async.sandbox import __main__ as sandbox_main
from multicart_async.sandbox.__main__ import main, parser, sandbox_of, serve

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_it_is_told_to_stop(capsys: Any, number: signal.Signals) -> None:
    """Prints where it is and how to use it, then waits for a signal."""
    options = parser().parse_args(["--port", "0", "--instant", "--collections", "3"])
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(options))
        text = ""
        while "Ctrl-C" not in text:
            await asyncio.sleep(0.01)
            text += capsys.readouterr().out
        os.kill(os.getpid(), number)
    url = re.search(r"http://127\.0\.0\.1:\d+/api/v1", text)
    assert url is not None
    assert f"export MULTICART_BASE_URL={url[0]}\n  export MULTICART_API_KEY=sandbox.0000-not-a-real-secret\n" in text


def test_ctrl_c_ends_it_with_success() -> None:
    """A real process: it answers, and leaves without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "multicart_async.sandbox", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    request = urllib.request.Request(url + "/schedules/get_schedules/", method="POST")
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["code"] == 401
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_what_cannot_be_served_is_one_line(capsys: Any) -> None:
    """Exit status 1 and a reason."""
    assert main(["--items-per-page", "0"]) == 1
    assert "items_per_page: wants at least 1" in capsys.readouterr().err


def test_the_module_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """python -m leaves with the exit status."""
    monkeypatch.setattr(sys, "argv", ["sandbox", "--items-per-page", "0"])
    with pytest.raises(SystemExit, match="1"):
        runpy.run_path(sandbox_main.__file__, run_name="__main__")


def test_an_interrupt_before_it_waits_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where signals cannot be caught, Ctrl-C raises."""

    def interrupted(coroutine: Any) -> None:
        coroutine.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    assert main([]) == 0


def test_options_reach_the_sandbox(tmp_path: Path) -> None:
    """Each of them."""
    line = f"--database {tmp_path}/x --seed 3 --runs-order oldest --auth-errors http --file-errors envelope --ranges"
    options = sandbox_of(parser().parse_args([*line.split(), "--zipcode-seconds", "9"]))._options
    assert (tmp_path / "x", 3, "oldest") == (options.database, options.seed, options.runs_order)
    assert (options.auth_errors, options.file_errors, options.ranges) == ("http", "envelope", True)
    assert 9 == options.zipcode_seconds
