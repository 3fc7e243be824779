"""What bulk calls yield: a value or an error, for a key."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import attrs

from multicart_async._core.exceptions import MultiCartError
from multicart_async._core.failures import ends_all

__all__ = ["Outcome", "outcome_of"]

K = TypeVar("K")
V = TypeVar("V")


@attrs.frozen
class Outcome(Generic[K, V]):
    """What became of one of many: exactly one of ``value`` and ``error`` is set."""

    key: K
    value: V | None = None
    error: Exception | None = None

    def __attrs_post_init__(self) -> None:
        if (self.value is None) == (self.error is None):
            raise ValueError("exactly one of value and error is wanted")

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def unwrap(self) -> V:
        """The value; raises the error if that is what came."""
        if self.error is not None:
            raise self.error
        return cast("V", self.value)


def outcome_of(key: Any, result: Any) -> Outcome[Any, Any]:
    """*result* as the outcome for *key*; an error that would end everything is raised."""
    if not isinstance(result, Exception):
        return Outcome(key, result)
    if isinstance(result, MultiCartError) and not ends_all(result):
        return Outcome(key, error=result)
    raise result
