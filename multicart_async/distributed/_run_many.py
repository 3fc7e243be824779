"""Start runs and wait for them in the driver; download their files by the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from multicart_async._core.validation import check_choice, check_int
from multicart_async._downloads.plan import Files
from multicart_async.config import Limits, PollPolicy
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._dask import open_cluster
from multicart_async.distributed._orders import ClusterCall, RunOrder
from multicart_async.distributed._session import driver_session
from multicart_async.distributed._tasks import run_task
from multicart_async.distributed._worker import download_run
from multicart_async.errors import MultiCartError
from multicart_async.models import Run, RunDownload
from multicart_async.models.outcome import Outcome
from multicart_async.resources._polling import check_poll_policy
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._pipeline import check_id_source
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import Sink

if TYPE_CHECKING:
    import distributed

    from multicart_async.distributed._client import LeasedClient

__all__ = ["run_many", "run_many_over"]

_TASKS: Final = 256  # finished runs in the cluster at a time; they are small
_REQUESTS_PER_TASK: Final = 4
_RETRIES: Final = 2


def run_many(
    cluster: distributed.Client,
    collection_ids: Iterable[int] | AsyncIterable[int],
    dest: str | os.PathLike[str],
    *,
    journal: str | os.PathLike[str],
    files: Files = "pages",
    requests: int = 8,
    policy: PollPolicy = PollPolicy(),
) -> AsyncGenerator[Outcome[int, RunDownload[Run]], None]:
    """Run collections as ``client.runs.run_many`` does, but download by the workers of a cluster.

    The driver, which is the process that calls this, starts the runs, waits for them and keeps the journal. Workers only
    download, so a worker that dies can charge nothing. After the driver has died, the same call with the same journal
    continues: nothing is started twice.

    Yields the outcome of each collection as it is known. Close the generator (`contextlib.aclosing`) when you leave the
    loop: that withdraws the downloads that have not begun. Driver and workers take base URL and key from the environment
    of the driver and of their own process, as for `mirror`. See docs/cluster.md.

    Args:
        cluster: A connected client of Dask, synchronous or asynchronous.
        collection_ids: The collections to run, each once.
        dest: A folder that all machines have at the same place, or the URL of an object store.
        journal: The path of a file of the driver. Use a new one for new runs.
        files: ``"pages"``, ``"zip"`` or ``"both"``.
        requests: How many requests the driver and all workers have in progress at once, together.
        policy: How often to poll, and for how long.

    Raises:
        ArgumentError: An argument is invalid, Dask is not installed, *dest* is not the same for all workers, a worker has
            no key, or the journal is in use or damaged. Nothing was started.
        DiskError: *dest* or the journal cannot be written.
    """
    return run_many_over(
        open_cluster(cluster), collection_ids, dest, journal=journal, files=files, requests=requests, policy=policy
    )


async def run_many_over(
    cluster: Cluster,
    collection_ids: Iterable[int] | AsyncIterable[int],
    dest: str | os.PathLike[str],
    *,
    journal: str | os.PathLike[str],
    files: Files,
    requests: int,
    policy: PollPolicy,
) -> AsyncGenerator[Outcome[int, RunDownload[Run]], None]:
    """Run collections by any `Cluster`."""
    check_id_source("collection_ids", collection_ids)
    check_choice("files", files, Files)
    check_poll_policy(policy)
    check_int("requests", requests, minimum=1)
    session = driver_session(
        cluster,
        dest,
        base_url=None,
        limits=Limits(requests=requests, downloads=_TASKS),
        requests_per_task=min(requests, _REQUESTS_PER_TASK),
    )
    async with session as opened:
        runs = _ClusterRuns(opened.client, cluster, opened.call)
        outcomes = runs.run_many(collection_ids, opened.sink, files=files, policy=policy, journal=journal)
        async with aclosing(outcomes):
            async for outcome in outcomes:
                yield outcome


class _ClusterRuns(Runs):
    """The group ``runs`` of the driver, whose downloads are tasks of the cluster."""

    def __init__(self, client: LeasedClient, cluster: Cluster, call: ClusterCall) -> None:
        collections: Collections = client.collections
        account: Account = client.account
        asins: Asins = client.asins
        super().__init__(client.context, collections=collections, account=account, asins=asins)
        self._cluster = cluster
        self._call_of_driver = call

    async def download(
        self,
        run: Run,
        dest: str | os.PathLike[str] | Sink,  # noqa: ARG002 -- that of the call
        *,
        files: Files = "pages",
        overwrite: bool = False,
        count_records: bool = False,
        strict: bool = False,
    ) -> RunDownload[Run]:
        """Download *run* to the destination of the call, by a worker."""
        order = RunOrder(
            call=self._call_of_driver,
            collection=run.collection,
            run=run.id,
            files=files,
            overwrite=overwrite,
            count_records=count_records,
            strict=strict,
        )
        outcome = await run_task(self._cluster, download_run, order, retries=_RETRIES)
        if isinstance(outcome, MultiCartError):
            raise outcome
        return outcome.with_run(run)
