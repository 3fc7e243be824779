"""The leases of the cluster, kept by Dask's scheduler: those of a process that was killed come back after a time.

Dask's client in this process renews the leases that are held here, in its own event loop, however long a transfer takes.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Final

__all__ = ["SemaphoreLeases", "WorkerLeases", "worker_name"]

_WAIT: Final = 2.0  # seconds: the scheduler goes on waiting for a process that was killed, and grants it the lease

_semaphores: dict[tuple[str, str, int], Any] = {}  # of this process, by worker, name and number


class SemaphoreLeases:
    """A `LeaseSource` over a registered ``distributed.Semaphore``, which lives in the event loop *loop*."""

    def __init__(self, semaphore: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._semaphore = semaphore
        self._loop = loop
        self._jobs: set[Future[Any]] = set()

    def request(self) -> Future[bool]:
        """See `LeaseSource.request`."""
        return self._begin(self._acquire())

    def give_back(self) -> None:
        """See `LeaseSource.give_back`."""
        self._begin(self._release())

    async def settle(self) -> None:
        """Wait until everything that was begun has ended: for seconds, if a lease was asked for."""
        jobs = [asyncio.wrap_future(job) for job in tuple(self._jobs)]
        if jobs:
            await asyncio.wait(jobs)

    def _begin(self, work: Any) -> Future[Any]:
        job: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def _acquire(self) -> bool:
        return bool(await self._semaphore.acquire(timeout=_WAIT))

    async def _release(self) -> None:
        await self._semaphore.release()


class WorkerLeases:
    """A `LeaseSource` in a task of a worker. The worker is asked for when the first lease is needed."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._source: SemaphoreLeases | None = None

    def request(self) -> Future[bool]:
        """See `LeaseSource.request`."""
        if self._source is None:
            self._source = _worker_source(self._name, self._most)
        return self._source.request()

    def give_back(self) -> None:
        """See `LeaseSource.give_back`."""
        assert self._source is not None  # a lease was granted
        self._source.give_back()


def worker_name() -> str:
    """Return the address of the worker that runs the current task."""
    distributed: Any = import_module("distributed")
    return str(distributed.get_worker().address)


def _worker_source(name: str, most: int) -> SemaphoreLeases:
    """Return the leases of this worker; all of its tasks share a semaphore, which renews them together."""
    distributed: Any = import_module("distributed")
    worker: Any = distributed.get_worker()
    key = (str(worker.address), name, most)
    if key not in _semaphores:
        _semaphores[key] = distributed.Semaphore(
            max_leases=most, name=name, scheduler_rpc=worker.scheduler, loop=worker.loop
        )
    return SemaphoreLeases(_semaphores[key], worker.loop.asyncio_loop)
