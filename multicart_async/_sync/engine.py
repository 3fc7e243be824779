"""A mirror of finished runs: what is missing is fetched, one failure does not stop the rest, memory does not grow.

Listers find runs, fetchers fetch them; a short queue between them lets the first file come while collections are still
being listed, and lets nothing pile up.
"""

from __future__ import annotations

import errno
import time
import zlib
from bisect import insort
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Literal, cast

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from multicart_async._core.failures import failure_of
from multicart_async._core.log import LOGGER, error_info
from multicart_async._core.tasks import to_async_iter
from multicart_async._core.validation import check_bool, check_id, check_int, check_iterable, wrong_argument
from multicart_async._downloads.manager import DownloadManager, DownloadOptions
from multicart_async._downloads.plan import Files
from multicart_async._sync.mirror_tree import MirrorTree
from multicart_async._sync.pruning import PruneOptions, Pruner, PruneService
from multicart_async._sync.report import ReportBuilder
from multicart_async._sync.state import STATE_FILE, SyncState, load_state, render_state
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    DiskError,
    InvalidResponseError,
    MultiCartError,
)
from multicart_async.models import Collection, Run, SyncFailure, SyncReport
from multicart_async.resources.collections import LIST as COLLECTIONS
from multicart_async.resources.runs._api import LIST as RUNS
from multicart_async.resources.runs._api import find_run
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import ListableSink, Sink, put_bytes

__all__ = ["SyncOptions", "Synchronizer"]

_DEAD = 8  # so many in a row that could not even be connected to,
_DEAD_FOR = 30.0  # and so many seconds in which nothing could: the service is down
_RECENT = 256  # collections that are not taken up again at once
_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})  # the next file would fail in the same way


@attrs.frozen(kw_only=True)
class SyncOptions:
    """What to mirror, and how."""

    runs: Literal["latest", "all"] = "latest"
    files: Files = "pages"
    check: Literal["changed", "all"] = "changed"
    dry_run: bool = False
    overwrite: bool = False
    shard: tuple[int, int] | None = None
    count_records: bool = False
    strict: bool = False
    prune: bool = False
    keep: int | None = None

    def __attrs_post_init__(self) -> None:
        for name, words in (
            ("runs", ("latest", "all")),
            ("files", ("pages", "zip", "both")),
            ("check", ("changed", "all")),
        ):
            if getattr(self, name) not in words:
                raise wrong_argument(name, f"one of {', '.join(map(repr, words))}", getattr(self, name))
        check_bool("prune", self.prune)
        if self.keep is not None:
            check_int("keep", self.keep, minimum=1)
        if self.shard is not None and not _is_shard(self.shard):
            raise wrong_argument("shard", "(i, n), two integers with 0 <= i < n", cast("object", self.shard))

    @property
    def terms(self) -> DownloadOptions:
        """How each run is to be delivered."""
        return DownloadOptions(overwrite=self.overwrite, csv=True, count_records=self.count_records, strict=self.strict)

    def includes(self, collection_id: int) -> bool:
        """Whether the collection falls to this worker: by a hash that is the same everywhere."""
        if self.shard is None:
            return True
        mine, all_of_them = self.shard
        return zlib.crc32(str(collection_id).encode()) % all_of_them == mine


def _is_shard(value: Any) -> bool:
    parts: list[Any] = [*value] if isinstance(value, tuple) else []
    return len(parts) == 2 and all(type(part) is int for part in parts) and 0 <= parts[0] < parts[1]


@attrs.frozen
class _Job:
    """A run to fetch; *row* is its collection's, if its end shows in it."""

    run: Run
    row: Collection | None = None

    def check(self) -> None:
        """Raise `InvalidResponseError` unless its id can name its folder."""
        if self.run.id < 1:
            raise InvalidResponseError(RUNS.path, f"expected a positive integer as the id of a run, got {self.run.id}")


