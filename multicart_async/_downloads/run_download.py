"""One run into its folder: what is missing is fetched, what is there is kept, the manifest comes last."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import attrs

from multicart_async._core.tasks import run_workers
from multicart_async._core.text import as_line
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.category_csv import category_csv
from multicart_async._downloads.folder import STAGING, SUMS, FolderState, render_sums, run_snapshot, without_query
from multicart_async._downloads.links import FileLocation
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, render_manifest
from multicart_async._downloads.plan import CATEGORY_CSV, CATEGORY_JSON, LinkRefresher, folder_of, is_ours
from multicart_async._downloads.records import PageCount, count_differences, count_records
from multicart_async._downloads.staging import discard, recover, swap_in, working_in
from multicart_async._downloads.transfer import Downloader, FetchedFile, FileRequest
from multicart_async.errors import IncompleteRunError, IntegrityError, MultiCartError
from multicart_async.events import RunDownloaded
from multicart_async.models import CategoryRun, DownloadedFile, Run, RunDownload
from multicart_async.sinks import DirectorySink, ListableSink, Sink, put_bytes

__all__ = ["DownloadOptions", "RunDownloader"]

_log = logging.getLogger("multicart_async")
_SAVE_EVERY = 0.25  # seconds between two notes of progress: a killed process loses no more than that,
_NOTED_FAST = 10_000  # or a second for each so many files: all of them are noted each time
_MANY = 100  # files from which on their list is encoded off the loop
_COUNTS_OF_RUN = ("total_exacted_result", "total_results", "asin_count")


@attrs.frozen(kw_only=True)
class DownloadOptions:
    """How a run is to be delivered. ``refetch`` names files that are fetched again though they have their size."""

    overwrite: bool = False
    csv: bool = False
    count_records: bool = False
    strict: bool = False
    refetch: frozenset[str] = frozenset()


class RunDownloader:
    """The state of one delivery: what is in the folder, and what this call has brought."""

    def __init__(
        self,
        downloader: Downloader,
        run: Run | CategoryRun,
        sink: Sink,
        *,
        fresh: LinkRefresher,
        terms: DownloadOptions,
        turn: anyio.Lock,
    ) -> None:
        self._downloader = downloader
        self._run = run
        self._row = run_snapshot(run)
        self._sink = sink
        self._folder = folder_of(run)
        self._fresh = fresh
        self._terms = terms
        self._turn = turn  # refreshes of one run at a time would share its staging folder
        self._state = FolderState()
        self._present: dict[str, ManifestFile] = {}
        self._stale: set[str] = set()  # of another version of the run, and not wanted any more
        self._complete = False  # there is a manifest, and all that it lists is there
        self._csv_differences: tuple[str, ...] = ()
        self._staging: ListableSink | None = None  # where a new version is made beside the old one
        self._staged: set[str] = set()
        self._sealed = False
        self._brought = 0
        self._fetched = 0
        self._saved = downloader.now()

    async def load_state(self, wanted: tuple[FileRequest, ...]) -> None:
        """Trust a manifest, and the notes of an interrupted call, as far as the files that they list have their size.

        Not of those that are *wanted* again.
        """
        state = self._state = await FolderState.load(self._sink, self._folder)
        self._present, self._stale, listed = {}, set(), None
        for found in state.found:
            names = {file.name for file in found.manifest.files}
            if not found.describes(self._row):
                self._stale |= names
                continue
            self._present.update({file.name: file for file in found.files})
            if found.final:
                listed = names
                told = found.manifest.differences
                self._csv_differences = tuple(text for text in told if text.startswith(f"{CATEGORY_CSV}: "))
        again = {file_name(file.name) for file in wanted} if self._terms.overwrite else self._terms.refetch
        for name in again:
            self._present.pop(name, None)
        self._stale -= self._present.keys() | {file_name(file.name) for file in wanted}
        self._complete = listed == self._present.keys()

    def missing(self, wanted: tuple[FileRequest, ...]) -> list[FileRequest]:
        """Those that are not there."""
        return [file for file in wanted if file_name(file.name) not in self._present]

    async def run(self, wanted: tuple[FileRequest, ...]) -> RunDownload:
        """Fetch what is missing, and write the manifest if anything changed.

        What replaces files of a version that has a manifest is made beside it; the old one stays until it is whole.
        """
        sink, state = self._sink, self._state
        if not isinstance(sink, ListableSink) or not (
            state.staged or (MANIFEST in state.names and self._has_work(wanted))
        ):
            return await self._fetch_all(wanted)  # nothing to do, or a first download
        async with working_in(sink, self._folder, self._turn):
            await recover(sink, self._folder)
            await self.load_state(wanted)
            if self._replaces(wanted):
                return await self._refresh(sink, wanted)
            return await self._fetch_all(wanted)

    def _has_work(self, wanted: tuple[FileRequest, ...]) -> bool:
        """Whether anything will be written."""
        pages = {file_name(file.name) for file in wanted if file.name.endswith(".json")}
        uncounted = self._terms.count_records and any(
            self._present[name].records is None for name in pages & self._present.keys()
        )
        csv_missing = self._terms.csv and CATEGORY_JSON in pages and CATEGORY_CSV not in self._present
        return bool(self.missing(wanted)) or not self._complete or uncounted or csv_missing

    def _replaces(self, wanted: tuple[FileRequest, ...]) -> bool:
        """Whether files of a version that has a manifest have to go; what is only added harms nothing."""
        new = {file_name(file.name) for file in self.missing(wanted)}
        if self._terms.csv and CATEGORY_JSON in new:
            new.add(CATEGORY_CSV)
        return MANIFEST in self._state.names and bool(self._stale or new & self._state.names)

    async def _refresh(self, sink: ListableSink, wanted: tuple[FileRequest, ...]) -> RunDownload:
        """Make a new version beside the old one, and swap it in when it is whole. A failure leaves the old one."""
        self._staging = sink
        try:
            return await self._fetch_all(wanted)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._unstage(sink)
            raise

    async def _unstage(self, sink: ListableSink) -> None:
        """Leave the folder as it was; a version that is sealed already stays for the next call to complete."""
        if self._sealed:
            return
        try:
            await discard(sink, self._folder)
        except Exception as error:  # noqa: BLE001 -- what a sink raises; the first error is the one that counts
            _log.warning(
                "%s: files of the refresh that failed could not be removed: %s", self._folder, as_line(str(error))
            )

    async def _fetch_all(self, wanted: tuple[FileRequest, ...]) -> RunDownload:
        names = [file_name(file.name) for file in wanted]
        missing = self.missing(wanted)
        skipped = len(wanted) - len(missing)
        if self._staging is None:
            await self._remove_stale()
        try:
            await run_workers(min(self._downloader.workers, len(missing)), missing, self._fetch)
            if self._terms.csv and CATEGORY_JSON in names:
                skipped += await self._convert(renewed=bool(missing))
                names += [CATEGORY_CSV] if CATEGORY_CSV in self._present else []
            differences = (*self._csv_differences, *await self._differences(wanted))
        except BaseException:
            if self._staging is None:
                await self._save_shielded()
            raise
        if self._fetched or not self._complete:
            await self._finish(differences)
        place = self._place(self._folder)
        files = tuple(_downloaded(self._present[name], place) for name in names)
        size = sum(file.size for file in files)
        collection_id, run_id = self._run.collection, self._run.id
        self._downloader.emit(RunDownloaded(collection_id=collection_id, run_id=run_id, files=len(files), size=size))
        return RunDownload(self._run, place, files, skipped, self._brought, differences)

    async def _finish(self, differences: tuple[str, ...]) -> None:
        """Write the sums and then the manifest, where the new files are; a new version is swapped in."""
        manifest = self._manifest(differences)
        if isinstance(self._sink, ListableSink):
            await self._write(self._target(SUMS), manifest, render_sums)
        await self._write(self._target(MANIFEST), manifest, render_manifest)
        if self._staging is not None:
            self._sealed = True  # from here on the new version is the one that is completed
            await swap_in(self._staging, self._folder, manifest)
        else:
            await self._remove(PROGRESS)

    async def _differences(self, wanted: tuple[FileRequest, ...]) -> tuple[str, ...]:
        """Where the files and the row do not agree.

        Raises:
            IncompleteRunError: They do not, and that was asked for.
        """
        found: list[str] = []
        pages = [file_name(file.name) for file in wanted if file.name.endswith(".json")]
        counts = [self._row.get(name) for name in _COUNTS_OF_RUN]
        expected = sorted({count for count in counts if type(count) is int})  # the service may write anything
        if not self._run.download_links.pages and any(expected):
            found.append(f"no pages, and the run's row counts {expected[-1]} results")
        if self._terms.count_records:
            found += count_differences({name: await self._count(name) for name in pages}, expected)
        if found and self._terms.strict:
            raise IncompleteRunError(self._folder, "; ".join(found))
        return tuple(found)

    async def _count(self, name: str) -> PageCount:
        """The records of a page; one that was there already, and was not counted then, is read again. So is an odd one."""
        file = self._present[name]
        if file.records is not None:
            return PageCount(file.records)
        count = await count_records(self._sink, self._location(name), self._downloader.limits)
        if not count.oddity:
            self._present[name] = attrs.evolve(file, records=count.records)
            self._complete = False  # the manifest shall have it
        return count

    async def _fetch(self, wanted: FileRequest) -> None:
        short = file_name(wanted.name)
        try:
            fetched = await self._downloader.fetch(
                attrs.evolve(wanted, place=self._target(short)), self._sink, self._fresh.link
            )
        except MultiCartError as error:
            error.file = short
            raise
        self._brought += fetched.size
        self._record(short, fetched, wanted.link)
        now = self._downloader.now()
        pause = max(_SAVE_EVERY, len(self._present) / _NOTED_FAST)
        if self._staging is None and now - self._saved >= pause and isinstance(self._sink, ListableSink):
            self._saved = now  # another sink could not be rid of the notes
            await self._write(self._target(PROGRESS), self._manifest(), render_manifest)

    def _record(self, name: str, fetched: FetchedFile, link: FileLocation | None) -> None:
        self._fetched += 1
        if self._staging is not None:
            self._staged.add(name)
        self._present[name] = ManifestFile(
            name=name,
            size=fetched.size,
            sha256=fetched.sha256,
            url=None if link is None else without_query(link.url),
            service_name=None if link is None else link.name,
            records=fetched.records,
        )

    async def _convert(self, *, renewed: bool) -> bool:
        """Make the CSV of a category scrape from its JSON, if that can be; whether it was there already."""
        if CATEGORY_CSV in self._present and not renewed:
            return True
        source, target = self._location(CATEGORY_JSON), self._target(CATEGORY_CSV)
        try:
            table = await category_csv(self._sink, source, target, self._downloader.limits)
        except IntegrityError as error:  # the JSON is what the service has: it stays
            self._csv_differences = (f"{CATEGORY_CSV}: not made: {CATEGORY_JSON}: {error.reason}",)
            self._present.pop(CATEGORY_CSV, None)
            if self._staging is None:  # else the swap removes the one of the old version
                await self._remove(CATEGORY_CSV)
            return False
        self._csv_differences = (f"{CATEGORY_CSV}: {table.left_out}",) if table.left_out else ()
        self._record(CATEGORY_CSV, table, None)
        return False

    def _target(self, name: str) -> str:
        """Where this call writes a file."""
        return f"{self._folder}/{name}" if self._staging is None else f"{self._folder}/{STAGING}/{name}"

    def _location(self, name: str) -> str:
        """Where a file is now."""
        return self._target(name) if name in self._staged else f"{self._folder}/{name}"

    def _manifest(self, differences: tuple[str, ...] = ()) -> Manifest:
        files = tuple(self._present[short] for short in sorted(self._present))
        return Manifest(self._run.collection, self._run.id, self._row, files, differences)

    async def _write(self, name: str, manifest: Manifest, render: Callable[[Manifest], bytes]) -> None:
        many = len(manifest.files) >= _MANY
        content = await run_in_thread(render, manifest) if many else render(manifest)
        await put_bytes(self._sink, name, content)

    async def _remove_stale(self) -> None:
        for stale in sorted(filter(is_ours, self._stale)):
            await self._remove(stale)

    async def _remove(self, name: str) -> None:
        if isinstance(self._sink, ListableSink):
            await self._sink.delete(f"{self._folder}/{name}")

    async def _save_shielded(self) -> None:
        """What is whole need not come again: note it, even when cancelled. The first error is the one that counts.

        Also where it cannot be removed again: then the next call writes its manifest beside it.
        """
        if not self._fetched:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self._write(self._target(PROGRESS), self._manifest(), render_manifest)
            except Exception as error:  # noqa: BLE001 -- whatever a sink of somebody else's raises
                _log.warning("%s: progress could not be noted: %s", self._folder, as_line(str(error)))

    def _place(self, name: str) -> Path:
        return self._sink.path(name) if isinstance(self._sink, DirectorySink) else Path(name)


def _downloaded(file: ManifestFile, folder: Path) -> DownloadedFile:
    return DownloadedFile(file.name, folder / file.name, file.size, file.sha256)


def file_name(name: str) -> str:
    return name.rpartition("/")[2]
