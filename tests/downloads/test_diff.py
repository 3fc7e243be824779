"""`diff`: what a folder lacks, holds and must lose, computed without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from support.download_kit import run_of, wanted_page

from multicart_async._downloads.diff import DownloadOptions, FolderDiff, diff
from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.folder import STAGING, FolderState, FoundManifest, run_snapshot
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile
from multicart_async._downloads.plan import CATEGORY_CSV, CATEGORY_JSON

NOW, BEFORE = run_snapshot(run_of(1, total_results=9)), run_snapshot(run_of(1, total_results=7))


def wanted(*names: str) -> list[FileRequest]:
    """Files of these names that are asked for."""
    return [wanted_page(name=f"101/88/{name}") for name in names]


def found(
    *names: str,
    run: dict[str, Any] = NOW,
    lost: Sequence[str] = (),
    notes: bool = False,
    counted: int | None = None,
    differences: tuple[str, ...] = (),
) -> FoundManifest:
    """A manifest, or notes of progress, that list these names; the files of *lost* names are gone or have another size."""
    files = tuple(ManifestFile(name, 1, "0" * 64, records=counted) for name in names)
    there = tuple(file for file in files if file.name not in lost)
    return FoundManifest(Manifest(101, 88, run, files, differences), there, final=not notes)


def state_of(*manifests: FoundManifest, beside: Sequence[str] = ()) -> FolderState:
    """A folder with these manifests, their files and more."""
    names = {file.name for one in manifests for file in one.files} | {*beside}
    names |= {MANIFEST if one.final else PROGRESS for one in manifests}
    return FolderState(manifests, frozenset(names))


def compare(state: FolderState, names: Sequence[str], **options: Any) -> FolderDiff:
    """The difference between a folder and the names that are wanted."""
    return diff(state, NOW, wanted(*names), DownloadOptions(**options))


def missing(changes: FolderDiff) -> list[str]:
    """The names to fetch."""
    return [file.name for file in changes.missing]


def test_an_empty_folder_lacks_everything() -> None:
    """All files are to be fetched in their order, and nothing has to go."""
    changes = compare(FolderState(), ["b.json", "a.json"])

    assert missing(changes) == ["b.json", "a.json"]
    assert (changes.present, changes.stale) == ({}, frozenset())
    assert (changes.complete, changes.has_work, changes.replaces) == (False, True, False)


def test_a_complete_folder_has_no_work() -> None:
    """The manifest lists what is there, and that is what is wanted."""
    changes = compare(state_of(found("a.json", "b.json")), ["a.json", "b.json"])

    assert missing(changes) == []
    assert changes.present.keys() == {"a.json", "b.json"}
    assert (changes.complete, changes.has_work, changes.replaces) == (True, False, False)


def test_a_run_without_files_still_needs_its_manifest() -> None:
    """Nothing is missing, but a folder without a manifest is not complete."""
    changes = compare(FolderState(), [])

    assert missing(changes) == []
    assert (changes.complete, changes.has_work) == (False, True)


def test_files_that_are_gone_or_changed_are_fetched_again() -> None:
    """A file whose size is not the listed one is missing; one that is gone replaces nothing."""
    gone = compare(state_of(found("a.json", "b.json", lost=["b.json"])), ["a.json", "b.json"])
    cut = compare(state_of(found("a.json", "b.json", lost=["b.json"]), beside=["b.json"]), ["a.json", "b.json"])

    assert missing(gone) == missing(cut) == ["b.json"]
    assert [changes.complete for changes in (gone, cut)] == [False, False]
    assert [changes.replaces for changes in (gone, cut)] == [False, True]


def test_notes_of_an_interrupted_call_are_trusted() -> None:
    """What they list need not come again; only the manifest makes a folder complete."""
    changes = compare(state_of(found("a.json", notes=True)), ["a.json", "b.json"])

    assert missing(changes) == ["b.json"]
    assert (changes.complete, changes.has_work, changes.replaces) == (False, True, False)


def test_files_beyond_the_wanted_ones_stay() -> None:
    """A folder with pages and ZIP is complete for a call that wants the pages alone."""
    changes = compare(state_of(found("a.json", "all-pages.zip")), ["a.json"])

    assert changes.present.keys() == {"a.json", "all-pages.zip"}
    assert (changes.complete, changes.stale) == (True, frozenset())


def test_another_version_of_the_run_is_stale() -> None:
    """If the run has changed, its files are fetched again, and those that it no longer has must go."""
    changes = compare(state_of(found("a.json", "b.json", run=BEFORE)), ["a.json"])

    assert missing(changes) == ["a.json"]
    assert (changes.present, changes.stale) == ({}, {"b.json"})
    assert (changes.complete, changes.has_work, changes.replaces) == (False, True, True)


def test_notes_of_this_version_beside_a_manifest_of_another() -> None:
    """The notes are trusted and the manifest is not; a name that both list is present and not stale."""
    state = state_of(found("a.json", "b.json", run=BEFORE), found("a.json", notes=True))

    changes = compare(state, ["a.json"])

    assert missing(changes) == []
    assert (changes.present.keys(), changes.stale) == ({"a.json"}, {"b.json"})
    assert (changes.complete, changes.replaces) == (False, True)


@pytest.mark.parametrize(
    ("options", "again"),
    [({"overwrite": True}, ["a.json", "b.json"]), ({"refetch": frozenset({"b.json"})}, ["b.json"])],
)
def test_what_is_asked_for_again_is_not_present(options, again) -> None:
    """All wanted files with ``overwrite``, the named ones with ``refetch``: they replace those that are there."""
    changes = compare(state_of(found("a.json", "b.json")), ["a.json", "b.json"], **options)

    assert missing(changes) == again
    assert (changes.complete, changes.has_work, changes.replaces) == (False, True, True)


def test_uncounted_pages_are_work() -> None:
    """Counting the records of pages that are there changes the manifest, but replaces no file."""
    uncounted = compare(state_of(found("a.json")), ["a.json"], count_records=True)
    counted = compare(state_of(found("a.json", counted=3)), ["a.json"], count_records=True)
    archive = compare(state_of(found("all-pages.zip")), ["all-pages.zip"], count_records=True)

    assert [changes.has_work for changes in (uncounted, counted, archive)] == [True, False, False]
    assert not uncounted.replaces


def test_a_category_without_its_csv_has_work() -> None:
    """The CSV is made from the JSON that is there; without the wish for one there is nothing to do."""
    state = state_of(found(CATEGORY_JSON))

    assert [compare(state, [CATEGORY_JSON], csv=csv).has_work for csv in (True, False)] == [True, False]
    assert not compare(state_of(found("a.json")), ["a.json"], csv=True).has_work


def test_a_new_category_json_replaces_the_csv_too() -> None:
    """The CSV of an old JSON has to go, though the JSON itself is gone already."""
    state = state_of(found(CATEGORY_JSON, CATEGORY_CSV, lost=[CATEGORY_JSON]))

    assert [compare(state, [CATEGORY_JSON], csv=csv).replaces for csv in (True, False)] == [True, False]


def test_what_the_manifest_says_of_the_csv_is_kept() -> None:
    """Only the differences of the CSV, and only those of this version."""
    told = (f"{CATEGORY_CSV}: left out", "3 records in the files")

    kept = compare(state_of(found(CATEGORY_JSON, differences=told)), [CATEGORY_JSON])
    of_another = compare(state_of(found(CATEGORY_JSON, differences=told, run=BEFORE)), [CATEGORY_JSON])
    of_notes = compare(state_of(found(CATEGORY_JSON, differences=told, notes=True)), [CATEGORY_JSON])

    assert kept.csv_differences == told[:1]
    assert of_another.csv_differences == of_notes.csv_differences == ()


def test_a_staging_folder_is_no_file() -> None:
    """A new version that was begun changes nothing of what is present."""
    changes = compare(state_of(found("a.json"), beside=[STAGING]), ["a.json"])

    assert (changes.complete, changes.has_work, changes.replaces) == (True, False, False)
