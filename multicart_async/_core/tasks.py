"""Background work that continues while an async generator is suspended at a ``yield``.

A task group cannot stay open across a ``yield``. So this is the one place where tasks are started individually; they
belong to a `TaskPool`, which ends them all before its generator ends, on every path.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel

from multicart_async._core.lifetime import ClientLifetime

__all__ = ["TaskPool", "map_unordered", "next_or_end", "raise_suppressed", "run_workers", "to_async_iter"]


K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")


class TaskPool(Generic[K]):
    """Run coroutines in the background, each with a key."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Future[Any], K] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, key: K, work: Awaitable[Any]) -> None:
        """Start *work*."""
        self._tasks[asyncio.ensure_future(work)] = key

    async def wait_any(self) -> list[tuple[K, asyncio.Future[Any]]]:
        """Wait until at least one task is done, and return those that are done, in the order of their start."""
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        _retrieve_errors(ended)  # the caller may stop before it has read all of them
        return [(self._tasks.pop(task), task) for task in list(self._tasks) if task in ended]

    async def aclose(self) -> None:
        """Cancel all tasks and wait until they are done. A cancellation of the caller is raised afterwards."""
        tasks, self._tasks = list(self._tasks), {}
        for task in tasks:
            task.cancel()
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):  # keeps anyio's repeated cancellation from spinning here
            while not all(task.done() for task in tasks):
                try:
                    await asyncio.wait(tasks)
                except asyncio.CancelledError as error:
                    cancelled = error
        _retrieve_errors(tasks)  # no caller reads them any more
        if cancelled is not None:
            raise cancelled


def _retrieve_errors(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Retrieve the errors of *tasks*, because asyncio logs those that are never retrieved."""
    for task in tasks:
        if not task.cancelled():
            task.exception()


async def to_async_iter(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T, None]:
    """Iterate over either kind of iterable."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def map_unordered(
    items: Iterable[T] | AsyncIterable[T], work: Callable[[T], Awaitable[R]], concurrency: int, lifetime: ClientLifetime
) -> AsyncGenerator[tuple[T, R | Exception], None]:
    """Apply *work* to items, *concurrency* at a time; yield each item with its result or error as soon as it is known.

    Items are pulled only as they are needed.
    """
    tasks: TaskPool[tuple[T] | None] = TaskPool()
    async with aclosing(to_async_iter(items)) as source, aclosing(tasks):
        exhausted = pulling = False
        while True:
            if not exhausted and not pulling and len(tasks) < concurrency:
                tasks.spawn(None, next_or_end(source, lifetime))
                pulling = True
            if not tasks:
                return
            for key, task in await tasks.wait_any():
                if key is None:
                    pulling = False
                    pulled = task.result()
                    exhausted = not pulled
                    for item in pulled:
                        tasks.spawn((item,), work(item))
                else:
                    error = task.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield key[0], task.result() if error is None else error


async def next_or_end(source: AsyncIterator[T], lifetime: ClientLifetime) -> tuple[T, ...]:
    """Return the next item in a tuple, which is empty at the end: a future cannot hold StopAsyncIteration."""
    try:
        with lifetime.track():
            return (await anext(source),)
    except StopAsyncIteration:
        return ()


async def run_workers(count: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Apply *work* to each of *items*, *count* at a time. The first error cancels the rest and is raised itself."""
    source = iter(items)
    failure: Exception | None = None
    cancelled = False

    async def worker() -> None:
        nonlocal failure, cancelled
        try:
            for item in source:  # shared: each worker takes the next item
                await work(item)
        except Exception as error:  # noqa: BLE001 -- raised below, without an exception group
            failure = failure or error
            group.cancel_scope.cancel()
        except asyncio.CancelledError:
            cancelled = True
            raise

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(worker)
    if failure is not None:
        raise failure
    await raise_suppressed(cancelled=cancelled)


async def raise_suppressed(*, cancelled: bool) -> None:
    """Raise a cancellation if a task of a group was *cancelled*, but the group has ended as if all work were complete.

    A group does so if it is left just when its scope is cancelled, or if something other than a scope has cancelled a task.
    """
    if cancelled:
        await anyio.lowlevel.checkpoint_if_cancelled()
        raise asyncio.CancelledError
