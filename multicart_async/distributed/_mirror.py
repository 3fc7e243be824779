"""Mirror finished runs by the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from multicart_async._core.tasks import to_async_iter
from multicart_async._core.validation import check_id, check_int, check_iterable, check_listener
from multicart_async._downloads.plan import Files
from multicart_async._sync.engine import list_collections
from multicart_async._sync.options import SyncOptions
from multicart_async.config import Limits
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._dask import open_cluster
from multicart_async.distributed._driver import MirrorDriver
from multicart_async.distributed._session import DriverSession, driver_session
from multicart_async.distributed._worker import mirror_part
from multicart_async.events import Event, SyncCompleted
from multicart_async.models import Collection, SyncReport

if TYPE_CHECKING:
    import distributed

__all__ = ["mirror", "mirror_over"]


async def mirror(
    cluster: distributed.Client,
    dest: str | os.PathLike[str],
    *,
    collections: Iterable[int] | AsyncIterable[int] | None = None,
    runs: Literal["latest", "all"] = "latest",
    files: Files = "pages",
    check: Literal["changed", "all"] = "changed",
    requests: int = 8,
    requests_per_task: int = 4,
    tasks: int | None = None,
    retries: int = 2,
    base_url: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> SyncReport:
    """Mirror finished runs into ``<dest>/<collection>/<run>/`` as `AsyncMultiCart.sync` does, by the workers of a cluster.

    The driver, which is the process that calls this, lists the collections once and divides them into tasks; workers
    download. Nothing is started, so nothing is charged. A task whose workers die is done again by others: files that
    are in place are not fetched again.

    Driver and workers take the key from the environment of their process, ``MULTICART_API_KEY`` or ``MULTICART_TOKEN``:
    it is never sent to them. See docs/cluster.md.

    Args:
        cluster: A connected client of Dask, synchronous or asynchronous.
        dest: A folder that all machines have at the same place, or the URL of an object store.
        collections: The ids of those to mirror, else all that are listed; they are all read before the first task.
        runs: ``"latest"`` or ``"all"``, as in `AsyncMultiCart.sync`.
        files: ``"pages"``, ``"zip"`` or ``"both"``.
        check: ``"changed"`` or ``"all"``, as in `AsyncMultiCart.sync`.
        requests: How many requests the driver and all workers have in progress at once, together.
        requests_per_task: How many of those one task may have.
        tasks: How many tasks there are, else at least 4 for each worker thread, each of at most 50 collections.
        retries: How often a task is submitted again that was lost with its workers, or failed for a transient reason.
        base_url: The base URL of the service, for all processes, else what the driver's environment says.
        on_event: Called by the driver with `SyncAdvanced`, whenever a task has ended, and `SyncCompleted`.

    Returns:
        The report of all tasks together. A task that is given up is a failure of each of its collections.

    Raises:
        ArgumentError: An argument is invalid, Dask is not installed, *dest* is not the same for all workers, a worker has
            no key, or *requests* is not that of another call that uses this account in the cluster now.
        DiskError: *dest* cannot be written to.
        APIError: The collections could not be listed.
        MultiCartError: The cluster does not answer.
    """
    return await mirror_over(
        open_cluster(cluster),
        dest,
        collections=collections,
        options=SyncOptions(runs=runs, files=files, check=check),
        requests=requests,
        requests_per_task=requests_per_task,
        tasks=tasks,
        retries=retries,
        base_url=base_url,
        on_event=on_event,
    )


async def mirror_over(
    cluster: Cluster,
    dest: str | os.PathLike[str],
    *,
    collections: Iterable[int] | AsyncIterable[int] | None,
    options: SyncOptions,
    requests: int,
    requests_per_task: int,
    tasks: int | None,
    retries: int,
    base_url: str | None,
    on_event: Callable[[Event], None] | None,
) -> SyncReport:
    """Mirror by any `Cluster`."""
    if collections is not None:
        check_iterable("collections", collections)
    check_int("requests", requests, minimum=1)
    check_int("requests_per_task", requests_per_task, minimum=1)
    if tasks is not None:
        check_int("tasks", tasks, minimum=1)
    check_int("retries", retries)
    check_listener("on_event", on_event)
    named = None if collections is None else await _read_ids(collections)
    session = driver_session(
        cluster,
        dest,
        base_url=base_url,
        limits=Limits(requests=requests, downloads=requests),
        requests_per_task=requests_per_task,
        on_event=on_event,
    )
    async with session as opened:
        emit = opened.client.context.emit
        driver = MirrorDriver(
            cluster=cluster,
            call=opened.call,
            runs=options.runs,
            files=options.files,
            check=options.check,
            tasks=tasks,
            retries=retries,
            work=mirror_part,
            emit=emit,
        )
        report = await _report(driver, opened, named)
        emit(SyncCompleted(report=report))
        return report


async def _report(driver: MirrorDriver, opened: DriverSession, named: list[int] | None) -> SyncReport:
    """List the collections, mirror them, and look for what is gone."""
    client = opened.client
    pruner = client.synchronizer(SyncOptions(), opened.sink).new_pruner(named=False)
    if named is None:
        await pruner.begin()
    listed: Mapping[int, Collection] = await list_collections(client.collections, required=named is None)
    merged = await driver.run(list(listed) if named is None else named, listed)
    if named is None and not merged.report.stopped:
        merged.report.add_pruned(await pruner.finish(listed, ()))
    merged.end()
    return merged.build()


async def _read_ids(collections: Iterable[int] | AsyncIterable[int]) -> list[int]:
    return list(dict.fromkeys([check_id("collections", one) async for one in to_async_iter(collections)]))
