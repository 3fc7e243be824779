"""``runs.download``, ``runs.records`` and ``categories.download``: that each asks its own list for fresh links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over
from support.wire_rows import BASE, RESULT, RUNS, category_row, run_row

from multicart_async.errors import ArgumentError, UnreachableResultError
from multicart_async.models import Run

RECORDS = [{"asin": "B1", "price": "$1"}, {"asin": "B2", "price": "$2"}]
PAGE = FakeFile.whole(json.dumps(RECORDS).encode())
GONE = FakeFile([b"<html>gone</html>"], status=404, headers={"content-length": "17"})
OLD = f"{BASE}/results/101/88/AU%20Laptops_88_Results_Page_1.json"
NEW = f"{BASE}/results/101/88/Renamed_88_Results_Page_1.json"
CATEGORY = f"{BASE}/results/20326/412/category_asins.json"


@attrs.frozen
class Product:
    """A record as a caller wants it."""

    asin: str
    price: str


def renamed() -> dict[str, Any]:
    """The run's row after its collection was renamed."""
    row = run_row(88, finished=True)
    links = {"pages": [NEW], "all_pages": ""}
    return {**row, "download_links": links}


async def a_run(transport: FakeTransport) -> tuple[Any, Run]:
    """Groups, and the finished run as it was listed first."""
    transport._answers.insert(0, ok([run_row(88, finished=True)]))
    groups = groups_over(transport)
    (run,) = await groups.runs.list(101)
    return groups, run


async def test_a_run_s_page_is_in_its_folder(tmp_path: Path) -> None:
    """Named by ids alone, and nothing is asked but the file."""
    groups, run = await a_run(FakeTransport(files={OLD: PAGE}))
    done = await groups.runs.download(run, tmp_path)

    assert json.loads((tmp_path / "101" / "88" / "page-0001.json").read_bytes()) == RECORDS
    assert len(done.files) == 1
    assert len(groups.transport.sent) == 1


async def test_a_link_that_is_gone_is_looked_up_in_the_list_of_runs(tmp_path: Path) -> None:
    """The collection was renamed since; the run is found by its id, behind others."""
    transport = FakeTransport(ok([run_row(90), renamed(), run_row(87)]), files={OLD: GONE, NEW: PAGE})
    groups, run = await a_run(transport)
    await groups.runs.download(run, tmp_path)

    assert [url for url, _ in transport.opened] == [OLD, NEW]
    assert transport.sent[-1] == (RUNS, {"collection_id": 101, "skip": 0, "limit": 50})


async def test_a_run_that_is_gone_from_the_list_is_unreachable(tmp_path: Path) -> None:
    """There is no fresh link, and the error says why; nothing is there under the file's name."""
    groups, run = await a_run(FakeTransport(ok([run_row(90)]), ok([]), files={OLD: GONE}))

    with pytest.raises(UnreachableResultError, match="no longer listed by the service"):
        await groups.runs.download(run, tmp_path)
    assert not (tmp_path / "101" / "88" / "page-0001.json").exists()


async def test_records_come_as_mappings_or_as_values_of_a_class() -> None:
    """Fields that the class does not have would be left out; here are none."""
    groups, run = await a_run(FakeTransport(files={OLD: PAGE}))

    assert [record async for record in groups.runs.records(run)] == RECORDS
    assert [one async for one in groups.runs.records(run, into=Product)] == [Product("B1", "$1"), Product("B2", "$2")]


async def test_records_ask_for_a_fresh_link_too() -> None:
    """As downloads do."""
    groups, run = await a_run(FakeTransport(ok([renamed()]), files={OLD: GONE, NEW: PAGE}))

    assert [record async for record in groups.runs.records(run)] == RECORDS


async def test_a_category_s_file_is_in_its_folder_with_a_csv(tmp_path: Path) -> None:
    """And its own call is asked for a fresh link, for the same runner."""
    finished = category_row(finished=True, download_links={"pages": [CATEGORY], "all_pages": ""})
    other = category_row(999, finished=True, download_links={"pages": ["elsewhere"], "all_pages": ""})
    transport = FakeTransport(ok([finished]), ok([other, finished]), files={CATEGORY: [GONE, PAGE]})
    groups = groups_over(transport)
    run = await groups.categories.result(20326)
    await groups.categories.download(run, tmp_path)

    folder = tmp_path / "20326" / "412"
    assert json.loads((folder / "category_asins.json").read_bytes()) == RECORDS
    assert len((folder / "category_asins.csv").read_text().splitlines()) == 3
    assert transport.sent == [(RESULT, {"collection_id": 20326})] * 2


async def test_a_category_s_csv_can_be_left_out(tmp_path: Path) -> None:
    """Only the file of the service is there then."""
    finished = category_row(finished=True, download_links={"pages": [CATEGORY], "all_pages": ""})
    groups = groups_over(FakeTransport(ok([finished]), files={CATEGORY: PAGE}))
    await groups.categories.download(await groups.categories.result(20326), tmp_path, csv=False)

    assert {place.name for place in (tmp_path / "20326" / "412").iterdir()} == {
        "category_asins.json",
        "SHA256SUMS",
        "manifest.json",
    }


@pytest.mark.parametrize("files", ["page", "", None, "all"])
async def test_an_unknown_kind_of_files_is_refused(tmp_path: Path, files: Any) -> None:
    """Before anything is fetched."""
    groups, run = await a_run(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^files: "):
        await groups.runs.download(run, tmp_path, files=files)
    assert groups.transport.opened == []


async def test_a_run_that_is_not_finished_has_no_files(tmp_path: Path) -> None:
    """Trap 22: its links may be half filled, so they are not read."""
    groups = groups_over(FakeTransport(ok([run_row(88)]), ok([category_row()])))
    (run,) = await groups.runs.list(101)
    scrape = await groups.categories.result(20326)

    with pytest.raises(ArgumentError, match=r"^run: "):
        await groups.runs.download(run, tmp_path)
    with pytest.raises(ArgumentError, match=r"^run: "):
        await groups.categories.download(scrape, tmp_path)
    with pytest.raises(ArgumentError, match=r"^run: "):
        await anext(groups.runs.records(run))
    assert groups.transport.opened == []