class Synchronizer:
    """One call of ``client.sync``."""

    def __init__(
        self,
        wish: SyncOptions,
        sink: Sink,
        *,
        list_all: Callable[[], Awaitable[tuple[Collection, ...]]],
        get: Callable[[int], Awaitable[object]],
        runs: Runs,
        results: DownloadManager,
        listers: int,
        fetchers: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wish = wish
        self._sink = sink
        self._list_all = list_all
        self._runs = runs
        self._results = results
        self._service = PruneService(get=get, run_ids=self._run_ids)
        self._listers = listers
        self._fetchers = fetchers
        self._rows: dict[int, Collection] = {}
        self._turn = anyio.Lock()
        self._tally = ReportBuilder(dry_run=wish.dry_run)
        self._fatal: list[Exception] = []
        self._now = now
        self._unreached = 0  # failures in a row
        self._since = 0.0

    async def run(self, collections: Iterable[int] | AsyncIterable[int] | None) -> SyncReport:
        """Mirror *collections*, or all that are listed."""
        if collections is not None:
            check_iterable("collections", collections)
        self._pruner = pruner = self._new_pruner(named=collections is not None)
        await pruner.begin()
        self._rows = await self._all_rows(needed=collections is None)
        async with aclosing(self._ids(collections)) as ids:
            send, receive = anyio.create_memory_object_stream[_Job](self._fetchers)
            async with anyio.create_task_group() as group:
                self._group = group
                async with send, receive:
                    for _ in range(self._listers):
                        group.start_soon(self._guarded, self._lister, ids, send.clone())
                    for _ in range(self._fetchers):
                        group.start_soon(self._guarded, self._fetcher, receive.clone())
        if self._fatal:
            raise self._fatal[0]
        if not self._tally.stopped:
            self._tally.take(await pruner.finish(self._rows, tuple(self._tally.failures)))
        return self._tally.report()

    def _new_pruner(self, *, named: bool) -> Pruner:
        wish = self._wish
        options = PruneOptions(
            prune=wish.prune, keep=wish.keep, dry_run=wish.dry_run, named=named, includes=wish.includes
        )
        return Pruner(self._sink, self._service, options, workers=self._listers)

    async def _all_rows(self, *, needed: bool) -> dict[int, Collection]:
        """List all collections. Where collections are named, the list only shows which of them can have changed."""
        try:
            return {row.id: row for row in await self._list_all()}
        except (APIConnectionError, APIError, InvalidResponseError) as error:
            if needed or isinstance(error, AuthenticationError):
                raise
            LOGGER.info(
                "mirror: the collections could not be listed, so each is asked for its runs: %s",
                error,
                extra=error_info(error),
            )
            return {}

    async def _ids(self, collections: Iterable[int] | AsyncIterable[int] | None) -> AsyncGenerator[int, None]:
        recent: dict[int, None] = {}  # not all of them: one that comes again later is complete by then
        async with aclosing(to_async_iter(self._rows if collections is None else collections)) as ids:
            async for collection_id in ids:
                if collections is not None:
                    check_id("collections", collection_id)
                if self._wish.includes(collection_id) and collection_id not in recent:
                    recent[collection_id] = None
                    if len(recent) > _RECENT:
                        del recent[next(iter(recent))]
                    yield collection_id

    async def _guarded(self, work: Callable[..., Awaitable[None]], *streams: Any) -> None:
        """Errors that are not one run's end everything, and leave as themselves."""
        try:
            await work(*streams)
        except Exception as error:  # noqa: BLE001 -- raised by carry_out, without the group around it
            self._fatal.append(error)
            self._group.cancel_scope.cancel()

    async def _lister(self, ids: AsyncGenerator[int, None], send: MemoryObjectSendStream[_Job]) -> None:
        async with send:
            while (collection_id := await self._next(ids)) is not None:
                try:
                    await self._list(collection_id, send)
                except Exception as error:  # noqa: BLE001 -- no error of one may stop the others
                    self._fail(collection_id, None, failure_of(error))

    async def _next(self, ids: AsyncGenerator[int, None]) -> int | None:
        async with self._turn:  # an async generator takes one caller at a time
            return await anext(ids, None)

    async def _list(self, collection_id: int, send: MemoryObjectSendStream[_Job]) -> None:
        self._tally.collections += 1
        self._pruner.name(collection_id)
        if collection_id < 1:
            reason = f"expected a positive integer as the id of a collection, got {collection_id}"
            raise InvalidResponseError(COLLECTIONS.path, reason)
        row = self._rows.get(collection_id)
        if self._wish.runs == "all":
            await self._list_all_runs(collection_id, send)
            self._unreached = 0
            return
        if row is not None and await self._is_unchanged(row):
            return
        latest, awaited, half = await self._newest(collection_id)
        self._unreached = 0
        if half or (awaited and (row is None or not row.is_failed)):
            row = None  # their end need not show in the row: the next call asks again
        for run in half:
            await send.send(_Job(run))
        if latest is not None:
            await send.send(_Job(latest, row))
        else:
            await self._mark(row, None)

    async def _list_all_runs(self, collection_id: int, send: MemoryObjectSendStream[_Job]) -> None:
        """Send each finished run; of a number that is to be kept, when the newest ones are known."""
        keep, newest = self._wish.keep, list[Run]()
        listed: set[int] = set()
        async with aclosing(self._runs.iterate(collection_id)) as runs:
            async for run in runs:
                listed.add(run.id)
                if not run.is_download_generated:
                    continue
                if keep is None:
                    await send.send(_Job(run))
                else:
                    insort(newest, run, key=lambda one: one.id)
                    del newest[:-keep]
        await self._pruner.compare(collection_id, listed)
        wanted = self._pruner.wanted(collection_id, [run.id for run in newest])
        for run in newest:
            if run.id in wanted:
                await send.send(_Job(run))

    async def _newest(self, collection_id: int) -> tuple[Run | None, bool, list[Run]]:
        """Return the newest finished run, whether a newer one is not finished yet, and older ones to finish downloading.

        `verify` would report the folder of a run whose download was interrupted for ever, once there is a newer one.
        """
        newest: Run | None = None
        listed: set[int] = set()
        unfinished = await self._unfinished(collection_id)
        half: dict[int, Run] = {}
        async with aclosing(self._runs.iterate(collection_id)) as runs:
            async for run in runs:
                listed.add(run.id)
                if run.is_download_generated and run.id in unfinished:
                    half[run.id] = run
                if run.is_download_generated and (newest is None or run.id > newest.id):
                    newest = run
        await self._pruner.compare(collection_id, listed)
        last = newest.id if newest else 0
        wanted = self._pruner.wanted(collection_id, {last, *half})
        return newest, max(listed, default=0) > last, [run for id_, run in half.items() if id_ in wanted - {last}]

    async def _unfinished(self, collection_id: int) -> set[int]:
        if not isinstance(self._sink, ListableSink):
            return set()
        return await MirrorTree(self._sink).unfinished_runs(collection_id)

    async def _run_ids(self, collection_id: int) -> set[int]:
        return {run.id async for run in self._runs.iterate(collection_id)}

    async def _is_unchanged(self, row: Collection) -> bool:
        """Whether the newest run of a collection is in place, and no newer one can be there: then nothing is asked."""
        wish = self._wish
        if wish.check == "all" or wish.overwrite or wish.count_records:
            return False
        marker = await load_state(self._sink, row.id)
        if marker is None or not marker.matches(row):
            return False
        if marker.run is not None:
            if not await self._results.is_complete(self._sink, row.id, marker.run, wish.files):
                return False
            self._tally.runs += 1
            self._tally.skipped += 1
        return True

    async def _mark(self, row: Collection | None, run: int | None) -> None:
        marker = SyncState.from_collection(row, run)
        if marker is not None and row is not None and not self._wish.dry_run:
            await put_bytes(self._sink, f"{row.id}/{STATE_FILE}", render_state(marker))

    async def _fetcher(self, receive: MemoryObjectReceiveStream[_Job]) -> None:
        async with receive:
            async for job in receive:
                self._tally.runs += 1
                try:
                    await self._fetch(job)
                except Exception as error:  # noqa: BLE001 -- no error of one may stop the others
                    self._fail(job.run.collection, job.run, failure_of(error))

    async def _fetch(self, job: _Job) -> None:
        job.check()
        wish = self._wish
        if wish.dry_run:
            missing = await self._results.count_missing(job.run, self._sink, wish.files, wish.terms)
            self._tally.files += missing
            self._tally.skipped += not missing
            self._pruner.expect(job.run.collection, job.run.id)
            return
        done = await self._results.download_run(
            job.run,
            self._sink,
            wish.files,
            relist=lambda: find_run(self._runs.iterate(job.run.collection), job.run.id),
            terms=wish.terms,
        )
        self._tally.add(done)
        if done.skipped < len(done.files):
            self._unreached = 0
        await self._mark(job.row, job.run.id)

    def _fail(self, collection_id: int, run: Run | None, error: MultiCartError) -> None:
        self._tally.fail(SyncFailure(collection_id, run.id if run else None, error.file, error))
        full = isinstance(error, DiskError) and error.errno in _HOPELESS
        if full or isinstance(error, AuthenticationError) or self._is_gone(error):
            self._tally.stopped = True
            self._group.cancel_scope.cancel()  # everything else would fail in the same way

    def _is_gone(self, error: MultiCartError) -> bool:
        """Whether nothing was reached for so long that nothing will be."""
        if not isinstance(error, APIConnectionError) or error.sent:
            self._unreached = 0
            return False
        if not self._unreached:
            self._since = self._now()
        self._unreached += 1
        return self._unreached >= _DEAD and self._now() - self._since >= _DEAD_FOR
