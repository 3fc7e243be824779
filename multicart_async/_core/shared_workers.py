"""Workers that several calls share, such that together they have about as many as one of them may have alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from multicart_async._core.tasks import raise_suppressed

__all__ = ["SharedWorkers"]

T = TypeVar("T")


class SharedWorkers:
    """Apply work to the items of several calls of `run`.

    Each call works in its own task. It gets further workers while all calls together have fewer than the count, and these
    end again while there are more. When a worker ends, a call with items left gets another one.
    """

    def __init__(self) -> None:
        self._workers = 0
        self._calls: dict[_Call[Any], None] = {}  # those that may have items left; the first one gets the next worker

    async def run(self, count: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Apply *work* to each of *items*, up to *count* at a time. The first error cancels the rest and is raised itself."""
        call = _Call(count, items, work)
        if not call.items:
            return
        try:
            async with anyio.create_task_group() as group:
                call.group = group
                self._calls[call] = None
                item = call.take()
                self._add(1)
                await call.work_from(item)
        finally:
            call.items.clear()
            self._calls.pop(call, None)
            self._add(-call.workers)  # its own, and those that were cancelled
        if call.failure is not None:
            raise call.failure
        await raise_suppressed(cancelled=call.cancelled)

    def _add(self, workers: int) -> None:
        """Count workers that have begun or, if negative, ended; then start others for calls that have items left."""
        self._workers += workers
        while (call := next(iter(self._calls), None)) is not None and self._workers < call.count:
            del self._calls[call]
            if call.items:
                self._calls[call] = None  # behind the others
                self._workers += 1
                call.group.start_soon(self._work, call, call.take())

    async def _work(self, call: _Call[T], item: T) -> None:
        await call.work_from(item, lambda: self._workers <= call.count)
        call.workers -= 1
        self._add(-1)


class _Call(Generic[T]):
    """The items of one call that no worker has taken yet, and the number of its workers."""

    group: TaskGroup

    def __init__(self, count: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        self.count = count
        self.items = deque(items)
        self.workers = 0
        self.failure: Exception | None = None
        self.cancelled = False
        self._work = work

    def take(self) -> T:
        """Return the next item, for another worker."""
        self.workers += 1
        return self.items.popleft()

    async def work_from(self, item: T, may_continue: Callable[[], bool] = lambda: True) -> None:
        """Be a worker: apply the work to *item*, and to further ones as long as *may_continue* says so."""
        try:
            await self._work(item)
            while self.items and may_continue():
                await self._work(self.items.popleft())
        except Exception as error:  # noqa: BLE001 -- raised by run, without an exception group
            self.failure = self.failure or error
            self.items.clear()
            self.group.cancel_scope.cancel()
        except BaseException as error:
            self.cancelled = self.cancelled or isinstance(error, asyncio.CancelledError)
            self.items.clear()  # nothing more is begun
            raise
