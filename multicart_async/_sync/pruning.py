"""What is too much in a mirror: what the service no longer has, and runs beyond those that are to be kept. Deleted last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet

import attrs

from multicart_async._core.log import LOGGER, error_info
from multicart_async._sync.gone import GoneFinder
from multicart_async._sync.mirror_tree import MirrorTree
from multicart_async._sync.run_removal import Removal
from multicart_async.errors import DownloadError, MultiCartError
from multicart_async.models import SyncFailure
from multicart_async.sinks import ListableSink, MemorySink, Sink
from multicart_async.sinks._protocol import check_listable

__all__ = ["PruneOptions", "PruneService", "Pruned", "Pruner"]


@attrs.frozen(kw_only=True)
class PruneOptions:
    """What is to be deleted. *named*: the caller chose the collections; *includes*: which are this worker's."""

    prune: bool
    keep: int | None
    dry_run: bool
    named: bool
    includes: Callable[[int], bool]

    @property
    def deletes(self) -> bool:
        """Whether anything may be deleted."""
        return self.prune or self.keep is not None


@attrs.frozen(kw_only=True)
class PruneService:
    """What is asked of the service: for a collection, and for the ids of all runs of one."""

    get: Callable[[int], Awaitable[object]]
    run_ids: Callable[[int], Awaitable[AbstractSet[int]]]


@attrs.frozen(kw_only=True)
class Pruned:
    """What is gone, the folders of runs that were removed, what was left in place there, and what failed."""

    gone: tuple[str, ...]
    removed: tuple[str, ...]
    differences: Sequence[str]
    failures: Sequence[SyncFailure]


class Pruner:
    """One call's view of what the mirror in *sink* holds beside what the call brings."""

    def __init__(self, sink: Sink, service: PruneService, options: PruneOptions, *, workers: int) -> None:
        if options.deletes:
            check_listable("prune" if options.prune else "keep", sink)
        self._tree = MirrorTree(sink if isinstance(sink, ListableSink) else MemorySink())
        self._gone = GoneFinder(self._tree, service.get, workers=workers)
        self._removal = Removal(self._tree, dry_run=options.dry_run, workers=workers)
        self._service = service
        self._options = options
        self._prunes = options.prune and not options.named
        self._named: set[int] = set()
        self._coming: defaultdict[int, set[int]] = defaultdict(set)

    async def begin(self) -> None:
        """Note which collections the mirror has before anything is brought.

        Raises:
            DownloadError: The destination cannot be listed, and something may have to be deleted.
        """
        try:
            await self._gone.begin(self._options.includes)
        except DownloadError as error:
            if self._options.deletes:
                raise
            LOGGER.warning(
                "the mirror cannot be listed, so what is gone from the service is not known: %s",
                error,
                extra=error_info(error),
            )

    def name(self, collection: int) -> None:
        """Note that the caller has named *collection*."""
        if self._options.named and self._options.keep is not None:
            self._named.add(collection)

    async def compare(self, collection: int, listed: AbstractSet[int]) -> None:
        """Note the runs of the mirror that are not among *listed*, which must be all runs of the collection."""
        await self._gone.compare(collection, listed)

    def wanted(self, collection: int, runs: Collection[int]) -> AbstractSet[int]:
        """Return those of *runs* that are to be fetched: not what would be deleted at once, in favour of newer ones."""
        if self._options.keep is None:
            return set(runs)
        others = [] if self._prunes else self._gone.runs.get(collection, [])  # they stay, and count
        return set(sorted({*runs, *others}, reverse=True)[: self._options.keep]).intersection(runs)

    def expect(self, collection: int, run: int) -> None:
        """Note a run that a call would have brought if it were no dry run."""
        if self._options.keep is not None:
            self._coming[collection].add(run)

    async def finish(self, listed: Collection[int], failures: Sequence[SyncFailure]) -> Pruned:
        """Find out what is gone from the service, which lists the collections *listed*; delete what is to be deleted.

        After *failures* nothing that is gone is deleted, nor any run of the collections that failed.
        """
        keep = self._options.keep
        if not self._options.named:
            await self._gone.find_collections(listed)
        if self._options.prune:
            self._removal.failures += self._gone.unsure
        prunes = self._prunes and bool(listed) and not failures and not self._gone.unreached
        if prunes and 2 * len(self._gone.collections) > self._gone.size:
            self._removal.failures.append(SyncFailure(None, None, None, self._too_much()))
        else:
            if prunes:
                await self._prune()
            if keep is not None:
                failed = {failure.collection for failure in [*failures, *self._removal.failures]}
                for collection in sorted(self._scope() - failed):
                    await self._removal.guarded(self._trim(collection, keep), collection)
        removal = self._removal
        return Pruned(
            gone=self._gone.paths(),
            removed=removal.paths(),
            differences=removal.differences,
            failures=removal.failures,
        )

    def _too_much(self) -> MultiCartError:
        return MultiCartError(
            f"prune: {len(self._gone.collections)} of the {self._gone.size} collections in the mirror are gone from the"
            " service, which is more than half, so nothing was deleted; check that this is the right account and"
            " destination, and if it is, remove the folders of those collections by hand"
        )

    async def _prune(self) -> None:
        for collection in sorted(self._gone.runs):
            await self._removal.guarded(self._prune_runs(collection), collection)
        await self._removal.collections(sorted(self._gone.collections))

    async def _prune_runs(self, collection: int) -> None:
        """Remove the runs that are gone, after a second look: a list may lack a row that moved while it was read."""
        listed = await self._service.run_ids(collection)
        missing = self._gone.runs[collection] = [run for run in self._gone.runs[collection] if run not in listed]
        if listed:  # an empty list may be the service's mistake
            await self._removal.runs([(collection, run) for run in missing])

    def _scope(self) -> set[int]:
        """Return the collections whose runs are counted."""
        return set(self._gone.before & self._named if self._options.named else self._gone.before)

    async def _trim(self, collection: int, keep: int) -> None:
        """Remove all but the newest runs, if those are complete."""
        coming = self._coming.get(collection, set())
        runs = {run for run in await self._tree.runs(collection) if (collection, run) not in self._removal.removed}
        newest = sorted(runs | coming, reverse=True)
        if len(newest) <= keep or not await self._tree.is_collection(collection):
            return
        kept = 0
        for place, run in enumerate(newest):
            if kept == keep:
                await self._removal.runs([(collection, older) for older in newest[place:]])
                return
            folder = await self._tree.run(collection, run)
            if run not in coming and folder.has_files and not folder.complete:
                return
            kept += run in coming or folder.has_files
