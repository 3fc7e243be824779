"""What was seen in the fields of records, and the types of columns that follow from it. Pure, and bounded in memory.

Types widen along ``null < bool | int64 < double < text``: what is seen later can only move a column upwards, so a table
can grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Literal, Self, cast

__all__ = ["MAX_MEMBERS", "Field", "Fields", "Kind", "fields_from_json", "kind_of"]

Kind = Literal["null", "bool", "int64", "double", "text"]

MAX_MEMBERS: Final = 32
"""An object with more different names than this becomes JSON text."""

NULL, BOOL, INT, BIG, DOUBLE, STRING, OTHER, OBJECT, EMPTY, OPAQUE = (1 << place for place in range(10))
"""Seen in a field. BIG: an integer beyond 2**53, within 64 bits. OTHER: a list, an integer beyond 64 bits, NaN or an
infinity. EMPTY: an object without members. OPAQUE: an object with too many names, or too deep."""
_WORDS: Final = (
    "null",
    "bool",
    "int",
    "big int",
    "double",
    "string",
    "other",
    "object",
    "empty object",
    "large object",
)

_TOGETHER: Final = 256  # records; each name is looked for in all of them, and if they differ, they have many names
_EXACT: Final = 1 << 53  # a double has every integer up to here
_INT64: Final = (1 << 63) - 1


class Field:
    """One field: what was seen in it, and its members as long as it has only been an object."""

    __slots__ = ("members", "seen")

    def __init__(self, seen: int = 0) -> None:
        self.seen = seen
        self.members: dict[str, Field] = {}

    @property
    def flat(self) -> bool:
        """Whether its members have columns of their own."""
        return bool(self.seen & OBJECT) and not self.seen & ~(NULL | OBJECT | EMPTY)

    @property
    def has_strings(self) -> bool:
        """Whether a string was seen in it."""
        return bool(self.seen & STRING)

    def observe(self, values: Sequence[Any], levels: int) -> None:
        """Note what is in *values*; objects are looked into for so many *levels*."""
        kinds = set(map(type, values))
        for kind in kinds:
            self.seen |= _SIMPLE.get(kind, 0)
        if int in kinds:
            self._observe_integers([value for value in values if type(value) is int])
        if float in kinds and not all(map(math.isfinite, (value for value in values if type(value) is float))):
            self.seen |= OTHER
        if dict in kinds:
            objects: list[dict[str, Any]] = [value for value in values if type(value) is dict]
            self._observe_objects(objects, levels)
        if not self.flat:
            self.members.clear()

    def _observe_integers(self, values: Sequence[int]) -> None:
        low, high = min(values), max(values)
        if low >= -_EXACT and high <= _EXACT:
            self.seen |= INT
        elif low >= -_INT64 - 1 and high <= _INT64:
            self.seen |= INT | BIG
        else:
            self.seen |= OTHER

    def _observe_objects(self, objects: Sequence[dict[str, Any]], levels: int) -> None:
        self.seen |= OBJECT
        if not all(objects):
            self.seen |= EMPTY
        if levels < 1:
            self.seen |= OPAQUE
        if not self.flat:
            return
        for name in dict.fromkeys(chain.from_iterable(objects)):
            if name not in self.members and len(self.members) == MAX_MEMBERS:
                self.seen |= OPAQUE
                return
            member = self.members.setdefault(name, Field())
            member.observe([one[name] for one in objects if name in one], levels - 1)

    def merge(self, later: Field) -> None:
        """Note what *later* has seen, as if its values had been observed after those of this field.

        Only OPAQUE may be lacking, if there are other reasons why the members have no columns.
        """
        self.seen |= later.seen
        for name, member in later.members.items():
            if self.flat and name not in self.members and len(self.members) == MAX_MEMBERS:
                self.seen |= OPAQUE
            if self.flat:
                self.members.setdefault(name, Field()).merge(member)
        if not self.flat:
            self.members.clear()

    def copy(self) -> Field:
        """Return a copy, which is independent of it."""
        field = Field(self.seen)
        field.members = {name: member.copy() for name, member in self.members.items()}
        return field

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        words = [word for place, word in enumerate(_WORDS) if self.seen >> place & 1]
        members = {name: member.to_json() for name, member in self.members.items()}
        return {"seen": words, **({"members": members} if members else {})}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` was made of."""
        field = cls(sum(1 << _WORDS.index(word) for word in value["seen"]))
        field.members = {name: Field.from_json(member) for name, member in value.get("members", {}).items()}
        return field


_SIMPLE: Final[Mapping[type, int]] = {type(None): NULL, bool: BOOL, float: DOUBLE, str: STRING, list: OTHER}


def kind_of(field: Field) -> Kind:
    """Return the type of the column of a field that is not flat."""
    seen = field.seen & ~NULL
    if not seen:
        return "null"
    if seen == BOOL:
        return "bool"
    if not seen & ~(INT | BIG):
        return "int64"
    return "double" if not seen & ~(INT | DOUBLE) else "text"


class Fields:
    """The fields of all records, in the order in which they were first seen; *most* of them are kept apart.

    ``closed``: there were more, or a table had no room for some; then no new ones are taken up, so that a field never
    has some values in a column and others in the rest. ``was_closed``: that was so before any of these records. With
    *only*, others are no fields at all.
    """

    def __init__(
        self,
        *,
        levels: int,
        most: int,
        only: frozenset[str] | None = None,
        fields: Mapping[str, Field] | None = None,
        closed: bool = False,
    ) -> None:
        self._levels = levels
        self._most = most
        self._only = only
        self.fields: dict[str, Field] = dict(fields or {})
        self.closed = self.was_closed = closed

    def observe(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Note what is in *records*."""
        for start in range(0, len(records), _TOGETHER):
            self._observe(records[start : start + _TOGETHER])

    def _observe(self, records: Sequence[Mapping[str, Any]]) -> None:
        for name in dict.fromkeys(chain.from_iterable(records)):
            if self._only is not None and name not in self._only:
                continue
            field = self.fields.get(name) or self._new(name)
            if field is not None:
                field.observe([record[name] for record in records if name in record], self._levels)

    def _new(self, name: str) -> Field | None:
        if self.closed or len(self.fields) >= self._most:
            self.closed = True
            return None
        field = self.fields[name] = Field()
        return field

    def merge(self, later: Fields) -> None:
        """Note what *later* has seen, whose records come after these; it must have room for all names."""
        for name, seen in later.fields.items():
            field = self.fields.get(name) or self._new(name)
            if field is not None:
                field.merge(seen)

    def leaves(self) -> Iterator[tuple[tuple[str, ...], Kind]]:
        """Yield the path and the type of each column, in order. A flat object has a column of its own if it was empty."""
        return _leaves((), self.fields.items())


def _leaves(above: tuple[str, ...], fields: Iterable[tuple[str, Field]]) -> Iterator[tuple[tuple[str, ...], Kind]]:
    for name, field in fields:
        path = (*above, name)
        if not field.flat:
            yield path, kind_of(field)
            continue
        if field.seen & EMPTY:
            yield path, "text"
        yield from _leaves(path, field.members.items())


def fields_from_json(value: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields that `Field.to_json` was called for."""
    return {name: Field.from_json(cast("Mapping[str, Any]", field)) for name, field in value.items()}
