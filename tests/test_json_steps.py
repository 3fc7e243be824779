"""Large JSON in small steps: the same values, the same refusals, and pauses on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async import _json_steps
from multicart_async._json_steps import STRICT, parse_in_steps

ROWS = [{"id": number, "name": f'a "row", }},{{ of {number}', "parts": [{}, {"n": None}]} for number in range(400)]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small text shows what a large one would."""
    monkeypatch.setattr(_json_steps, "_STEP", 64)


def parsed(text: str) -> tuple[Any, int]:
    """The value, and how many pauses there were."""
    steps, pauses = parse_in_steps(text), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1


def outcome(parse: Callable[[str], Any], text: str) -> object:
    """The value, or what the error says."""
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=60,
)


@given(JSON, st.sampled_from([None, 0, 2, "\t"]), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\r\n")]))
def test_the_value_is_the_same(value, indent, separators) -> None:
    """Whatever the value, and however it is laid out."""
    text = json.dumps(value, indent=indent, separators=separators)

    assert value == parsed(text)[0]


@given(JSON, st.integers(0, 200), st.sampled_from(["", ",", "}", "]", "{", '"', "NaN", "x"]))
def test_what_is_refused_is_the_same(value, at, instead) -> None:
    """A text that was damaged somewhere is refused with the same words, or means the same."""
    text = json.dumps(value)
    text = text[:at] + instead + text[at + 1 :]

    assert outcome(STRICT.decode, text) == outcome(lambda text: parsed(text)[0], text)


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[]", "[1]", "7", "{}", '{"a": []}', '{"a": [ ] , "b": {} }', '{"a"', '{"a": 1']
)
def test_small_things_are_what_they_are(text) -> None:
    """Empty ones, and what is no object."""
    assert outcome(STRICT.decode, text) == outcome(lambda text: parsed(text)[0], text)


def test_simple_rows_are_taken_several_at_a_time() -> None:
    """With a pause after each few of them."""
    rows = [{"id": number} for number in range(400)]

    assert ({"data": rows, "status": 1}, True) == (
        (found := parsed(json.dumps({"data": rows, "status": 1})))[0],
        found[1] > 50,
    )


def test_rows_that_cannot_be_cut_by_looking_are_taken_one_by_one() -> None:
    """Texts and inner arrays that look like the end of a row mislead nobody, and there are pauses too."""
    value, pauses = parsed(json.dumps({"data": ROWS}))

    assert {"data": ROWS} == value
    assert pauses > 2


def test_a_name_that_comes_twice_has_its_last_value() -> None:
    """As everywhere."""
    assert ({"a": [2]}, 0) == parsed('{"a": [1], "a": [2]}')
