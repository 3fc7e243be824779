"""Time of the sandbox: the computer's, or one that a test moves by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# The moment of the documentation's examples; a manual clock starts here.
BEGINNING = datetime(2026, 6, 20, 10, tzinfo=UTC).timestamp()


class RealClock:
    """The computer's time."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()


class ManualClock:
    """A time that stands still until it is advanced."""

    def __init__(self, start: float = BEGINNING) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time on."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: advance({seconds!r})")
        self._now += seconds


def stamp(moment: float) -> str:
    """A moment as the service writes it, in whole seconds: ``2026-06-20T10:00:00Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
