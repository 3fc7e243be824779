"""Remove runs from a mirror, such that an interrupted removal is recognized; files of other programs stay.

A folder with a manifest is complete, so the manifest is renamed to the progress file before the first file is deleted.
The progress file is deleted last: until then `verify`, a download and the next removal see an incomplete run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from multicart_async._core.tasks import run_workers
from multicart_async._downloads.folder import COLLECTION_STATE, STAGING
from multicart_async._downloads.manifest import MANIFEST, PROGRESS
from multicart_async._downloads.staging import forget_state
from multicart_async._sync.mirror_tree import MirrorTree, RunFolder
from multicart_async._sync.state import load_state
from multicart_async.errors import ClientClosedError, MultiCartError
from multicart_async.models import SyncFailure
from multicart_async.sinks import DirectorySink, ListableSink, ObjectStoreSink

__all__ = ["Removal"]

_MAX_NAMES = 3  # of foreign files of one folder, in a report


class Removal:
    """Remove runs and collections from *tree*, or only record them with *dry_run*; a failure does not stop the others."""

    def __init__(self, tree: MirrorTree, *, dry_run: bool, workers: int) -> None:
        self._tree = tree
        self._dry_run = dry_run
        self._workers = workers
        self.removed: set[tuple[int, int]] = set()
        self.differences: list[str] = []
        self.failures: list[SyncFailure] = []

    def paths(self) -> tuple[str, ...]:
        """Return the folders of the runs that were removed, or would have been."""
        return tuple(f"{collection}/{run}" for collection, run in sorted(self.removed))

    async def runs(self, runs: Iterable[tuple[int, int]]) -> None:
        """Remove the folders of *runs*; a folder that belongs to no run stays."""
        await run_workers(self._workers, runs, self._run)

    async def collections(self, collections: Iterable[int]) -> None:
        """Remove *collections* with all their runs."""
        for collection in collections:
            await self.guarded(self._collection(collection), collection)

    async def guarded(self, work: Awaitable[None], collection: int, run: int | None = None) -> None:
        """Await *work*, and record its error as a failure."""
        try:
            await work
        except ClientClosedError:
            raise
        except MultiCartError as error:
            self.failures.append(SyncFailure(collection, run, None, error))

    async def _run(self, ids: tuple[int, int]) -> None:
        await self.guarded(self._remove(*ids), *ids)

    async def _remove(self, collection: int, run: int) -> None:
        folder = await self._tree.run(collection, run)
        if not self._tree.holds_run(folder):
            return
        if not self._dry_run:
            await _remove_run(self._tree.sink, folder)
        self.removed.add((collection, run))
        self._report_foreign(folder.path, folder.foreign_files)

    async def _collection(self, collection: int) -> None:
        runs = await self._tree.runs(collection)
        await self.runs([(collection, run) for run in sorted(runs)])
        names = await self._tree.sink.list(str(collection))
        gone = {str(run) for run in runs if (collection, run) in self.removed}
        self._report_foreign(str(collection), sorted(names.keys() - gone - {COLLECTION_STATE}))
        if any(failure.collection == collection for failure in self.failures) or self._dry_run:
            return  # the state file lets the next call recognize the folder
        await self._tree.sink.delete(f"{collection}/{COLLECTION_STATE}")
        await _remove_empty_folder(self._tree.sink, str(collection))

    def _report_foreign(self, path: str, names: list[str]) -> None:
        if names:
            more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
            shown = ", ".join(repr(name[:80]) for name in names[:_MAX_NAMES])
            self.differences.append(f"{path}: files that do not belong to the mirror were left in place: {shown}{more}")


async def _remove_run(sink: ListableSink, folder: RunFolder) -> None:
    path, staging = folder.path, f"{folder.path}/{STAGING}"
    await _forget_run(sink, path)
    staged = await sink.list(staging) if folder.has_staging else {}
    if MANIFEST in staged:  # first, because it seals the files beside it
        await sink.delete(f"{staging}/{MANIFEST}")
    if MANIFEST in folder.own_files:
        await sink.rename(f"{path}/{MANIFEST}", f"{path}/{PROGRESS}")
    for name in folder.own_files:
        if name not in {MANIFEST, PROGRESS}:
            await sink.delete(f"{path}/{name}")
    for name in RunFolder(staging, staged, folder.listed).own_files:
        await sink.delete(f"{staging}/{name}")
    if folder.has_staging:
        await _remove_empty_folder(sink, staging)
    await sink.delete(f"{path}/{PROGRESS}")
    await _remove_empty_folder(sink, path)


async def _forget_run(sink: ListableSink, path: str) -> None:
    """Remove the state of the collection if it says that this run is in place, or may say so."""
    if isinstance(sink, ObjectStoreSink):  # there the state is trusted
        collection, _, run = path.partition("/")
        state = await load_state(sink, int(collection))
        if state is None or state.run == int(run):
            await forget_state(sink, path)


async def _remove_empty_folder(sink: ListableSink, path: str) -> None:
    if isinstance(sink, DirectorySink):  # other sinks have no empty folders
        await sink.remove_folder(path)
