"""The options of a sandbox are declared once: signature, documentation and command line agree with `Options`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from multicart_async.errors import ArgumentError
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.__main__ import make_sandbox, parser
from multicart_async.sandbox._state.options import Options, command_line

FIELDS = attrs.fields_dict(Options)
SHOWN = {name for name, field in FIELDS.items() if command_line(field) is not None}


def test_the_signature_has_each_option_with_its_default() -> None:
    """`Sandbox` takes exactly the options, by keyword, with the same defaults."""
    parameters = inspect.signature(Sandbox).parameters

    assert parameters.keys() == FIELDS.keys()
    assert Options(**{name: one.default for name, one in parameters.items()}) == Options()
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_the_docstring_explains_each_option() -> None:
    """The arguments in the docstring of `Sandbox` are those of its signature, in the same order."""
    arguments = (Sandbox.__doc__ or "").partition("Args:")[2].partition("Raises:")[0]
    documented = re.findall(r"^ +(\w+): ", arguments, re.MULTILINE)

    assert documented == list(inspect.signature(Sandbox).parameters)


def test_the_docstring_has_the_defaults_that_depend_on_instant() -> None:
    """The docstring has the two defaults that depend on ``instant``, for which the signature has None."""
    options, text = Options(), Sandbox.__doc__ or ""

    assert f"{options.listing_seconds:g} unless ``instant``" in text
    assert f"{options.activation_seconds:g} unless ``instant``" in text


def test_an_empty_command_line_gives_the_defaults() -> None:
    """Without arguments, only the port differs from the defaults of `Sandbox`."""
    made = make_sandbox(parser().parse_args([]))._options

    assert made == Options(port=8080)


def test_each_option_reaches_the_sandbox() -> None:
    """Each option that the command line has reaches the sandbox with the given value."""
    values: dict[str, Any] = {
        "host": "::1",
        "allowed_hosts": ["box"],
        "port": 9,
        "database": Path("x.db"),
        "instant": True,
        "ranges": True,
        "records": "text",
        "runs_order": "oldest",
        "auth_errors": "http",
        "file_errors": "envelope",
    }
    values |= dict.fromkeys(SHOWN - values.keys(), 7)
    words: list[str] = []
    for name, value in values.items():
        flag = (command_line(FIELDS[name]) or pytest.fail(name)).flag or f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value[0] if isinstance(value, list) else value)]

    made = make_sandbox(parser().parse_args(words))._options

    assert {name: getattr(made, name) for name in SHOWN} == {**values, "allowed_hosts": frozenset({"box"})}


@pytest.mark.parametrize(
    ("instant", "given", "seconds"),
    [(False, None, (0.05, 0.2, 5.0)), (True, None, (0.0, 0.0, 0.0)), (True, 3, (0.0, 3, 3)), (False, 0, (0.05, 0, 0))],
)
def test_instant_changes_the_default_times(instant: bool, given: float | None, seconds: tuple[float, ...]) -> None:
    """With ``instant`` no item takes time, and the two delays are zero unless they are given."""
    options = Options(instant=instant, row_delay=given, zipcode_seconds=given)

    assert seconds == (options.item_seconds, options.listing_seconds, options.activation_seconds)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"allowed_hosts": None}, "allowed_hosts: expected a list of names, got None"),
    ({"allowed_hosts": 5}, "allowed_hosts: expected a list of names, got 5"),
    (
        {"allowed_hosts": [None]},
        "allowed_hosts: expected a host name without scheme and port, such as 'sandbox', got None",
    ),
    ({"items_per_page": 0}, "items_per_page: expected a number, 1 or more, got 0"),
    ({"items_per_page": "5"}, "items_per_page: expected a number, 1 or more, got '5'"),
    ({"items_per_page": None}, "items_per_page: expected a number, 1 or more, got None"),
    ({"row_delay": float("nan")}, "row_delay: expected a number, 0 or more, got nan"),
    ({"port": 65536}, "port: expected a number, 0 to 65535, got 65536"),
    ({"clock": "fast"}, "clock: expected one of real, manual, got 'fast'"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    """The error is an `ArgumentError` that names the argument, what is expected and what was given."""
    with pytest.raises(ArgumentError) as found:
        Sandbox(**options)

    assert str(found.value) == message
    assert list(options) == [found.value.argument]
