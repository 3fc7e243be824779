"""The comparison of two records."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from multicart_async.tables import Change
from multicart_async.tables._comparison import Comparison, is_same
from multicart_async.tables._field_path import field_of, has_field

NAN = float("nan")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a", "a"),
        ("$1,049.99", "$1049.99"),
        ("$5", "5"),
        ("5", "A$5.00"),
        ("A$5", "5 AUD"),
        (1, 1.0),
        (2**70, 2**70),
        (NAN, NAN),
        (None, None),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}),
        ([NAN], [NAN]),
    ],
    ids=str,
)
def test_equal_values_are_no_change(old: object, new: object) -> None:
    """In either direction."""
    assert is_same(old, new)
    assert is_same(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a", "b"),
        ("$5", "€5"),
        ("$5", "A$5"),
        ("$5", "$6"),
        ("$5", "unavailable"),
        ("00123", "123"),
        ("5", 5),
        (1, True),
        (0, False),
        (0, None),
        ("", None),
        (2**53 + 1, 2.0**53),
        (NAN, None),
        (math.inf, -math.inf),
        ([1], [1, 2]),
        ([1, 2], [2, 1]),
        ([], {}),
        ({"a": None}, {}),
        ({"price": "$5"}, {"price": "$5.00"}),
        ([True], [1]),
    ],
    ids=str,
)
def test_other_values_are_a_change(old: object, new: object) -> None:
    """In either direction; texts inside of objects and lists are no prices."""
    assert not is_same(old, new)
    assert not is_same(new, old)


def test_values_of_any_depth_are_compared() -> None:
    """Deeper than Python's recursion limit, too."""
    one: Any = 1
    other: Any = 2
    for _ in range(10_000):
        one, other = [one], [other]

    assert is_same(one, [*one])
    assert not is_same(one, other)


def test_a_dotted_name_finds_a_field_of_a_field() -> None:
    """Unless there is a field of just that name."""
    record: dict[str, Any] = {
        "brand": {"name": "inner", "a.b": 1},
        "size.x": 2,
        "size": {"x": 3},
        "list": [],
        "null": None,
    }

    assert field_of(record, "brand.name") == "inner"
    assert field_of(record, "brand.a.b") == 1
    assert field_of(record, "size.x") == 2
    assert [has_field(record, name) for name in ("brand.x", "list.x", "x", "null")] == [False, False, False, True]
    assert field_of(record, "null") is None


def test_fields_come_in_the_order_of_the_new_record() -> None:
    """Then those that only the old record has; the key is not compared."""
    changes = Comparison(("id",), single=True).changed(
        {"gone": 1, "b": 1, "id": 7}, {"id": 7, "b": 2, "new": 3, "n": None}
    )

    assert [(change.field, change.old, change.new) for change in changes] == [
        ("b", 1, 2),
        ("new", None, 3),
        ("gone", 1, None),
    ]


def test_given_fields_come_in_the_given_order() -> None:
    """And no others, those of fields too."""
    comparison = Comparison(("id",), single=True, fields=("c.d", "a"))

    changes = comparison.changed({"id": 7, "a": 1, "b": 1, "c": {"d": 1}}, {"id": 7, "a": 2, "b": 2, "c": {}})

    assert [change.field for change in changes] == ["c.d", "a"]


def test_a_change_is_written_as_json() -> None:
    """With a tuple as a list."""
    change = Change("changed", ("B0X", 800), "price", "$5", float("inf"))

    assert json.loads(change.to_json()) == {
        "kind": "changed",
        "key": ["B0X", 800],
        "field": "price",
        "old": "$5",
        "new": None,
    }
