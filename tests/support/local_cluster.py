"""Dask workers as processes of this machine, and what the tests need to know of them."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import dask
from distributed import Client, LocalCluster

from multicart_async.sandbox import Sandbox
from support.mirror_kit import FILE

WORKERS = 3


@asynccontextmanager
async def local_cluster(lease_timeout: str = "5s") -> AsyncIterator[Client]:
    """A synchronous client of three workers with one thread each; it is made and closed in a thread, since it blocks.

    Leases of those that were killed come back after *lease_timeout*; the default of Dask is 30 seconds.
    """
    locks = "distributed.scheduler.locks"
    settings = {f"{locks}.lease-timeout": lease_timeout, f"{locks}.lease-validation-interval": "200ms"}

    def begin() -> tuple[LocalCluster, Client]:
        cluster = LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
        )
        return cluster, Client(cluster)

    def end() -> None:
        client.close()
        cluster.close()

    with dask.config.set(settings):
        cluster, client = await asyncio.to_thread(begin)
        try:
            yield client
        finally:
            await asyncio.to_thread(end)


async def worker_pids(client: Client) -> list[int]:
    """The processes that are there now."""
    found: dict[str, int] = await asyncio.to_thread(client.run, os.getpid)
    return list(found.values())


async def no_tasks_left(client: Client) -> None:
    """Wait until the scheduler knows of none, whatever their state: it is told in the background."""

    def count(dask_scheduler: Any) -> int:
        return len(dask_scheduler.tasks)

    with anyio.fail_after(10):
        while await asyncio.to_thread(client.run_on_scheduler, count):  # noqa: ASYNC110 -- it cannot be waited for
            await anyio.sleep(0.05)


class ActiveRequests(list[Any]):
    """Those that a sandbox answers now. ``most`` is how many there were at once."""

    most = 0

    def append(self, request: Any) -> None:
        super().append(request)
        self.most = max(self.most, len(self))


def count_requests(sandbox: Sandbox) -> ActiveRequests:
    """Count from now on."""
    running: Any = sandbox._running
    running[0].active_requests = counted = ActiveRequests()
    return counted


def fetched(sandbox: Sandbox) -> Counter[str]:
    """How often each file was requested."""
    prefix = FILE.partition("{")[0]
    return Counter(request.path for request in sandbox.requests if request.path.startswith(prefix))
