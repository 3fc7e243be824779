"""Waiting for something that another task does."""

from __future__ import annotations

from collections.abc import Callable

import anyio

__all__ = ["until"]

_TURNS = 200  # of the loop, at which nothing can be missed; then with pauses: who is waited for wants the processor too


async def until(condition: Callable[[], object], patience: float = 10) -> None:
    """Return when *condition* holds; an error after *patience* seconds proves that it never does."""
    with anyio.fail_after(patience):
        turns = 0
        while not condition():
            turns += 1
            await anyio.sleep(0 if turns < _TURNS else 0.0005)
