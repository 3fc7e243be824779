"""`verify(repair=True)`: exactly what is damaged or missing is fetched again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.mirror_kit import FILE, asked, tree

from multicart_async.errors import ArgumentError, ClientClosedError
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Status
from multicart_async.sinks import MemorySink

RUN = "101/88"


@pytest.fixture
async def mirror(sandbox: Sandbox, client, tmp_path: Path) -> Path:
    """Two runs with three pages and a ZIP each."""
    sandbox.add_collections(2, items=5)
    await client.sync(tmp_path, files="both")
    asked(sandbox)
    return tmp_path


def changed(path: Path) -> None:
    """The same size, other bytes."""
    path.write_bytes(b"x" * path.stat().st_size)


DAMAGES: dict[str, tuple[tuple[str, ...], Callable[[Path], object], int]] = {
    "a page is missing": (("page-0002.json",), Path.unlink, 1),
    "a page has other bytes": (("page-0002.json",), changed, 1),
    "the ZIP is missing": (("all-pages.zip",), Path.unlink, 1),
    "pages and the ZIP have other bytes": (("page-0001.json", "page-0003.json", "all-pages.zip"), changed, 3),
    "the manifest is damaged": (("manifest.json",), lambda path: path.write_bytes(b"{"), 4),
    "the manifest is missing": (("manifest.json",), Path.unlink, 4),
}


@pytest.mark.parametrize("kind", DAMAGES)
async def test_what_is_damaged_is_fetched_again(sandbox, client, mirror, kind) -> None:
    """And nothing else; then the mirror is as it was written."""
    names, harm, files = DAMAGES[kind]
    before = tree(mirror)
    for name in names:
        harm(mirror / RUN / name)

    report = await client.verify(mirror, repair=True)

    results = sorted(f"{RUN}/{name}" for name in names if name != "manifest.json")
    assert (report.ok, report.failures) == (True, ())
    assert list(report.repaired) == (
        results or sorted(f"{RUN}/{Path(name).name}" for name in before if f"{RUN}/" in name and "manifest" not in name)
    )
    assert asked(sandbox)[FILE] == files
    assert tree(mirror) == before
    assert (await client.verify(mirror)).ok


async def test_a_sound_mirror_costs_no_request(sandbox, client, mirror) -> None:
    """With or without *repair* it is only read."""
    report = await client.verify(mirror, repair=True)

    assert (report.ok, report.repaired) == (True, ())
    assert asked(sandbox) == {}


async def test_what_cannot_be_fetched_stays_a_failure(sandbox, client, mirror) -> None:
    """It says why; the folder is as it was, and other runs are repaired."""
    changed(mirror / RUN / "page-0002.json")
    (mirror / "102/89/page-0001.json").unlink()
    before = (mirror / RUN / "manifest.json").read_bytes()
    sandbox.faults.add(FILE, Status(404), times=2)

    report = await client.verify(mirror, repair=True)

    (failure,) = report.failures
    assert failure.path == f"{RUN}/page-0002.json"
    assert failure.reason.startswith("changed: the SHA-256 does not match; not repaired: results/101/88/page 2: ")
    assert report.repaired == ("102/89/page-0001.json",)
    assert (mirror / RUN / "manifest.json").read_bytes() == before


async def test_a_run_that_is_gone_stays_a_failure(sandbox, client, mirror) -> None:
    """The service lists it no longer."""
    shutil.copytree(mirror / RUN, mirror / "101/87")

    report = await client.verify(mirror, repair=True)

    (failure,) = report.failures
    assert failure.path == "101/87/manifest.json"
    assert failure.reason.endswith(
        "not repaired: results/101/87: run 87 of collection 101 is no longer listed by the service"
    )


async def test_what_is_surplus_stays(sandbox, client, mirror) -> None:
    """It is not ours to remove."""
    (mirror / RUN / "page-0009.json").write_bytes(b"[]")

    report = await client.verify(mirror, repair=True)

    assert [str(failure) for failure in report.failures] == [
        f"{RUN}/page-0009.json: surplus: not listed in the manifest"
    ]
    assert asked(sandbox) == {}


@pytest.mark.parametrize("kind", ["the manifest is damaged", "the manifest is missing"])
async def test_what_is_surplus_stays_without_a_manifest_too(sandbox, client, mirror, kind) -> None:
    """Only the manifest that the repair has brought tells what is surplus."""
    _, harm, _ = DAMAGES[kind]
    harm(mirror / RUN / "manifest.json")
    (mirror / RUN / "notes.txt").write_text("mine")

    report = await client.verify(mirror, repair=True)

    assert [str(failure) for failure in report.failures] == [f"{RUN}/notes.txt: surplus: not listed in the manifest"]
    assert len(report.repaired) == 4
    assert report.failures == (await client.verify(mirror)).failures


async def test_no_repair_of_what_is_surplus_was_tried(sandbox, client, mirror) -> None:
    """Where the repair of the run fails, only what it was for is called not repaired."""
    changed(mirror / RUN / "page-0002.json")
    (mirror / RUN / "notes.txt").write_text("mine")
    sandbox.faults.add(FILE, Status(404), times=2)

    report = await client.verify(mirror, repair=True)

    assert {failure.path: "not repaired" in failure.reason for failure in report.failures} == {
        f"{RUN}/page-0002.json": True,
        f"{RUN}/notes.txt": False,
    }


@pytest.mark.parametrize("name", ["category_asins.json", "category_asins.csv"])
async def test_a_category_scrape_is_repaired(sandbox, client, tmp_path, name) -> None:
    """Its JSON is fetched, its CSV is made again."""
    started = await client.categories.submit(
        "https://www.amazon.com.au/gp/browse.html?node=4851626051", domain="amazon.com.au", postcode="4500"
    )
    await client.categories.wait(started)
    await client.sync(tmp_path, collections=[started.collection_id])
    (path,) = tmp_path.glob(f"*/*/{name}")
    before = tree(tmp_path)
    changed(path)

    report = await client.verify(tmp_path, repair=True)

    assert (report.ok, report.repaired) == (True, (str(path.relative_to(tmp_path)),))
    assert tree(tmp_path) == before


async def test_a_category_scrape_without_a_manifest_gets_its_csv(sandbox, client, tmp_path) -> None:
    """What a folder held cannot be told then, so all that a mirror makes is made."""
    started = await client.categories.submit(
        "https://www.amazon.com.au/gp/browse.html?node=4851626051", domain="amazon.com.au", postcode="4500"
    )
    await client.categories.wait(started)
    await client.sync(tmp_path, collections=[started.collection_id])
    before = tree(tmp_path)
    for name in ("manifest.json", "category_asins.csv"):
        next(tmp_path.rglob(name)).unlink()

    report = await client.verify(tmp_path, repair=True)

    assert [Path(name).name for name in report.repaired] == ["category_asins.csv", "category_asins.json"]
    assert tree(tmp_path) == before


async def test_a_repair_makes_no_csv_where_there_was_none(sandbox, client, tmp_path) -> None:
    """A category scrape that was downloaded without its CSV is as it was afterwards."""
    started = await client.categories.submit(
        "https://www.amazon.com.au/gp/browse.html?node=4851626051", domain="amazon.com.au", postcode="4500"
    )
    await client.categories.download(await client.categories.wait(started), tmp_path, csv=False)
    (path,) = tmp_path.glob("*/*/category_asins.json")
    before = tree(tmp_path)
    changed(path)

    assert (await client.verify(tmp_path, repair=True)).repaired == (str(path.relative_to(tmp_path)),)
    assert tree(tmp_path).keys() == before.keys()


async def test_only_a_zip_is_asked_for_where_there_was_nothing_else(sandbox, client, tmp_path) -> None:
    """A run that was mirrored as its ZIP gets no pages."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path, files="zip")
    changed(tmp_path / RUN / "all-pages.zip")

    assert (await client.verify(tmp_path, repair=True)).repaired == (f"{RUN}/all-pages.zip",)
    assert not list(tmp_path.rglob("page-*"))


