"""The tree, its help, and what is said about wrong calls."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.command_kit import Commands

import multicart_async
from multicart_async import __version__
from multicart_async.cli import main
from multicart_async.cli._app import COMMANDS, ROOT
from multicart_async.cli._command import Leaf
from multicart_async.cli._options import CommonOption

MODULE = Path(multicart_async.__file__).with_name("__main__.py")


def leaves(command: click.Command = ROOT, path: str = "multicart") -> dict[str, click.Command]:
    """All commands that do something, by what is typed."""
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    found: dict[str, click.Command] = {}
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        found |= leaves(child, f"{path} {name}")
    return found


TREE = {
    "": "login logout whoami credits sync verify export changes report request doctor sandbox completion",
    "collections": "list get create update delete import",
    "asins": "list add count export remove",
    "skus": "add",
    "runs": "start wait run list download records estimate follow",
    "category": "submit wait cancel download run",
    "zipcodes": "list ensure",
}


def test_the_tree_is_complete() -> None:
    """Each command has the documented name."""
    expected = {
        " ".join(["multicart", *parent.split(), name]) for parent, names in TREE.items() for name in names.split()
    }

    assert set(leaves()) == expected


@pytest.mark.parametrize("path", sorted(set(leaves()) - {"multicart sandbox"}))
def test_each_command_has_an_example_and_the_common_options(path: str, plain: Commands) -> None:
    """The example begins with the command itself."""
    leaf = leaves()[path]
    assert isinstance(leaf, Leaf)
    done = plain(*path.split()[1:], "--help")

    assert done.status == 0
    assert leaf.example.startswith(path)
    assert f"Example:\n  {path}" in done.out
    assert sum(isinstance(parameter, CommonOption) for parameter in leaf.params) == 16
    assert max(map(len, done.out.splitlines())) <= 100


def test_the_summaries_of_the_root_are_those_of_the_commands() -> None:
    """They are written down twice, so that the help needs no import."""
    context = click.Context(ROOT)
    for name, (_, summary) in COMMANDS.items():
        command = ROOT.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200).rstrip(".") == summary.rstrip("."), name


def test_no_argument_shows_the_help(plain: Commands) -> None:
    """On stderr, with status 2, because it was no call."""
    for words in ((), ("runs",)):
        done = plain(*words)
        assert (done.status, done.out) == (2, "")
        assert "Usage: multicart" in done.err


def test_version(plain: Commands) -> None:
    """On stdout."""
    assert plain("--version").out == f"multicart {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "x", "credits"], "options come after the command, such as: multicart credits --profile"),
        (["nothing"], "No such command 'nothing'"),
        (["runs", "start", "--nothing"], "multicart runs start: No such option"),
        (["credits", "--json", "--jsonl"], "--json and --jsonl exclude each other"),
        (["credits", "--requests", "0"], "--requests"),
        (["credits", "--profile", ""], "--profile: expected a name"),
        (["runs", "list", "9" * 5000], "a positive integer, got '99999"),
        (["runs", "list", "1_01"], "a positive integer, got '1_01'"),
        (["runs", "list", "\u0661\u0660\u0661"], "a positive integer, got "),
        (["runs", "list", "\x1b[2J"], "a positive integer, got '\\x1b[2J'"),
    ],
)
def test_a_wrong_call_is_explained_in_one_line(words: list[str], said: str, plain: Commands) -> None:
    """Status 2; where help is stands at the end."""
    done = plain(*words)

    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
    assert re.search(r"; see multicart.* --help$", done.err)


def test_an_argument_too_many_is_not_repeated(plain: Commands) -> None:
    """With `login`, it may be the key."""
    done = plain("login", "SECRETKEY123")

    assert (done.status, done.out) == (2, "")
    assert "1 argument too many" in done.err
    assert "SECRETKEY123" not in done.err


def test_an_unusable_stderr_changes_no_status(plain: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a full disk, for instance."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(click, "echo", full)

    assert plain("nothing").status == 2


@pytest.mark.parametrize("words", [("credits",), ("--help",)])
def test_a_closed_stdout_is_said_before_anything_is_sent(
    multicart: Commands, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Python has no stdout then."""
    monkeypatch.setattr(sys, "stdout", None)
    done = multicart(*words)

    assert (done.status, done.err) == (1, "multicart: stdout is closed: the result could not be written\n")


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As `python -m multicart_async`; its import does nothing."""
    monkeypatch.setattr(sys, "argv", ["multicart", "--version"])

    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(MODULE), run_name="__main__")
    runpy.run_path(str(MODULE), run_name="another")

    assert capsys.readouterr().out == f"multicart {__version__}\n"


def test_ctrl_c_during_the_imports_has_the_same_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("multicart_async.cli._app.run", interrupted)

    assert main([]) == 130


def test_without_click_it_names_the_pip_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with status 2."""
    monkeypatch.setitem(sys.modules, "click", None)

    assert main(["--help"]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "pip install 'multicart-async[cli]'" in written.err


def test_help_imports_neither_the_client_nor_rich() -> None:
    """It answers at once; so does completion. This is also the test of `python -m multicart_async`."""
    code = [sys.executable, "-X", "importtime", "-m", "multicart_async", "--help"]
    done = subprocess.run(code, capture_output=True, text=True, timeout=30, check=True)

    assert "Usage: multicart" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"aiohttp", "rich", "cattrs", "attrs", "multicart_async.client"} & imported


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, plain: Commands) -> None:
    """For each shell."""
    done = plain("completion", shell)

    assert (done.status, "_MULTICART_COMPLETE" in done.out) == (0, True)


def test_completion_knows_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the variable that the script sets."""
    monkeypatch.setenv("_MULTICART_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "multicart runs st")
    monkeypatch.setenv("COMP_CWORD", "2")

    assert main([]) == 0
    assert capsys.readouterr().out == "plain,start\n"
