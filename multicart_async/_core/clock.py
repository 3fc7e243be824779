"""A clock that a test can turn by hand."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
import attrs

__all__ = ["Clock"]


@attrs.frozen
class Clock:
    """A monotonic clock and its sleep: jumps of the wall clock have no effect."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
