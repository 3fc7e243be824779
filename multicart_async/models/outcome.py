"""Outcomes of bulk calls: a value or an error for each key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async.models._serialization import Serializable

__all__ = ["Failure", "Outcome", "Success"]

K = TypeVar("K")
V = TypeVar("V")


@attrs.frozen
class Success(Serializable, Generic[K, V]):
    """The value for one key of many: ``ok`` is true and ``error`` is ``None``."""

    key: K
    value: V
    ok: ClassVar[Literal[True]] = True
    error: ClassVar[None] = None

    _also_written = ("ok", "error")

    def _fields_to_write(self) -> Mapping[str, Any]:
        return {**super()._fields_to_write(), "key": _key_to_write(self.key)}

    def unwrap(self) -> V:
        """Return the value."""
        return self.value


@attrs.frozen
class Failure(Serializable, Generic[K]):
    """The error for one key of many: ``ok`` is false and ``value`` is ``None``."""

    key: K
    error: Exception
    ok: ClassVar[Literal[False]] = False
    value: ClassVar[None] = None

    _also_written = ("ok", "value")

    def _fields_to_write(self) -> Mapping[str, Any]:
        return {**super()._fields_to_write(), "key": _key_to_write(self.key)}

    def unwrap(self) -> NoReturn:
        """Raise the error."""
        raise self.error


def _key_to_write(key: object) -> object:
    """Return *key*, or its short form if it is an invalid item, which may be any object and even contain itself."""
    return key if isinstance(key, Serializable | str | int | float | None) else short_repr(key)


Outcome: TypeAlias = Success[K, V] | Failure[K]
"""Either of the two. Check ``outcome.ok``, or ``isinstance(outcome, Success)``: the alias itself is not a class.

mypy narrows ``value`` after ``if outcome.ok``; pyright needs ``if outcome.ok is True``, ``outcome.error is None``,
`isinstance` or ``match``.
"""
