"""The files of a run, to disk or as records: what several groups offer."""

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
from multicart_async._downloads.record_codec import RecordReader
from multicart_async._downloads.records import OnInvalid, read_records
from multicart_async._downloads.run_download import RunDownloader
from multicart_async._downloads.staging import recover, recover_if_abandoned, working_in
from multicart_async._downloads.transfer import FileTransfer
from multicart_async._http.codec import decode
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.models import CategoryRun, DownloadedFile, Run, RunDownload
from multicart_async.sinks import DirectorySink, ListableSink, Sink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._protocol import VerifyingSink

__all__ = ["DownloadManager", "DownloadOptions", "check_run"]

T = TypeVar("T")
R = TypeVar("R", bound=Run | CategoryRun)


def check_run(run: object) -> None:
    """Raises unless it is one, of a collection or of a category."""
    if not isinstance(run, Run | CategoryRun):
        raise wrong_argument("run", "a run from wait, list or latest", run)


class DownloadManager:
    """Brings files of runs to their folders, and reads their records; brings other files of the service too."""

    def __init__(self, context: DownloadContext, base_url: str) -> None:
        self._context = context
        self._base = base_url
        self._turns: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()  # by folder

    async def download_run(
        self,
        run: R,
        dest: str | os.PathLike[str] | Sink,
        files: Files,
        *,
        relist: FetchRun,
        terms: DownloadOptions,
    ) -> RunDownload[R]:
        """The run's files, each whole and verified, and a manifest; or an error, and what was whole before it stays.

        Raises:
            ArgumentError: The run is not finished, or *dest* or *files* is not right.
            DownloadError: A file could not be had whole, or the disk refused.
            APIError: The service refused a file.
        """
        wanted = await plan_in_thread_if_large(self._plan, run, files, terms)
        sink = await self.sink(dest)
        with self._context.lifetime.track():
            fresh, turn = LinkRefresher(relist, self._base), self._turn(folder_of(run))
            return await RunDownloader(self._context, run, sink, fresh=fresh, terms=terms, turn=turn).run(wanted)

    def _turn(self, folder: str) -> anyio.Lock:
        return self._turns.setdefault(folder, anyio.Lock())

    async def sink(self, dest: str | os.PathLike[str] | Sink) -> VerifyingSink:
        """What *dest* means. Raises `DiskError` for a folder that cannot be written to."""
        if isinstance(dest, Sink):
            return map_sink_errors(dest)
        directory = DirectorySink(dest)
        await directory.check()
        return directory

    async def download_file(
        self, path: str, name: str, check: CheckFactory, dest: str | os.PathLike[str] | Sink
    ) -> DownloadedFile:
        """A file of no run: what is at *path* below the base URL, under *name* in *dest*, whole and verified or not there.

        It is about the account: in a folder its owner alone can read it.

        Raises:
            ArgumentError: *dest* is not right.
            DownloadError: It could not be had whole, or the disk refused.
            APIError: The service refused it.
        """
        sink = await self.sink(dest)
        link = FileLocation(
            url=self._base + path, alternate_url=None, name=path.rpartition("/")[2], label=path.removeprefix("/")
        )
        fetched = await FileTransfer(self._context, FileRequest(link, "", name, check, sensitive=True), sink).run()
        place = sink.path(name) if isinstance(sink, DirectorySink) else Path(name)
        return DownloadedFile(name, place, fetched.size, fetched.sha256)

    async def count_missing(self, run: Run, sink: Sink, files: Files, terms: DownloadOptions) -> int:
        """Return how many files `download_run` would fetch."""
        wanted = await plan_in_thread_if_large(self._plan, run, files, terms)
        state = await FolderState.load(sink, folder_of(run))
        return len(diff(state, run_snapshot(run), wanted, terms).missing)

    async def is_complete(self, sink: Sink, collection_id: int, run_id: int, files: Files) -> bool:
        """Whether a run lies in *sink* with all its files, by its manifest and their sizes, without asking the service."""
        folder = f"{collection_id}/{run_id}"
        state = await FolderState.load(sink, folder)
        if state.staged and isinstance(sink, ListableSink):
            async with working_in(sink, folder, self._turn(folder)):
                await recover(sink, folder)
            state = await FolderState.load(sink, folder)
        found = state.complete
        if found is None:
            return False
        try:
            run = decode(dict(found.manifest.run), Run, "manifest")
            wanted = await plan_in_thread_if_large(plan, run, files, self._base)
        except MultiCartError:
            return False
        there = {file.name for file in found.files}
        return (run.collection, run.id) == (collection_id, run_id) and all(file.name in there for file in wanted)

    async def recover(self, sink: ListableSink, folder: str) -> None:
        """Complete the new version of a run that a killed process has left sealed in *folder*; remove any other one.

        Raises:
            DiskError: The disk refuses.
        """
        await recover_if_abandoned(sink, folder, self._turn(folder))

    def _plan(self, run: Run | CategoryRun, files: Files, terms: DownloadOptions) -> tuple[FileRequest, ...]:
        check_choice("files", files, Files)
        return plan(run, files, self._base, RecordCount if terms.count_records else DocumentCheck)

    async def records(
        self, run: Run | CategoryRun, reader: RecordReader[T], on_invalid: OnInvalid, *, relist: FetchRun
    ) -> AsyncGenerator[T, None]:
        """Each record of each page of the run, as *reader* makes it."""
        fresh = LinkRefresher(relist, self._base)
        if not run.is_download_generated:
            raise ArgumentError("run", f"run {run.id} is not finished; wait for it")
        for wanted in await plan_in_thread_if_large(pages_of, run, self._base):
            async with aclosing(read_records(self._context, wanted, fresh.link, reader, on_invalid)) as records:
                async for record in records:
                    yield record
