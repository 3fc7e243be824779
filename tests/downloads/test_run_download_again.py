"""A run that is brought again, with other files or as another version: the folder and its manifest agree afterwards."""

from __future__ import annotations

import json

import attrs
import pytest
from support.download_kit import files_below, page_bytes, run_of, url, zip_bytes
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport
from support.groups import groups_over

from multicart_async import AsyncMultiCart
from multicart_async._downloads.folder import run_snapshot
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, parse_manifest
from multicart_async._http.codec import decode
from multicart_async.errors import IncompleteDownloadError
from multicart_async.models import CategoryRun, Run, RunDownload, VerifyReport

PAGES = [page_bytes(2), page_bytes(3, first=2)]
ARCHIVE = zip_bytes(PAGES)


def service() -> FakeTransport:
    """Two pages and their ZIP."""
    contents = {url(1): PAGES[0], url(2): PAGES[1], url(None): ARCHIVE}
    return FakeTransport(files={link: FakeFile.whole(content) for link, content in contents.items()})


async def verified(folder) -> VerifyReport:
    """What a client finds that cannot reach the service."""
    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        return await client.verify(folder)


async def listed(folder) -> list[str]:
    """What the manifest lists, if the folder holds exactly that."""
    report = await verified(folder)
    assert report.ok, report.failures
    manifest = parse_manifest((folder / "101" / "88" / MANIFEST).read_bytes())
    assert not isinstance(manifest, str)
    return [file.name for file in manifest.files]


async def deliver(folder, files: str, **given) -> list[str]:
    """The run with these files, and what is listed then."""
    row = {name: given.pop(name) for name in list(given) if name == "total_results"}
    await groups_over(service()).runs.download(run_of(1, 2, zipped=True, **row), folder, files=files, **given)
    return await listed(folder)


async def test_what_is_not_asked_for_again_stays_listed(tmp_path) -> None:
    """The ZIP of the same version is as good as it was, also where the pages are fetched anew."""
    both = ["all-pages.zip", "page-0001.json", "page-0002.json"]

    assert both == await deliver(tmp_path, "both")
    assert both == await deliver(tmp_path, "pages", overwrite=True)
    assert both == await deliver(tmp_path, "zip", overwrite=True)
    assert both == await deliver(tmp_path, "pages")


@pytest.mark.parametrize("overwrite", [False, True])
async def test_files_of_another_version_do_not_stay(tmp_path, overwrite) -> None:
    """A ZIP of the old version beside pages of the new one would be wrong data that looks right."""
    await deliver(tmp_path, "both", total_results=5)

    assert await deliver(tmp_path, "pages", total_results=6, overwrite=overwrite) == [
        "page-0001.json",
        "page-0002.json",
    ]
    assert not (tmp_path / "101" / "88" / "all-pages.zip").exists()


async def download(folder, **row) -> RunDownload:
    """The run as the service lists it, with these fields in its row."""
    links = {"pages": [url(1), url(2)], "all_pages": ""}
    known = {"id": 88, "collection": 101, "is_download_generated": True, "download_links": links}
    run = decode({**known, **row}, Run, "/p/")
    return await groups_over(service()).runs.download(run, folder, count_records=True)


ODD_ROW = {"total_results": "3", "total_exacted_result": [3], "updated_at": "", "asin_count": "n/a"}


async def test_odd_counts_of_a_row_are_no_counts(tmp_path) -> None:
    """They are in the manifest as they came, and nothing is made of them."""
    done = await download(tmp_path, **ODD_ROW)
    manifest = parse_manifest((tmp_path / "101" / "88" / MANIFEST).read_bytes())

    assert done.differences == ()
    assert not isinstance(manifest, str)
    assert {name: manifest.run[name] for name in ODD_ROW} == ODD_ROW


@pytest.mark.parametrize("name", ["total_results", "total_exacted_result", "updated_at", "asin_count"])
async def test_an_odd_field_that_changes_is_another_version(tmp_path, name) -> None:
    """Its meaning is unknown, but the row is not the same."""
    await download(tmp_path, **ODD_ROW)

    assert (await download(tmp_path, **ODD_ROW)).skipped == 2
    assert (await download(tmp_path, **{**ODD_ROW, name: "4"})).skipped == 0


async def test_an_odd_array_of_records_is_in_no_manifest(tmp_path) -> None:
    """Thousands of records are no part of a row, with or without an odd one among them."""
    row = {"id": 88, "collection": 101, "is_download_generated": True, "asins": [{"asin": "B0"}, None], "progress": 5}

    assert run_snapshot(decode(row, CategoryRun, "/p/")).keys().isdisjoint({"asins", "progress"})


async def test_what_is_not_ours_stays(tmp_path) -> None:
    """A manifest that lists a file of the user's is no reason to remove it."""
    await deliver(tmp_path, "zip", total_results=5)
    folder = tmp_path / "101" / "88"
    (folder / "notes.txt").write_text("mine")
    report = await verified(tmp_path)
    await groups_over(service()).runs.download(run_of(1, 2, total_results=6), tmp_path)

    assert [failure.path for failure in report.failures] == ["101/88/notes.txt"]
    assert set(files_below(tmp_path)) == {
        "101/88/notes.txt",
        "101/88/page-0001.json",
        "101/88/page-0002.json",
        "101/88/manifest.json",
    }


async def test_a_sink_without_delete_gets_notes_only_after_a_failure() -> None:
    """A sink that cannot delete gets progress notes only from a call that failed, for the next one."""
    sink, slow = PlainSink(), groups_over(service())
    slow.downloader.now = iter(range(1_000)).__next__  # a second between any two looks at the clock
    await slow.runs.download(run_of(1, 2), sink)
    assert f"101/88/{PROGRESS}" not in sink.order

    sink = PlainSink()
    broken = service()
    broken._files[url(2)] = [FakeFile([*[b" "] * 200, IncompleteDownloadError("page 2", "cut")])]  # after the other
    with pytest.raises(IncompleteDownloadError):
        await groups_over(broken).runs.download(run_of(1, 2), sink)
    assert f"101/88/{PROGRESS}" == sink.order[-1]
    assert (await groups_over(service()).runs.download(run_of(1, 2), sink)).skipped == 1


async def test_an_interrupted_redelivery_remembers_all_old_files(tmp_path) -> None:
    """When two pages became one and the first call fails, the next call still removes the second page."""
    await deliver(tmp_path, "both", total_results=5)
    broken = service()
    broken._files[url(1)] = [IncompleteDownloadError("page 1", "cut")]
    with pytest.raises(IncompleteDownloadError):
        await groups_over(broken).runs.download(run_of(1, total_results=6), tmp_path)
    await groups_over(service()).runs.download(run_of(1, total_results=6), tmp_path)

    assert await listed(tmp_path) == ["page-0001.json"]


async def test_an_infinite_number_in_the_row_leaves_valid_json(tmp_path) -> None:
    """A row with 1e999, which Python reads as infinity, gives a manifest that every JSON parser can read."""
    run = attrs.evolve(run_of(1), extra={"speed": float("inf"), "pages": 1})

    await groups_over(service()).runs.download(run, tmp_path)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = (tmp_path / "101" / "88" / MANIFEST).read_text()
    assert {"speed": None, "pages": 1}.items() <= json.loads(text, parse_constant=refuse)["run"].items()
    assert await listed(tmp_path) == ["page-0001.json"]
