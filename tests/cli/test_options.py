"""The common options and their variables."""

from __future__ import annotations

import pytest
from support.command_kit import Commands

from multicart_async import Limits
from multicart_async.cli._client import _limits
from multicart_async.cli._color import is_terminal, uses_color
from multicart_async.cli._options import CommonOptions


def test_a_variable_sets_an_option_of_all_commands(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as MULTICART_JSON; that of one command comes first, and the command line before both."""
    monkeypatch.setenv("MULTICART_QUIET", "1")
    assert multicart("collections", "list").out.split() == ["105", "104", "103", "102", "101"]

    monkeypatch.setenv("MULTICART_COLLECTIONS_LIST_QUIET", "0")
    assert "\t" in multicart("collections", "list").out
    assert multicart("collections", "list", "-q").out.split() == ["105", "104", "103", "102", "101"]


def test_a_variable_sets_an_option_of_one_command(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """As click names it."""
    monkeypatch.setenv("MULTICART_COLLECTIONS_LIST_REQUEST_TYPE", "officeworks.com.au")

    assert multicart("collections", "list").err == "no collections\n"


def test_a_variable_has_the_name_of_the_flag(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of the parameter behind it."""
    monkeypatch.setenv("MULTICART_RUNS_ESTIMATE_ALL", "1")
    monkeypatch.setenv("MULTICART_RUNS_ESTIMATE_JSON", "1")
    assert multicart("runs", "estimate").document["collections"] == 5

    monkeypatch.setenv("MULTICART_RUNS_WAIT_TIMEOUT", "0.01")
    assert multicart("runs", "wait", "101:999", "--poll-interval", 0.01).status == 6


def test_an_empty_variable_is_not_set(multicart: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for those of the client."""
    monkeypatch.setenv("MULTICART_MAX_CREDITS", "")

    assert multicart("credits").status == 0


def test_limits_are_those_of_the_library_unless_given() -> None:
    """Only what was given is set."""
    assert _limits(CommonOptions()) == Limits()
    assert _limits(CommonOptions(requests=2, downloads=3, rate=4.0)) == Limits(
        requests=2, downloads=3, requests_per_second=4.0
    )


def test_a_proxy_is_used(multicart: Commands) -> None:
    """One that cannot be reached has status 5, and its password is in no message."""
    done = multicart("credits", "--proxy", "http://user:s3cret-word@127.0.0.1:9")

    assert done.status == 5
    assert "s3cret-word" not in done.err + repr(CommonOptions(proxy="http://user:s3cret-word@127.0.0.1:9"))


class Screen:
    """A stream that is a terminal, or is closed."""

    def __init__(self, *, terminal: bool = True, closed: bool = False) -> None:
        self.terminal = terminal
        self.closed = closed

    def isatty(self) -> bool:
        if self.closed:
            raise ValueError
        return self.terminal


@pytest.mark.parametrize(
    ("screen", "color", "environ", "expected"),
    [
        (Screen(), "auto", {}, True),
        (Screen(), "auto", {"NO_COLOR": "1"}, False),
        (Screen(), "auto", {"TERM": "dumb"}, False),
        (Screen(), "never", {}, False),
        (Screen(terminal=False), "auto", {}, False),
        (Screen(terminal=False), "always", {"NO_COLOR": "1"}, True),
        (Screen(closed=True), "auto", {}, False),
    ],
)
def test_colours_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, screen: Screen, color: str, environ: dict[str, str], expected: bool
) -> None:
    """Unless the environment says no, or the option decides."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert uses_color(screen, color) is expected
    assert is_terminal(screen) is (screen.terminal and not screen.closed)
