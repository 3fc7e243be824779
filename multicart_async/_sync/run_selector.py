"""Which runs of a collection a mirror needs: from the list of its runs, and from what the mirror holds already."""

from __future__ import annotations

from bisect import insort
from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs

from multicart_async._downloads.manager import DownloadManager
from multicart_async._sync.mirror_tree import MirrorTree
from multicart_async._sync.options import SyncOptions
from multicart_async._sync.pruning import Pruner
from multicart_async._sync.state import SyncState, load_state
from multicart_async.errors import InvalidResponseError
from multicart_async.models import Collection, Run
from multicart_async.resources.runs._api import LIST as RUNS
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import ListableSink, ObjectStoreSink, Sink

__all__ = ["FetchJob", "RunSelector"]


@attrs.frozen
class FetchJob:
    """A run to fetch. *collection* is set if its state shows whether a newer run has come since."""

    run: Run
    collection: Collection | None = None

    def check(self) -> None:
        """Raise `InvalidResponseError` unless the id of the run can name a folder."""
        if self.run.id < 1:
            raise InvalidResponseError(RUNS.path, f"expected a positive integer as the id of a run, got {self.run.id}")


class RunSelector:
    """Select the runs to fetch, one collection at a time."""

    def __init__(
        self, options: SyncOptions, sink: Sink, pruner: Pruner, *, runs: Runs, downloads: DownloadManager
    ) -> None:
        self._options = options
        self._sink = sink
        self._tree = MirrorTree(sink) if isinstance(sink, ListableSink) else None
        self._pruner = pruner
        self._runs = runs
        self._downloads = downloads

    async def unchanged_state(self, collection: Collection) -> SyncState | None:
        """Return the stored state if the newest run is in place and there can be no newer one.

        No request is made to the service. In an object store, the state says what is in place, so there is one to the
        store: code that removes or replaces files of a mirror there removes the state first.
        """
        if not self._options.may_skip_unchanged:
            return None
        state = await load_state(self._sink, collection.id)
        if state is None or not state.matches(collection):
            return None
        if isinstance(self._sink, ObjectStoreSink):
            return state if state.includes(self._options.files) else None
        if state.run is None or await self._downloads.is_complete(
            self._sink, collection.id, state.run, self._options.files
        ):
            return state
        return None

    async def all_runs(self, collection_id: int) -> AsyncGenerator[FetchJob, None]:
        """Yield each finished run; if only the newest ones are kept, once the list shows which those are."""
        keep, newest = self._options.keep, list[Run]()
        listed: set[int] = set()
        async with aclosing(self._runs.iterate(collection_id)) as runs:
            async for run in runs:
                listed.add(run.id)
                if not run.is_download_generated:
                    continue
                if keep is None:
                    yield FetchJob(run)
                else:
                    insort(newest, run, key=lambda one: one.id)
                    del newest[:-keep]
        await self._pruner.compare(collection_id, listed)
        selected = self._pruner.select_kept(collection_id, [run.id for run in newest])
        for run in newest:
            if run.id in selected:
                yield FetchJob(run)

    async def newest_run(
        self, collection_id: int, collection: Collection | None
    ) -> tuple[list[FetchJob], Collection | None]:
        """Return the newest finished run, after older ones whose download was interrupted, and *collection*.

        `verify` would report an interrupted download for ever once there is a newer run. *collection* is ``None`` if
        its state must not be stored.
        """
        newest: Run | None = None
        listed: set[int] = set()
        interrupted = await self._interrupted(collection_id)
        older: dict[int, Run] = {}
        async with aclosing(self._runs.iterate(collection_id)) as runs:
            async for run in runs:
                listed.add(run.id)
                if run.is_download_generated and run.id in interrupted:
                    older[run.id] = run
                if run.is_download_generated and (newest is None or run.id > newest.id):
                    newest = run
        await self._pruner.compare(collection_id, listed)
        last = newest.id if newest else 0
        selected = self._pruner.select_kept(collection_id, {last, *older}) - {last}
        jobs = [FetchJob(run) for run in older.values() if run.id in selected]
        unfinished = max(listed, default=0) > last
        if jobs or (unfinished and (collection is None or not collection.is_failed)):
            collection = None  # their end need not show in the collection: the next call lists the runs again
        if newest is not None:
            jobs.append(FetchJob(newest, collection))
        return jobs, collection

    async def _interrupted(self, collection_id: int) -> set[int]:
        return set() if self._tree is None else await self._tree.unfinished_runs(collection_id)
