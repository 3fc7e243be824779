"""Compare two records, field by field. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import attrs

from multicart_async.models._serialization import Serializable
from multicart_async.tables._amount import price_of
from multicart_async.tables._field_path import field_of

__all__ = ["Change", "Comparison", "is_same", "key_text"]

_NUMBERS: Final[frozenset[Any]] = frozenset({int, float})


@attrs.frozen
class Change(Serializable):
    """A difference between two runs of a collection.

    ``key`` is the value of the key field of the record, or a tuple of them if several were given. A record that only one
    of the runs has is ``old`` or ``new`` itself, as a dict; the other one and ``field`` are ``None``. Else ``old`` and
    ``new`` are the values of ``field``, and ``None`` if the record lacks it.
    """

    kind: Literal["added", "removed", "changed"]
    key: Any
    field: str | None
    old: Any
    new: Any


@attrs.frozen
class Comparison:
    """How records are recognised and compared: by the fields *key*; *single*: one field, given by its name alone.

    *fields* are those that are compared; ``None``: all others, in the order of the new record, then those that only the
    old one has.
    """

    key: tuple[str, ...]
    single: bool = False
    fields: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All fields that the user has named."""
        return (*self.key, *(self.fields or ()))

    def key_of(self, record: Mapping[str, Any]) -> Any:
        """Return the value of the key field, or a tuple of several."""
        values = [field_of(record, name) for name in self.key]
        return values[0] if self.single else tuple(values)

    def added(self, new: Mapping[str, Any]) -> Change:
        """Return the change for a record that only the new run has."""
        return Change("added", self.key_of(new), None, None, new)

    def removed(self, old: Mapping[str, Any]) -> Change:
        """Return the change for a record that only the old run has."""
        return Change("removed", self.key_of(old), None, old, None)

    def changed(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        """Yield a change for each field that differs in two records of the same key."""
        key = self.key_of(new)
        for name, before, after in self._values(old, new):
            if not is_same(before, after):
                yield Change("changed", key, name, before, after)

    def _values(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        if self.fields is not None:
            yield from ((name, field_of(old, name), field_of(new, name)) for name in self.fields)
            return
        for name in {**new, **old}:
            if name not in self.key:
                yield name, old.get(name), new.get(name)


def key_text(key: Any) -> str:
    """Return a text that is the same for equal JSON alone. Raises `RecursionError` if it is nested too deeply."""
    return json.dumps(key, sort_keys=True)


def is_same(old: Any, new: Any) -> bool:
    """Return whether two values are equal: as JSON, or as amounts of money if both are.

    A currency that is not told matches any. 1 and 1.0 are equal, 1 and true are not. The order of the members of an
    object does not count.
    """
    if isinstance(old, str) and isinstance(new, str):
        return old == new or _are_same_amounts(old, new)
    pairs: list[tuple[Any, Any]] = [(old, new)]  # no call per level, which would exceed Python's recursion limit
    while pairs:
        before, after = pairs.pop()
        inner = _inner_pairs(before, after)
        if inner is None:
            return False
        pairs += inner
    return True


def _inner_pairs(old: Any, new: Any) -> list[tuple[Any, Any]] | None:
    """Return the pairs that must be equal, too, for two values to be equal; ``None`` if they differ anyway."""
    kinds: set[Any] = {type(old), type(new)}
    if kinds == {dict}:
        return [(old[name], new[name]) for name in old] if old.keys() == new.keys() else None
    if kinds == {list}:
        return [*zip(old, new, strict=True)] if len(old) == len(new) else None
    is_same_kind = len(kinds) == 1 or kinds <= _NUMBERS
    return [] if is_same_kind and (old == new or (old != old and new != new)) else None  # noqa: PLR0124 -- NaN


def _are_same_amounts(old: str, new: str) -> bool:
    before, after = price_of(old), price_of(new)
    if before is None or after is None or before.amount != after.amount:
        return False
    return before.currency == after.currency or None in {before.currency, after.currency}
