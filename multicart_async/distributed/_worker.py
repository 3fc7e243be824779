"""What runs on the workers: each task has an event loop and a client of its own, with the key of the environment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final, NoReturn, TypeVar

import anyio

from multicart_async._core.failures import failure_of
from multicart_async._core.tasks import TaskPool
from multicart_async._sync.options import SyncOptions
from multicart_async._sync.report import clear_tracebacks
from multicart_async.config import Limits
from multicart_async.distributed._client import LeasedClient, read_settings
from multicart_async.distributed._destination import Probe, is_current
from multicart_async.distributed._orders import ClusterCall, DownloadedRun, MirrorPart, MirrorPartReport, RunOrder
from multicart_async.distributed._semaphore import WorkerLeases, worker_name
from multicart_async.errors import (
    ArgumentError,
    ConfigurationError,
    DownloadError,
    MultiCartError,
    UnreachableResultError,
)
from multicart_async.resources.runs._api import find_run
from multicart_async.sinks._protocol import VerifyingSink

__all__ = ["download_run", "mirror_part", "probe_worker"]

R = TypeVar("R")

_CHECK_INTERVAL: Final = 10.0  # seconds after which a task learns that the call is over


def mirror_part(part: MirrorPart) -> MirrorPartReport | MultiCartError:
    """Mirror some collections, in a thread of a worker."""
    return _run(part.call, lambda client, sink: _mirror(part, client, sink))


async def _mirror(part: MirrorPart, client: LeasedClient, sink: VerifyingSink) -> MirrorPartReport:
    options = SyncOptions(runs=part.runs, files=part.files, check=part.check)
    mirror = client.synchronizer(options, sink)
    listed = {one.id: one.collection() for one in part.listed}
    report = await mirror.run_part(part.ids, listed)
    return MirrorPartReport(report, mirror.lacking)


def download_run(order: RunOrder) -> DownloadedRun | MultiCartError:
    """Download a finished run, in a thread of a worker."""
    return _run(order.call, lambda client, sink: _download(order, client, sink))


async def _download(order: RunOrder, client: LeasedClient, sink: VerifyingSink) -> DownloadedRun:
    run = await find_run(client.runs.iterate(order.collection), order.run)
    if run is None:
        raise UnreachableResultError(f"results/{order.collection}/{order.run}", "no longer listed by the service")
    done = await client.runs.download(
        run,
        sink,
        files=order.files,
        overwrite=order.overwrite,
        count_records=order.count_records,
        strict=order.strict,
    )
    return DownloadedRun.of(done)


async def probe_worker(call: ClusterCall) -> Probe:
    """Return whether this worker could do a task; runs in the event loop of the worker."""
    try:
        read_settings(call.base_url)
        async with _client(call) as client:
            return Probe(sees_nonce=await is_current(call, await client.sink(call.dest)))
    except ConfigurationError as error:
        return Probe(sees_nonce=False, trouble=str(error))
    except DownloadError:  # no such folder, or none that can be written to
        return Probe(sees_nonce=False)


def _run(call: ClusterCall, work: Callable[[LeasedClient, VerifyingSink], Awaitable[R]]) -> R | MultiCartError:
    try:
        return asyncio.run(_work(call, work))
    except Exception as error:  # noqa: BLE001 -- returned, because Dask logs what is raised
        failure = failure_of(error)
        clear_tracebacks(failure)
        return failure


async def _work(call: ClusterCall, work: Callable[[LeasedClient, VerifyingSink], Awaitable[R]]) -> R:
    """Work until it is done, or the call of the driver is over: Dask cannot stop a task that has begun."""
    pool: TaskPool[None] = TaskPool()
    async with _client(call) as client, aclosing(pool):
        sink = await client.sink(call.dest)
        if not await is_current(call, sink):
            raise ArgumentError("dest", f"what the driver has written there is not at the worker {worker_name()}")
        pool.spawn(None, work(client, sink))
        pool.spawn(None, _call_over(call, sink))
        ended = await pool.wait_any()
        result: R = ended[0][1].result()
        return result


async def _call_over(call: ClusterCall, sink: VerifyingSink) -> NoReturn:
    while await is_current(call, sink):  # noqa: ASYNC110 -- a file cannot be waited for
        await anyio.sleep(_CHECK_INTERVAL)
    raise MultiCartError("the call of the driver is over")


def _client(call: ClusterCall) -> LeasedClient:
    limits = Limits(requests=call.requests_per_task, downloads=call.requests_per_task)
    return LeasedClient(WorkerLeases(call.leases, call.requests), base_url=call.base_url, limits=limits)
