"""What came, in a message: at most 80 characters, nothing long is written whole, nothing hidden is shown."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async import UNSET
from multicart_async._core.redaction import MASK, redact
from multicart_async._core.short_repr import MAX_LENGTH, short_repr

SMALL: list[Any] = [
    *(None, True, 5, -1.5, float("nan"), 10**70, "", "x", "it's", b"x", bytearray(b"x"), UNSET, int),
    *([], [1, "a"], {1: [2]}, {"a": None}, {7}, frozenset({7}), (), (1,), (1, 2)),
    *(dt.time(8, 30), dt.date(2026, 6, 20), dt.timedelta(seconds=1)),
]


@pytest.mark.parametrize("value", SMALL, ids=range(len(SMALL)))
def test_what_is_short_is_written_as_python_writes_it(value: object) -> None:
    """A string in its quotes, so that it is not taken for a number."""
    expected = repr(value) if not isinstance(value, frozenset) else "{7}"

    assert short_repr(value) == expected


LONG: list[tuple[Any, str]] = [
    ("x" * 200, "'" + "x" * 78 + "…"),
    ("\0" * 200, "'" + r"\x00" * 19 + r"\x…"),
    (b"x" * 200, "b'" + "x" * 77 + "…"),
    (10**5000, "an integer of 16610 bits"),
    (-(10**5000), "an integer of 16610 bits"),
    ([*range(1000)], "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"),
    ([[[1, 2]]], "[[a list of 2]]"),
    ({"a": {"b": {"c": 1}}}, "{'a': {'b': a dict of 1}}"),
    (["x" * 200], "['" + "x" * 77 + "…"),
]


@pytest.mark.parametrize(("value", "shown"), LONG, ids=range(len(LONG)))
def test_what_is_long_is_cut(value: object, shown: str) -> None:
    """Its beginning says enough."""
    assert short_repr(value) == shown


class Awkward:
    """Has no string of its own."""

    def __repr__(self) -> NoReturn:
        raise AssertionError("this may be of any length, or show a secret")


class Name(str):
    """A string of another kind."""

    __slots__ = ()


def test_an_object_of_another_class_is_named_by_its_type() -> None:
    """It is not asked for its own."""
    assert short_repr(Awkward()) == "an object of type Awkward"
    assert short_repr([Awkward()]) == "[an object of type Awkward]"
    assert short_repr(Name("x")) == "an object of type Name"
    assert len(short_repr(type("A" * 500, (), {})())) == MAX_LENGTH


@pytest.mark.parametrize("secret", ["hunter2", 482931, b"hunter2", ["hunter2"], {"a": "hunter2"}], ids=repr)
def test_what_is_hidden_is_dots(secret: object) -> None:
    """However deep it lies."""
    shown = short_repr([redact(secret)])

    assert MASK in shown or "a dict of 1" in shown or "a list of 1" in shown
    assert "hunter2" not in shown
    assert "482931" not in shown


def test_nothing_long_is_written_whole() -> None:
    """A message about a million items costs no more than one about ten."""
    values: list[Any] = ["x" * 5_000_000, [["x" * 5_000_000] * 1_000] * 1_000, dict.fromkeys(range(100_000), "x")]
    tracemalloc.start()
    try:
        shown = [short_repr(value) for value in values]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [len(text) <= MAX_LENGTH for text in shown] == [True] * 3
    assert peak < 100_000


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.times(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.tuples(inner, inner),
    )
)
def test_every_value_is_one_short_line(value: object) -> None:
    """That can be printed."""
    shown = short_repr(value)

    assert len(shown) <= MAX_LENGTH
    assert shown.isprintable()
