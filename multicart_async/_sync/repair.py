"""Repair the damaged runs of a mirror by fetching exactly the files that are missing or changed."""

from __future__ import annotations

from multicart_async._downloads.manager import DownloadManager, DownloadOptions
from multicart_async._downloads.plan import ARCHIVE, CATEGORY_CSV, Files, is_run_file
from multicart_async._sync.verify import DamagedRun
from multicart_async.errors import UnreachableResultError
from multicart_async.resources.runs._api import find_run
from multicart_async.resources.runs.runs import Runs
from multicart_async.sinks import Sink

__all__ = ["Repairer"]


class Repairer:
    """Fetch the damaged files of runs again."""

    def __init__(self, sink: Sink, runs: Runs, downloads: DownloadManager) -> None:
        self._sink = sink
        self._runs = runs
        self._downloads = downloads

    async def repair(self, damaged: DamagedRun) -> frozenset[str]:
        """Fetch damaged files again; return the names of the files that were fetched or generated.

        Raises:
            UnreachableResultError: The service no longer lists the run.
            MultiCartError: A file could not be fetched; the folder is unchanged.
        """
        if damaged.files and not damaged.damaged:
            return frozenset()  # only surplus files, which are left to the user
        collection_id, run_id = damaged.collection, damaged.run
        run = await find_run(self._runs.iterate(collection_id), run_id)
        if run is None:
            reason = f"run {run_id} of collection {collection_id} is no longer listed by the service"
            raise UnreachableResultError(f"results/{collection_id}/{run_id}", reason)
        done = await self._downloads.download_run(
            run,
            self._sink,
            _files_option(damaged.files or damaged.names),
            relist=lambda: find_run(self._runs.iterate(collection_id), run_id),
            options=DownloadOptions(csv=not damaged.files or CATEGORY_CSV in damaged.files, refetch=damaged.damaged),
        )
        return damaged.damaged or frozenset(file.name for file in done.files)


def _files_option(names: frozenset[str]) -> Files:
    """Return the ``files`` option with which the folder was downloaded."""
    others = any(is_run_file(name) and name != ARCHIVE for name in names)
    if ARCHIVE not in names:
        return "pages"
    return "both" if others else "zip"
