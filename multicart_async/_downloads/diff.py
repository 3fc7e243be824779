"""What a run's folder lacks, holds and must lose: computed from what the folder says of itself, without I/O."""

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
    """How a run is downloaded. ``refetch`` names files that are fetched again though they have their size."""

    overwrite: bool = False
    csv: bool = False
    count_records: bool = False
    strict: bool = False
    refetch: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class FolderDiff:
    """What is between a folder and the files that are wanted in it."""

    missing: tuple[FileRequest, ...]
    """The files to fetch."""
    present: Mapping[str, ManifestFile]
    """The files that stay, by name: their sizes are those that a trusted manifest, or trusted notes, list."""
    stale: frozenset[str]
    """The names that another version of the run had, and this one has not."""
    complete: bool
    """Whether there is a manifest of this version that lists exactly what is present."""
    has_work: bool
    """Whether anything will be written."""
    replaces: bool
    """Whether files of a version that has a manifest have to go; what is only added harms nothing."""
    csv_differences: tuple[str, ...]
    """What the manifest says about the CSV of a category scrape."""


def diff(
    state: FolderState, snapshot: Mapping[str, Any], wanted: Sequence[FileRequest], options: DownloadOptions
) -> FolderDiff:
    """Compare the folder with the files that are *wanted* of the run, which is as *snapshot* has it now."""
    present, stale, listed = _trusted(state, snapshot)
    names = frozenset(file.name for file in wanted)
    for name in names if options.overwrite else options.refetch:
        present.pop(name, None)
    missing = tuple(file for file in wanted if file.name not in present)
    stale -= present.keys() | names
    complete = listed == present.keys()
    return FolderDiff(
        missing=missing,
        present=present,
        stale=stale,
        complete=complete,
        has_work=bool(missing) or not complete or _needs_more(present, names, options),
        replaces=MANIFEST in state.names and bool(stale or _new_names(missing, options) & state.names),
        csv_differences=_csv_differences(state, snapshot),
    )


def _trusted(
    state: FolderState, snapshot: Mapping[str, Any]
) -> tuple[dict[str, ManifestFile], frozenset[str], frozenset[str] | None]:
    """Return the files of this version, the names of other versions, and the names that the manifest of this one lists."""
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
    """Return whether records of pages that are there have to be counted, or the CSV made."""
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
