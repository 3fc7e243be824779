"""When a service or a store that cannot be reached is given up for the rest of a call."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Final

from multicart_async.errors import APIConnectionError, DiskError, MultiCartError

__all__ = ["CircuitBreaker", "is_io_error", "is_unreached"]

_FAILURES: Final = 8  # in a row
_SECONDS: Final = 30.0  # between the first and the last of them, at least


class CircuitBreaker:
    """Open after 8 errors in a row that *counts* is true for, over at least 30 seconds.

    Any success, and any other error, resets the count.
    """

    def __init__(self, counts: Callable[[MultiCartError], bool], now: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._now = now
        self._failures = 0
        self._since = 0.0
        self.is_open = False

    def record_success(self) -> None:
        """Reset the count: there was an answer."""
        self._failures = 0

    def record_failure(self, error: MultiCartError) -> None:
        """Count *error* if it is of that kind, and open the circuit at the limit."""
        if not self._counts(error):
            self.record_success()
            return
        if self._failures == 0:
            self._since = self._now()
        self._failures += 1
        self.is_open = self._failures >= _FAILURES and self._now() - self._since >= _SECONDS


def is_unreached(error: MultiCartError) -> bool:
    """Return whether a request could not even be sent to the service."""
    return isinstance(error, APIConnectionError) and not error.sent


def is_io_error(error: MultiCartError) -> bool:
    """Return whether a disk or store has failed in a way that may concern all files."""
    return isinstance(error, DiskError) and error.errno == errno.EIO
