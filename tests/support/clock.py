"""A loop whose clock can be put forward, for time limits that no test should wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from multicart_async._core.clock import Clock
from support.eventually import until

__all__ = ["HandClock", "hasten", "hasten_when"]


def hasten(seconds: float) -> None:
    """Put the clock of the running loop forward: what was to happen until then is due. Bytes that are there come first."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]


async def hasten_when(condition: Callable[[], object], seconds: float) -> None:
    """Put it forward as soon as *condition* holds."""
    await until(condition)
    hasten(seconds)


class HandClock:
    """A clock that is turned by hand; ``sleeping`` is how many sleeps have not ended."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleeps: list[tuple[float, asyncio.Event]] = []

    @property
    def clock(self) -> Clock:
        """What a wait takes as its clock."""
        return Clock(now=lambda: self._now, sleep=self._sleep)

    @property
    def sleeping(self) -> int:
        """Those that `turn` has not ended."""
        return sum(not event.is_set() for _, event in self._sleeps)

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        for due, event in self._sleeps:
            if due <= self._now:
                event.set()

    async def _sleep(self, seconds: float) -> None:
        sleep = (self._now + seconds, asyncio.Event())
        self._sleeps.append(sleep)
        try:
            await sleep[1].wait()
        finally:
            self._sleeps.remove(sleep)
