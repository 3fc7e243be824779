"""Find and delete what a mirror no longer needs: what is gone from the service, and runs beyond the number to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet

import attrs

from multicart_async._core.log import error_info, log_warning
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
    """What to delete. *named*: the caller has named the collections; *includes*: whether a collection is in the shard."""

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
    """The requests to the service: for a collection, and for the ids of all its runs."""

    get: Callable[[int], Awaitable[object]]
    run_ids: Callable[[int], Awaitable[AbstractSet[int]]]


@attrs.frozen(kw_only=True)
class Pruned:
    """The result: what is gone, the removed folders of runs, the files left in place there, and the failures."""

    gone: tuple[str, ...]
    removed: tuple[str, ...]
    differences: Sequence[str]
    failures: Sequence[SyncFailure]


class Pruner:
    """Track what the mirror in *sink* holds during one call, and prune it at the end."""

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
        self._expected: defaultdict[int, set[int]] = defaultdict(set)

    async def begin(self) -> None:
        """Record which collections the mirror has before anything is downloaded.

        Raises:
            DownloadError: The destination cannot be listed, although the options may require deletions.
        """
        try:
            await self._gone.begin(self._options.includes)
        except DownloadError as error:
            if self._options.deletes:
                raise
            log_warning(
                "the mirror cannot be listed, so it is not known what is gone from the service: %s",
                error,
                extra=error_info(error),
            )

    def begin_part(self, collections: Iterable[int]) -> None:
        """Begin as `begin`, where only *collections* matter; whether the mirror has them is not looked up."""
        self._gone.initial = frozenset(collections)

    def add_named(self, collection: int) -> None:
        """Record that the caller has named *collection*."""
        if self._options.named and self._options.keep is not None:
            self._named.add(collection)

    async def compare(self, collection: int, listed: AbstractSet[int]) -> None:
        """Record the runs of the mirror that are not in *listed*, which must contain all runs of the collection."""
        await self._gone.compare(collection, listed)

    def select_kept(self, collection: int, runs: Collection[int]) -> AbstractSet[int]:
        """Return those of *runs* to fetch, without those that ``keep`` would delete at the end of the call."""
        if self._options.keep is None:
            return set(runs)
        others = [] if self._prunes else self._gone.runs.get(collection, [])  # they stay, so they count
        return set(sorted({*runs, *others}, reverse=True)[: self._options.keep]).intersection(runs)

    def add_expected(self, collection: int, run: int) -> None:
        """Record a run that this call would have downloaded if it were not a dry run."""
        if self._options.keep is not None:
            self._expected[collection].add(run)

    async def finish(self, listed: Collection[int], failures: Sequence[SyncFailure]) -> Pruned:
        """Find what is gone from the service, which lists the collections *listed*, and delete what the options say.

        With *failures*, neither what is gone is deleted, nor any run of a collection that failed.
        """
        keep = self._options.keep
        if not self._options.named:
            await self._gone.find_collections(listed)
        if self._options.prune:
            self._removal.failures += self._gone.undetermined
        prunes = self._prunes and bool(listed) and not failures and not self._gone.unreachable
        if prunes and 2 * len(self._gone.collections) > self._gone.initial_count:
            self._removal.failures.append(SyncFailure(None, None, None, self._too_many_gone()))
        else:
            if prunes:
                await self._prune()
            if keep is not None:
                failed = {failure.collection for failure in [*failures, *self._removal.failures]}
                for collection in sorted(self._collections_in_scope() - failed):
                    await self._removal.guarded(self._remove_older_runs(collection, keep), collection)
        removal = self._removal
        return Pruned(
            gone=self._gone.paths(),
            removed=removal.paths(),
            differences=removal.differences,
            failures=removal.failures,
        )

    def _too_many_gone(self) -> MultiCartError:
        return MultiCartError(
            f"prune: {len(self._gone.collections)} of the {self._gone.initial_count} collections in the mirror are gone from"
            " the service, more than half, so nothing was deleted; check that this is the right account and destination,"
            " and if it is, remove the folders of those collections by hand"
        )

    async def _prune(self) -> None:
        for collection in sorted(self._gone.runs):
            await self._removal.guarded(self._prune_runs(collection), collection)
        await self._removal.collections(sorted(self._gone.collections))

    async def _prune_runs(self, collection: int) -> None:
        """Remove the runs that are gone, after listing again: a list may miss a run that moved while it was read."""
        listed = await self._service.run_ids(collection)
        missing = self._gone.runs[collection] = [run for run in self._gone.runs[collection] if run not in listed]
        if listed:  # an empty list may be an error of the service
            await self._removal.runs([(collection, run) for run in missing])

    def _collections_in_scope(self) -> set[int]:
        """Return the collections that ``keep`` applies to."""
        return set(self._gone.initial & self._named if self._options.named else self._gone.initial)

    async def _remove_older_runs(self, collection: int, keep: int) -> None:
        """Remove all but the newest *keep* runs, if those are complete."""
        expected = self._expected.get(collection, set())
        runs = {run for run in await self._tree.runs(collection) if (collection, run) not in self._removal.removed}
        newest = sorted(runs | expected, reverse=True)
        if len(newest) <= keep or not await self._tree.is_collection(collection):
            return
        kept = 0
        for index, run in enumerate(newest):
            if kept == keep:
                await self._removal.runs([(collection, older) for older in newest[index:]])
                return
            folder = await self._tree.run(collection, run)
            if run not in expected and folder.has_files and not folder.complete:
                return
            kept += run in expected or folder.has_files