async def test_a_zip_alone_is_asked_for_without_a_manifest_too(sandbox, client, tmp_path) -> None:
    """By what lies in the folder; checksums are no pages."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path, files="zip")
    (tmp_path / RUN / "manifest.json").write_bytes(b"{")

    assert (await client.verify(tmp_path, repair=True)).repaired == (f"{RUN}/all-pages.zip",)
    assert not list(tmp_path.rglob("page-*"))


async def test_a_mirror_in_memory_is_repaired(sandbox, client) -> None:
    """Every sink that can be looked through."""
    sandbox.add_collections(1, items=5)
    sink = MemorySink()
    await client.sync(sink)
    sink.files[f"{RUN}/page-0001.json"] = b"[]"

    assert (await client.verify(sink, repair=True)).repaired == (f"{RUN}/page-0001.json",)
    assert (await client.verify(sink)).ok


async def test_a_client_that_is_closed_meanwhile_ends_a_repair(sandbox, mirror) -> None:
    """As everything that is under way."""
    client = sandbox.client()
    changed(mirror / RUN / "page-0002.json")

    async def closing(_: int):
        await client.aclose()
        yield

    client.runs.iterate = closing
    with pytest.raises(ClientClosedError):
        await client.verify(mirror, repair=True)


async def test_repair_is_true_or_false(client, mirror) -> None:
    """A word would be taken for true."""
    with pytest.raises(ArgumentError, match="repair"):
        await client.verify(mirror, repair="no")
