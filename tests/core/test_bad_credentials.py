"""A credential that cannot be right is refused when the client is made, and not shown; a good one is not spread."""

from __future__ import annotations

import copy
import pickle

import pytest
from support.leaks import Haul

from multicart_async import AsyncMultiCart
from multicart_async._core.credentials import Given, resolve
from multicart_async._core.redaction import seal
from multicart_async.errors import ConfigurationError

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"
KINDS = ["api_key", "token"]
BAD = {
    "line feed": "{}\nx",
    "carriage return": "{}\rx",
    "NUL": "{}\0",
    "delete": "{}\x7f",
    "leading blank": " {}",
    "trailing blank": "{} ",
    "blank": "a {}",
    "two line feeds": "{}\n\n",
    "not ASCII": "é{}",
    "full width": "{}\uff11",
    "too long": "{}" + "x" * 512,
    "bytes": b"c4n4ry/+Zm9v=b4r~7f3a9d",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BAD)
def test_a_malformed_credential_is_refused_without_being_shown(kind, case) -> None:
    """It fails when the client is made; neither the message nor the traceback of our frames holds it."""
    bad = BAD[case] if isinstance(BAD[case], bytes) else BAD[case].format(SECRET)
    with pytest.raises(ConfigurationError, match=f"^{kind}: expected 1 to 512") as caught:
        AsyncMultiCart(**{kind: bad})
    del bad
    haul = Haul()
    haul.add_error(caught.value)

    assert haul.where(SECRET) == []


@pytest.mark.parametrize(
    "variables", [("MULTICART_API_KEY",), ("MULTICART_TOKEN",), ("MULTICART_API_KEY", "MULTICART_TOKEN")]
)
@pytest.mark.parametrize("base_url", ["not a url", "http://user@127.0.0.1/"])
def test_the_environment_is_not_shown(monkeypatch, variables, base_url) -> None:
    """A setting that is wrong does not bring the whole environment into the traceback."""
    for name in variables:
        monkeypatch.setenv(name, SECRET)
    with pytest.raises(ConfigurationError) as caught:
        AsyncMultiCart(base_url=base_url)
    haul = Haul()
    haul.add_error(caught.value)

    assert haul.where(SECRET) == []


@pytest.mark.parametrize("variable", ["MULTICART_API_KEY", "MULTICART_TOKEN"])
def test_a_malformed_credential_of_the_environment_is_not_shown(monkeypatch, variable) -> None:
    """It is named by its variable."""
    monkeypatch.setenv(variable, f"{SECRET} {SECRET}")
    with pytest.raises(ConfigurationError, match=f"^{variable}: expected 1 to 512") as caught:
        AsyncMultiCart()
    haul = Haul()
    haul.add_error(caught.value)

    assert haul.where(SECRET) == []


def test_one_line_break_at_the_end_of_a_variable_is_forgiven() -> None:
    """Files and shells leave one behind; it is not sent."""
    for end in ("\n", "\r\n"):
        settings = resolve(Given(), None, {"MULTICART_API_KEY": SECRET + end})

        assert settings.credential.as_headers() == {"x-api-key": SECRET}


@pytest.mark.parametrize("spread", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_credential_is_not_spread(spread) -> None:
    """Neither pickle nor copy takes it along."""
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        spread(seal(SECRET, "x-api-key"))
