"""Run long computations in the event loop in small steps, so that other tasks have their turn in between."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar, cast

import anyio.lowlevel

__all__ = ["run_stepwise"]

T = TypeVar("T")


async def run_stepwise(steps: Generator[None, None, T]) -> T:
    """Run all *steps*, let other tasks run after each ``yield``, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
        await anyio.lowlevel.checkpoint()
