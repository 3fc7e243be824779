"""What goes to stderr."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest

from multicart_async._core.log import LOGGER
from multicart_async.cli._messages import Messages
from multicart_async.cli._options import CommonOptions
from multicart_async.errors import MultiCartWarning


def captured(options: CommonOptions) -> str:
    """What is written when everything happens."""
    stream = io.StringIO()
    messages = Messages(options, stream)
    with messages.capturing():
        messages.note("a note\x1b[2J")
        messages.warn("a warning")
        messages.error("an error")
        warnings.warn("of the library", MultiCartWarning, stacklevel=1)
        LOGGER.debug("debugging")
        LOGGER.info("informing", extra={"path": "/x", "attempt": 2})
        LOGGER.warning("warning")
    return stream.getvalue()


def test_messages_are_lines_without_control_characters() -> None:
    """Errors and warnings begin with the name of the program, as usual."""
    assert captured(CommonOptions()).splitlines() == [
        "a note\\x1b[2J",
        "multicart: warning: a warning",
        "multicart: an error",
        "multicart: warning: of the library",
        "warning: warning",
    ]


def test_quiet_leaves_out_notes() -> None:
    """But no error."""
    assert "note" not in captured(CommonOptions(quiet=True))
    assert "an error" in captured(CommonOptions(quiet=True))


@pytest.mark.parametrize(("verbose", "logged"), [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_verbose_shows_more_of_the_log(verbose: int, logged: int) -> None:
    """-v at INFO, -vv at DEBUG."""
    lines = captured(CommonOptions(verbose=verbose)).splitlines()

    assert sum(line.startswith(("warning: ", "info: ", "debug: ")) for line in lines) == logged


def test_log_json_makes_every_line_an_object() -> None:
    """With the attributes that records of the library have."""
    rows = [json.loads(line) for line in captured(CommonOptions(log_json=True, verbose=1)).splitlines()]

    assert [row["level"] for row in rows] == ["INFO", "WARNING", "ERROR", "WARNING", "INFO", "WARNING"]
    assert {"logger": "multicart_async", "message": "informing", "path": "/x", "attempt": 2}.items() <= rows[4].items()
    assert rows[0]["time"].endswith("Z")


def test_the_logger_is_as_before_afterwards() -> None:
    """A test, or a program that calls main, has its own settings."""
    before = (LOGGER.level, LOGGER.propagate, list(LOGGER.handlers))

    captured(CommonOptions(verbose=2))

    assert (LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)) == before
    assert LOGGER.isEnabledFor(logging.DEBUG) is False


def test_other_warnings_are_shown_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """They do not concern the user of the command."""
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))
    stream = io.StringIO()
    with warnings.catch_warnings(), Messages(CommonOptions(), stream).capturing():
        warnings.simplefilter("always")
        warnings.warn("of another library", UserWarning, stacklevel=1)

    assert (shown, stream.getvalue()) == (["of another library"], "")


def test_no_stderr_at_all_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none if it was closed before the start, as by `2>&-`."""
    monkeypatch.setattr("sys.stderr", None)

    Messages(CommonOptions()).error("cannot be written")


def test_a_stream_that_is_gone_ends_nothing() -> None:
    """The work goes on without messages."""
    stream = io.StringIO()
    stream.close()

    Messages(CommonOptions(), stream).error("nobody sees this")
