"""Mirror finished runs: fetch what is missing, continue after a failure, and use memory that does not grow.

Listers find runs and fetchers download them. A short queue between them lets the first file arrive while collections
are still being listed, and lets nothing accumulate.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from multicart_async._core.failures import failure_of
from multicart_async._core.log import error_info, log_info
from multicart_async._core.tasks import raise_suppressed, to_async_iter
from multicart_async._core.validation import check_id, check_iterable
from multicart_async._downloads.manager import DownloadManager
from multicart_async._sync.circuit_breaker import CircuitBreaker, is_io_error, is_unreached
from multicart_async._sync.options import SyncOptions
from multicart_async._sync.pass_progress import PassProgress
from multicart_async._sync.pruning import PruneOptions, Pruner, PruneService
from multicart_async._sync.report import ReportBuilder
from multicart_async._sync.run_selector import FetchJob, RunSelector
from multicart_async._sync.state import save_state
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    DiskError,
    InvalidResponseError,
    MultiCartError,
)
from multicart_async.events import Emit
from multicart_async.models import Collection, Run, SyncFailure, SyncReport
from multicart_async.resources.collections import LIST as COLLECTIONS
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import find_run
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import ObjectStoreSink, Sink
from multicart_async.sinks._object_calls import MAX_CALLS

__all__ = ["Synchronizer", "list_collections"]

_CHECKS: Final = 16  # collections that are compared with the mirror at a time, because they share thread hops
_CHECKS_PER_LISTER: Final = 4  # but no more than this, because those that need a request have to wait
_RECENT: Final = 256  # collections that are not started a second time
_FINAL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})  # the next file would fail in the same way


class Synchronizer:
    """Carry out one call of ``client.sync``."""

    def __init__(
        self,
        options: SyncOptions,
        sink: Sink,
        *,
        collections: Collections,
        runs: Runs,
        downloads: DownloadManager,
        listers: int,
        fetchers: int,
        emit: Emit | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._sink = sink
        self._collections = collections
        self._runs = runs
        self._downloads = downloads
        self._listers = listers
        self._fetchers = fetchers
        self._listed: Mapping[int, Collection] = {}
        self._ids_lock = anyio.Lock(fast_acquire=True)
        self._list_slots = anyio.Semaphore(listers, fast_acquire=True)
        self._report = ReportBuilder(dry_run=options.dry_run)
        self._progress = PassProgress(emit, self._report, now=now)
        self._breaker = CircuitBreaker(is_unreached, now)
        self._sink_breaker = CircuitBreaker(is_io_error, now)
        self._fatal: list[Exception] = []
        self._cancelled = False
        self._remote = isinstance(sink, ObjectStoreSink)  # each look at the mirror is a request

    async def run(self, collections: Iterable[int] | AsyncIterable[int] | None) -> SyncReport:
        """Mirror *collections*, or all that are listed."""
        if collections is not None:
            check_iterable("collections", collections)
        pruner = self._begin(named=collections is not None)
        await pruner.begin()
        self._listed = await list_collections(self._collections, required=collections is None)
        return await self._mirror(collections)

    async def run_part(self, collections: Sequence[int], listed: Mapping[int, Collection]) -> SyncReport:
        """Mirror *collections*, a part of a larger call, which has listed those in *listed*.

        Neither the service's list of collections nor the top folder of the mirror is read: both may have a million entries.
        """
        self._begin(named=True).begin_part(collections)
        self._listed = listed
        return await self._mirror(collections)

    @property
    def lacking(self) -> int:
        """The number of files that the runs examined so far lacked."""
        return self._progress.totals.planned

    def _begin(self, *, named: bool) -> Pruner:
        self._pruner = pruner = self.new_pruner(named=named)
        self._selector = RunSelector(self._options, self._sink, pruner, runs=self._runs, downloads=self._downloads)
        return pruner

    async def _mirror(self, collections: Iterable[int] | AsyncIterable[int] | None) -> SyncReport:
        self._progress.begin(self._listed if collections is None else collections, self._options.includes)
        async with aclosing(self._ids(collections)) as ids:
            send, receive = anyio.create_memory_object_stream[FetchJob](self._fetchers)
            async with anyio.create_task_group() as group:
                self._group = group
                async with send, receive:
                    for _ in range(self._checks):
                        group.start_soon(self._guarded, self._lister, ids, send.clone())
                    for _ in range(max(self._fetchers, MAX_CALLS) if self._remote else self._fetchers):
                        group.start_soon(self._guarded, self._fetcher, receive.clone())
        if self._fatal:
            raise self._fatal[0]
        await raise_suppressed(cancelled=self._cancelled and not self._report.stopped)
        if not self._report.stopped:
            self._report.add_pruned(await self._pruner.finish(self._listed, tuple(self._report.failures)))
        self._progress.end()
        return self._report.build()

    @property
    def _checks(self) -> int:
        """The number of collections that are looked at at a time; ids are not taken ahead if there is nothing to compare."""
        if not self._listed or not self._options.may_skip_unchanged:
            return self._listers
        if self._remote:
            return max(self._listers, MAX_CALLS)
        return max(self._listers, min(_CHECKS, _CHECKS_PER_LISTER * self._listers))

    def new_pruner(self, *, named: bool) -> Pruner:
        """Return what compares the mirror with the service; *named*: the caller has named the collections."""
        options = self._options
        service = PruneService(get=self._collections.get, run_ids=self._run_ids)
        prune_options = PruneOptions(
            prune=options.prune, keep=options.keep, dry_run=options.dry_run, named=named, includes=options.includes
        )
        return Pruner(self._sink, service, prune_options, workers=self._listers)

    async def _run_ids(self, collection_id: int) -> set[int]:
        return {run.id async for run in self._runs.iterate(collection_id)}

    async def _ids(self, collections: Iterable[int] | AsyncIterable[int] | None) -> AsyncGenerator[int, None]:
        recent: dict[int, None] = {}  # not all of them: one that is named again later is complete by then
        async with aclosing(to_async_iter(self._listed if collections is None else collections)) as ids:
            async for collection_id in ids:
                if collections is not None:
                    check_id("collections", collection_id)
                if self._options.includes(collection_id) and collection_id not in recent:
                    recent[collection_id] = None
                    if len(recent) > _RECENT:
                        del recent[next(iter(recent))]
                    yield collection_id

    async def _guarded(self, work: Callable[..., Awaitable[None]], *streams: Any) -> None:
        """Keep an error that is not the failure of one run: it ends the call, and is raised without a group around it."""
        try:
            await work(*streams)
        except Exception as error:  # noqa: BLE001 -- raised by run
            self._fatal.append(error)
            self._group.cancel_scope.cancel()
        except asyncio.CancelledError:
            self._cancelled = True
            raise

    async def _lister(self, ids: AsyncGenerator[int, None], send: MemoryObjectSendStream[FetchJob]) -> None:
        async with send:
            while (collection_id := await self._next(ids)) is not None:
                self._progress.open(collection_id)
                try:
                    await self._list(collection_id, send)
                except Exception as error:  # noqa: BLE001 -- one failure must not stop the others
                    self._fail(collection_id, None, failure_of(error))
                self._progress.close(collection_id)

    async def _next(self, ids: AsyncGenerator[int, None]) -> int | None:
        async with self._ids_lock:  # an async generator serves one caller at a time
            return await anext(ids, None)

    async def _list(self, collection_id: int, send: MemoryObjectSendStream[FetchJob]) -> None:
        """Queue the runs of a collection that are to be fetched."""
        self._report.collections += 1
        self._pruner.add_named(collection_id)
        if collection_id < 1:
            reason = f"expected a positive integer as the id of a collection, got {collection_id}"
            raise InvalidResponseError(COLLECTIONS.path, reason)
        collection = self._listed.get(collection_id)
        if collection is not None and (state := await self._selector.unchanged_state(collection)) is not None:
            self._report.add_unchanged(state.run)
            return
        async with self._list_slots:
            try:
                await self._list_runs(collection_id, collection, send)
            except Exception as error:  # noqa: BLE001 -- recorded before others get the slot: it may stop the call
                self._fail(collection_id, None, failure_of(error))

    async def _list_runs(
        self, collection_id: int, collection: Collection | None, send: MemoryObjectSendStream[FetchJob]
    ) -> None:
        if self._options.runs == "all":
            async with aclosing(self._selector.all_runs(collection_id)) as jobs:
                async for job in jobs:
                    await self._queue(job, send)
            self._breaker.record_success()
            return
        newest, collection = await self._selector.newest_run(collection_id, collection)
        self._breaker.record_success()
        for job in newest:
            await self._queue(job, send)
        if not newest:
            await self._save_state(collection, None)

    async def _queue(self, job: FetchJob, send: MemoryObjectSendStream[FetchJob]) -> None:
        self._progress.open(job.run.collection)
        await send.send(job)

    async def _save_state(self, collection: Collection | None, run_id: int | None) -> None:
        if collection is not None and not self._options.dry_run:
            await save_state(self._sink, collection, run_id, self._options.files)

    async def _fetcher(self, receive: MemoryObjectReceiveStream[FetchJob]) -> None:
        async with receive:
            async for job in receive:
                self._report.runs += 1
                self._progress.begin_run()
                try:
                    await self._fetch(job)
                except Exception as error:  # noqa: BLE001 -- one failure must not stop the others
                    self._fail(job.run.collection, job.run, failure_of(error))
                self._progress.end_run(job.run.collection)

    async def _fetch(self, job: FetchJob) -> None:
        job.check()
        options, run = self._options, job.run
        if options.dry_run:
            missing = await self._downloads.count_missing(run, self._sink, options.files, options.download_options)
            self._report.add_missing(missing)
            self._progress.totals.planned += missing
            self._pruner.add_expected(run.collection, run.id)
            return
        done = await self._downloads.download_run(
            run,
            self._sink,
            options.files,
            relist=lambda: find_run(self._runs.iterate(run.collection), run.id),
            options=options.download_options,
            totals=self._progress.totals,
        )
        self._report.add(done)
        if done.skipped < len(done.files):
            self._breaker.record_success()
            self._sink_breaker.record_success()
        await self._save_state(job.collection, run.id)

    def _fail(self, collection_id: int, run: Run | None, error: MultiCartError) -> None:
        """Record a failure, and stop if everything else would fail in the same way."""
        self._report.fail(SyncFailure(collection_id, run.id if run else None, error.file, error))
        self._breaker.record_failure(error)
        if isinstance(error, DiskError):  # what the service answers says nothing about the sink
            self._sink_breaker.record_failure(error)
        if self._is_final(error) or self._breaker.is_open or self._sink_breaker.is_open:
            self._report.stopped = True
            self._group.cancel_scope.cancel()

    def _is_final(self, error: MultiCartError) -> bool:
        if isinstance(error, DiskError):
            rejected = self._remote and error.errno == errno.EACCES  # the credentials of the store
            return rejected or error.errno in _FINAL
        return isinstance(error, AuthenticationError)


async def list_collections(collections: Collections, *, required: bool) -> dict[int, Collection]:
    """List all collections. If the caller has named them, the list only shows which of them can have changed.

    Raises:
        APIError: The service rejects the request, and the list is *required*, or the credential is refused.
    """
    try:
        return {collection.id: collection for collection in await collections.list()}
    except (APIConnectionError, APIError, InvalidResponseError) as error:
        if required or isinstance(error, AuthenticationError):
            raise
        log_info(
            "mirror: the collections could not be listed, so the runs of each one are listed: %s",
            error,
            extra=error_info(error),
        )
        return {}
