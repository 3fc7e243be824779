"""How the rows of a table get the columns of a wider layout. Pure.

A value is cast as the text rule would have written it, with one exception: an integer in a column of doubles has become a
double. An object that had columns for its members is put together again, without those that are null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from multicart_async.tables._fields import Field, Kind
from multicart_async.tables._layout import Column, Layout, Path
from multicart_async.tables._text import json_of

__all__ = ["Step", "keeps_columns", "migrate"]


@attrs.frozen
class Step:
    """One column of the new layout: what *convert* makes of the cells of *sources*, or of one as it is; else null."""

    name: str
    sources: tuple[str, ...] = ()
    convert: Callable[..., Any] | None = None


def migrate(old: Layout, fields: Mapping[str, Field], new: Layout) -> list[Step]:
    """Return a step for each column of records in *new*. *fields* are those of the *old* layout."""
    there = {column.path: column for column in old.columns}
    return [_step(column, there, old.columns, fields) for column in new.columns]


def keeps_columns(old: Layout, steps: Sequence[Step]) -> bool:
    """Return whether all columns of *old* stay as they are, so that nothing but the new ones has to be added."""
    kept = {step.name for step in steps if step.sources == (step.name,) and step.convert is None}
    return kept.issuperset(column.name for column in old.columns)


def _step(column: Column, there: Mapping[Path, Column], old: Sequence[Column], fields: Mapping[str, Field]) -> Step:
    before = there.get(column.path)
    depth = len(column.path)
    inner = [one for one in old if one.path[:depth] == column.path and (one.marker or len(one.path) > depth)]
    if inner and not column.marker:
        parts = [_Part(one.path[depth:], one.kind, _is_json(one, fields)) for one in inner]
        return Step(column.name, tuple(one.name for one in inner), _Object(parts))
    if before is None or (before.kind == "null" and column.kind not in _TEXT):
        return Step(column.name)
    return Step(column.name, (before.name,), _CASTS.get((before.kind, column.kind)))


_TEXT: Final = frozenset[Kind]({"null", "text"})  # the kinds that text columns have


def _is_json(column: Column, fields: Mapping[str, Field]) -> bool:
    """Return whether the cells of a text column are JSON: no string was ever seen in the field."""
    field = fields[column.path[0]]
    for name in column.path[1:]:
        field = field.members[name]
    return column.kind == "text" and not field.has_strings


@attrs.frozen
class _Part:
    path: Path
    kind: Kind
    is_json: bool


@attrs.frozen
class _Object:
    """Put an object together from the cells of its members."""

    parts: Sequence[_Part]

    def __call__(self, *cells: Any) -> str | None:
        made: dict[str, Any] = {}
        there = False
        for part, cell in zip(self.parts, cells, strict=True):
            if cell is None:
                continue
            there = True
            place = made
            for name in part.path[:-1]:
                place = place.setdefault(name, {})
            if part.path:
                place[part.path[-1]] = _value(part, cell)
        return json_of(made) if there else None


def _value(part: _Part, cell: Any) -> Any:
    if part.kind == "bool":
        return bool(cell)  # SQLite has 0 and 1
    return json.loads(cell) if part.is_json else cell


def _bool_text(cell: Any) -> str | None:
    return None if cell is None else json_of(bool(cell))


def _number_text(cell: Any) -> str | None:
    return None if cell is None else json_of(cell)


def _double(cell: Any) -> float | None:
    return None if cell is None else float(cell)


_CASTS: Final[Mapping[tuple[Kind, Kind], Callable[[Any], Any]]] = {
    ("bool", "text"): _bool_text,
    ("int64", "double"): _double,
    ("int64", "text"): _number_text,
    ("double", "text"): _number_text,
}
