"""Again, or not: every failure against every safety class."""

from __future__ import annotations

from typing import get_args

import pytest

from multicart_async._http.endpoint import Safety
from multicart_async._http.retry_rules import is_call_retryable, is_definite_rejection, is_transient, retry_delay
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    DiskError,
    IncompleteDownloadError,
    IncompleteRunError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    StalledDownloadError,
    UnreachableResultError,
)

ALL = sorted(get_args(Safety))  # lists: a set would give its test another name in each process
HARMLESS = ["safe", "idempotent"]

NOT_SENT = APIConnectionError("/p/", "refused", sent=False)
SENT = APIConnectionError("/p/", "reset")
HOPELESS = APIConnectionError("/p/", "certificate", sent=False, retryable=False)
SLOW = APITimeoutError("/p/", "no answer in 60 s")
NOT_CONNECTED = APITimeoutError("/p/", "no connection in 10 s", sent=False)
UNKNOWN = OutcomeUnknownError("/p/", "lost")
DOWN = ServerError("/p/", 503, "down", http_status=503)
BUSY = RateLimitError("/p/", 429, "busy")
MISSING = NotFoundError("/p/", 404, "no")
GIVEN_UP = [APIError.of("/p/", code, "given up") for code in (408, 421, 425, 499)]
BROKEN = IncompleteDownloadError("f", "cut")
STALLED = StalledDownloadError("f", "silence")

CALLS = [
    (NOT_SENT, ALL),
    (NOT_CONNECTED, ALL),
    (SENT, HARMLESS),
    (SLOW, HARMLESS),
    (HOPELESS, []),
    (UNKNOWN, []),
    (DOWN, HARMLESS),
    (BUSY, ALL),
    *((error, HARMLESS) for error in GIVEN_UP),
    (MISSING, []),
    (BadRequestError("/p/", 400, "no"), []),
    (APIError("/p/", None, "no"), []),
    (InvalidResponseError("/p/", "html"), []),
    (ClientClosedError(), []),
    (ConfigurationError("no key"), []),
    (ValueError("a bug"), []),
    (KeyboardInterrupt(), []),
]


@pytest.mark.parametrize(("error", "safeties"), CALLS, ids=repr)
@pytest.mark.parametrize("safety", ALL)
def test_which_calls_are_sent_again(error: BaseException, safeties: list[str], safety: Safety) -> None:
    """Before anything was sent always; after it only where a repetition does no harm; never what will not pass."""
    assert (safety in safeties) == is_call_retryable(error, safety)


TRANSFERS = [
    (SENT, True),
    (NOT_SENT, True),
    (SLOW, True),
    (HOPELESS, False),
    (BROKEN, True),
    (STALLED, True),
    (DOWN, True),
    (BUSY, True),
    (UNKNOWN, False),
    *((error, True) for error in GIVEN_UP),
    (MISSING, False),
    (IntegrityError("f", "other bytes"), False),
    (IncompleteRunError("f", "a page too few"), False),
    (UnreachableResultError("f", "elsewhere"), False),
    (DiskError("f", "full", 28), False),
    (ClientClosedError(), False),
    (OSError("disk"), False),
]


@pytest.mark.parametrize(("error", "again"), TRANSFERS, ids=repr)
def test_which_transfers_are_begun_again(error: BaseException, again: bool) -> None:
    """What may pass: the network and the service. What will not: wrong bytes, a full disk, a wrong link."""
    assert again == is_transient(error)


PAUSES = [
    (RateLimitError("/p/", 429, "busy", retry_after=7.0), 7.0),
    (RateLimitError("/p/", 429, "busy", retry_after=1e9), 1e9),
    (RateLimitError("/p/", 429, "busy", retry_after=0.0), 0.0),
    (RateLimitError("/p/", 429, "busy"), None),
    (ServerError("/p/", 503, "down", http_status=503, retry_after=7.0), 7.0),
    (APIError("/p/", None, "no", http_status=503, retry_after=7.0), 7.0),
    (APIError("/p/", None, "no", http_status=429, retry_after=7.0), 7.0),
    (ServerError("/p/", 503, "an envelope", http_status=200, retry_after=7.0), 7.0),
    (ServerError("/p/", 500, "down", http_status=500, retry_after=7.0), None),
    (NotFoundError("/p/", 404, "no", retry_after=7.0), None),
    (SENT, None),
    (ValueError(), None),
]


@pytest.mark.parametrize(("error", "pause"), PAUSES, ids=repr)
def test_which_pause_is_asked_for(error: BaseException, pause: float | None) -> None:
    """By a 429 or 503, of HTTP or in an envelope."""
    assert pause == retry_delay(error)


@pytest.mark.parametrize(
    "error",
    [
        *(NOT_SENT, NOT_CONNECTED, HOPELESS, BUSY, MISSING, ConfigurationError("no key")),
        BadRequestError("/p/", 400, "no"),
    ],
    ids=str,
)
def test_what_was_not_sent_or_was_refused_has_changed_nothing(error: MultiCartError) -> None:
    """That is certain."""
    assert is_definite_rejection(error)


@pytest.mark.parametrize(
    "error",
    [
        *(SENT, SLOW, UNKNOWN, DOWN, InvalidResponseError("/p/", "html"), ClientClosedError()),
        *(APIError.of("/p/", code, "queued, and then") for code in (None, 0, 200, 408, 499, 500, 600)),
    ],
    ids=str,
)
def test_an_unclear_response_is_no_definite_rejection(error: MultiCartError) -> None:
    """A request that was sent and got a 5xx or an unclear response may have changed something."""
    assert not is_definite_rejection(error)
