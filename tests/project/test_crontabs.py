"""The lines for cron in the documents work as cron runs them: few variables, absolute paths, no bare per cent sign."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, background_sandbox
from support.documents import ROOT, documents

PLACE = "/srv/multicart"  # where the documents install everything
FENCED = re.compile(r"^```crontab\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"(?P<times>(?:[\d*,/-]+ +){5})(?P<command>\S.*)")
COLLECTIONS = 6
START = "/schedules/run/result/"


def lines() -> Iterator[tuple[str, str]]:
    """Each line of a crontab, and the document that it is from; comments are left out."""
    for name, text in documents().items():
        for block in FENCED.findall(text):
            yield from ((name, line) for line in block.splitlines() if not line.startswith("#"))


LINES = list(lines())
every_line = pytest.mark.parametrize(("name", "line"), LINES, ids=[f"{name}:{line[:12]}" for name, line in LINES])


def command_of(line: str) -> str:
    """What cron hands to the shell: without the five fields of times, and up to a bare per cent sign."""
    found = LINE.fullmatch(line)
    assert found is not None, line
    return re.split(r"(?<!\\)%", found["command"])[0].replace("\\%", "%")


@pytest.fixture
def served() -> Iterator[BackgroundSandbox]:
    """Some collections, with a finished run of each: enough for two shards."""
    with background_sandbox(COLLECTIONS, instant=True) as sandbox:
        yield sandbox


@pytest.fixture
def place(tmp_path: Path, served: BackgroundSandbox) -> Path:
    """What the documents tell the user to install, and a home with the profile that `multicart login` stores."""
    programs = tmp_path / "venv/bin"
    programs.mkdir(parents=True)
    for program, words in (("python", ""), ("multicart", "-m multicart_async ")):
        (programs / program).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / program).chmod(0o755)
    (tmp_path / "journals").mkdir()
    shutil.copy(ROOT / "examples" / "nightly_run.py", tmp_path)
    key = tmp_path / "key"
    key.write_text(served.api_key)
    key.chmod(0o600)
    login = [sys.executable, "-m", "multicart_async", "login", "--stdin", "--base-url", served.url]
    subprocess.run(login, input=served.api_key, env=environment(tmp_path), text=True, check=True, capture_output=True)
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    """The variables that cron sets; the tests add where this library is."""
    return {"HOME": str(home), "LOGNAME": "ops", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


@every_line
def test_a_line_has_absolute_paths_and_no_key(name: str, line: str) -> None:
    """Everything is below one folder, and the command is complete in spite of cron's rule for per cent signs."""
    command = command_of(line)

    assert re.search(r"(?<!\\)%", line) is None
    assert re.findall(r"(?:^|\s)((?:\S*/)?(?:multicart|python))\s", command) in (
        [f"{PLACE}/venv/bin/multicart"],
        [f"{PLACE}/venv/bin/python"],
    )
    assert all(path.startswith(PLACE) for path in re.findall(r"(?:^|\s)(/\S+)", command))
    assert "API_KEY" not in command


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock")
@every_line
def test_a_line_works_as_cron_runs_it(name: str, line: str, place: Path, served: BackgroundSandbox) -> None:
    """Status 0, files are there, and the second time nothing is started again."""
    command = command_of(line).replace(PLACE, str(place))
    variables = environment(place)
    if "nightly_run.py" in command:
        variables["MULTICART_BASE_URL"] = served.url  # the command has it in its profile

    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=variables,
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        logs = {path.name: path.read_text() for path in place.glob("*.log")}
        assert (done.returncode, done.stdout if logs else "") == (0, ""), (done, logs)

    files = [path for path in place.rglob("page-0001.json") if path.parent.joinpath("manifest.json").exists()]
    assert files != []
    assert served.do(lambda sandbox: sandbox.counts[START]) == (0 if " sync " in command else COLLECTIONS)
