"""What an earlier call left is believed as far as it proves itself, and no further."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.download_kit import files_below, page_bytes, run_of, url, zip_bytes
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport
from support.groups import groups_over

from multicart_async._downloads.manifest import dump_checksummed
from multicart_async.config import RetryPolicy
from multicart_async.errors import IncompleteDownloadError
from multicart_async.models import Run, RunDownload

PAGES = {number: page_bytes(3, first=number * 10) for number in range(1, 6)}
ARCHIVE = zip_bytes([PAGES[1], PAGES[2]])
MANIFEST = "101/88/manifest.json"
PROGRESS = "101/88/progress.json"


def service(**more: FakeFile) -> FakeTransport:
    """A transport with five pages and a ZIP of two."""
    files = {url(number): FakeFile.whole(content) for number, content in PAGES.items()}
    return FakeTransport(files={**files, url(None): FakeFile.whole(ARCHIVE), **more})


async def again(run: Run, dest: Any, files: str = "pages", **more: FakeFile) -> tuple[RunDownload, list[int | None]]:
    """Another call, and which pages it fetched; ``None`` is the ZIP."""
    transport = service(**more)
    done = await groups_over(transport).runs.download(run, dest, files=files)
    numbers = {url(number): number for number in [*PAGES, None]}
    return done, [numbers[place] for place, _ in transport.opened]


def sealed(content: dict[str, Any]) -> bytes:
    """Return a manifest of this content, with the right checksum."""
    content.pop("checksum", None)
    return dump_checksummed(content)


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    """The manifest with other fields, and its old checksum."""
    return lambda text: json.dumps({**json.loads(text), **fields}).encode()


def resealed(**fields: Any) -> Callable[[bytes], bytes]:
    """The manifest with other fields, and a checksum that fits."""
    return lambda text: sealed({**json.loads(text), **fields})


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda text: text[:-20],
    "cut in the middle": lambda text: text[: len(text) // 2],
    "not JSON": lambda _: b"\xff\xfe\0",
    "null": lambda _: b"null",
    "a list": lambda _: b"[]",
    "deep": lambda _: b"[" * 100_000,
    "another size": lambda text: text.replace(b'"size": ', b'"size": 1', 1),
    "another hash": lambda text: text.replace(b'"sha256": "', b'"sha256": "0', 1),
    "no checksum": lambda text: json.dumps({**json.loads(text), "checksum": None}).encode(),
    "a future version": resealed(version=3),
    "the version before": resealed(version=1),
    "another layout": lambda text: json.dumps(json.loads(text)).encode(),
    "no last line break": lambda text: text[:-1],
    "a line break more": lambda text: text + b"\n",
    "no version": resealed(version=None),
    "another run": resealed(run_id=87),
    "another collection": resealed(collection_id=7),
    "ids that are none": resealed(run_id="88"),
    "files that are none": resealed(files=[{"name": "page-0001.json", "size": "1", "sha256": "0"}]),
    "files that lack something": resealed(files=[{"name": "page-0001.json"}]),
    "no files": resealed(files=None),
    "a row that is none": resealed(run=7),
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_a_manifest_that_does_not_prove_itself_is_not_believed(tmp_path, how) -> None:
    """Cut, edited, of a later version or another run: everything is fetched again, and the folder is in order again."""
    await again(run_of(1, 2), tmp_path)
    path = tmp_path / MANIFEST
    good = path.read_bytes()
    path.write_bytes(TAMPERED[how](good))
    assert good != path.read_bytes()

    done, fetched = await again(run_of(1, 2), tmp_path)

    assert ({1, 2}, 0) == (set(fetched), done.skipped)
    assert good == path.read_bytes()
    assert (await again(run_of(1, 2), tmp_path))[1] == []


@pytest.mark.parametrize("row", [{"updated_at": 2}, {"total_results": 8}, {"total_exacted_result": 5}])
async def test_a_run_whose_row_changed_is_fetched_again(tmp_path, row) -> None:
    """Its files may have changed with it; what both rows say decides, and what one of them lacks does not."""
    before = run_of(1, total_results=7, total_exacted_result=6)
    await again(before, tmp_path)
    told = {**json.loads((tmp_path / MANIFEST).read_bytes())}
    told["run"] = {**told["run"], **row}
    (tmp_path / MANIFEST).write_bytes(sealed(told))

    assert (await again(before, tmp_path))[1] == [1]


async def test_a_row_that_says_less_is_the_same_run(tmp_path) -> None:
    """A manifest without a field that the row has is believed."""
    await again(run_of(1, total_results=7), tmp_path)
    told = {**json.loads((tmp_path / MANIFEST).read_bytes())}
    del told["run"]["total_results"]
    (tmp_path / MANIFEST).write_bytes(sealed(told))

    assert (await again(run_of(1, total_results=7), tmp_path))[1] == []


def spoil(path: Path, how: str) -> None:
    """Something happens to a file that was whole."""
    content = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes({"shorter": content[:-1], "longer": content + b" ", "empty": b""}[how])


@pytest.mark.parametrize("how", ["shorter", "longer", "empty", "gone"])
async def test_a_file_that_changed_its_size_is_fetched_again(tmp_path, how) -> None:
    """That one alone; the manifest is written anew."""
    await again(run_of(1, 2, 3), tmp_path)
    content, path = PAGES[2], tmp_path / "101/88/page-0002.json"
    spoil(path, how)

    done, fetched = await again(run_of(1, 2, 3), tmp_path)

    assert (fetched, done.skipped) == ([2], 2)
    assert content == path.read_bytes()


async def test_a_file_without_an_entry_in_the_manifest_is_fetched(tmp_path) -> None:
    """A file of the right name that no manifest lists proves nothing, so it is fetched."""
    (tmp_path / "101/88").mkdir(parents=True)
    (tmp_path / "101/88/page-0001.json").write_bytes(PAGES[1])

    assert (await again(run_of(1), tmp_path))[1] == [1]


CUT = FakeFile([b"[", IncompleteDownloadError("results/101/88/page 3", "cut")], headers={"content-length": "99"})


async def failing(dest: Any, run: Run | None = None, files: str = "pages", broken: int | None = 3) -> None:
    """A call that brings one file after another, up to one that it cannot."""
    run = run or run_of(1, 2, 3)
    groups = groups_over(service(**{url(broken): CUT}), retry=RetryPolicy(attempts=2))
    groups.downloader.workers = 1
    with pytest.raises(IncompleteDownloadError):
        await groups.runs.download(run, dest, files=files)


async def test_an_interrupted_call_notes_what_is_whole(tmp_path) -> None:
    """The next one fetches the rest; then the notes are gone and the manifest is there."""
    await failing(tmp_path)
    files = files_below(tmp_path)
    assert (PROGRESS in files, MANIFEST in files) == (True, False)
    assert [file["name"] for file in json.loads(files[PROGRESS])["files"]] == ["page-0001.json", "page-0002.json"]

    done, fetched = await again(run_of(1, 2, 3), tmp_path)

    assert (fetched, done.skipped) == ([3], 2)
    assert (PROGRESS in (files := files_below(tmp_path)), MANIFEST in files) == (False, True)


async def test_notes_are_taken_while_it_works(tmp_path) -> None:
    """A process that is killed after many files loses no more than the last quarter of a second."""
    noted: list[bool] = []
    transport = service()
    groups = groups_over(transport)
    groups.downloader.workers = 1
    told = groups.downloader.emit

    def emit(event: Any) -> None:
        groups.clock.advance(0.3)
        noted.append((tmp_path / PROGRESS).exists())
        told(event)

    groups.downloader.emit = emit
    await groups.runs.download(run_of(1, 2, 3), tmp_path)

    assert [noted[1], noted[-2]] == [False, True]
    assert not (tmp_path / PROGRESS).exists()


async def test_notes_that_do_not_prove_themselves_are_not_believed(tmp_path) -> None:
    """They are held to what a manifest is held to."""
    await failing(tmp_path)
    (tmp_path / PROGRESS).write_bytes((tmp_path / PROGRESS).read_bytes().replace(b'"size": ', b'"size": 1', 1))

    assert set((await again(run_of(1, 2, 3), tmp_path))[1]) == {1, 2, 3}


async def test_notes_beside_a_manifest_are_believed_too(tmp_path) -> None:
    """A folder with its ZIP is asked for its pages, and interrupted: what came is not fetched a second time."""
    run = run_of(1, 2, zipped=True)
    await again(run, tmp_path, "zip")
    await failing(tmp_path, run, "both", broken=2)
    assert {MANIFEST, PROGRESS} <= files_below(tmp_path).keys()

    done, fetched = await again(run, tmp_path, "both")

    assert (fetched, done.skipped) == ([2], 2)
    assert PROGRESS not in files_below(tmp_path)
    listed = json.loads((tmp_path / MANIFEST).read_bytes())["files"]
    assert [file["name"] for file in listed] == ["all-pages.zip", "page-0001.json", "page-0002.json"]


async def test_notes_count_before_the_manifest_of_the_same_file(tmp_path) -> None:
    """They are newer: a page that was gone came again, of the same size and with other content, before the call failed."""
    run = run_of(1, 2)
    await again(run, tmp_path)
    for name in ("page-0001.json", "page-0002.json"):
        (tmp_path / "101/88" / name).unlink()
    newer = PAGES[1].replace(b"$1.50", b"$1.60")
    groups = groups_over(service(**{url(1): FakeFile.whole(newer), url(2): CUT}), retry=RetryPolicy(attempts=2))
    groups.downloader.workers = 1
    with pytest.raises(IncompleteDownloadError):
        await groups.runs.download(run, tmp_path)

    _, fetched = await again(run, tmp_path)

    assert fetched == [2]
    listed = {file["name"]: file for file in json.loads((tmp_path / MANIFEST).read_bytes())["files"]}
    assert listed["page-0001.json"]["sha256"] == hashlib.sha256(newer).hexdigest()


async def test_complete_notes_become_the_manifest_without_a_request(tmp_path) -> None:
    """If all requested files are noted as complete, a call writes the manifest from the notes and sends no request."""
    run = run_of(1, 2, zipped=True)
    await again(run, tmp_path, "zip")
    await failing(tmp_path, run, "both", broken=2)
    fewer = attrs.evolve(run, download_links=run_of(1, zipped=True).download_links)

    _, fetched = await again(fewer, tmp_path, "both")

    assert fetched == []
    assert PROGRESS not in files_below(tmp_path)
    assert len(json.loads((tmp_path / MANIFEST).read_bytes())["files"]) == 2


async def test_a_sink_that_is_no_folder_is_trusted_in_the_same_way() -> None:
    """Notes after a failure, the manifest at the end, and no file request the second time."""
    sink = PlainSink()
    await failing(sink)
    done, fetched = await again(run_of(1, 2, 3), sink)
    assert (fetched, done.skipped) == ([3], 2)
    assert Path("101/88/page-0001.json") == done.files[0].path

    assert (await again(run_of(1, 2, 3), sink))[1] == []
    sink.files["101/88/page-0002.json"] += b" "
    assert (await again(run_of(1, 2, 3), sink))[1] == [2]


async def test_notes_that_cannot_be_taken_hide_no_error(tmp_path) -> None:
    """The first error is told, whatever the place does with the notes."""

    class Full(PlainSink):
        async def put(self, name, chunks):
            if name.endswith("progress.json"):
                raise ValueError("no room")
            await super().put(name, chunks)

    await failing(Full())
    (tmp_path / PROGRESS).mkdir(parents=True)
    with pytest.raises(IncompleteDownloadError):
        await groups_over(service(**{url(3): CUT}), retry=RetryPolicy(attempts=1)).runs.download(
            run_of(1, 2, 3), tmp_path, overwrite=True
        )
