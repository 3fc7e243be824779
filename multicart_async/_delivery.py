"""One run into its folder: what is missing is fetched, what is there is kept, the manifest comes last."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import anyio
import attrs

from multicart_async._category_csv import category_csv
from multicart_async._counting import count_records
from multicart_async._fresh_links import FreshLinks
from multicart_async._links import Place
from multicart_async._plan import CATEGORY_CSV, CATEGORY_JSON, folder_of, is_ours
from multicart_async._threads import in_thread
from multicart_async._workers import run_workers
from multicart_async.download import Downloader, Fetched, Wanted
from multicart_async.errors import DiskError, IncompleteRunError, MultiCartError
from multicart_async.events import RunDownloaded
from multicart_async.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, parse_manifest, render_manifest
from multicart_async.models import CategoryRun, Downloaded, Run, RunDownload
from multicart_async.sinks import BrowsableSink, DirectorySink, Sink, put_bytes

__all__ = ["Delivery", "Terms", "find_manifests", "understood"]

_log = logging.getLogger("multicart_async")
_SAVE_EVERY = 0.25  # seconds between two notes of progress: a killed process loses no more than that,
_NOTED_FAST = 10_000  # or a second for each so many files: all of them are noted each time
_MANY = 100  # files from which on their list is encoded off the loop,
_LONG = 1 << 16  # and bytes from which on it is decoded there
_NOT_IN_ROW = frozenset({"asins", "progress", "extra", "ambiguous"})
_COUNTS_OF_RUN = ("total_exacted_result", "total_results", "asin_count")
_VERSION_OF_RUN = ("updated_at", "total_results", "total_exacted_result", "asin_count")


@attrs.frozen(kw_only=True)
class Terms:
    """How a run is to be delivered."""

    overwrite: bool = False
    csv: bool = False
    count_records: bool = False
    strict: bool = False


class Delivery:
    """The state of one delivery: what is in the folder, and what this call has brought."""

    def __init__(
        self, downloader: Downloader, run: Run | CategoryRun, sink: Sink, fresh: FreshLinks, terms: Terms
    ) -> None:
        self._downloader = downloader
        self._run = run
        self._row = row_of(run)
        self._sink = sink
        self._folder = folder_of(run)
        self._fresh = fresh
        self._terms = terms
        self._there: dict[str, ManifestFile] = {}
        self._stale: set[str] = set()  # of another version of the run, and not wanted any more
        self._complete = False  # there is a manifest, and all that it lists
        self._brought = 0
        self._fetched = 0
        self._saved = downloader.now()

    async def look_around(self, wanted: tuple[Wanted, ...]) -> None:
        """Believe a manifest, and the notes of an interrupted call, as far as the files that they list have their size.

        Not of those that are *wanted* anew.
        """
        listed: set[str] | None = None
        for found in await find_manifests(self._sink, self._folder):
            names = {file.name for file in found.manifest.files}
            if not self._is_up_to_date(found.manifest):
                self._stale |= names
                continue
            self._there.update({file.name: file for file in found.files})
            if found.final:
                listed = names
        if self._terms.overwrite:
            for file in wanted:
                self._there.pop(_short(file.name), None)
        self._stale -= self._there.keys() | {_short(file.name) for file in wanted}
        self._complete = listed == self._there.keys()

    def _is_up_to_date(self, manifest: Manifest) -> bool:
        """Whether it tells of this run as it is now: a row that changed may stand for files that changed."""
        both = [name for name in _VERSION_OF_RUN if name in manifest.run and name in self._row]
        return all(manifest.run[name] == self._row[name] for name in both)

    def missing(self, wanted: tuple[Wanted, ...]) -> list[Wanted]:
        """Those that are not there."""
        return [file for file in wanted if _short(file.name) not in self._there]

    async def carry_out(self, wanted: tuple[Wanted, ...]) -> RunDownload:
        """Fetch what is missing, and write the manifest if anything changed."""
        names = [_short(file.name) for file in wanted]
        missing = self.missing(wanted)
        skipped = len(wanted) - len(missing)
        for stale in sorted(filter(is_ours, self._stale)):  # while there is a manifest that knows of them
            await self._remove(stale)
        if missing and not self._complete:
            await self._remove(MANIFEST)  # one that is not believed must not stand beside new files
        try:
            await run_workers(min(self._downloader.workers, len(missing)), missing, self._bring)
            if self._terms.csv and CATEGORY_JSON in names:
                names.append(CATEGORY_CSV)
                skipped += await self._convert(renewed=bool(missing))
            differences = await self._differences(wanted)
        except BaseException:
            await self._save_shielded()
            raise
        if self._fetched or not self._complete:
            await self._write(MANIFEST, differences)
            await self._remove(PROGRESS)
        place = self._place(self._folder)
        files = tuple(_downloaded(self._there[name], place) for name in names)
        size = sum(file.size for file in files)
        collection_id, run_id = self._run.collection, self._run.id
        self._downloader.emit(RunDownloaded(collection_id=collection_id, run_id=run_id, files=len(files), size=size))
        return RunDownload(self._run, place, files, skipped, self._brought, differences)

    async def _differences(self, wanted: tuple[Wanted, ...]) -> tuple[str, ...]:
        """Where the files and the row do not agree.

        Raises:
            IncompleteRunError: They do not, and that was asked for.
        """
        found: list[str] = []
        pages = [_short(file.name) for file in wanted if file.name.endswith(".json")]
        expected = sorted({int(self._row[name]) for name in _COUNTS_OF_RUN if self._row.get(name) is not None})
        if not self._run.download_links.pages and any(expected):
            found.append(f"no pages, and the run's row counts {expected[-1]} results")
        if self._terms.count_records and pages and expected:
            counted = 0
            for name in pages:
                counted += await self._count(name)
            if counted not in expected:
                found.append(
                    f"{counted} records in the files, and the run's row counts {' or '.join(map(str, expected))}"
                )
        if found and self._terms.strict:
            raise IncompleteRunError(self._folder, "; ".join(found))
        return tuple(found)

    async def _count(self, name: str) -> int:
        """The records of a page; one that was there already, and was not counted then, is read again."""
        file = self._there[name]
        if file.records is None:
            records = await count_records(self._sink, f"{self._folder}/{name}")
            file = self._there[name] = attrs.evolve(file, records=records)
            self._complete = False  # the manifest shall have it
            return records
        return file.records

    async def _bring(self, wanted: Wanted) -> None:
        try:
            fetched = await self._downloader.fetch(wanted, self._sink, self._fresh.link)
        except MultiCartError as error:
            error.file = _short(wanted.name)
            raise
        self._brought += fetched.size
        self._note(fetched, wanted.link)
        now = self._downloader.now()
        pause = max(_SAVE_EVERY, len(self._there) / _NOTED_FAST)
        if now - self._saved >= pause and isinstance(self._sink, BrowsableSink):  # another one could not be rid of it
            self._saved = now
            await self._write(PROGRESS)

    def _note(self, fetched: Fetched, link: Place | None) -> None:
        self._fetched += 1
        name = _short(fetched.name)
        self._there[name] = ManifestFile(
            name=name,
            size=fetched.size,
            sha256=fetched.sha256,
            url=None if link is None else _bare(link.url),
            service_name=None if link is None else link.name,
            records=fetched.records,
        )

    async def _convert(self, *, renewed: bool) -> bool:
        """Make the CSV of a category scrape from its JSON; whether it was there already."""
        if CATEGORY_CSV in self._there and not renewed:
            return True
        source, name = f"{self._folder}/{CATEGORY_JSON}", f"{self._folder}/{CATEGORY_CSV}"
        self._note(await category_csv(self._sink, source, name), None)
        return False

    async def _write(self, name: str, differences: tuple[str, ...] = ()) -> None:
        files = tuple(self._there[short] for short in sorted(self._there))
        manifest = Manifest(self._run.collection, self._run.id, self._row, files, differences)
        content = render_manifest(manifest) if len(files) < _MANY else await in_thread(render_manifest, manifest)
        await put_bytes(self._sink, f"{self._folder}/{name}", content)

    async def _remove(self, name: str) -> None:
        if isinstance(self._sink, BrowsableSink):
            await self._sink.remove(f"{self._folder}/{name}")

    async def _save_shielded(self) -> None:
        """What is whole need not come again: note it, even when cancelled. The first error is the one that counts.

        Also where it cannot be removed again: then the next call writes its manifest beside it.
        """
        if not self._fetched:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self._write(PROGRESS)
            except Exception as error:  # noqa: BLE001 -- whatever a sink of somebody else's raises
                _log.warning("%s: progress could not be noted: %s", self._folder, error)

    def _place(self, name: str) -> Path:
        return self._sink.path(name) if isinstance(self._sink, DirectorySink) else Path(name)


@attrs.frozen
class Found:
    """A manifest that can be believed, or the notes of an interrupted call, and those of its files that have their size."""

    manifest: Manifest
    files: tuple[ManifestFile, ...]
    final: bool

    @property
    def complete(self) -> bool:
        """Whether it is a manifest, and all that it lists is there."""
        return self.final and len(self.files) == len(self.manifest.files)


async def find_manifests(sink: Sink, folder: str) -> list[Found]:
    """What a folder says of itself; no file's content is read."""
    there = await sink.list(folder) if isinstance(sink, BrowsableSink) else None
    found: list[Found] = []
    for name in (MANIFEST, PROGRESS):
        manifest = await _manifest(sink, folder, name) if there is None or name in there else None
        if manifest is None:
            continue
        if isinstance(manifest, str):
            _log.warning("%s/%s is not believed, its files are fetched again: %s", folder, name, manifest)
            continue
        sizes = await _sizes(sink, folder, manifest) if there is None else there
        files = tuple(file for file in manifest.files if sizes.get(file.name) == file.size)
        found.append(Found(manifest, files, name == MANIFEST))
    return found


