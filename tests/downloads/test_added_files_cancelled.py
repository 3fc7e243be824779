"""Files are added to a complete run, and the call is cancelled: what is there is listed, so that the run is still valid."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from support.cancel_kit import How, cancelled_at
from support.download_kit import check_nothing_left, files_below
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over
from support.refresh_kit import OLD, verified, version_in
from support.wire_rows import BASE, category_row

from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink, MemorySink

ARCHIVE = "101/88/all-pages.zip"


@pytest.mark.parametrize("how", ["native", "scope"])
async def test_a_cancelled_addition_leaves_a_valid_run(how: How, tmp_path: Path) -> None:
    """At each point: the new file is listed by the manifest or the progress file, or it is not there."""
    at, reached, ends = 0, True, set()
    while reached:
        at += 1
        dest = tmp_path / str(at)
        await groups_over(OLD.transport()).runs.download(OLD.run, dest)

        work = groups_over(OLD.transport()).runs.download(OLD.run, dest, files="both")
        end, reached = await cancelled_at(at, work, how)

        check_nothing_left(dest, {name: [content] for name, content in OLD.files.items()})
        assert await verified(dest)
        ends.add((end, (dest / ARCHIVE).exists(), (dest / "101/88/progress.json").exists()))
        await groups_over(OLD.transport()).runs.download(OLD.run, dest, files="both")
        assert version_in(dest) == OLD
    assert ("cancelled", False, False) in ends
    assert ("cancelled", True, True) in ends
    assert ("done", True, False) in ends
    assert at > 10


@pytest.mark.parametrize("name", ["SHA256SUMS", "manifest.json"])
async def test_an_addition_whose_manifest_fails_leaves_a_valid_run(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The progress file lists the new file, if the disk takes that."""
    await groups_over(OLD.transport()).runs.download(OLD.run, tmp_path)
    put = DirectorySink.put

    async def full(sink: DirectorySink, to: str, chunks: Any) -> None:
        if to.endswith(f"/{name}"):
            raise DiskError(to, "no space left", errno.ENOSPC)
        await put(sink, to, chunks)

    with monkeypatch.context() as patch:
        patch.setattr(DirectorySink, "put", full)
        with pytest.raises(DiskError):
            await groups_over(OLD.transport()).runs.download(OLD.run, tmp_path, files="both")

    assert "101/88/progress.json" in files_below(tmp_path, staged=True) or (tmp_path / "101/88/progress.json").exists()
    assert await verified(tmp_path)


async def test_an_addition_in_memory_leaves_a_valid_run() -> None:
    """Another sink that can be listed is no different."""
    at, reached = 0, True
    while reached:
        at += 1
        sink = MemorySink()
        await groups_over(OLD.transport()).runs.download(OLD.run, sink)

        work = groups_over(OLD.transport()).runs.download(OLD.run, sink, files="both")
        _, reached = await cancelled_at(at, work, "native")

        assert await verified(sink)


async def test_a_cancelled_csv_of_a_complete_scrape_leaves_a_valid_run(tmp_path: Path) -> None:
    """It is made here, not fetched; it is listed, or it is not there."""
    link = f"{BASE}/results/20326/412/category_asins.json"
    row = category_row(finished=True, download_links={"pages": [link], "all_pages": ""})
    page = FakeFile.whole(b'[{"asin": "B1"}]')
    at, reached = 0, True
    while reached:
        at += 1
        dest = tmp_path / str(at)
        groups = groups_over(FakeTransport(ok([row]), files={link: page}))
        scrape = await groups.categories.result(20326)
        await groups.categories.download(scrape, dest, csv=False)

        _, reached = await cancelled_at(at, groups.categories.download(scrape, dest), "native")

        assert await verified(dest)
    assert at > 5
