"""Each example as a command: help, wrong calls, failures and Ctrl-C, without a traceback."""

from __future__ import annotations

import ast
import asyncio
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import EXAMPLES, scripts

from multicart_async import MultiCartError

SCRIPTS = scripts()
GOOD = {
    "bulk_download": ["101"],
    "nightly_mirror": ["results"],
    "nightly_run": ["results", "--budget", "500"],
    "quickstart": ["B0DJQQ38TG"],
    "sharded_import": ["Laptops", "laptops.csv"],
}
WRONG = {
    "bulk_download": [[], ["laptops"], ["0"], ["-5"], ["1", "--fast"]],
    "cluster": [["--fast"], ["results", "more"]],
    "category": [["--fast"], ["https://www.amazon.com.au/s?rh=n%3A4851693051", "results", "more"]],
    "demo": [["--fast"], ["results", "more"]],
    "demo_live": [["--fast"], ["results", "more"]],
    "nightly_mirror": [[], ["--fast"], ["results", "more"]],
    "nightly_run": [[], ["results"], ["--budget", "5"], ["results", "--budget", "some"]],
    "node_guide": [["--fast"], ["more"]],
    "quickstart": [[], ["B0DJQQ38TG", "--fast"]],
    "sharded_import": [[], ["Laptops"], ["Laptops", "--fast"], ["Laptops", "laptops.csv", "more"]],
}

COMMANDS = [EXAMPLES / "demo.py", EXAMPLES / "demo_live.py"]  # they type commands, which say what is wrong

every_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
every_program = pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if path not in COMMANDS], ids=lambda path: path.stem
)
every_demo = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
Call = Callable[..., int]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Call]:
    """The exit status of a script, in an empty folder; scripts in one folder can import each other."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(os.fspath(EXAMPLES))

    def call(path: Path, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", [os.fspath(path), *arguments])
        try:
            runpy.run_path(os.fspath(path), run_name="__main__")
        except SystemExit as stop:
            if isinstance(stop.code, str):  # as the interpreter does it
                sys.stderr.write(f"{stop.code}\n")
                return 1
            return int(stop.code or 0)
        return 0

    yield call
    for path in SCRIPTS:
        sys.modules.pop(path.stem, None)


def ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the work of a script end with an error."""

    def run(work: Coroutine[Any, Any, object]) -> None:
        work.close()
        raise error

    def call(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncio, "run", run)
    monkeypatch.setattr(subprocess, "run", call)
    monkeypatch.setattr(subprocess, "Popen", call)


@every_script
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_the_docstring_and_nothing_is_begun(call: Call, path: Path, word: str, monkeypatch, capsys) -> None:
    """On standard output, with success, and no folder is made."""
    ends_with(monkeypatch, AssertionError("it was begun"))

    assert call(path, word) == 0

    told, complaints = capsys.readouterr()
    assert (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "-") in told
    assert complaints == ""
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(("name", "arguments"), [(name, each) for name, calls in WRONG.items() for each in calls])
def test_a_wrong_call_says_how_it_is_called(call: Call, name: str, arguments: list[str], monkeypatch, capsys) -> None:
    """Status 2, the usage on standard error, and nothing is begun."""
    ends_with(monkeypatch, AssertionError("it was begun"))

    assert call(EXAMPLES / f"{name}.py", *arguments) == 2

    told, complaints = capsys.readouterr()
    assert told == ""
    assert complaints.startswith(f"usage: {name}.py ")
    assert list(Path().iterdir()) == []


def test_every_script_has_wrong_calls() -> None:
    """The test above walks over all of them."""
    assert {path.stem for path in SCRIPTS} == set(WRONG)


@every_program
def test_a_failure_is_one_line(call: Call, path: Path, monkeypatch, capsys) -> None:
    """On standard error alone, with the exit status 1."""
    Path("laptops.csv").write_text("asin\nB0DJQQ38TG\n")
    ends_with(monkeypatch, MultiCartError("no key"))

    assert call(path, *GOOD.get(path.stem, [])) == 1
    assert capsys.readouterr() == ("", "no key\n")


@every_demo
def test_a_demo_ends_as_its_command(call: Call, path: Path, monkeypatch, capsys) -> None:
    """With its exit status; what is wrong was said by the command, and the live one says that nothing was spent."""
    ends_with(monkeypatch, subprocess.CalledProcessError(3, ["multicart"]))

    assert call(path) == 3
    complaints = capsys.readouterr().err
    assert "Traceback" not in complaints
    assert ("Nothing was spent." in complaints) == (path.stem == "demo_live")


@every_script
def test_ctrl_c_is_the_status_that_shells_expect(call: Call, path: Path, monkeypatch, capsys) -> None:
    """130, and no traceback."""
    Path("laptops.csv").write_text("asin\nB0DJQQ38TG\n")
    ends_with(monkeypatch, KeyboardInterrupt())

    assert call(path, *GOOD.get(path.stem, [])) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupted_bulk_download_says_what_goes_on(call: Call, monkeypatch, capsys) -> None:
    """Runs that were started are charged."""
    ends_with(monkeypatch, KeyboardInterrupt())

    assert call(EXAMPLES / "bulk_download.py", "101") == 130

    (line,) = capsys.readouterr().err.splitlines()
    assert "go on and are charged" in line


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "no column 'asin'"),
        (b"ASIN,title\nB0DJQQ38TG,a laptop\n", "no column 'asin'"),
        (b"asin\n\xff\n", "can't decode"),
        (b"title,asin\na laptop\n", "line 2 is too short"),
    ],
    ids=["missing", "empty", "another column", "no text", "short"],
)
def test_a_csv_that_cannot_be_read_is_one_line(
    call: Call, content: bytes | None, reason: str, monkeypatch, capsys
) -> None:
    """The file is named, and nothing is begun."""
    ends_with(monkeypatch, AssertionError("it was begun"))
    if content is not None:
        Path("laptops.csv").write_bytes(content)

    assert call(EXAMPLES / "sharded_import.py", "Laptops", "laptops.csv") == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("laptops.csv: ")
    assert reason in line
