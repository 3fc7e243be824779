"""No more than so many requests or bytes a second, in the whole client: a schedule, and those who wait for it.

Requests are spaced evenly and never come closer together: a burst, even one that is within a limit on average, can be
more than a service takes. Bytes come in pieces whose size is known when they are here, so they are paid for afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import attrs

from multicart_async._core.clock import Clock

__all__ = ["ByteThrottle", "RequestPacer", "Schedule"]

_MAX_CREDIT = 0.1  # seconds that are caught up after a sleep that took too long


@attrs.define
class Schedule:
    """When time that was reserved at a fixed rate ends. Arithmetic alone; time that was not reserved is gone."""

    per_second: float
    free_at: float = float("-inf")

    def reserve(self, amount: float, now: float) -> float:
        """Return when *amount* is paid for, if it begins as soon as all before it has been."""
        self.free_at = max(self.free_at, now) + amount / self.per_second
        return self.free_at


class RequestPacer:
    """Let requests go one after the other, each no sooner than ``1 / per_second`` seconds after the one before.

    They go in the order in which they came. One that is cancelled while it waits has used no time of the others.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._schedule = Schedule(per_second)
        self._clock = clock
        self._queue = anyio.Lock(fast_acquire=True)

    async def turn(self, not_before: Callable[[], float]) -> None:
        """Wait for the turn of one request, which is not before the time that *not_before* returns in the end."""
        async with self._queue:
            while (left := max(self._schedule.free_at, not_before()) - self._clock.now()) > 0:
                await self._clock.sleep(left)
            self._schedule.reserve(1.0, self._clock.now())


class ByteThrottle:
    """Hold back what reads until its bytes are paid for, after those that others have read before."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._schedule = Schedule(per_second)
        self._clock = clock
        self._credit = 0.0

    async def pay(self, count: int) -> None:
        """Wait until *count* bytes, which are here, are paid for. A cancelled wait still counts them."""
        due = self._schedule.reserve(count, self._clock.now() - self._credit)
        self._credit = 0.0
        while (left := due - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._credit = min(self._clock.now() - due, _MAX_CREDIT)
