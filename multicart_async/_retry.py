"""The verdict on a failure: again, after how long, or not. Pure functions; stamina runs the loop."""

from __future__ import annotations

from multicart_async._endpoint import Safety
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

__all__ = ["call_verdict", "is_refusal", "pause_asked_for", "transfer_verdict"]


def call_verdict(error: BaseException, safety: Safety) -> bool:
    """Whether a call that failed with *error* may be sent again."""
    if isinstance(error, OutcomeUnknownError):
        return False
    if isinstance(error, APIConnectionError):
        return error.passing and (not error.sent or safety in {"read", "repeatable"})
    # an answer that says no is an answer: what spends or creates is not sent twice, whatever it was
    return isinstance(error, ServerError | RateLimitError) and safety in {"read", "repeatable"}


def is_refusal(error: MultiCartError) -> bool:
    """Whether it is certain that the call has changed nothing.

    A service that failed may have failed after that; so may one that says no in a way that nobody documents.
    """
    if isinstance(error, APIConnectionError):
        return not error.sent
    if isinstance(error, APIError):
        return error.code is not None and 400 <= error.code <= 499 and error.code != 408
    return isinstance(error, ConfigurationError)


def transfer_verdict(error: BaseException) -> bool:
    """Whether a file that could not be had may be asked for again, from its start."""
    if isinstance(error, APIConnectionError):
        return error.passing
    return isinstance(error, IncompleteDownloadError | StalledDownloadError | ServerError | RateLimitError)


def pause_asked_for(error: BaseException, longest: float) -> float | None:
    """The seconds that a 429 or 503 asks to wait, at most *longest*; None where it does not ask."""
    if not isinstance(error, APIError) or error.retry_after is None:
        return None
    if error.code not in {429, 503} and error.http_status not in {429, 503}:
        return None
    return min(error.retry_after, longest)