async def _manifest(sink: Sink, folder: str, name: str) -> Manifest | str | None:
    """It, or why it cannot be believed, or ``None`` where there is none."""
    try:
        payload = await sink.read(f"{folder}/{name}")
    except DiskError as error:
        return str(error)
    manifest = None if payload is None else await understood(payload)
    if isinstance(manifest, Manifest) and f"{manifest.collection_id}/{manifest.run_id}" != folder:
        return f"it is of run {manifest.run_id} of collection {manifest.collection_id}"
    return manifest


async def understood(payload: bytes) -> Manifest | str:
    """What `parse_manifest` makes of it, off the loop if it is long."""
    return parse_manifest(payload) if len(payload) < _LONG else await in_thread(parse_manifest, payload)


async def _sizes(sink: Sink, folder: str, manifest: Manifest) -> dict[str, int | None]:
    return {file.name: await sink.size(f"{folder}/{file.name}") for file in manifest.files}


def _downloaded(file: ManifestFile, folder: Path) -> Downloaded:
    return Downloaded(file.name, folder / file.name, file.size, file.sha256)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _bare(url: str) -> str:
    """Without the query: it may hold a signature."""
    return url.partition("?")[0]


def row_of(run: Run | CategoryRun) -> dict[str, Any]:
    """The run's row as JSON can hold it, links without their queries, without the records and progress of a category."""
    fields = attrs.asdict(run, filter=lambda field, _: field.name not in _NOT_IN_ROW)
    links = run.download_links
    fields["download_links"] = {
        "pages": [_bare(page) for page in links.pages],
        "all_pages": None if links.all_pages is None else _bare(links.all_pages),
    }
    row = json.dumps({**run.extra, **fields}, default=lambda value: value.isoformat())
    return {**json.loads(row, parse_constant=lambda _: None)}  # 1e999 came as a number, and cannot go out as one
