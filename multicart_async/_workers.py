"""Many things at once, bounded: workers that pull from one iterator, and plain errors instead of groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

__all__ = ["run_workers"]

T = TypeVar("T")


async def run_workers(count: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """*work* for each of *items*, *count* at a time. The first error ends the rest and is raised as itself."""
    source = iter(items)
    failed: list[Exception] = []

    async def worker() -> None:
        try:
            for item in source:  # shared: each takes the next one
                await work(item)
        except Exception as error:  # noqa: BLE001 -- raised below, without the group around it
            failed.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(worker)
    if failed:
        raise failed[0]
