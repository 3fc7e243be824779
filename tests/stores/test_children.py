"""Programs that tests start: they end with the test, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.object_stores.children import free_ports, running, wait_for

_PROGRAM = [sys.executable, "-c", "import os, time; print(os.getpid(), 'here', flush=True); time.sleep(600)"]
_PARENT = """
import sys, time
from pathlib import Path
from support.object_stores.children import running, wait_for
with running(sys.argv[2:], Path(sys.argv[1])) as written:
    print(wait_for(written, "([0-9]+) here")[1], flush=True)
    time.sleep(600)
"""


def _assert_gone(pid: int) -> None:
    for _ in range(500):
        try:
            os.kill(pid, 0)
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (ProcessLookupError, FileNotFoundError):
            return
        if stat.startswith(f"{pid} (python") and ") Z " in stat:
            return  # it has ended, and waits for its parent to notice
        time.sleep(0.01)
    pytest.fail(f"{pid} still runs")


def test_a_program_ends_with_the_block(tmp_path: Path) -> None:
    """After an exception too."""
    with pytest.raises(ValueError, match="stop"), running(_PROGRAM, tmp_path) as written:
        pid = int(wait_for(written, "([0-9]+) here")[1])
        raise ValueError("stop")

    _assert_gone(pid)


def test_a_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A killed process cleans nothing up; the program notices that it is alone."""
    command = [sys.executable, "-c", _PARENT, str(tmp_path), *_PROGRAM]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    _assert_gone(pid)


def test_a_program_that_ends_early_is_told(tmp_path: Path) -> None:
    """With what it has written, so that the reason can be read."""
    command = [sys.executable, "-c", "raise SystemExit('no such flag')"]
    with running(command, tmp_path) as written, pytest.raises(RuntimeError, match="has ended: no such flag"):
        wait_for(written, "ready")


def test_a_program_that_says_nothing_is_not_waited_for_long(tmp_path: Path) -> None:
    """The wait ends with its time limit."""
    with running(_PROGRAM, tmp_path) as written, pytest.raises(RuntimeError, match=r"nothing like ready in 0\.1 s"):
        wait_for(written, "ready", seconds=0.1)


def test_programs_see_no_environment_but_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the user do not reach a server."""
    monkeypatch.setenv("AWS_PROFILE", "private")
    command = [sys.executable, "-c", "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)"]

    with running(command, tmp_path, environment={"OF_THE_SERVER": "1"}) as written:
        seen = wait_for(written, r"\[.*\]")[0]

    assert "AWS_PROFILE" not in seen
    assert {"'HOME'", "'OF_THE_SERVER'", "'PATH'", "'TMPDIR'"} <= set(seen.strip("[]").split(", "))


def test_free_ports_are_different() -> None:
    """Ports for several servers of one program do not collide."""
    assert len(set(free_ports(20))) == 20
