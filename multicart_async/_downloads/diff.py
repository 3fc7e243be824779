"""Compute which files of a run's folder are missing, present or stale, from its manifest and without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.folder import FolderState
from multicart_async._downloads.manifest import MANIFEST, ManifestFile
from multicart_async._downloads.plan import CATEGORY_CSV, CATEGORY_JSON

__all__ = ["DownloadOptions", "FolderDiff", "diff"]


@attrs.frozen(kw_only=True)
class DownloadOptions:
    """Options for the download of a run. The files in ``refetch`` are fetched again even if they have the right size."""

    overwrite: bool = False
    csv: bool = False
    count_records: bool = False
    strict: bool = False
    refetch: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class FolderDiff:
    """The difference between a folder and the files requested for it."""

    missing: tuple[FileRequest, ...]
    """The files to fetch."""
    present: Mapping[str, ManifestFile]
    """The files to keep, by name: a trusted manifest or progress file lists them with the size they have."""
    stale: frozenset[str]
    """The names that only another version of the run has."""
    complete: bool
    """Whether a manifest of this version lists exactly the files that are present."""
    has_work: bool
    """Whether anything will be written."""
    has_manifest: bool
    """Whether the folder has a manifest, of this version or of another one."""
    replaces: bool
    """Whether files of a version with a manifest are replaced or removed; adding files does not count."""
    csv_differences: tuple[str, ...]
    """The differences in the manifest that concern the CSV of a category scrape."""


def diff(
    state: FolderState, snapshot: Mapping[str, Any], requests: Sequence[FileRequest], options: DownloadOptions
) -> FolderDiff:
    """Compare the folder with the *requests* for files of a run, of which *snapshot* is the current description."""
    present, stale, listed = _trusted(state, snapshot)
    names = frozenset(file.name for file in requests)
    for name in names if options.overwrite else options.refetch:
        present.pop(name, None)
    missing = tuple(file for file in requests if file.name not in present)
    stale -= present.keys() | names
    complete = listed == present.keys()
    has_manifest = MANIFEST in state.names
    return FolderDiff(
        missing=missing,
        present=present,
        stale=stale,
        complete=complete,
        has_work=bool(missing) or not complete or _needs_more(present, names, options),
        has_manifest=has_manifest,
        replaces=has_manifest and bool(stale or _new_names(missing, options) & state.names),
        csv_differences=_csv_differences(state, snapshot),
    )


def _trusted(
    state: FolderState, snapshot: Mapping[str, Any]
) -> tuple[dict[str, ManifestFile], frozenset[str], frozenset[str] | None]:
    """Return the present files of this version, the names in other versions, and the names in this version's manifest."""
    present: dict[str, ManifestFile] = {}
    stale: frozenset[str] = frozenset()
    listed = None
    for found in state.found:
        names = frozenset(file.name for file in found.manifest.files)
        if not found.describes(snapshot):
            stale |= names
            continue
        present.update({file.name: file for file in found.files})
        if found.final:
            listed = names
    return present, stale, listed


def _needs_more(present: Mapping[str, ManifestFile], names: frozenset[str], options: DownloadOptions) -> bool:
    """Return whether the records of present pages have to be counted, or the CSV has to be written."""
    pages = [name for name in names & present.keys() if name.endswith(".json")]
    uncounted = options.count_records and any(present[name].records is None for name in pages)
    return uncounted or (options.csv and CATEGORY_JSON in names and CATEGORY_CSV not in present)


def _new_names(missing: Sequence[FileRequest], options: DownloadOptions) -> frozenset[str]:
    names = frozenset(file.name for file in missing)
    return names | {CATEGORY_CSV} if options.csv and CATEGORY_JSON in names else names


def _csv_differences(state: FolderState, snapshot: Mapping[str, Any]) -> tuple[str, ...]:
    start = f"{CATEGORY_CSV}: "
    final = [found for found in state.found if found.final and found.describes(snapshot)]
    return tuple(text for found in final for text in found.manifest.differences if text.startswith(start))
