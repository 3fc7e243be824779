"""Exit statuses: one for each error, so that a script can tell what to do next. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

TYPE_CHECKING = False  # the errors are imported when one has occurred
if TYPE_CHECKING:
    from multicart_async.errors import MultiCartError

__all__ = [
    "BROKEN_PIPE",
    "CALLED_WRONGLY",
    "FAILED",
    "INTERRUPTED",
    "NOT_ENOUGH_CREDITS",
    "OK",
    "status_of",
    "status_of_many",
    "statuses",
]

OK: Final = 0
FAILED: Final = 1
CALLED_WRONGLY: Final = 2
REFUSED: Final = 3
NOT_ENOUGH_CREDITS: Final = 4
UNREACHABLE: Final = 5
TIMED_OUT: Final = 6
UNKNOWN: Final = 7
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

_WORST_FIRST: Final = (UNKNOWN, TIMED_OUT, NOT_ENOUGH_CREDITS)  # of many: what costs most if it is overlooked


@cache
def statuses() -> Mapping[type[MultiCartError], int]:
    """Return the exit status of each class of error."""
    from multicart_async import errors  # noqa: PLC0415

    return {
        errors.MultiCartError: FAILED,
        errors.ConfigurationError: CALLED_WRONGLY,
        errors.ArgumentError: CALLED_WRONGLY,
        errors.ClientClosedError: FAILED,
        errors.APIConnectionError: UNREACHABLE,
        errors.APITimeoutError: UNREACHABLE,
        errors.OutcomeUnknownError: UNKNOWN,
        errors.InvalidResponseError: FAILED,
        errors.ResponseTooLargeError: FAILED,
        errors.APIError: FAILED,
        errors.BadRequestError: FAILED,
        errors.AuthenticationError: REFUSED,
        errors.InsufficientCreditsError: NOT_ENOUGH_CREDITS,
        errors.PermissionDeniedError: REFUSED,
        errors.NotFoundError: FAILED,
        errors.ConflictError: FAILED,
        errors.RateLimitError: UNREACHABLE,
        errors.ServerError: UNREACHABLE,
        errors.ItemsRejectedError: FAILED,
        errors.WaitError: FAILED,
        errors.WaitTimeoutError: TIMED_OUT,
        errors.RunFailedError: FAILED,
        errors.CategoryFailedError: FAILED,
        errors.RunCancelledError: FAILED,
        errors.AmbiguousRunError: FAILED,
        errors.ZipcodeFailedError: FAILED,
        errors.DownloadError: FAILED,
        errors.IncompleteDownloadError: FAILED,
        errors.StalledDownloadError: FAILED,
        errors.IntegrityError: FAILED,
        errors.IncompleteRunError: FAILED,
        errors.UnreachableResultError: FAILED,
        errors.DiskError: FAILED,
    }


def status_of(error: BaseException) -> int:
    """Return the exit status of a command that ends with *error*."""
    from multicart_async.errors import APIError  # noqa: PLC0415

    if isinstance(error, APIError) and error.started is not None:
        return UNKNOWN  # a gateway reports a failure, and the run may have been started all the same
    known = statuses()
    return next((known[kind] for kind in type(error).__mro__ if kind in known), FAILED)


def status_of_many(errors: Iterable[BaseException]) -> int:
    """Return the exit status of a command over many objects, some of which failed with *errors*."""
    found = {status_of(error) for error in errors}
    return next((status for status in _WORST_FIRST if status in found), FAILED if found else OK)
