"""``make demo`` and ``make demo-live``: commands on a sandbox, and on the real service with a question before it."""

from __future__ import annotations

import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from support.command_kit import Commands, Terminal, background_sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
YES = {"MULTICART_YES": "1", "MULTICART_RUNS_RUN_YES": "1"}


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """They can be imported, as scripts in one folder can import each other."""
    monkeypatch.syspath_prepend(os.fspath(EXAMPLES))
    yield
    for name in ("demo", "demo_live"):
        sys.modules.pop(name, None)


@pytest.fixture
def demo() -> ModuleType:
    """The demo on a sandbox."""
    return importlib.import_module("demo")


def test_each_command_of_the_demo_succeeds(demo, monkeypatch, capsys, tmp_path: Path) -> None:
    """All end with 0, the second sync fetches nothing, and the files are complete."""
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path))
    folder, printed = tmp_path / "results", list[str]()
    with background_sandbox(instant=True, category_items=20) as served:
        multicart = Commands(monkeypatch, capsys).at(served)
        for words in demo.commands(folder):
            result = multicart(*words)
            assert (words, result.status) == (words, 0), result.err
            printed.append(result.out)

    assert printed[0].count("\n") == 3
    first, second, verified = (text.split("\t") for text in printed[4:7])
    assert [second[0], second[3:]] == ["true", [first[2], "0", "0", "0\n"]]
    assert verified[0] == "true"
    assert len(list(folder.glob("*/*/manifest.json"))) == 4


def test_the_demo_ignores_your_settings(demo, monkeypatch, capsys) -> None:
    """Commands see the sandbox, no profile or proxy of yours; it ends with the block."""
    monkeypatch.setenv("MULTICART_PROFILE", "shop")
    monkeypatch.setenv("MULTICART_API_KEY", "a.key")

    with demo.sandbox() as environment:
        found = {name: value for name, value in environment.items() if name.startswith("MULTICART_")}

    assert set(found) == {"MULTICART_BASE_URL", "MULTICART_API_KEY"}
    assert found["MULTICART_BASE_URL"].startswith("http://127.0.0.1:")
    assert environment["no_proxy"] == "127.0.0.1"
    assert "a.key" not in capsys.readouterr().out


def test_a_sandbox_that_does_not_serve_is_an_error(demo, monkeypatch) -> None:
    """The demo ends with its exit status."""
    monkeypatch.setattr(demo, "SANDBOX", ("sandbox", "--fast"))

    with pytest.raises(subprocess.CalledProcessError) as caught, demo.sandbox():
        pass

    assert caught.value.returncode == 2


def test_a_command_is_shown_as_it_is_typed(demo, monkeypatch, capsys) -> None:
    """What a shell would act upon is quoted; the output can be kept, and is shown."""
    line = [sys.executable, "-c", "print('done')"]
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **options: run(line, **options))

    kept = demo.type_command(("category", "submit", demo.CATEGORY), os.environ, keep=True)

    assert kept == "done\n"
    assert capsys.readouterr().out == f"\n$ multicart category submit '{demo.CATEGORY}'\ndone\n"


@pytest.mark.heavy
def test_the_demo_runs(tmp_path: Path) -> None:
    """As a process it ends with 0 within a minute, and shows each command before its output."""
    line = [sys.executable, "-W", "error", os.fspath(EXAMPLES / "demo.py"), "demo-results"]
    done = subprocess.run(
        line, cwd=tmp_path, env={**os.environ, "MULTICART_API_KEY": "a.key"}, capture_output=True, text=True, check=True
    )

    typed = re.findall(r"^\$ multicart (.*)$", done.stdout, re.MULTILINE)
    assert [words.split()[0] for words in typed] == [
        *("sandbox", "collections", "collections", "runs", "category", "sync", "sync", "verify", "credits")
    ]
    assert "$ multicart sync demo-results/mirror\ntrue\t4\t4\t4\t0\t0\t0\n" in done.stdout


class Live:
    """The demo on the real service, without it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.typed: list[list[str]] = []
        self.environments: list[Mapping[str, str]] = []
        self.refused = ""
        self._monkeypatch = monkeypatch
        self._module = importlib.import_module("demo_live")
        monkeypatch.setattr(self._module, "type_command", self._type)
        for name, value in YES.items():
            monkeypatch.setenv(name, value)

    def _type(self, words: Sequence[object], environment: Mapping[str, str], *, keep: bool = False) -> str:
        self.typed.append([str(word) for word in words])
        self.environments.append(environment)
        if words[0] == self.refused:
            raise subprocess.CalledProcessError(2, ["multicart"])
        return '{"id": 101}' if keep else ""

    def run(self, answers: str, *, terminal: bool = True) -> int:
        """Return the exit status."""
        self._monkeypatch.setattr(sys, "stdin", Terminal(answers) if terminal else io.StringIO(answers))
        try:
            self._module.main(Path("results"))
        except SystemExit as stop:
            return int(str(stop.code))
        return 0


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    """The demo on the real service, whose commands are noted and do nothing."""
    return Live(monkeypatch)


@pytest.mark.parametrize(("answers", "terminal"), [("n\n", True), ("\n", True), ("y\n", False)])
def test_nothing_is_changed_without_an_answer(live: Live, answers: str, terminal: bool, capsys) -> None:
    """Only the credential is checked; a program cannot answer, and the cost is in the question."""
    assert live.run(answers, terminal=terminal) == 2

    assert live.typed == [["whoami"]]
    told, complaints = capsys.readouterr()
    assert ("costs 3 credits" in told) == terminal
    assert ("call it in a terminal" in complaints) != terminal


def test_the_spending_question_is_that_of_the_command(live: Live) -> None:
    """The cost is estimated first; no option and no variable answers the question of the run."""
    assert live.run("y\n") == 0

    assert [words[:2] for words in live.typed] == [
        ["whoami"],
        ["collections", "create"],
        ["asins", "add"],
        ["runs", "estimate"],
        ["runs", "run"],
    ]
    assert not {"--yes", "-y"} & {word for words in live.typed for word in words}
    assert not any(YES.keys() & environment.keys() for environment in live.environments)


def test_a_run_that_is_declined_leaves_a_collection(live: Live, capsys) -> None:
    """The command that deletes it is shown."""
    live.refused = "runs"

    with pytest.raises(subprocess.CalledProcessError):
        live.run("y\n")

    assert capsys.readouterr().out.endswith(": multicart collections delete 101\n")
