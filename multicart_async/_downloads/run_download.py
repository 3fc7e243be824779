"""Download one run to its folder: fetch missing files, keep present ones, and write the manifest last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import anyio

from multicart_async._downloads.category_csv import category_csv
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.counting import PageCount, count_differences, count_records
from multicart_async._downloads.diff import DownloadOptions, FolderDiff, diff
from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.folder import FolderState, run_snapshot
from multicart_async._downloads.folder_writer import FolderWriter
from multicart_async._downloads.manifest import MANIFEST, ManifestFile
from multicart_async._downloads.plan import CATEGORY_CSV, CATEGORY_JSON, LinkRefresher, folder_of
from multicart_async._downloads.progress import TransferTotals
from multicart_async._downloads.staging import Staging, recover, working_in
from multicart_async._downloads.transfer import FileTransfer
from multicart_async.errors import IncompleteRunError, IntegrityError, MultiCartError
from multicart_async.events import RunDownloaded
from multicart_async.models import CategoryRun, DownloadedFile, Run, RunDownload
from multicart_async.sinks import DirectorySink, ListableSink
from multicart_async.sinks._protocol import VerifyingSink, join_name

__all__ = ["RunDownloader"]

R = TypeVar("R", bound=Run | CategoryRun)

_COUNTS_OF_RUN = ("total_exacted_result", "total_results", "asin_count")


class RunDownloader(Generic[R]):
    """Download one run, once. *lock* serializes the calls of one client that use the run's staging folder."""

    def __init__(
        self,
        context: DownloadContext,
        run: R,
        sink: VerifyingSink,
        *,
        refresher: LinkRefresher,
        options: DownloadOptions,
        lock: anyio.Lock,
        totals: TransferTotals | None = None,
    ) -> None:
        self._context = context
        self._run = run
        self._snapshot = run_snapshot(run)
        self._sink = sink
        self._folder = folder_of(run)
        self._refresher = refresher
        self._options = options
        self._lock = lock
        self._totals = totals or TransferTotals()
        self._fetched_bytes = 0

    async def run(self, requests: Sequence[FileRequest]) -> RunDownload[R]:
        """Fetch missing files, and write the manifest if anything changed.

        If files of a version with a manifest are replaced, the new version is staged, and the old one stays until the new
        one is complete.
        """
        sink = self._sink
        state, changes = await self._compare(requests)
        if not isinstance(sink, ListableSink) or not (state.staged or (MANIFEST in state.names and changes.has_work)):
            return await self._deliver(requests, changes)  # nothing to do, or the first download
        async with working_in(sink, self._folder, self._lock) as confirm:
            await recover(sink, self._folder)
            _, changes = await self._compare(requests)
            staging = Staging(sink, confirm) if changes.replaces else None
            return await self._deliver(requests, changes, staging=staging)

    async def _compare(self, requests: Sequence[FileRequest]) -> tuple[FolderState, FolderDiff]:
        state = await FolderState.load(self._sink, self._folder)
        return state, diff(state, self._snapshot, requests, self._options)

    async def _deliver(
        self, requests: Sequence[FileRequest], changes: FolderDiff, *, staging: Staging | None = None
    ) -> RunDownload[R]:
        writer = FolderWriter(
            self._sink, self._run, self._snapshot, changes, staging=staging, now=self._context.clock.now
        )
        try:
            return await self._fetch_all(requests, changes, writer)
        except BaseException:
            await writer.abandon()
            raise

    async def _fetch_all(
        self, requests: Sequence[FileRequest], changes: FolderDiff, writer: FolderWriter
    ) -> RunDownload[R]:
        names = [file.name for file in requests]
        skipped = len(requests) - len(changes.missing)
        csv_differences = changes.csv_differences
        self._totals.planned += len(changes.missing)
        await writer.remove_stale(changes.stale)
        context = self._context
        await context.shared_workers.run(context.workers, changes.missing, partial(self._fetch, writer))
        if self._options.csv and CATEGORY_JSON in names:
            if CATEGORY_CSV in writer.files and not changes.missing:
                skipped += 1
            else:
                csv_differences = await self._write_csv(writer)
            names += [CATEGORY_CSV] if CATEGORY_CSV in writer.files else []
        differences = (*csv_differences, *await self._differences(requests, writer))
        if writer.changed:
            await writer.finish(differences)
        return self._result(names, writer.files, skipped, differences)

    def _result(
        self, names: Sequence[str], files: dict[str, ManifestFile], skipped: int, differences: tuple[str, ...]
    ) -> RunDownload[R]:
        """Return the result, and remove its files from *files*: there may be thousands, and a path takes much memory."""
        sink, run, size = self._sink, self._run, sum(files[name].size for name in names)
        folder = sink.path(self._folder) if isinstance(sink, DirectorySink) else Path(self._folder)
        taken = (files.pop(name) for name in names)
        downloaded = tuple(DownloadedFile(file.name, folder / file.name, file.size, file.sha256) for file in taken)
        self._context.emit(RunDownloaded(collection_id=run.collection, run_id=run.id, files=len(names), size=size))
        return RunDownload(run, folder, downloaded, skipped, self._fetched_bytes, differences)

    async def _fetch(self, writer: FolderWriter, request: FileRequest) -> None:
        try:
            transfer = FileTransfer(self._context, request, self._sink, self._refresher.link, folder=writer.target)
            fetched = await transfer.run()
        except MultiCartError as error:
            error.file = request.name
            raise
        self._fetched_bytes += fetched.size
        self._totals.files += 1
        self._totals.bytes += fetched.size
        writer.record(request.name, fetched, request.link)
        await writer.save_if_due()

    async def _write_csv(self, writer: FolderWriter) -> tuple[str, ...]:
        """Convert the JSON of a category scrape to CSV if possible; return what is missing in it."""
        source = join_name(writer.folder_with(CATEGORY_JSON), CATEGORY_JSON)
        target = join_name(writer.target, CATEGORY_CSV)
        writer.expect(CATEGORY_CSV)
        try:
            table = await category_csv(self._sink, source, target, self._context.limits)
        except IntegrityError as error:  # the JSON is kept as the service has sent it
            await writer.forget(CATEGORY_CSV)
            return (f"{CATEGORY_CSV}: not written: {CATEGORY_JSON}: {error.reason}",)
        writer.record(CATEGORY_CSV, table)
        return (f"{CATEGORY_CSV}: {table.left_out}",) if table.left_out else ()

    async def _differences(self, requests: Sequence[FileRequest], writer: FolderWriter) -> tuple[str, ...]:
        """Return descriptions of the differences between the files and the run.

        Raises:
            IncompleteRunError: There are differences, and the options are strict.
        """
        found: list[str] = []
        pages = [file.name for file in requests if file.name.endswith(".json")]
        counts = [self._snapshot.get(name) for name in _COUNTS_OF_RUN]
        expected = sorted({count for count in counts if type(count) is int})  # the service may send any value
        if not self._run.download_links.pages and any(expected):
            found.append(f"the run reports {expected[-1]} results, but has no pages")
        if self._options.count_records:
            found += count_differences({name: await self._count(name, writer) for name in pages}, expected)
        if found and self._options.strict:
            raise IncompleteRunError(self._folder, "; ".join(found))
        return tuple(found)

    async def _count(self, name: str, writer: FolderWriter) -> PageCount:
        """Return the number of records in a page. A page that was not counted, or has an anomaly, is read again."""
        known = writer.files[name].records
        if known is not None:
            return PageCount(known)
        count = await count_records(self._sink, writer.folder_with(name), name, self._context.limits)
        if not count.anomaly:
            writer.record_count(name, count.records)
        return count
