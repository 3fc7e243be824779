"""What is hidden shows as dots, and is sent as it is."""

from __future__ import annotations

import enum
import json
import pickle
from types import MappingProxyType

import pytest
from support.leaks import Haul

from multicart_async._codec import body
from multicart_async._hidden import DOTS, HiddenBytes, HiddenNumber, HiddenText, conceal, hidden_in
from multicart_async._unset import UNSET
from multicart_async.errors import ArgumentError

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"


class Kind(str, enum.Enum):  # noqa: UP042 -- the one that calls itself by its name
    """A text that calls itself something else."""

    ONE = "one"


def test_hidden_values_are_the_values() -> None:
    """They compare, measure and calculate as before."""
    assert SECRET == conceal(SECRET)
    assert 482931 == conceal(482931)
    assert SECRET.encode() == conceal(SECRET.encode())
    assert (len(SECRET), 482932) == (len(conceal(SECRET)), conceal(482931) + 1)


@pytest.mark.parametrize(
    "value", [SECRET, 482931, SECRET.encode(), bytearray(b"x"), [SECRET], {"a": {"b": (1, SECRET)}}]
)
def test_hidden_values_show_dots(value) -> None:
    """Alone, in what holds them, and in slices."""
    shown = repr(conceal(value))

    assert DOTS in shown
    assert SECRET not in shown
    assert "482931" not in shown + str(HiddenNumber(482931)) + f"{HiddenNumber(482931)}"


@pytest.mark.parametrize("value", [SECRET, SECRET.encode()])
def test_a_part_of_what_is_hidden_is_hidden(value) -> None:
    """A logger that shortens what it shows takes slices; aiohttp sends one."""
    part = conceal(value)[1:5]

    assert value[1:5] == part
    assert DOTS in repr(part)
    assert value[0] == conceal(value)[0]


@pytest.mark.parametrize("value", [None, True, 1.5, UNSET])
def test_what_tells_nothing_is_not_hidden(value) -> None:
    """Null, truth values, floats and `UNSET` stay what they are."""
    assert conceal(value) is value


def test_every_mapping_and_sequence_becomes_what_json_has() -> None:
    """With all that is in them hidden."""
    assert {"a": [1, "x"]} == conceal(MappingProxyType({"a": (1, "x")}))


def test_a_text_is_hidden_as_it_is_on_the_wire() -> None:
    """An enum of texts calls itself by its name."""
    assert "one" == conceal(Kind.ONE)
    assert '["one"]' == json.dumps(conceal([Kind.ONE]))


def test_what_is_hidden_is_found() -> None:
    """At every depth, as texts; what is not hidden is not."""
    fields = {"a": HiddenText("x"), "b": "plain", "c": {"d": [HiddenNumber(5), 6]}, "e": HiddenBytes(b"?")}

    assert ["x", "5"] == list(hidden_in(fields))


def test_a_body_with_secrets_is_sent_as_it_is_and_shown_as_dots() -> None:
    """It remembers what is secret in it."""
    sent = body({"email": "ops@example.com", "password": conceal(SECRET), "otp": conceal(12345)})

    assert {"email": "ops@example.com", "password": SECRET, "otp": 12345} == json.loads(sent)
    assert isinstance(sent, HiddenBytes)
    assert (SECRET, "12345") == sent.secrets
    assert f"b'{DOTS}'" == repr(sent) == repr(sent[:20])


def test_a_body_without_secrets_is_plain() -> None:
    """It helps who looks for an error."""
    assert bytes is type(body({"email": "ops@example.com"}))


@pytest.mark.parametrize("bad", ["\ud800", float("nan"), {1, 2}])
def test_a_body_that_cannot_be_made_does_not_show_the_secret(bad) -> None:
    """An error about half a character holds the whole text."""
    with pytest.raises(ArgumentError, match="cannot be sent as JSON") as caught:
        body({"password": conceal(SECRET), "other": bad})
    haul = Haul()
    haul.add_error(caught.value)

    assert [] == haul.where(SECRET)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_fields_that_hold_themselves_cannot_be_sent() -> None:
    """Nor do they end the program."""
    fields: dict[str, object] = {}
    fields["self"] = fields

    with pytest.raises(ArgumentError, match="cannot be sent as JSON"):
        body(fields)


def test_what_is_hidden_travels_hidden() -> None:
    """A pickle keeps its kind."""
    assert DOTS in repr(pickle.loads(pickle.dumps(conceal([SECRET, 5]))))
