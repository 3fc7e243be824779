"""Find what a mirror holds that the service no longer has, from the lists that `sync` reads and by requests if in doubt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from collections.abc import Set as AbstractSet

from multicart_async._core.failures import failure_of
from multicart_async._core.log import error_info, log_warning
from multicart_async._core.tasks import run_workers
from multicart_async._sync.mirror_tree import MirrorTree
from multicart_async.errors import (
    APIConnectionError,
    AuthenticationError,
    DownloadError,
    MultiCartError,
    NotFoundError,
)
from multicart_async.models import SyncFailure

__all__ = ["GoneFinder"]


class GoneFinder:
    """Compare the initial state of a mirror with what the service lists. Only ids are kept in memory.

    *get* requests a collection. Drafts, disabled collections and perhaps category scrapes exist without being listed, so
    a collection is gone only if that request reports that it is not found.
    """

    def __init__(self, tree: MirrorTree, get: Callable[[int], Awaitable[object]], *, workers: int) -> None:
        self._tree = tree
        self._get = get
        self._workers = workers
        self.initial: frozenset[int] = frozenset()  # collections that had a folder at the start
        self.initial_count = 0  # of those that belong to the mirror
        self.collections: set[int] = set()  # gone
        self.runs: dict[int, list[int]] = {}  # gone, by collection
        self.undetermined: list[SyncFailure] = []  # the service has not reported whether they exist
        self.unreachable = False

    def paths(self) -> tuple[str, ...]:
        """Return what is gone: ``101`` for a collection, ``101/88`` for a run."""
        ids: list[tuple[int, ...]] = [(collection,) for collection in self.collections]
        ids += [(collection, run) for collection, runs in self.runs.items() for run in runs]
        return tuple("/".join(map(str, path)) for path in sorted(ids))

    async def begin(self, includes: Callable[[int], bool]) -> None:
        """Record which of the collections of this call have a folder."""
        self.initial = frozenset(filter(includes, await self._tree.collections()))

    async def compare(self, collection: int, listed: AbstractSet[int]) -> None:
        """Record the runs of the mirror that are not in *listed*, which must contain all runs of the collection."""
        if collection not in self.initial:
            return
        try:
            present = await self._tree.runs(collection)
            missing = [run for run in sorted(present - listed) if await self._tree.is_run(collection, run)]
        except DownloadError as error:  # a local problem, which must not keep the call from fetching runs
            log_warning(
                "%s: the runs of this collection in the mirror cannot be listed: %s",
                collection,
                error,
                extra=error_info(error),
            )
        else:
            if missing:
                self.runs[collection] = missing

    async def find_collections(self, listed: Collection[int]) -> None:
        """Request each collection of the mirror that is not in *listed*."""
        unlisted = sorted(self.initial.difference(listed))
        self.initial_count = len(self.initial) - len(unlisted)
        await run_workers(min(self._workers, len(unlisted)), unlisted, self._check_collection)

    async def _check_collection(self, collection: int) -> None:
        try:
            if not await self._tree.is_collection(collection):
                return
        except DownloadError as error:
            log_warning(
                "%s: no longer listed by the service, but kept because its folder cannot be read: %s",
                collection,
                error,
                extra=error_info(error),
            )
            return
        self.initial_count += 1
        if self.unreachable:
            return
        try:
            await self._get(collection)
        except Exception as error:  # noqa: BLE001 -- one failure must not stop the others
            self._record(collection, failure_of(error))

    def _record(self, collection: int, error: MultiCartError) -> None:
        if isinstance(error, NotFoundError) and error.in_envelope:
            self.collections.add(collection)
            return
        self.unreachable = self.unreachable or isinstance(error, APIConnectionError | AuthenticationError)
        self.undetermined.append(SyncFailure(collection, None, None, error))
        log_warning(
            "%s: no longer listed by the service, but kept because it may still exist: %s",
            collection,
            error,
            extra=error_info(error),
        )
