"""What a mirror holds that the service no longer has: by the lists that a `sync` reads anyway, and by asking where in doubt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from collections.abc import Set as AbstractSet

from multicart_async._core.failures import failure_of
from multicart_async._core.log import LOGGER, error_info
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
    """Compares a mirror, as it was at the beginning, with what the service lists. Of both, only ids are remembered.

    *get* asks for a collection. Drafts, disabled collections and perhaps category scrapes exist without being listed, so
    only a collection that is not found either is gone.
    """

    def __init__(self, tree: MirrorTree, get: Callable[[int], Awaitable[object]], *, workers: int) -> None:
        self._tree = tree
        self._get = get
        self._workers = workers
        self.before: frozenset[int] = frozenset()  # collections that had a folder at the beginning
        self.size = 0  # how many of those are the mirror's
        self.collections: set[int] = set()  # gone
        self.runs: dict[int, list[int]] = {}  # gone, by collection
        self.unsure: list[SyncFailure] = []  # the service did not say whether they exist
        self.unreached = False

    def paths(self) -> tuple[str, ...]:
        """Return what is gone: ``101`` for a collection, ``101/88`` for a run."""
        ids: list[tuple[int, ...]] = [(collection,) for collection in self.collections]
        ids += [(collection, run) for collection, runs in self.runs.items() for run in runs]
        return tuple("/".join(map(str, path)) for path in sorted(ids))

    async def begin(self, includes: Callable[[int], bool]) -> None:
        """Note which collections have a folder, of those that are this call's."""
        self.before = frozenset(filter(includes, await self._tree.collections()))

    async def compare(self, collection: int, listed: AbstractSet[int]) -> None:
        """Note the runs of the mirror that are not among *listed*, which must be all runs of the collection."""
        if collection not in self.before:
            return
        try:
            there = await self._tree.runs(collection)
            missing = [run for run in sorted(there - listed) if await self._tree.is_run(collection, run)]
        except DownloadError as error:  # it says nothing about the service, and what is to be fetched comes first
            LOGGER.warning(
                "%s: its runs in the mirror cannot be listed: %s", collection, error, extra=error_info(error)
            )
        else:
            if missing:
                self.runs[collection] = missing

    async def find_collections(self, listed: Collection[int]) -> None:
        """Ask for each collection of the mirror that is not among *listed*."""
        unlisted = sorted(self.before.difference(listed))
        self.size = len(self.before) - len(unlisted)
        await run_workers(min(self._workers, len(unlisted)), unlisted, self._look_at)

    async def _look_at(self, collection: int) -> None:
        try:
            if not await self._tree.is_collection(collection):
                return
        except DownloadError as error:
            LOGGER.warning(
                "%s: not listed any more, and its folder cannot be read, so it is kept: %s",
                collection,
                error,
                extra=error_info(error),
            )
            return
        self.size += 1
        if self.unreached:
            return
        try:
            await self._get(collection)
        except Exception as error:  # noqa: BLE001 -- no error of one may stop the others
            self._note(collection, failure_of(error))

    def _note(self, collection: int, error: MultiCartError) -> None:
        if isinstance(error, NotFoundError) and error.in_envelope:
            self.collections.add(collection)
            return
        self.unreached = self.unreached or isinstance(error, APIConnectionError | AuthenticationError)
        self.unsure.append(SyncFailure(collection, None, None, error))
        LOGGER.warning(
            "%s: not listed any more, and not known to be gone, so it is kept: %s",
            collection,
            error,
            extra=error_info(error),
        )
