"""The time of the sandbox: the computer's, or one that a test sets."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from multicart_async._core.short_repr import short_repr

# The time in the documentation's examples, at which a manual clock starts.
MANUAL_START = datetime(2026, 6, 20, 10, tzinfo=UTC).timestamp()


class RealClock:
    """The computer's time."""

    def now(self) -> float:
        """Return the seconds since 1970."""
        return time.time()


class ManualClock:
    """A time that stands still until it is advanced."""

    def __init__(self, start: float = MANUAL_START) -> None:
        self._now = start

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        if seconds < 0:
            raise ValueError(f"seconds: expected a number, 0 or more, got {short_repr(seconds)}")
        self._now += seconds


def stamp(moment: float) -> str:
    """Return a moment in the service's format, without fractions of a second: ``2026-06-20T10:00:00Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
