"""Read the folder of one run: its manifest, its progress file, and which of the files they list are present."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from multicart_async._core.log import LOGGER
from multicart_async._core.text import as_line
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, parse_manifest
from multicart_async.errors import DiskError
from multicart_async.models import CategoryRun, Run
from multicart_async.sinks import DirectorySink, ListableSink, ObjectStoreSink, Sink

__all__ = [
    "COLLECTION_STATE",
    "STAGING",
    "SUMS",
    "FolderState",
    "decode_manifest",
    "iter_sums",
    "load_manifest",
    "run_snapshot",
    "without_query",
]

COLLECTION_STATE: Final = "collection.json"
"""The file beside the folders of runs in which a mirror keeps the state of their collection."""
STAGING: Final = ".new"
"""The subfolder in which a new version of a folder is built."""
SUMS: Final = "SHA256SUMS"

_SUMS = 1000  # files
_LARGE = 1 << 16  # bytes; a manifest from this size on is decoded in a thread
_NOT_IN_SNAPSHOT = frozenset({"asins", "progress", "extra", "ambiguous"})
_VERSION_OF_RUN = ("updated_at", "total_results", "total_exacted_result", "asin_count")


@attrs.frozen
class FoundManifest:
    """A trusted manifest, or the progress file of an interrupted call, with those of its files that have the listed size."""

    manifest: Manifest
    files: tuple[ManifestFile, ...]
    final: bool

    def describes(self, snapshot: Mapping[str, Any]) -> bool:
        """Return whether the run has not changed since: if it has, its files may have changed too."""
        run = self.manifest.run
        return all(run[name] == snapshot[name] for name in _VERSION_OF_RUN if name in run and name in snapshot)


@attrs.frozen
class FolderState:
    """The state of a folder according to its manifest and progress file; no result file is read.

    ``names`` are the entries of the folder, empty if the sink cannot be listed.
    """

    found: tuple[FoundManifest, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    async def load(cls, sink: Sink, folder: str) -> FolderState:
        """Read the manifest and the progress file of *folder*."""
        entries, contents = await _look_into(sink, folder)
        found: list[FoundManifest] = []
        for name in (MANIFEST, PROGRESS):
            if name in contents:
                manifest: Manifest | str | None = await decode_manifest(contents[name], folder)
            else:
                manifest = await load_manifest(sink, folder, name) if entries is None or name in entries else None
            if manifest is None:
                continue
            if isinstance(manifest, str):
                LOGGER.warning(
                    "%s/%s is not trusted, so its files are fetched again: %s", folder, name, as_line(manifest)
                )
                continue
            sizes = await _sizes(sink, folder, manifest) if entries is None else entries
            files = tuple(file for file in manifest.files if sizes.get(file.name) == file.size)
            found.append(FoundManifest(manifest, files, name == MANIFEST))
        return cls(tuple(found), frozenset(entries or ()))

    @property
    def staged(self) -> bool:
        """Whether the folder contains a new version that was started."""
        return STAGING in self.names

    @property
    def complete(self) -> FoundManifest | None:
        """The final manifest, if all files it lists are present."""
        return next((one for one in self.found if one.final and len(one.files) == len(one.manifest.files)), None)

    @property
    def listed(self) -> frozenset[str]:
        """The names listed in the manifest and the progress file."""
        return frozenset(file.name for one in self.found for file in one.manifest.files)


async def _look_into(sink: Sink, folder: str) -> tuple[Mapping[str, int | None] | None, Mapping[str, bytes]]:
    """Return the sizes of the entries, if the sink can be listed, and what it has read of the manifests on that way."""
    if isinstance(sink, DirectorySink):
        return await sink.list_and_read(folder, (MANIFEST, PROGRESS))
    return await sink.list(folder) if isinstance(sink, ListableSink) else None, {}


async def load_manifest(sink: Sink, folder: str, name: str = MANIFEST) -> Manifest | str | None:
    """Return the manifest of *folder*, the reason why it is not trusted, or ``None`` if there is none.

    Raises:
        DiskError: A store has not answered, which says nothing about the manifest.
    """
    try:
        payload = await sink.read(f"{folder}/{name}")
    except DiskError as error:
        if isinstance(sink, ObjectStoreSink) and error.errno != errno.EFBIG:
            raise
        return str(error)
    return None if payload is None else await decode_manifest(payload, folder)


async def decode_manifest(payload: bytes, folder: str) -> Manifest | str:
    """Return the manifest in *payload*, or the reason why it is not trusted as the manifest of *folder*."""
    manifest = parse_manifest(payload) if len(payload) < _LARGE else await run_in_thread(parse_manifest, payload)
    if isinstance(manifest, Manifest) and f"{manifest.collection_id}/{manifest.run_id}" != folder:
        return f"expected the manifest of {folder}, got that of {manifest.collection_id}/{manifest.run_id}"
    return manifest


async def _sizes(sink: Sink, folder: str, manifest: Manifest) -> dict[str, int | None]:
    return {file.name: await sink.size(f"{folder}/{file.name}") for file in manifest.files}


def iter_sums(manifest: Manifest) -> Iterator[bytes]:
    """Yield the checksums in the format of ``sha256sum -c``, in pieces that take less than a millisecond each."""
    for start in range(0, len(manifest.files), _SUMS):
        yield "".join([f"{file.sha256}  {file.name}\n" for file in manifest.files[start : start + _SUMS]]).encode()


def run_snapshot(run: Run | CategoryRun) -> dict[str, Any]:
    """Return the run as JSON values: links without queries, and without the records and progress of a category scrape."""
    fields = attrs.asdict(run, filter=lambda field, _: field.name not in _NOT_IN_SNAPSHOT | {"download_links"})
    links = run.download_links
    extra = {name: value for name, value in run.extra.items() if name not in _NOT_IN_SNAPSHOT}
    text = json.dumps({**fields, **extra}, default=lambda value: value.isoformat())
    snapshot = json.loads(text, parse_constant=lambda _: None)  # 1e999 is read as infinity, which JSON cannot express
    snapshot["download_links"] = {
        "pages": [without_query(page) for page in links.pages],  # most are the very strings of the run
        "all_pages": None if links.all_pages is None else without_query(links.all_pages),
    }
    return dict(snapshot)


def without_query(url: str) -> str:
    """Return *url* without its query, which may hold a signature."""
    return url.partition("?")[0]
