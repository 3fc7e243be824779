"""Find the runs of a source: a mirror, the folder of one run, or the result of a download. Only manifests are read here."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from os import PathLike
from typing import Any, Final, Literal, TypeAlias

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_choice, check_ids, wrong_argument
from multicart_async._downloads.folder import decode_manifest
from multicart_async._downloads.manifest import MANIFEST, Manifest, ManifestFile, manifest_checksum, parse_manifest
from multicart_async._downloads.plan import ARCHIVE, CATEGORY_JSON
from multicart_async._sync.mirror_tree import folder_ids
from multicart_async.errors import ArgumentError, IntegrityError
from multicart_async.models import RunDownload
from multicart_async.sinks import DirectorySink, ListableSink, Sink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._places import Place, find_place, is_in_place, name_place
from multicart_async.sinks._protocol import check_listable, join_name

__all__ = ["MEND", "AnySource", "Runs", "Source", "SourcePage", "SourceRun", "check_runs", "open_source"]

AnySource: TypeAlias = "str | PathLike[str] | Sink | RunDownload[Any]"
Runs = Literal["latest", "all"]

MEND: Final = "mend the mirror with client.verify(…, repair=True) or multicart verify --repair"
"""What to do about a damaged file."""
_PAGE = re.compile(r"page-([0-9]+)\.json\Z")


@attrs.frozen
class SourcePage:
    """One result file: its name below the sink, its page number, and what the manifest says about it."""

    path: str
    number: int
    size: int
    sha256: str


@attrs.frozen
class SourceRun:
    """A run with a manifest. ``checksum`` identifies the manifest, ``scraped_at`` is when the run was finished.

    The service documents no such time; it is the last change of the run, else its creation.
    """

    folder: str
    manifest: Manifest
    checksum: str

    @property
    def collection_id(self) -> int:
        """The id of its collection."""
        return self.manifest.collection_id

    @property
    def run_id(self) -> int:
        """Its id."""
        return self.manifest.run_id

    @property
    def key(self) -> str:
        """Its name in a mirror, such as ``101/88``."""
        return f"{self.collection_id}/{self.run_id}"

    @property
    def scraped_at(self) -> datetime | None:
        """The time of its last change, in UTC, or ``None`` if the service has not told one."""
        return _moment(self.manifest.run.get("updated_at")) or _moment(self.manifest.run.get("created_at"))

    def pages(self) -> list[SourcePage]:
        """Return its result files in the order of their numbers.

        Raises:
            ArgumentError: Only its ZIP was downloaded.
        """
        pages = [
            self._page(file, number) for file in self.manifest.files if (number := _page_number(file.name)) is not None
        ]
        if not pages and self.manifest.file(ARCHIVE) is not None:
            reason = f"run {self.key} was downloaded as {ARCHIVE} only; download its pages too, with files='both'"
            raise ArgumentError("source", reason)
        return sorted(pages, key=lambda page: page.number)

    def _page(self, file: ManifestFile, number: int) -> SourcePage:
        return SourcePage(join_name(self.folder, file.name), number, file.size, file.sha256)


def _page_number(name: str) -> int | None:
    """Return the number of a result file, 1 for that of a category scrape, ``None`` for other files."""
    if name == CATEGORY_JSON:
        return 1
    found = _PAGE.match(name)
    return int(found[1]) if found else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is not None:
            return moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter near the years 1 and 9999
        return None
    return moment.replace(tzinfo=UTC)


@attrs.frozen
class Source:
    """The runs below *sink*; ``single`` is the run if the sink is the folder of one run."""

    sink: ListableSink
    single: SourceRun | None = None

    async def collections(self) -> list[int]:
        """Return the ids of the collections, in order."""
        if self.single is not None:
            return [self.single.collection_id]
        return sorted(folder_ids(await self.sink.list("")))

    async def run_ids(self, collection_id: int) -> list[int]:
        """Return the ids of the folders of runs of a collection, in order; some may have no manifest."""
        if self.single is not None:
            return [self.single.run_id] if collection_id == self.single.collection_id else []
        return sorted(folder_ids(await self.sink.list(str(collection_id))))

    async def run(self, collection_id: int, run_id: int) -> SourceRun | None:
        """Return a run, or ``None`` if it has no manifest.

        Raises:
            IntegrityError: The manifest cannot be trusted.
        """
        if self.single is not None:
            return self.single if (collection_id, run_id) == (self.single.collection_id, self.single.run_id) else None
        folder = f"{collection_id}/{run_id}"
        payload = await self.sink.read(f"{folder}/{MANIFEST}")
        return None if payload is None else _run(folder, payload, await decode_manifest(payload, folder))

    async def same_run(self, collection_id: int, run_id: int, checksum: str) -> SourceRun:
        """Return a run that was seen before, with that checksum.

        Raises:
            IntegrityError: It is not there any more, or is another one.
        """
        run = await self.run(collection_id, run_id)
        if run is None or run.checksum != checksum:
            raise IntegrityError(f"{collection_id}/{run_id}", "the run was changed while it was read; call again")
        return run

    async def runs_of(self, collection_id: int, runs: Runs) -> AsyncGenerator[SourceRun, None]:
        """Yield the newest run of a collection, or all from the oldest to the newest."""
        ids = await self.run_ids(collection_id)
        for run_id in ids if runs == "all" else reversed(ids):
            run = await self.run(collection_id, run_id)
            if run is not None:
                yield run
                if runs == "latest":
                    break

    async def select(self, collections: list[int] | None, runs: Runs) -> AsyncGenerator[SourceRun, None]:
        """Yield the runs of *collections*, ``None`` for all, in the order of their ids."""
        for collection_id in await self.collections() if collections is None else collections:
            async for run in self.runs_of(collection_id, runs):
                yield run

    async def check_collections(self, collections: Iterable[int] | None) -> list[int] | None:
        """Return *collections* checked and in order, without duplicates.

        Raises:
            ArgumentError: One of them is not in the source.
        """
        if collections is None:
            return None
        wanted = sorted(check_ids("collections", collections))
        there = set(await self.collections())
        for collection in wanted:
            if collection not in there:
                raise ArgumentError("collections", f"expected collections of the source, got {collection}, not there")
        return wanted


async def open_source(source: AnySource, *, argument: str = "source") -> Source:
    """Return the source that a path, a sink or a download stands for.

    Raises:
        ArgumentError: It is something else, or there is no such folder.
        IntegrityError: It is the folder of a run, whose manifest cannot be trusted.
        DownloadError: It cannot be read.
    """
    sink = check_listable(argument, await _sink_of(source, argument))
    if isinstance(sink, Place) and not await is_in_place(sink):
        reason = f"expected a folder that sync or download has made, got {short_repr(name_place(sink))}"
        raise ArgumentError(argument, reason)
    payload = await sink.read(MANIFEST)
    if payload is None:
        await _reject_collection(sink, argument)
        return Source(sink)
    return Source(sink, _run("", payload, await run_in_thread(parse_manifest, payload)))


async def _reject_collection(sink: ListableSink, argument: str) -> None:
    """Raise `ArgumentError` for the folder of a collection, which would look like a mirror without runs."""
    oldest = min(folder_ids(await sink.list("")), default=None)
    if oldest is not None and await sink.size(f"{oldest}/{MANIFEST}") is not None:
        reason = (
            f"expected a mirror, got the folder of a collection, in which {oldest} is a run; pass the folder above it"
        )
        raise ArgumentError(argument, reason)


async def _sink_of(source: AnySource, argument: str) -> Sink:
    if isinstance(source, RunDownload):
        if not await run_in_thread(source.directory.is_dir):
            reason = f"expected a download to a folder, got one to {short_repr(str(source.directory))}; pass its sink instead"
            raise ArgumentError(argument, reason)
        return DirectorySink(source.directory)
    if isinstance(source, Sink):
        return map_sink_errors(source)
    if not hasattr(source, "__fspath__") and not (isinstance(source, str) and source):
        raise wrong_argument(argument, "a folder, a sink or a RunDownload", source)
    return await find_place(argument, source)


def _run(folder: str, payload: bytes, manifest: Manifest | str) -> SourceRun:
    if isinstance(manifest, str):
        reason = f"the manifest is not trusted: {manifest}; {MEND}"
        raise IntegrityError(join_name(folder, MANIFEST), reason)
    return SourceRun(folder, manifest, manifest_checksum(payload))


def check_runs(runs: object) -> None:
    """Raise `ArgumentError` unless *runs* is one of the choices."""
    check_choice("runs", runs, Runs)
