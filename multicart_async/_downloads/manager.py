"""Download the files of runs, or read their records; shared by several resource groups."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

from multicart_async._core.validation import check_choice, wrong_argument
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.diff import DownloadOptions, diff
from multicart_async._downloads.file_request import CheckFactory, FileRequest
from multicart_async._downloads.folder import FolderState, run_snapshot
from multicart_async._downloads.formats.json_document import DocumentCheck, RecordCount
from multicart_async._downloads.links import FileLocation
from multicart_async._downloads.plan import (
    FetchRun,
    Files,
    LinkRefresher,
    folder_of,
    pages_of,
    plan,
    plan_in_thread_if_large,
)
from multicart_async._downloads.progress import TransferTotals
from multicart_async._downloads.record_codec import RecordReader
from multicart_async._downloads.records import OnInvalid, PageRecords
from multicart_async._downloads.run_download import RunDownloader
from multicart_async._downloads.staging import recover, recover_if_abandoned, working_in
from multicart_async._downloads.transfer import FileTransfer
from multicart_async._http.codec import decode
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.models import CategoryRun, DownloadedFile, Run, RunDownload
from multicart_async.sinks import DirectorySink, ListableSink, Sink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._places import find_place
from multicart_async.sinks._protocol import VerifyingSink

__all__ = ["DownloadManager", "DownloadOptions", "check_finished", "check_run"]

T = TypeVar("T")
R = TypeVar("R", bound=Run | CategoryRun)


def check_run(run: object) -> None:
    """Raise `ArgumentError` unless *run* is the run of a collection or of a category scrape."""
    if not isinstance(run, Run | CategoryRun):
        raise wrong_argument("run", "a run from wait, list or latest", run)


def check_finished(run: Run | CategoryRun) -> None:
    """Raise `ArgumentError` unless *run* is finished."""
    if not run.is_download_generated:
        raise ArgumentError("run", f"run {run.id} is not finished; wait for it")


class DownloadManager:
    """Download the files of runs and other files of the service, and read records."""

    def __init__(self, context: DownloadContext, base_url: str) -> None:
        self._context = context
        self._base_url = base_url
        self._folder_locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    async def download_run(
        self,
        run: R,
        dest: str | os.PathLike[str] | Sink,
        files: Files,
        *,
        relist: FetchRun,
        options: DownloadOptions,
        totals: TransferTotals | None = None,
    ) -> RunDownload[R]:
        """Download the files of a run, complete and verified, and write a manifest. Count what is received in *totals*.

        Files that were complete before an error remain.

        Raises:
            ArgumentError: The run is not finished, or *dest* or *files* is invalid.
            DownloadError: A file could not be downloaded completely, or the disk failed.
            APIError: The service rejected the request for a file.
        """
        requests = await plan_in_thread_if_large(self._plan, run, files, options)
        sink = await self.sink(dest)
        with self._context.lifetime.track():
            refresher, lock = LinkRefresher(relist, self._base_url), self._folder_lock(folder_of(run))
            downloader = RunDownloader(
                self._context, run, sink, refresher=refresher, options=options, lock=lock, totals=totals
            )
            return await downloader.run(requests)

    def _folder_lock(self, folder: str) -> anyio.Lock:
        return self._folder_locks.setdefault(folder, anyio.Lock())

    async def sink(self, dest: str | os.PathLike[str] | Sink) -> VerifyingSink:
        """Return the sink for *dest*: a sink, the path of a folder, or a URL such as ``s3://bucket/prefix``.

        Raises:
            ArgumentError: *dest* is something else, or obstore is missing.
            DiskError: The folder or bucket cannot be written to.
        """
        if isinstance(dest, Sink):
            return map_sink_errors(dest)
        place = await find_place("dest", dest)
        await place.check()
        return place

    async def download_file(
        self, path: str, name: str, check: CheckFactory, dest: str | os.PathLike[str] | Sink
    ) -> DownloadedFile:
        """Download a file that belongs to no run, at *path* below the base URL, to *name* in *dest*.

        A failed download leaves nothing behind. The file is about the account: in a folder it is readable only by its owner.

        Raises:
            ArgumentError: *dest* is invalid.
            DownloadError: The file could not be downloaded completely, or the disk failed.
            APIError: The service rejected the request.
        """
        sink = await self.sink(dest)
        link = FileLocation(
            url=self._base_url + path, alternate_url=None, name=path.rpartition("/")[2], label=path.removeprefix("/")
        )
        request = FileRequest(link, "", name, check, sensitive=True)
        with self._context.lifetime.track():
            fetched = await FileTransfer(self._context, request, sink).run()
        place = sink.path(name) if isinstance(sink, DirectorySink) else Path(name)
        return DownloadedFile(name, place, fetched.size, fetched.sha256)

    async def count_missing(self, run: Run, sink: Sink, files: Files, options: DownloadOptions) -> int:
        """Return the number of files that `download_run` would fetch."""
        requests = await plan_in_thread_if_large(self._plan, run, files, options)
        state = await FolderState.load(sink, folder_of(run))
        return len(diff(state, run_snapshot(run), requests, options).missing)

    async def is_complete(self, sink: Sink, collection_id: int, run_id: int, files: Files) -> bool:
        """Return whether *sink* has all files of a run, by the manifest and the file sizes; no request is made."""
        folder = f"{collection_id}/{run_id}"
        state = await FolderState.load(sink, folder)
        if state.staged and isinstance(sink, ListableSink):
            async with working_in(sink, folder, self._folder_lock(folder)):
                await recover(sink, folder)
            state = await FolderState.load(sink, folder)
        found = state.complete
        if found is None:
            return False
        try:
            run = decode(dict(found.manifest.run), Run, "manifest")
            requests = await plan_in_thread_if_large(plan, run, files, self._base_url)
        except MultiCartError:
            return False
        present = {file.name for file in found.files}
        return (run.collection, run.id) == (collection_id, run_id) and all(file.name in present for file in requests)

    async def recover(self, sink: ListableSink, folder: str) -> None:
        """Complete a sealed new version that a killed process left in *folder*; remove one that is not sealed.

        Raises:
            DiskError: The disk failed.
        """
        await recover_if_abandoned(sink, folder, self._folder_lock(folder))

    def _plan(self, run: Run | CategoryRun, files: Files, options: DownloadOptions) -> tuple[FileRequest, ...]:
        check_choice("files", files, Files)
        return plan(run, files, self._base_url, RecordCount if options.count_records else DocumentCheck)

    async def records(
        self, run: Run | CategoryRun, reader: RecordReader[T], on_invalid: OnInvalid, *, relist: FetchRun
    ) -> AsyncGenerator[T, None]:
        """Yield each record of each page of the run, as *reader* makes it."""
        refresher = LinkRefresher(relist, self._base_url)
        check_finished(run)
        for request in await plan_in_thread_if_large(pages_of, run, self._base_url):
            async with aclosing(PageRecords(self._context, request, refresher.link, reader, on_invalid)) as page:
                while (records := await page.read()) is not None:
                    for record in records:
                        yield record
