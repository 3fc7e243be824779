"""Limit the requests and bytes per second of the whole client.

Requests are spaced evenly, without bursts: even a burst that keeps to the average may be too much for a service. The
size of a piece of bytes is known only after it was received, so the wait for it comes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
import attrs

from multicart_async._core.clock import Clock

__all__ = ["ByteThrottle", "RequestPacer", "Schedule"]

_MAX_CREDIT = 0.1  # seconds that may be caught up after a sleep that took too long


@attrs.define
class Schedule:
    """Reserve time at a fixed rate. Pure arithmetic; unused time is not saved up."""

    per_second: float
    free_at: float = float("-inf")

    def reserve(self, amount: float, now: float) -> float:
        """Reserve time for *amount* after all earlier reservations, and return when it ends."""
        self.free_at = max(self.free_at, now) + amount / self.per_second
        return self.free_at


class RequestPacer:
    """Space requests by at least ``1 / per_second`` seconds, in the order of their arrival.

    A request that is cancelled while it waits uses no time.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._schedule = Schedule(per_second)
        self._clock = clock
        self._queue = anyio.Lock(fast_acquire=True)

    async def turn(self, not_before: Callable[[], float]) -> None:
        """Wait for the turn of one request, and until the time that *not_before* returns, which may grow meanwhile."""
        async with self._queue:
            while (left := max(self._schedule.free_at, not_before()) - self._clock.now()) > 0:
                await self._clock.sleep(left)
            self._schedule.reserve(1.0, self._clock.now())


class ByteThrottle:
    """Delay readers so that all of them together keep to a number of bytes per second."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._schedule = Schedule(per_second)
        self._clock = clock
        self._credit = 0.0

    async def pay(self, count: int) -> None:
        """Wait for the time that *count* received bytes take at the rate. A cancelled wait still counts them."""
        due = self._schedule.reserve(count, self._clock.now() - self._credit)
        self._credit = 0.0
        while (left := due - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._credit = min(self._clock.now() - due, _MAX_CREDIT)
