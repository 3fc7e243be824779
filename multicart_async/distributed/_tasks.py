"""Have tasks done by the cluster: a few more at a time than it has threads, each again if its workers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final, TypeVar

from multicart_async._core.failures import failure_of
from multicart_async._core.log import error_info, log_warning
from multicart_async._core.tasks import TaskPool
from multicart_async._http.retry_rules import is_transient
from multicart_async.distributed._cluster import Cluster, LostTaskError
from multicart_async.errors import MultiCartError

__all__ = ["Work", "run_task", "run_tasks"]

A = TypeVar("A")
R = TypeVar("R")

Work = Callable[[A], R | MultiCartError]
"""What a task does. It returns its error, because Dask logs those that are raised, with all that was passed."""

_QUEUED_PER_THREAD: Final = 2  # tasks in the cluster: one that is done, and one that its thread finds next
_LEAST_QUEUED: Final = 16  # for a cluster that is still growing
_COUNT_INTERVAL: Final = 5.0  # seconds after which the threads are counted again: workers come and go


async def run_task(cluster: Cluster, work: Work[A, R], argument: A, *, retries: int) -> R | MultiCartError:
    """Have one task done, up to *retries* times again if it is lost or fails for a transient reason."""
    number = 0
    while True:
        number += 1
        outcome: R | MultiCartError
        try:
            outcome = await cluster.run(work, argument)
        except LostTaskError as error:
            times = f" {number} times" if number > 1 else ""
            outcome = MultiCartError(f"the cluster has lost the task{times}: {error}; repeat the call")
            outcome.__cause__ = error
        except Exception as error:  # noqa: BLE001 -- one failure must not stop the others
            return failure_of(error)
        if number > retries or not isinstance(outcome, MultiCartError) or not _may_repeat(outcome):
            return outcome
        log_warning("cluster: a task is submitted again: %s", outcome, extra=error_info(outcome))


def _may_repeat(error: MultiCartError) -> bool:
    return is_transient(error) or isinstance(error.__cause__, LostTaskError)


async def run_tasks(
    cluster: Cluster, work: Work[A, R], arguments: Iterable[A], *, retries: int
) -> AsyncGenerator[tuple[A, R | MultiCartError], None]:
    """Yield each of *arguments* with the outcome of its task, as they come. Closing it withdraws the other tasks."""
    waiting = iter(arguments)
    window = _Window(cluster)
    pool: TaskPool[A] = TaskPool()
    async with aclosing(pool):
        while True:
            size = await window.size()
            while len(pool) < size and (taken := tuple(_next(waiting))):
                pool.spawn(taken[0], run_task(cluster, work, taken[0], retries=retries))
            if not len(pool):
                return
            for argument, task in await pool.wait_any():
                yield argument, task.result()


def _next(source: Iterable[A]) -> Iterable[A]:
    for item in source:
        return (item,)
    return ()


class _Window:
    """How many tasks the cluster has at a time. All of them would need memory in its scheduler for what is passed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._size = 0
        self._counted_at = 0.0

    async def size(self) -> int:
        now = asyncio.get_running_loop().time()
        if not self._size or now - self._counted_at >= _COUNT_INTERVAL:
            threads = sum((await self._cluster.threads()).values())
            self._size = max(_LEAST_QUEUED, _QUEUED_PER_THREAD * threads)
            self._counted_at = now
        return self._size
