"""A clock that tests can replace."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
import attrs

__all__ = ["Clock"]


@attrs.frozen
class Clock:
    """A monotonic clock and a matching sleep, unaffected by changes of the wall clock."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
