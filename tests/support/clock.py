"""A loop whose clock can be put forward, for time limits that no test should wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from support.eventually import until

__all__ = ["hasten", "hasten_when"]


def hasten(seconds: float) -> None:
    """Put the clock of the running loop forward: what was to happen until then is due. Bytes that are there come first."""
    loop = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds  # type: ignore[method-assign]


async def hasten_when(condition: Callable[[], object], seconds: float) -> None:
    """Put it forward as soon as *condition* holds."""
    await until(condition)
    hasten(seconds)
