"""`tables.report`: from the files of a mirror to one HTML file."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import socket
import stat
import tracemalloc
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
from support.report_kit import START, demo_mirror, record, write_manifest, write_run

from multicart_async import MemorySink, tables
from multicart_async._downloads.manifest import ManifestFile
from multicart_async.errors import ArgumentError, DiskError, IntegrityError
from multicart_async.sinks import DirectorySink
from multicart_async.tables._report import destination


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Two runs of a collection."""
    write_run(tmp_path / "mirror", 101, 86, [record("A", "$4"), record("B")])
    write_run(tmp_path / "mirror", 101, 88, [record("A", "$5"), record("C")], at=START.replace(day=4))
    return tmp_path / "mirror"


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[None]:
    """A pipe with a name, and a link to one without, as /dev/stdout may be."""
    os.mkfifo(tmp_path / "pipe")
    ends = os.pipe()
    (tmp_path / "descriptor").symlink_to(f"/proc/self/fd/{ends[1]}")
    yield
    for end in ends:
        os.close(end)


def plain(path: Path) -> str:
    """What a reader sees, as one line."""
    shown = re.sub(r"<style.*?</style>|<title>.*?</title>", " ", path.read_text("utf-8"), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def names_in(folder: Path) -> list[str]:
    """The names of the entries of a folder."""
    return sorted(path.name for path in folder.iterdir())


def files_below(folder: Path) -> list[Path]:
    """The files of a mirror."""
    return [*folder.rglob("*.json")]


async def test_a_report_shows_the_last_two_runs(mirror: Path, tmp_path: Path) -> None:
    """And its summary says what it is about."""
    made = await tables.report(mirror, tmp_path / "report.html")
    shown = plain(tmp_path / "report.html")

    assert made.to_dict() == {
        "file": str(tmp_path / "report.html"),
        "collections": 1,
        "runs": 2,
        "records": 2,
        "bytes": (tmp_path / "report.html").stat().st_size,
        "failures": [],
        "differences": [],
        "ok": True,
    }
    assert "Item A A ▲ +25.0 % $5 $4" in shown
    assert "Report on mirror" in shown
    assert "AU Laptops 101 0 1 1 1 0 2 2 88 2026-11-04 06:00" in shown


async def test_a_demo_report_is_valid_and_whole(tmp_path: Path) -> None:
    """Three collections, an empty one, an interrupted run, a damaged page and a difference: all of it is there."""
    made = await tables.report(demo_mirror(tmp_path / "mirror", items=30, runs=6), tmp_path / "report.html", runs=5)
    page = (tmp_path / "report.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(page)

    assert (made.collections, made.runs, made.ok, page.count("<section")) == (4, 18, False, 7)
    assert [failure.path for failure in made.failures] == ["102/98", "103/90/page-0001.json"]
    assert [str(difference) for difference in made.differences] == [
        "102/89: run has 200 records, and the service says 201"
    ]
    assert "Run 98, which is newer, could not be read: see the failures." in page
    assert "no value for 1 run" in page
    assert page.endswith("</html>\n")


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\"'&amp;", "\"'&amp;"),
        ("\x00\x1b\u202e", "\\x00\\x1b\\u202e"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("x" * 10_000, f"{'x' * 95}…{'x' * 64}"),
        ("שלום", "שלום"),
    ],
    ids=["script", "quotes", "control", "surrogate", "noncharacter", "long", "hebrew"],
)
async def test_texts_of_records_stay_texts(tmp_path: Path, title: str, shown: str) -> None:
    """From the page of a run to a file that a strict parser accepts."""
    for run, price in ((1, "$1"), (2, "$2")):
        write_run(tmp_path / "mirror", 101, run, [record("A", price, title, title)], label=title)
    await tables.report(tmp_path / "mirror", tmp_path / "report.html")
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse((tmp_path / "report.html").read_bytes())

    assert [element.tag for element in tree.iter() if element.tag in {"script", "img"}] == []
    assert [element.text for element in tree.iter("bdi")][-1] == shown


