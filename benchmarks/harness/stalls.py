"""How long an event loop is held: a timer that should come every millisecond, and how late it does come."""

from __future__ import annotations

import asyncio
from array import array
from typing import Any, Self

TICK = 0.001


class StallMeter:
    """Measures while it is entered. The same for all contenders; it takes about one per cent of a core."""

    def __init__(self) -> None:
        self._late = array("d")
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._set()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._late.append(max(0.0, self._loop.time() - self._due))  # work that never gave the loop back shows here

    def _set(self) -> None:
        self._due = self._loop.time() + TICK
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._late.append(self._loop.time() - self._due)
        self._set()

    def figures(self) -> dict[str, Any]:
        """The longest stall, and the one that 99 of 100 ticks stayed below, in seconds."""
        late = sorted(self._late)
        return {"stall": late[-1], "stall99": late[int(len(late) * 0.99)], "ticks": len(late)}
