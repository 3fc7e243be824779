"""Dask as the cluster. Its client may have a thread of its own for its event loop, or live in the caller's loop.

Everything here happens in the loop of that client, so the caller's loop is never blocked. distributed is optional, and has
few annotations: its objects are ``Any``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeVar

from multicart_async._core.validation import wrong_argument
from multicart_async.distributed._cluster import LostTaskError
from multicart_async.distributed._semaphore import SemaphoreLeases
from multicart_async.errors import ArgumentError, MultiCartError

__all__ = ["DaskCluster", "open_cluster"]

A = TypeVar("A")
R = TypeVar("R")

INSTALL: Final = "pip install 'multicart-async[dask]'"


def open_cluster(cluster: object) -> DaskCluster:
    """Return the cluster of a ``distributed.Client``.

    Raises:
        ArgumentError: Dask is not installed, or *cluster* is no such client, or it is not connected.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise ArgumentError("cluster", f"a cluster needs Dask; install it with: {INSTALL}") from error
    if not isinstance(cluster, distributed.Client):
        raise wrong_argument("cluster", "a distributed.Client", cluster)
    client: Any = cluster
    if client.status != "running" or not client.loop.asyncio_loop.is_running():
        reason = "expected a client that is connected; use it as a context manager, or await an asynchronous one"
        raise ArgumentError("cluster", f"{reason} (its status is {client.status!r})")
    return DaskCluster(client, distributed)


class DaskCluster:
    """A `Cluster` over a connected ``distributed.Client``."""

    def __init__(self, client: Any, distributed: Any) -> None:
        self._client = client
        self._distributed = distributed
        self._loop: asyncio.AbstractEventLoop = client.loop.asyncio_loop
        self._lost = (distributed.scheduler.KilledWorker, concurrent.futures.CancelledError, OSError)

    async def threads(self) -> Mapping[str, int]:
        """See `Cluster.threads`."""
        try:
            found: Mapping[str, int] = await self._there(self._client.nthreads)
        except (OSError, TimeoutError) as error:
            raise MultiCartError(f"the cluster does not answer: {type(error).__name__}: {error}") from error
        return found

    async def run(self, work: Callable[[A], R], argument: A) -> R:
        """See `Cluster.run`."""
        return await self._there(partial(self._submit, work, argument))

    async def run_everywhere(self, work: Callable[[A], Awaitable[R]], argument: A) -> Mapping[str, R | BaseException]:
        """See `Cluster.run_everywhere`."""
        found: Mapping[str, R | BaseException] = await self._there(
            partial(self._client.run, work, argument, on_error="return")
        )
        return found

    @asynccontextmanager
    async def leases(self, name: str, most: int) -> AsyncGenerator[SemaphoreLeases, None]:
        """See `Cluster.leases`."""
        semaphore: Any = await self._there(partial(self._register, name, most))
        source = SemaphoreLeases(semaphore, self._loop)
        try:
            yield source
        finally:
            await source.settle()

    async def _there(self, work: Callable[[], Awaitable[R]]) -> R:
        """Await *work* in the loop of Dask's client.

        Raises:
            MultiCartError: The client was closed. It would wait for ever for what it is asked now.
        """

        async def call() -> R:
            if self._client.status in {"closing", "closed"}:
                raise MultiCartError("the client of the cluster was closed during the call; make a new one")
            return await work()

        if self._loop is asyncio.get_running_loop():
            return await call()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), self._loop))

    async def _submit(self, work: Callable[[A], R], argument: A) -> R:
        future: Any = self._client.submit(work, argument, pure=False)
        try:
            result: R = await future
        except self._lost as error:
            raise LostTaskError(f"{type(error).__name__}: {error}") from None  # it may refer to the task's argument
        finally:
            with suppress(Exception):  # the client is closed: there is nothing to withdraw
                if future.status == "pending":
                    await self._client.cancel([future])
                future.release()
        return result

    async def _register(self, name: str, most: int) -> Any:
        """Return the semaphore *name*. One that was made for another number is replaced if no lease is held."""
        client: Any = self._client
        semaphore: Any = self._distributed.Semaphore(
            max_leases=most, name=name, scheduler_rpc=client.scheduler, loop=client.loop
        )
        try:
            return await semaphore
        except ValueError:
            if await client.scheduler.semaphore_value(name=name):
                reason = f"expected the number of another call that uses this account in the cluster, got {most}"
                raise ArgumentError("requests", f"{reason}; wait until it has ended, or pass its number") from None
        await client.scheduler.semaphore_close(name=name)
        return await semaphore