async def test_a_report_opens_no_socket(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no network."""

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", opened)

    assert (await tables.report(mirror, tmp_path / "report.html")).ok


async def test_a_damaged_newest_run_is_passed_over(mirror: Path, tmp_path: Path) -> None:
    """The two runs before it are compared, and the report says so."""
    folder = write_run(mirror, 101, 90, [record("A", "$9")])
    (folder / "page-0001.json").unlink()
    made = await tables.report(mirror, tmp_path / "report.html")
    shown = plain(tmp_path / "report.html")

    assert [failure.path for failure in made.failures] == ["101/90/page-0001.json"]
    assert "Run 90, which is newer, could not be read" in shown
    assert "Item A A ▲ +25.0 % $5 $4" in shown
    assert "$9" not in shown


async def test_what_cannot_be_read_does_not_stop_the_report(mirror: Path, tmp_path: Path) -> None:
    """No manifest, a manifest that was changed, and a run of which there is only the ZIP: each with what to do."""
    (mirror / "101/90").mkdir()
    changed = write_run(mirror, 101, 91, [])
    (changed / "manifest.json").write_text("{}")
    archived = write_run(mirror, 102, 92, [])
    write_manifest(archived, [ManifestFile("all-pages.zip", 3, "0" * 64)])
    made = await tables.report(mirror, tmp_path / "report.html")

    assert [(failure.path, failure.reason.partition(":")[0]) for failure in made.failures] == [
        ("101/90", "there is no manifest"),
        ("101/91", "the manifest is not trusted"),
        ("102/92", "run 102/92 was downloaded as all-pages.zip only; download its pages too, with files='both'"),
    ]
    assert "Item A A ▲ +25.0 % $5 $4" in plain(tmp_path / "report.html")


async def test_a_collection_that_cannot_be_listed_is_a_failure(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are in the report."""
    (mirror / "102").mkdir()
    listed = DirectorySink.list

    async def list_others(self: DirectorySink, folder: str) -> dict[str, int | None]:
        if folder == "102":
            raise DiskError("102", "Permission denied", 13)
        return await listed(self, folder)

    monkeypatch.setattr(DirectorySink, "list", list_others)
    made = await tables.report(mirror, tmp_path / "report.html")

    assert [str(failure) for failure in made.failures] == ["102: the folder cannot be listed: Permission denied"]
    assert made.collections == 2


async def test_of_many_runs_the_last_two_are_compared(mirror: Path, tmp_path: Path) -> None:
    """The ones before are the history of prices, and the source of missing items."""
    write_run(mirror, 101, 90, [record("A", "$6")], at=START.replace(day=5))
    await tables.report(mirror, tmp_path / "report.html")
    shown = plain(tmp_path / "report.html")

    assert "Item A A ▲ +20.0 % $6 $5" in shown
    assert "Removed: 1 item Removed, collection 101 Item (ASIN) Availability Last price Price history Item C C" in shown
    assert "Missing for longer: 1 item" in shown
    assert "first $4.00, last $6.00, lowest $4.00, highest $6.00" in (tmp_path / "report.html").read_text()


async def test_only_the_last_runs_are_read(mirror: Path, tmp_path: Path) -> None:
    """All manifests are, so that older runs are counted."""
    old = write_run(mirror, 101, 80, [record("OLD")])
    (old / "page-0001.json").write_text("damaged")
    made = await tables.report(mirror, tmp_path / "report.html", runs=2)

    assert (made.ok, made.runs) == (True, 3)
    assert "OLD" not in plain(tmp_path / "report.html")


async def test_collections_can_be_chosen(mirror: Path, tmp_path: Path) -> None:
    """One that is not there is a wrong argument, and nothing is written."""
    write_run(mirror, 102, 1, [record("B")])
    made = await tables.report(mirror, tmp_path / "report.html", collections=[102])

    assert (made.collections, made.records) == (1, 1)
    with pytest.raises(ArgumentError, match="collections"):
        await tables.report(mirror, tmp_path / "other.html", collections=[7])
    assert not (tmp_path / "other.html").exists()


@pytest.mark.parametrize("source", ["run", "sink"])
async def test_any_source_has_a_report(mirror: Path, tmp_path: Path, source: str) -> None:
    """The folder of one run, and a sink without a name."""
    sink = MemorySink()
    sink.files = {path.relative_to(mirror).as_posix(): path.read_bytes() for path in files_below(mirror)}
    made = await tables.report(mirror / "101/88" if source == "run" else sink, tmp_path / "report.html")
    shown = plain(tmp_path / "report.html")

    assert made.runs == (1 if source == "run" else 2)
    assert ("There is no earlier run" in shown, "Report on the mirror" in shown) == (source == "run", source == "sink")


@pytest.mark.parametrize(
    ("service_name", "label"),
    [
        ("Lap_tops_88_Results_Page_1.json", "Lap_tops"),
        ("AU Laptops_87_Results_Page_1.json", "Collection 101"),
        ("results.json", "Collection 101"),
        ("Laptops_" + "9" * 5000 + "_Results_Page_1.json", "Collection 101"),
        (5, "Collection 101"),
        (None, "Collection 101"),
    ],
)
async def test_a_label_has_the_documented_form(tmp_path: Path, service_name: Any, label: str) -> None:
    """The name of a collection is part of the names of the service's files; anything else is no name."""
    folder = write_run(tmp_path / "mirror", 101, 88, [])
    write_manifest(folder, [ManifestFile("all-pages.zip", 3, "0" * 64, service_name=service_name)])
    await tables.report(tmp_path / "mirror", tmp_path / "report.html")

    assert f'<h2 id="c101-name"><bdi>{label}</bdi></h2>' in (tmp_path / "report.html").read_text()


async def test_an_earlier_report_is_replaced(mirror: Path, tmp_path: Path) -> None:
    """Also behind a link, which stays one; nothing else is left in the folder."""
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "report.html").symlink_to("real.html")
    await tables.report(mirror, tmp_path / "report.html")

    assert (tmp_path / "report.html").is_symlink()
    assert (tmp_path / "real.html").read_text().startswith("<!doctype html>")
    assert names_in(tmp_path) == ["mirror", "real.html", "report.html"]
    assert not stat.S_IMODE((tmp_path / "real.html").stat().st_mode) & 0o111


