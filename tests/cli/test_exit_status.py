"""Exit statuses."""

from __future__ import annotations

import inspect

import pytest

from multicart_async import errors
from multicart_async.cli._exit_status import status_of, status_of_many, statuses
from multicart_async.models import AddResult


def test_every_error_of_the_library_has_a_status() -> None:
    """A new class of error needs a decision."""
    classes = {
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MultiCartError)
    }

    assert {kind for kind in classes if not kind.__name__.startswith("_")} == set(statuses())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ArgumentError("dest", "wrong"), 2),
        (errors.ConfigurationError("no key"), 2),
        (errors.AuthenticationError("/x", 401, ""), 3),
        (errors.PermissionDeniedError("/x", 403, ""), 3),
        (errors.InsufficientCreditsError("/x", 402, ""), 4),
        (errors.APIConnectionError("/x", "refused"), 5),
        (errors.APITimeoutError("/x", "slow"), 5),
        (errors.ServerError("/x", 503, ""), 5),
        (errors.RateLimitError("/x", 429, ""), 5),
        (errors.WaitTimeoutError("slow"), 6),
        (errors.OutcomeUnknownError("/x", "lost"), 7),
        (errors.NotFoundError("/x", 404, ""), 1),
        (errors.BadRequestError("/x", 400, ""), 1),
        (errors.ConflictError("/x", 409, ""), 1),
        (errors.InvalidResponseError("/x", "no envelope"), 1),
        (errors.StalledDownloadError("x", "slow"), 1),
        (errors.DiskError("x", "full"), 1),
        (errors.RunFailedError("failed"), 1),
        (errors.ItemsRejectedError(AddResult(success_count=0)), 1),
        (ValueError("a bug"), 1),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    """A script can tell what to do next."""
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([], 0),
        ([errors.NotFoundError("/x", 404, "")], 1),
        ([errors.AuthenticationError("/x", 401, "")], 1),
        ([errors.ServerError("/x", 500, ""), errors.InsufficientCreditsError("/x", 402, "")], 4),
        ([errors.InsufficientCreditsError("/x", 402, ""), errors.WaitTimeoutError("slow")], 6),
        ([errors.WaitTimeoutError("slow"), errors.OutcomeUnknownError("/x", "lost")], 7),
    ],
)
def test_the_worst_failure_of_many_decides(found: list[Exception], status: int) -> None:
    """What costs most if it is overlooked comes first; 2, 3 and 5 are for a call as a whole."""
    assert status_of_many(found) == status
