"""Waiting for something that another task does."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel

__all__ = ["until"]


async def until(condition: Callable[[], object], patience: float = 10) -> None:
    """Return when *condition* holds; an error after *patience* seconds proves that it never does."""
    with anyio.fail_after(patience):
        while not condition():
            await anyio.lowlevel.checkpoint()
