"""Turn records into the columns of a layout: lists of cells, each of which any format can hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import attrs

from multicart_async.tables._amount import amount
from multicart_async.tables._field_path import field_of
from multicart_async.tables._layout import Column, Layout, Path
from multicart_async.tables._pages import Values
from multicart_async.tables._text import json_of, text_of

__all__ = ["Frame", "Place", "exact_amount"]

_NOTHING: Final[Mapping[str, Any]] = {}
_EMPTY: Final = None  # the key of a flat object in the tree of covered fields: its marker column
_LARGEST: Final = Decimal(10) ** 16
_CENT: Final = Decimal("0.01")


@attrs.frozen
class Place:
    """Where values come from: the first four columns of a table. The time has the form that the table needs."""

    collection_id: int
    run_id: int
    scraped_at: object
    page: int


class Frame:
    """Make columns of values. ``rest`` counts the fields that had none."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._covered = _covered(() if layout.partial else layout.columns)
        self._whole = frozenset(name for name, inner in self._covered.items() if inner is True)
        self._amounts = [*layout.amounts.values()]
        self.rest = 0

    def columns(self, place: Place, values: Values) -> list[list[Any]]:
        """Return a list of cells for each column of the layout."""
        count = len(values.values)
        records: list[Mapping[str, Any]] = [value if type(value) is dict else _NOTHING for value in values.values]
        objects: dict[Path, Sequence[Mapping[str, Any]]] = {(): records}
        ids = [[one] * count for one in (place.collection_id, place.run_id, place.scraped_at, place.page)]
        made = [*ids, [*range(values.number, values.number + count)]]
        made += [_cells(column, _members(objects, column), odd=values.odd_text) for column in self._layout.columns]
        made += [[exact_amount(field_of(record, field)) for record in records] for field in self._amounts]
        if self._layout.rest:
            made.append([self._rest_of(value, odd=values.odd_text) for value in values.values])
        if self._layout.record:
            made.append([json_of(value, odd=values.odd_text) for value in values.values])
        return made

    def _rest_of(self, value: object, *, odd: bool) -> str | None:
        """Return the JSON of what has no column: of a value that is no object, all of it."""
        if type(value) is not dict:
            self.rest += 1
            return json_of(value, odd=odd)
        if self._layout.partial:
            return None
        record = cast("dict[str, Any]", value)
        if record.keys() <= self._whole:
            return None
        rest = _leftover(record, self._covered)
        self.rest += len(rest)
        return json_of(rest, odd=odd) if rest else None


def _members(objects: dict[Path, Sequence[Mapping[str, Any]]], column: Column) -> list[Any]:
    """Return the values at the path of *column*; the objects that hold them are kept for its neighbours."""
    *above, name = column.path
    holder = _holders(objects, tuple(above))
    if not column.marker:
        return [one.get(name) for one in holder]
    return [{} if one.get(name) == {} else None for one in holder]


def _holders(objects: dict[Path, Sequence[Mapping[str, Any]]], path: Path) -> Sequence[Mapping[str, Any]]:
    if path not in objects:
        inner = [one.get(path[-1]) for one in _holders(objects, path[:-1])]
        objects[path] = [one if type(one) is dict else _NOTHING for one in inner]
    return objects[path]


def _cells(column: Column, values: list[Any], *, odd: bool) -> list[Any]:
    """Return *values* as a column of its type holds them."""
    if column.kind != "text" or (not odd and {*map(type, values)} <= {str, type(None)}):
        return values
    if odd:
        return [None if value is None else text_of(value, odd=True) for value in values]
    return [value if value is None or type(value) is str else text_of(value) for value in values]


def exact_amount(text: object) -> Decimal | None:
    """Return an amount with two decimals, or ``None`` if it has more, or too many digits, or is none."""
    value = amount(text)
    if value is None or abs(value) >= _LARGEST or value != (exact := value.quantize(_CENT)):
        return None
    return exact


def _covered(columns: Sequence[Column]) -> dict[str | None, Any]:
    """Return a tree of the fields that have columns: ``True`` for a whole field, a tree for a flat object."""
    tree: dict[str | None, Any] = {}
    for column in columns:
        node = tree
        for name in column.path[:-1]:
            node = node.setdefault(name, {})
        if column.marker:
            node.setdefault(column.path[-1], {})[_EMPTY] = True
        else:
            node[column.path[-1]] = True
    return tree


def _leftover(record: Mapping[str, Any], covered: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return the fields of *record* that have no column."""
    rest: dict[str, Any] = {}
    for name, value in record.items():
        inner = covered.get(name)
        if inner is None:
            rest[name] = value
        elif inner is not True and value is not None:
            part = _leftover(value, inner)
            if part or (not value and _EMPTY not in inner):
                rest[name] = part
    return rest
