"""Find a field of a record by its name, which may be that of a member, such as ``offer.price``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import wrong_argument
from multicart_async.errors import ArgumentError

__all__ = ["Sought", "check_names", "field_of", "has_field"]

_MISSING: Final = object()


def check_names(argument: str, names: object, expected: str = "a list of names of fields") -> tuple[str, ...]:
    """Return *names* without duplicates.

    Raises:
        ArgumentError: They are no sequence, a string, or not all strings.
    """
    if isinstance(names, str | bytes) or not isinstance(names, Sequence):
        raise wrong_argument(argument, expected, names)
    for name in cast("Sequence[object]", names):
        if not isinstance(name, str):
            raise wrong_argument(argument, expected, name)
    return tuple(dict.fromkeys(cast("Sequence[str]", names)))


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, ``None`` if it is missing; ``brand.name`` is a field of a field, unless it has it."""
    value = _find(record, name)
    return None if value is _MISSING else value


def has_field(record: Mapping[str, Any], name: str) -> bool:
    """Return whether the record has a field, which may be null."""
    return _find(record, name) is not _MISSING


def _find(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    for place, sign in enumerate(name):
        inner: object = record.get(name[:place]) if sign == "." else None
        if isinstance(inner, dict):
            value = _find(cast("dict[str, Any]", inner), name[place + 1 :])
            if value is not _MISSING:
                return value
    return _MISSING


class Sought:
    """The fields *names* that no record has had so far."""

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = [*(names or ())]
        self._empty = True  # there was no record

    def observe(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Note what is in *records*."""
        self._empty = self._empty and not records
        if self._names:
            self._names = [name for name in self._names if not any(has_field(record, name) for record in records)]

    def merge(self, later: Sought) -> None:
        """Note what *later* has found for the same names."""
        self._empty = self._empty and later._empty
        self._names = [name for name in self._names if name in later._names]

    def check(self) -> None:
        """Raise `ArgumentError` if there were records, and none had one of the fields."""
        if self._names and not self._empty:
            reason = f"expected fields of the records, got {short_repr(self._names[0])}, which none of them has; leave it out"
            raise ArgumentError("columns", reason)
