"""The folder of one run: what its manifest and its notes say, and which of the files that they list are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from multicart_async._core.log import LOGGER
from multicart_async._core.text import as_line
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, parse_manifest
from multicart_async.errors import DiskError
from multicart_async.models import CategoryRun, Run
from multicart_async.sinks import ListableSink, Sink

__all__ = [
    "STAGING",
    "SUMS",
    "FolderState",
    "decode_manifest",
    "load_manifest",
    "render_sums",
    "run_snapshot",
    "without_query",
]

STAGING: Final = ".new"
"""Where a new version of a folder is made, inside of it."""
SUMS: Final = "SHA256SUMS"

_LONG = 1 << 16  # bytes from which on a manifest is decoded off the loop
_NOT_IN_ROW = frozenset({"asins", "progress", "extra", "ambiguous"})
_VERSION_OF_RUN = ("updated_at", "total_results", "total_exacted_result", "asin_count")


@attrs.frozen
class FoundManifest:
    """A manifest that is trusted, or the notes of an interrupted call, and those of its files that have their size."""

    manifest: Manifest
    files: tuple[ManifestFile, ...]
    final: bool

    def describes(self, snapshot: Mapping[str, Any]) -> bool:
        """Return whether it is of the run as *snapshot* has it: a run that changed may stand for files that changed."""
        run = self.manifest.run
        return all(run[name] == snapshot[name] for name in _VERSION_OF_RUN if name in run and name in snapshot)


@attrs.frozen
class FolderState:
    """What a folder says of itself; no file's content is read.

    ``names`` is what lies in it; nothing, where the sink cannot be listed.
    """

    found: tuple[FoundManifest, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    async def load(cls, sink: Sink, folder: str) -> FolderState:
        """Read manifest and notes of *folder*."""
        there = await sink.list(folder) if isinstance(sink, ListableSink) else None
        found: list[FoundManifest] = []
        for name in (MANIFEST, PROGRESS):
            manifest = await load_manifest(sink, folder, name) if there is None or name in there else None
            if manifest is None:
                continue
            if isinstance(manifest, str):
                LOGGER.warning("%s/%s is not trusted, its files are fetched again: %s", folder, name, as_line(manifest))
                continue
            sizes = await _sizes(sink, folder, manifest) if there is None else there
            files = tuple(file for file in manifest.files if sizes.get(file.name) == file.size)
            found.append(FoundManifest(manifest, files, name == MANIFEST))
        return cls(tuple(found), frozenset(there or ()))

    @property
    def staged(self) -> bool:
        """Whether a new version was begun in it."""
        return STAGING in self.names

    @property
    def complete(self) -> FoundManifest | None:
        """The final manifest, if all files that it lists are there."""
        return next((one for one in self.found if one.final and len(one.files) == len(one.manifest.files)), None)

    @property
    def listed(self) -> frozenset[str]:
        """The names that manifest and notes list."""
        return frozenset(file.name for one in self.found for file in one.manifest.files)


async def load_manifest(sink: Sink, folder: str, name: str = MANIFEST) -> Manifest | str | None:
    """Return the manifest of *folder*, why it cannot be trusted, or ``None`` where there is none."""
    try:
        payload = await sink.read(f"{folder}/{name}")
    except DiskError as error:
        return str(error)
    return None if payload is None else await decode_manifest(payload, folder)


async def decode_manifest(payload: bytes, folder: str) -> Manifest | str:
    """Return the manifest in *payload*, or why it cannot be trusted to be the one of *folder*."""
    manifest = parse_manifest(payload) if len(payload) < _LONG else await run_in_thread(parse_manifest, payload)
    if isinstance(manifest, Manifest) and f"{manifest.collection_id}/{manifest.run_id}" != folder:
        return f"it is of run {manifest.run_id} of collection {manifest.collection_id}"
    return manifest


async def _sizes(sink: Sink, folder: str, manifest: Manifest) -> dict[str, int | None]:
    return {file.name: await sink.size(f"{folder}/{file.name}") for file in manifest.files}


def render_sums(manifest: Manifest) -> bytes:
    """Return the lines that ``sha256sum -c`` checks."""
    return "".join(f"{file.sha256}  {file.name}\n" for file in manifest.files).encode()


def run_snapshot(run: Run | CategoryRun) -> dict[str, Any]:
    """Return the run as JSON can hold it: links without queries, without the records and progress of a category."""
    fields = attrs.asdict(run, filter=lambda field, _: field.name not in _NOT_IN_ROW)
    links = run.download_links
    fields["download_links"] = {
        "pages": [without_query(page) for page in links.pages],
        "all_pages": None if links.all_pages is None else without_query(links.all_pages),
    }
    read_otherwise = {name: value for name, value in run.extra.items() if name not in _NOT_IN_ROW}
    row = json.dumps({**fields, **read_otherwise}, default=lambda value: value.isoformat())
    return {**json.loads(row, parse_constant=lambda _: None)}  # 1e999 came as a number, and cannot go out as one


def without_query(url: str) -> str:
    """Return *url* without its query, which may hold a signature."""
    return url.partition("?")[0]
