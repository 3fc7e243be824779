"""Damaged runs of a mirror, fetched again: exactly what is missing or changed."""

from __future__ import annotations

from multicart_async._downloads.manager import DownloadManager, DownloadOptions
from multicart_async._downloads.plan import ARCHIVE, CATEGORY_CSV, Files, is_ours
from multicart_async._sync.verify import DamagedRun
from multicart_async.errors import UnreachableResultError
from multicart_async.resources.runs._api import find_run
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import Sink

__all__ = ["Repairer"]


class Repairer:
    """Fetch the damaged files of runs again."""

    def __init__(self, sink: Sink, runs: Runs, results: DownloadManager) -> None:
        self._sink = sink
        self._runs = runs
        self._results = results

    async def repair(self, damaged: DamagedRun) -> frozenset[str]:
        """Return the names of the files that were fetched, or made, again.

        Raises:
            UnreachableResultError: The service no longer lists the run.
            MultiCartError: A file could not be fetched; the folder is as it was.
        """
        if damaged.files and not damaged.damaged:
            return frozenset()  # something surplus lies there, which is not ours to remove
        collection_id, run_id = damaged.collection, damaged.run
        run = await find_run(self._runs.iterate(collection_id), run_id)
        if run is None:
            reason = f"run {run_id} of collection {collection_id} is no longer listed by the service"
            raise UnreachableResultError(f"results/{collection_id}/{run_id}", reason)
        done = await self._results.download_run(
            run,
            self._sink,
            _kinds(damaged.files or damaged.names),
            relist=lambda: find_run(self._runs.iterate(collection_id), run_id),
            terms=DownloadOptions(csv=not damaged.files or CATEGORY_CSV in damaged.files, refetch=damaged.damaged),
        )
        return damaged.damaged or frozenset(file.name for file in done.files)


def _kinds(names: frozenset[str]) -> Files:
    """Return which files of the run the folder was made of."""
    others = any(is_ours(name) and name != ARCHIVE for name in names)
    if ARCHIVE not in names:
        return "pages"
    return "both" if others else "zip"
