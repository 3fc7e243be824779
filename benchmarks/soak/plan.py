"""What a soak test does, how often, and where its files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import attrs

from multicart_async import AsyncMultiCart, Limits, PollPolicy, RetryPolicy, Timeouts

__all__ = ["FOLLOW", "POLICY", "Plan", "open_client"]

# Short, so that much happens in a minute; the pauses are long enough for a third of one core.
POLICY: Final = PollPolicy(poll_interval=0.3, growth=1.3, max_poll_interval=1.5, wait_timeout=60)
FOLLOW: Final = attrs.evolve(POLICY, wait_timeout=None)
_TIMEOUTS: Final = Timeouts(connect=2, request=1.5, read=1.5)
_RETRY: Final = RetryPolicy(attempts=3, wait_initial=0.05, wait_max=0.3, wait_jitter=0.05, retry_after_max=3)


@attrs.frozen(kw_only=True)
class Plan:
    """One soak test. ``collections`` are for scheduled runs, and as many again for each of the two that run batches.

    ``pace`` multiplies all pauses, and ``share`` is the part of the requests that get a fault.
    """

    folder: str
    seconds: float
    seed: int
    collections: int = 12
    pace: float = 1.0
    share: float = 0.05
    keep: int = 5
    most_runs: int = 12
    url: str = ""
    key: str = ""

    @property
    def warm(self) -> float:
        """Seconds until memory is measured first: a tenth of the time, at least 2 minutes, but never more than half."""
        return min(max(self.seconds / 10, 120.0), self.seconds / 2)

    def place(self, name: str) -> Path:
        """The path of a file or folder of this test."""
        return Path(self.folder, name)

    def to_json(self) -> dict[str, Any]:
        """The values of all fields."""
        return attrs.asdict(self)


def open_client(plan: Plan) -> AsyncMultiCart:
    """A client that gives up quickly, for ``async with``."""
    return AsyncMultiCart(
        plan.key, base_url=plan.url, timeouts=_TIMEOUTS, retry=_RETRY, limits=Limits(requests=6, downloads=6)
    )
