"""The scanner finds what it looks for: else the tests that find nothing would say nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.scanner import TOOLS, Scan, coded, escapes
from support.verbs import HEADER, KEY, PASSWORD

from multicart_async.errors import APIError

SECRETS = [KEY, HEADER, PASSWORD]
FORMS = [*escapes("x"), "base64", "hexadecimal"]


def formed(secret: str, form: str) -> str:
    if form == "hexadecimal":
        return next(coded(secret))
    return list(coded(secret))[3] if form == "base64" else escapes(secret)[form]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_it_finds_each_form(secret: str, form: str) -> None:
    """The scanner finds each escaped form within a text."""
    scan = Scan((secret,))
    scan.look("a", f"<{formed(secret, form)}>")
    scan.look("b", f"<{secret[1:]}>")

    assert scan.found == {"a"}


class Text(str):
    """It hides from `repr` alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"


def leak(local: object) -> None:
    1 / 0  # noqa: B018 -- any error will do


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("local", [KEY, KEY.encode(), [KEY], {"a": (KEY,)}], ids=lambda local: type(local).__name__)
def test_each_tool_shows_local_variables(tool: str, local: Any) -> None:
    """Each tool shows strings, bytes, and containers of them, so that its silence proves something."""
    with pytest.raises(ZeroDivisionError) as caught:
        leak(local)
    caught.value.__traceback__ = caught.tb.tb_next  # without the frame of the test
    scan = Scan((KEY,))
    scan.look(tool, TOOLS[tool](caught.value))

    assert scan.found == {tool}


def test_a_class_that_hides_from_repr_does_not_hide_from_all() -> None:
    """A string that hides in its ``repr`` is found, which is why secrets are not strings."""
    with pytest.raises(ZeroDivisionError) as caught:
        leak({"password": Text(KEY)})
    caught.value.__traceback__ = caught.tb.tb_next
    scan = Scan((KEY,))
    for tool, show in TOOLS.items():
        scan.look(tool, show(caught.value))

    assert scan.found == {"elastic"}


@attrs.frozen
class Row:
    """Something with an attribute."""

    name: str = attrs.field(repr=False)


PLACES: dict[str, Callable[[APIError], None]] = {
    "detail": lambda error: setattr(error, "detail", {KEY: 1}),
    "argument": lambda error: setattr(error, "args", (KEY,)),
    "note": lambda error: error.add_note(KEY),
    "cause": lambda error: setattr(error, "__cause__", ValueError(KEY)),
    "context": lambda error: setattr(error, "__context__", ValueError(KEY.encode())),
    "attribute of an attribute": lambda error: setattr(error, "report", [APIError("/p/", 1, KEY)]),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_finds_a_secret_in_each_place_of_an_error(place: str) -> None:
    """The scanner finds a secret in any part of an error, however far from its text."""
    error = APIError("/p/", 400, "no")
    PLACES[place](error)
    scan = Scan((KEY,))
    scan.error(error)

    assert scan.found


def test_it_looks_into_files(tmp_path: Path) -> None:
    """The scanner searches the names of files, and the content of those that the service did not send."""
    (tmp_path / "manifest.json").write_text(KEY)
    (tmp_path / "page-0001.json").write_text(KEY)
    scan = Scan((KEY,))
    scan.folder(tmp_path)

    assert scan.found == {"file manifest.json"}