@pytest.mark.parametrize(
    ("dest", "said"),
    [
        (".", "dest: expected the path of a file, got '.'"),
        ("mirror", "dest: expected a file, such as report.html in that folder, got '"),
        ("no/report.html", "dest: expected a file in an existing folder; make the folder first, got '"),
        ("mirror/101/88/page-0001.json/report.html", "dest: expected a file in an existing folder"),
        ("pipe", "dest: expected a file; no pipe or device can be replaced, got '"),
        ("descriptor", "dest: expected a file; no pipe or device can be replaced, got '"),
        ("s3://bucket/report.html", "dest: expected a path, got the URL 's3://bucket/report.html'"),
        ("https://host/report.html", "dest: expected a path, got the URL"),
        ("", "dest: expected the path of a file, got '.'"),
        ("a\0b", "dest: expected the path of a file, got "),
        (5, "dest: expected the path of a file, got 5"),
    ],
)
@pytest.mark.usefixtures("pipes")
async def test_a_wrong_destination_is_reported_at_once(
    mirror: Path, tmp_path: Path, dest: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DirectorySink, "read", None)

    with pytest.raises(ArgumentError) as caught:
        await tables.report(mirror, dest)

    assert str(caught.value).startswith(said)


async def test_a_path_that_cannot_exist_is_a_disk_error(mirror: Path, tmp_path: Path) -> None:
    """The error of the system is one of ours, whether it is the source or the destination."""
    with pytest.raises(DiskError, match="File name too long"):
        await tables.report(mirror, tmp_path / ("x" * 300))
    with pytest.raises(DiskError, match="File name too long"):
        await tables.report(tmp_path / ("x" * 300), tmp_path / "report.html")


@pytest.mark.parametrize("runs", [1, 0, True, "30"])
async def test_a_history_has_at_least_two_runs(mirror: Path, tmp_path: Path, runs: Any) -> None:
    """With fewer there would be nothing to compare."""
    with pytest.raises(ArgumentError, match="runs: expected an integer, 2 or more"):
        await tables.report(mirror, tmp_path / "report.html", runs=runs)


async def test_a_history_may_be_longer_than_any_mirror(mirror: Path, tmp_path: Path) -> None:
    """The number of runs has no upper limit."""
    made = await tables.report(mirror, tmp_path / "report.html", runs=10**30)

    assert made.runs == 2


async def test_a_page_that_cannot_be_read_has_no_path(mirror: Path, tmp_path: Path) -> None:
    """The report names it as in the mirror: where the mirror is on this machine is not for each reader of a report."""
    page = mirror / "101/88/page-0001.json"
    page.unlink()
    page.mkdir()
    made = await tables.report(mirror, tmp_path / "report.html")

    assert [failure.path for failure in made.failures] == ["101/88/page-0001.json"]
    assert str(tmp_path) not in (tmp_path / "report.html").read_text("utf-8")


async def test_a_source_that_is_no_mirror_is_reported(mirror: Path, tmp_path: Path) -> None:
    """A folder that is not there, that of a collection, and that of a run whose manifest was changed."""
    with pytest.raises(ArgumentError, match="source: expected a folder that sync or download has made"):
        await tables.report(tmp_path / "none", tmp_path / "report.html")
    with pytest.raises(ArgumentError, match="the folder of a collection, in which 86 is a run; pass the folder above"):
        await tables.report(mirror / "101", tmp_path / "report.html")
    (mirror / "101/88/manifest.json").write_text("{}")
    with pytest.raises(IntegrityError, match="the manifest is not trusted"):
        await tables.report(mirror / "101/88", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


async def test_a_disk_error_leaves_the_earlier_report(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the file, and no temporary file is left."""
    (tmp_path / "report.html").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(destination.AtomicFile, "commit", full)
    with pytest.raises(DiskError, match=r"report\.html: No space left on device"):
        await tables.report(mirror, tmp_path / "report.html")

    assert names_in(tmp_path) == ["mirror", "report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


async def test_a_cancelled_report_leaves_nothing(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor an open one."""
    reached = asyncio.Event()

    async def stuck(*_: object) -> AsyncGenerator[bytes, None]:
        reached.set()
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr("multicart_async.tables._report.gathering.read_page", stuck)
    task = asyncio.ensure_future(tables.report(mirror, tmp_path / "report.html"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    gc.collect()  # an open file would be a warning, which is an error
    assert names_in(tmp_path) == ["mirror"]


async def test_memory_is_that_of_one_collection(tmp_path: Path) -> None:
    """Eight collections take hardly more than one."""

    async def peak(collections: int) -> int:
        root = tmp_path / f"mirror-{collections}"
        for collection in range(1, collections + 1):
            for run in (1, 2):
                records = [record(f"K{number}", f"${number + run}") for number in range(300)]
                write_run(root, collection, run, records)
        await tables.report(root, tmp_path / "report.html")  # imports
        tracemalloc.start()
        try:
            await tables.report(root, tmp_path / "report.html")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert await peak(8) < 1.5 * await peak(1)
