"""What every call of the driver needs: its client, the leases, and a destination that all workers have."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import attrs

from multicart_async.config import Limits
from multicart_async.distributed._client import LeasedClient, lease_name, read_settings
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._destination import check_workers, destination_text, shared_nonce
from multicart_async.distributed._orders import ClusterCall
from multicart_async.distributed._worker import probe_worker
from multicart_async.events import Event
from multicart_async.sinks._protocol import VerifyingSink

__all__ = ["DriverSession", "driver_session"]


@attrs.frozen
class DriverSession:
    """The client of the driver, its destination, and what all tasks of the call have in common."""

    client: LeasedClient
    sink: VerifyingSink
    call: ClusterCall


@asynccontextmanager
async def driver_session(
    cluster: Cluster,
    dest: str | os.PathLike[str],
    *,
    base_url: str | None,
    limits: Limits,
    requests_per_task: int,
    on_event: Callable[[Event], None] | None = None,
) -> AsyncGenerator[DriverSession, None]:
    """Open the client of the driver, and check that all workers can work.

    Raises:
        ArgumentError: *dest* is not shared by all workers, or one of them has no key or lacks this library.
        ConfigurationError: The driver has no key, or the base URL cannot be used.
        DiskError: *dest* cannot be written to.
    """
    text, settings = destination_text(dest), read_settings(base_url)
    name = lease_name(settings)
    async with (
        cluster.leases(name, limits.requests) as leases,
        LeasedClient(leases, base_url=settings.base_url, limits=limits, on_event=on_event) as client,
    ):
        sink = await client.sink(text)
        async with shared_nonce(sink) as (nonce, content):
            call = ClusterCall(
                base_url=settings.base_url,
                leases=name,
                requests=limits.requests,
                requests_per_task=requests_per_task,
                dest=text,
                nonce=nonce,
                content=content,
            )
            await check_workers(cluster, probe_worker, call)
            yield DriverSession(client, sink, call)
