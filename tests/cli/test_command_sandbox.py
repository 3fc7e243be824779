"""``multicart sandbox`` is the command of the sandbox under another name."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from support.command_kit import Commands
from support.interrupting import interrupt_when

from multicart_async.cli import main


@pytest.fixture
def stop(capsys: pytest.CaptureFixture[str]) -> Callable[[signal.Signals], list[str]]:
    """Send a signal once the sandbox of this process serves; the list gets its stdout and stderr by then."""

    def start(number: signal.Signals) -> list[str]:
        printed = ["", ""]

        def is_serving() -> bool:
            printed[:] = map(str.__add__, printed, capsys.readouterr())
            return "Ctrl-C" in printed[0]

        interrupt_when(is_serving, number)
        return printed

    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(stop, capsys, number: signal.Signals) -> None:
    """Both signals end it with status 0, and it says how to use it."""
    printed = stop(number)

    assert main(["sandbox", "--port", "0", "--collections", "3", "--verbose"]) == 0

    assert "\n  export MULTICART_BASE_URL=http://127.0.0.1:" in printed[0]
    assert (printed[1], *capsys.readouterr()) == ("", "", "")


def test_its_help_is_that_of_the_sandbox(plain: Commands) -> None:
    """All options are described, under the name that was typed, with an example."""
    result = plain("sandbox", "--help")

    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("usage: multicart sandbox [-h] ")
    assert "--scrape-seconds-per-item SECONDS" in result.out
    assert result.out.endswith("\nExample: multicart sandbox --collections 3 --verbose\n")


def test_each_flag_has_a_variable(plain: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the other commands; the command line comes last, so it wins."""
    seen: list[list[str]] = []
    monkeypatch.setattr("multicart_async.sandbox.__main__.main", lambda words, **_: seen.append(words) or 0)
    for name, value in (("PORT", "0"), ("INSTANT", "1"), ("RANGES", "no"), ("VERBOSE", "true"), ("SEED", "")):
        monkeypatch.setenv(f"MULTICART_SANDBOX_{name}", value)

    assert plain("sandbox", "--port", "1").status == 0
    assert seen == [["--port", "0", "--instant", "--verbose", "--port", "1"]]


@pytest.mark.parametrize("words", [["--port", "x"], ["--fast"], ["more"], ["--json"]])
def test_a_wrong_argument_names_the_command(plain: Commands, words: list[str]) -> None:
    """One line, and status 2."""
    result = plain("sandbox", *words)

    (line,) = result.err.splitlines()
    assert (result.status, result.out) == (2, "")
    assert line.startswith("multicart sandbox: ")
    assert line.endswith("; see --help")


def test_a_warning_names_the_command(stop, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sandbox warns of has the name that was typed."""
    monkeypatch.setattr("multicart_async.sandbox.server.is_loopback", lambda _: False)
    printed = stop(signal.SIGINT)

    assert main(["sandbox", "--port", "0"]) == 0
    assert printed[1].startswith("multicart sandbox: warning: the sandbox listens on ")
