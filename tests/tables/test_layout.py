"""The columns of a table that grows, and what is known of fields, without I/O."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from multicart_async.tables._fields import Fields, fields_from_json, kind_of
from multicart_async.tables._layout import Layout, make_layout


def fields_of(*records: dict[str, Any], levels: int = 1, most: int = 256, **given: Any) -> Fields:
    """Fields that have seen these records."""
    fields = Fields(levels=levels, most=most, **given)
    fields.observe(records)
    return fields


def grown(first: list[dict[str, Any]], later: list[dict[str, Any]], *, most: int = 256) -> tuple[Layout, Layout, bool]:
    """The layout for the *first* records, and that for the *later* ones too; whether the latter is closed."""
    old = fields_of(*first, most=most)
    layout = make_layout(old, most=most)
    state = json.loads(
        json.dumps({"layout": layout.to_json(), "fields": {name: one.to_json() for name, one in old.fields.items()}})
    )
    assert Layout.from_json(state["layout"]) == layout
    fields = fields_of(*later, most=most, fields=fields_from_json(state["fields"]), closed=old.closed)
    return layout, make_layout(fields, most=most, previous=Layout.from_json(state["layout"])), fields.closed


def columns(layout: Layout) -> dict[str, str]:
    """Names and types."""
    return {column.name: column.kind for column in layout.columns}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([None], "null"),
        ([True, None], "bool"),
        ([1, -(2**63), 2**63 - 1], "int64"),
        ([2**63], "text"),
        ([-(2**63) - 1], "text"),
        ([1, 0.5, None], "double"),
        ([2**53, -(2**53), 0.5], "double"),
        ([2**53 + 1, 0.5], "text"),
        ([-(2**53) - 1, 0.5], "text"),
        ([True, 1], "text"),
        ([True, 0.5], "text"),
        ([math.inf], "text"),
        ([0.5, math.nan], "text"),
        (["1"], "text"),
        ([1, "1"], "text"),
        ([[1]], "text"),
        ([{"a": 1}, 1], "text"),
    ],
    ids=str,
)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_types_join_in_any_order(values: list[Any], expected: str, backwards: bool, together: bool) -> None:
    """At once, or one after the other; then they survive being written to a file in between."""
    fields = Fields(levels=1, most=256)
    records = [{"x": value} for value in (reversed(values) if backwards else values)]
    for part in [records] if together else [[record] for record in records]:
        fields.observe(part)
        fields = Fields(
            levels=1,
            most=256,
            fields=fields_from_json({name: field.to_json() for name, field in fields.fields.items()}),
        )
    field = fields.fields["x"].copy()
    assert kind_of(field) == expected
    assert field.has_strings == any(isinstance(value, str) for value in values)


def test_columns_that_grow_keep_names_and_places() -> None:
    """New ones follow, and a type is only ever widened."""
    old, new, _ = grown([{"a": 1, "b": {"c": True}}], [{"B.C": 2, "b": {"d": 3}, "a": 0.5}])

    assert columns(old) == {"a": "int64", "b.c": "bool"}
    assert columns(new) == {"a": "double", "b.c": "bool", "b.d": "int64", "B.C_2": "int64"}


def test_an_object_that_varies_later_takes_the_place_of_its_members() -> None:
    """Of the first of them, under its own name."""
    _, new, _ = grown([{"a": {"x": 1, "y": 2}, "b": {}, "c": 3}], [{"a": 5, "b": {"z": 1}}])

    assert columns(new) == {"a": "text", "b": "text", "c": "int64", "b.z": "int64"}
    assert [column.marker for column in new.columns] == [False, True, False, False]


def test_a_full_table_takes_no_new_field() -> None:
    """But what replaces the columns of an object; the rest stays a column once it is there."""
    first = [{"a": {"x": 1}, "b": 2, "full": 3}]
    old, new, closed = grown(first, [{"a": {"y": 1}, "late": 1}], most=2)
    assert (columns(old), old.rest) == ({"a.x": "int64", "b": "int64"}, True)
    assert (columns(new), new.rest, closed) == (columns(old), True, True)

    _, new, _ = grown(first, [{"a": 5}], most=2)
    assert columns(new) == {"a": "text", "b": "int64"}


def test_a_table_that_becomes_full_is_closed() -> None:
    """Its first fields have columns, those without room are in the rest from then on."""
    old, new, closed = grown([{"a": 1}], [{"b": 1, "c": 2}], most=2)

    assert (columns(old), old.rest) == ({"a": "int64"}, False)
    assert (columns(new), new.rest, closed) == ({"a": "int64", "b": "int64"}, True, True)


def test_an_object_may_have_32_names() -> None:
    """With one more it is JSON, in the same record or in a later one, and stays so."""
    names = [f"m{number}" for number in range(33)]
    assert len(columns(make_layout(fields_of({"a": dict.fromkeys(names[:32], 1)}), most=256))) == 32
    for records in (
        [{"a": dict.fromkeys(names, 1)}],
        [{"a": dict.fromkeys(names[:32], 1)}, {"a": {"m32": 1}}, {"a": {}}],
    ):
        fields = Fields(levels=1, most=256)
        for record in records:
            fields.observe([record])
        assert columns(make_layout(fields, most=256)) == {"a": "text"}


def test_a_column_asked_for_is_found_in_any_object() -> None:
    """Below one with columns and below one without; one that no record has is null."""
    fields = fields_of({"a": {"b": {"c": 1}}, "x": [1]})
    layout = make_layout(fields, selected=["a.b.c", "a.z.y", "q.r", "x.y"], most=256)

    assert [(column.path, column.kind) for column in layout.columns] == [
        (("a", "b", "c"), "text"),
        (("a", "z.y"), "null"),
        (("q.r",), "null"),
        (("x", "y"), "text"),
    ]
