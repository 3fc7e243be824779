"""Rules for retries: which errors are transient, what may be repeated, and when. Pure functions without I/O."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from multicart_async._http.endpoint import Safety
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    IncompleteDownloadError,
    MultiCartError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    StalledDownloadError,
)

__all__ = ["is_call_retryable", "is_definite_rejection", "is_transient", "retry_delay"]

_TRANSIENT = frozenset({408, 421, 425, 499})  # besides 429 and 5xx: the request was abandoned, not rejected
_UNCLEAR = frozenset({408, 425, 499})  # a proxy has perhaps forwarded the request, which may still be processed
_REPEATABLE: AbstractSet[Safety] = frozenset({"safe", "idempotent"})


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed a little later. Calls, transfers and polls share this rule."""
    if isinstance(error, APIConnectionError):
        return error.retryable and not isinstance(error, OutcomeUnknownError)
    if isinstance(error, APIError):
        return isinstance(error, ServerError | RateLimitError) or error.code in _TRANSIENT
    if isinstance(error, StalledDownloadError):
        return error.retryable
    return isinstance(error, IncompleteDownloadError)


def is_call_retryable(error: BaseException, safety: Safety) -> bool:
    """Return whether a call that failed with *error* may be sent again."""
    if not is_transient(error):
        return False
    certain = isinstance(error, RateLimitError) or (isinstance(error, APIConnectionError) and not error.sent)
    return certain or safety in _REPEATABLE  # any other error may follow a call that has taken effect


def is_definite_rejection(error: MultiCartError) -> bool:
    """Return whether it is certain that the call has changed nothing.

    After a server error, or a rejection without a documented code, the call may have taken effect.
    """
    if isinstance(error, APIConnectionError):
        return not error.sent
    if isinstance(error, APIError):
        return error.code is not None and 400 <= error.code <= 499 and error.code not in _UNCLEAR
    return isinstance(error, ConfigurationError)


def retry_delay(error: BaseException) -> float | None:
    """Return the seconds that a 429 or 503 asks to wait, or ``None`` for any other error."""
    if not isinstance(error, APIError) or error.retry_after is None:
        return None
    if error.code not in {429, 503} and error.http_status not in {429, 503}:
        return None
    return error.retry_after
