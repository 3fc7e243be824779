"""The result of one key of a bulk call as an `Outcome`."""

from __future__ import annotations

from typing import Any

from multicart_async._core.failures import ends_all
from multicart_async.errors import MultiCartError
from multicart_async.models import Failure, Outcome, Success

__all__ = ["outcome_of"]


def outcome_of(key: Any, result: Any) -> Outcome[Any, Any]:
    """Return *result* as the outcome for *key*.

    Raises:
        Exception: *result*, if it is an error that ends the whole call, and not only the work for *key*.
    """
    if not isinstance(result, Exception):
        return Success(key, result)
    if isinstance(result, MultiCartError) and not ends_all(result):
        return Failure(key, result)
    raise result
