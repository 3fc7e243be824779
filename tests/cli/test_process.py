"""The command as a process of its own: pipes, signals, and what other users can see of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, background_sandbox

from multicart_async.sandbox import faults

pytestmark = pytest.mark.heavy

MULTICART = shlex.join([sys.executable, "-m", "multicart_async"])


@pytest.fixture
def served() -> Iterator[BackgroundSandbox]:
    """A sandbox with 40 collections, whose runs finish at once."""
    with background_sandbox(40, instant=True) as served:
        yield served


@pytest.fixture
def environ(served: BackgroundSandbox, tmp_path: Path) -> dict[str, str]:
    """What a user has exported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MULTICART")}
    return {
        **kept,
        "MULTICART_BASE_URL": served.url,
        "MULTICART_API_KEY": served.api_key,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONWARNINGS": "error",
    }


def shell(line: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A line as a user types it, in bash with pipefail."""
    code = line.replace("multicart", MULTICART)
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", code], capture_output=True, text=True, timeout=50, env=environ, check=False
    )


def test_a_pipeline_starts_and_waits(environ: dict[str, str]) -> None:
    """What `runs start` prints, `runs wait -` reads while more is started."""
    line = "multicart collections list -q | multicart runs start - --yes --jsonl | multicart runs wait - --jsonl"
    done = shell(f"{line} --poll-interval 0.1", environ)

    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(row)["collection_id"] for row in done.stdout.splitlines()) == [*range(101, 141)]


def test_a_reader_that_has_enough_ends_it_quietly(environ: dict[str, str]) -> None:
    """Status 141, and no traceback."""
    done = shell("multicart asins list 101 --jsonl | head -1", environ)

    assert (done.returncode in {0, 141}, len(done.stdout.splitlines()), done.stderr) == (True, 1, "")
    done = shell("multicart runs records 101 | true", environ)
    assert (done.returncode in {0, 141}, done.stderr) == (True, "")


def test_a_full_disk_behind_stdout_is_an_error(environ: dict[str, str]) -> None:
    """Status 1: what was printed is not all."""
    done = shell("multicart collections list > /dev/full", environ)

    assert done.returncode == 1
    assert "No space left" in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_mid_sync(
    served: BackgroundSandbox, environ: dict[str, str], tmp_path: Path, number: int, status: int
) -> None:
    """It ends within seconds, leaves no temporary file, and the next call fetches the rest; the key is in no list."""
    served.do(
        lambda sandbox: sandbox.faults.add(re.compile("/results/.*Page"), faults.Stall(20_000), after=10, times=8)
    )
    mirror = tmp_path / "mirror"
    words = [*shlex.split(MULTICART), "sync", str(mirror)]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while served.do(lambda sandbox: sandbox.faults.pending) and process.poll() is None:
            time.sleep(0.02)  # until the transfers stall
        listed = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (status, "")
    assert served.api_key.encode() not in listed + err.encode()
    names = {path.name for path in mirror.rglob("*") if path.is_file()}
    assert names <= {"page-0001.json", "manifest.json", "SHA256SUMS", "collection.json"}, names
    done = shell(f"multicart sync {mirror} --json", environ)
    report = json.loads(done.stdout)
    assert (done.returncode, report["runs"], 0 < report["files"] < 40) == (0, 40, True)
