"""Runs: the credit check, the delayed listing, the pages, and the end."""

from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_api import served

RUN = "/schedules/run/result/"


async def test_a_start_returns_a_sentence(api: Any) -> None:
    """The response to a start has no id, and the collection is Processing."""
    collection = await api.collection("B01")
    assert await api.data(RUN, collection_id=collection) == "Scraping Processing Queued!"
    assert (await api.get(collection))["schedule_status"] == "Processing"


async def test_a_run_is_listed_later(api: Any) -> None:
    """A run is not listed immediately after its start."""
    collection = await api.started("B01")
    api.sandbox.advance(1.9)
    assert await api.runs(collection) == []
    api.sandbox.advance(0.1)
    assert [run["is_download_generated"] for run in await api.runs(collection)] == [False]


async def test_links_are_absent_null_or_empty_before_the_first_page(api: Any) -> None:
    """Each form of the links occurs for one of three runs."""
    collections = [await api.started("B01", "B02", "B03") for _ in range(3)]
    api.sandbox.advance(2)
    rows = [(await api.runs(collection))[0] for collection in collections]
    forms = [row.get("download_links", "absent") for row in rows]
    assert sorted(map(str, forms)) == sorted(["absent", "None", "{'pages': [], 'all_pages': ''}"])


async def test_pages_appear_one_by_one_and_the_zip_last(api: Any) -> None:
    """Pages of two items appear after 2, 4 and 5 items, and the ZIP at the end."""
    collection = await api.started("B01", "B02", "B03", "B04", "B05")
    api.sandbox.advance(2)
    seen = []
    for _ in range(7):
        run = (await api.runs(collection))[0]
        links = run.get("download_links") or {"pages": [], "all_pages": ""}
        seen.append((len(links["pages"]), bool(links["all_pages"]), run["is_download_generated"]))
        api.sandbox.advance(1)
    pages = [0, 0, 1, 1, 2, 3, 3]
    assert [(count, step == 6, step == 6) for step, count in enumerate(pages)] == seen


async def test_a_finished_run_completes_its_collection(api: Any) -> None:
    """A finished run sets the status, totals and updated_at of its end."""
    collection = await api.started("B01")
    assert (await api.get(collection))["updated_at"] == "2026-06-20T10:00:00Z"
    api.sandbox.advance(60)
    found, (run,) = await api.get(collection), await api.runs(collection)
    assert (found["schedule_status"], found["updated_at"]) == ("Completed", "2026-06-20T10:00:04Z")
    assert (run["total_results"], run["total_exacted_result"], run["updated_at"]) == (1, 1, "2026-06-20T10:00:04Z")


async def test_links_contain_the_raw_name(api: Any) -> None:
    """Links contain the name of the collection without escapes."""
    collection = await api.started("B01", name="50% off? #1 é")
    api.sandbox.advance(60)
    (run,) = await api.runs(collection)
    stem = f"{api.sandbox.url}/results/{collection}/{run['id']}/50% off? #1 é_{run['id']}_Results_"
    assert run["download_links"] == {"pages": [f"{stem}Page_1.json"], "all_pages": f"{stem}All_Pages.zip"}


async def test_files_keep_the_name_of_the_start(api: Any) -> None:
    """After its collection is renamed, the files of a run keep the old name."""
    collection = await api.started("B01", name="Old")
    await api.data("/schedules/update_schedule/", schedule_id=collection, name="New")
    api.sandbox.advance(60)
    assert "/Old_" in (await api.runs(collection))[0]["download_links"]["all_pages"]


async def test_too_few_credits_start_no_run(api: Any) -> None:
    """A start without enough credits gets code 402, and neither run nor credits change."""
    collection = await api.collection("B01", "B02")
    api.sandbox.set_credits(1)
    assert await api.call(RUN, collection_id=collection) == {
        "code": 402,
        "data": "Not enough credits — you need 2 but have 1 remaining.",
        "status": 0,
    }
    api.sandbox.advance(60)
    assert await api.runs(collection) == []
    assert (await api.get(collection))["schedule_status"] == "Pending"
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen, api.sandbox.credits().spendable) == (0, 0, 1)


async def test_items_freeze_credits_until_they_are_scraped(api: Any) -> None:
    """Credits are frozen at the start, and used as items are scraped."""
    await api.started("B01", "B02")
    seen = []
    for seconds in (2, 1, 1, 1):
        seen.append((api.sandbox.credits().used, api.sandbox.credits().frozen))
        api.sandbox.advance(seconds)
    seen.append((api.sandbox.credits().used, api.sandbox.credits().frozen))
    assert seen == [(0, 2), (0, 2), (1, 1), (2, 0), (2, 0)]


async def test_a_run_without_items_is_rejected(api: Any) -> None:
    """A start of a draft, or of an unknown collection, is rejected."""
    assert await api.refused(RUN, collection_id=await api.collection()) == 400
    assert await api.refused(RUN, collection_id=999) == 404


async def test_runs_have_growing_ids_across_collections(api: Any) -> None:
    """Ids of runs are global, and grow within a collection."""
    first, second = await api.started("B01"), await api.started("B01")
    await api.data(RUN, collection_id=first)
    api.sandbox.advance(60)
    assert (
        [run["id"] for run in await api.runs(first)],
        [run["id"] for run in await api.runs(second)],
    ) == ([90, 88], [89])


async def test_a_collection_is_processing_until_its_last_run_ends(api: Any) -> None:
    """A collection with two simultaneous runs is Processing until both have ended."""
    collection = await api.started("B01")
    api.sandbox.advance(2)
    await api.data(RUN, collection_id=collection)
    api.sandbox.advance(2)
    assert (await api.get(collection))["schedule_status"] == "Processing"
    api.sandbox.advance(2)
    assert (await api.get(collection))["schedule_status"] == "Completed"


@pytest.mark.parametrize(
    ("order", "expected"), [("newest", [91, 90, 89, 88]), ("oldest", [88, 89, 90, 91]), ("shuffled", [91, 89, 90, 88])]
)
async def test_order_of_runs_can_be_chosen(order: str, expected: list[int]) -> None:
    """The order of runs, which is not documented, is an option, and pages follow it."""
    async with served(runs_order=order) as api:
        (collection,) = api.sandbox.add_collections(1, runs=4)
        pages = [await api.runs(collection, skip=skip, limit=2) for skip in (0, 2)]
        assert expected == [run["id"] for page in pages for run in page]


async def test_lost_items_are_missing(api: Any) -> None:
    """A run can find fewer items than requested, and is charged only for those."""
    collection = await api.collection("B01", "B02", "B03")
    api.sandbox.lose_items_of_next_run(collection, 2)
    await api.data(RUN, collection_id=collection)
    api.sandbox.advance(60)
    (run,) = await api.runs(collection)
    assert (run["total_results"], run["total_exacted_result"], len(run["download_links"]["pages"])) == (3, 1, 1)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (1, 0)


async def test_a_run_that_finds_nothing_has_no_files(api: Any) -> None:
    """A run that finds nothing is finished without links."""
    collection = await api.collection("B01")
    api.sandbox.lose_items_of_next_run(collection, 5)
    await api.data(RUN, collection_id=collection)
    api.sandbox.advance(60)
    (run,) = await api.runs(collection)
    assert (run["is_download_generated"], run["download_links"]) == (True, {"pages": [], "all_pages": ""})
    name = f"{api.sandbox.url}/results/{collection}/{run['id']}/AU Laptops_{run['id']}_Results_All_Pages.zip"
    assert (await api.fetch(name)).status == 404


async def test_a_planned_failure(api: Any) -> None:
    """A run that was planned to fail scrapes half of its items, is Failed with a message, and never has its file."""
    collection = await api.collection("B01", "B02", "B03", "B04")
    api.sandbox.fail_next_run(None, "Blocked")
    await api.data(RUN, collection_id=collection)
    api.sandbox.advance(60)
    found, (run,) = await api.get(collection), await api.runs(collection)
    assert (
        found["schedule_status"],
        found["failed_message"],
        run["is_download_generated"],
    ) == ("Failed", "Blocked", False)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (2, 0)
    assert len(run["download_links"]["pages"]) == 1


async def test_the_run_after_a_failure_succeeds(api: Any) -> None:
    """A planned failure is used once, and the next run removes its message."""
    collection = await api.collection("B01")
    api.sandbox.fail_next_run(collection)
    for _ in range(2):
        await api.data(RUN, collection_id=collection)
        api.sandbox.advance(60)
    found = await api.get(collection)
    assert (found["schedule_status"], "failed_message" in found) == ("Completed", False)


async def test_active_runs_can_be_made_to_fail(api: Any) -> None:
    """Active runs can be made to fail immediately."""
    collection = await api.started("B01", "B02")
    api.sandbox.advance(3)
    assert api.sandbox.fail_runs(collection, "Gone") == 1
    assert (await api.get(collection))["failed_message"] == "Gone"
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (1, 0)


async def test_an_instant_failure_scrapes_half() -> None:
    """An instant run that was planned to fail scrapes half of its items."""
    async with served(instant=True) as api:
        collection = await api.collection("B01", "B02", "B03", "B04")
        api.sandbox.fail_next_run(collection)
        await api.data(RUN, collection_id=collection)
        assert (await api.get(collection))["schedule_status"] == "Failed"
        assert api.sandbox.credits().used == 2


async def test_instant_runs_are_finished_at_the_first_poll() -> None:
    """An instant run is finished at the first poll."""
    async with served(instant=True) as api:
        collection = await api.started("B01")
        assert [run["is_download_generated"] for run in await api.runs(collection)] == [True]


async def test_a_schedule_starts_a_run(api: Any) -> None:
    """A run can be started as by a schedule, with the same credit check."""
    collection = await api.collection("B01")
    run = api.sandbox.start_run(collection)
    api.sandbox.advance(60)
    assert [row["id"] for row in await api.runs(collection)] == [run]
    api.sandbox.set_credits(1)
    with pytest.raises(RuntimeError, match="402"):
        api.sandbox.start_run(collection)
    with pytest.raises(RuntimeError, match="collection_id: expected the id of a collection in this sandbox, got 999"):
        api.sandbox.start_run(999)


async def test_outputs_exist_after_the_end(api: Any) -> None:
    """A finished run has one output for each item, listed in pages over all runs."""
    collection = await api.started("B01", "B02", "B03")
    listed = "/schedules/amazon/asin/output/list/"
    assert await api.data(listed, collection_id=collection) == []
    api.sandbox.advance(60)
    await api.data(RUN, collection_id=collection)
    api.sandbox.advance(60)
    rows = await api.data(listed, collection_id=collection)
    assert len({row["id"] for row in rows}) == 6
    assert rows[2:5] == await api.data(listed, collection_id=collection, skip=2, limit=3)
    assert rows[4:] == await api.data(listed, collection_id=collection, skip=4)


async def test_an_output_is_found_by_its_own_id(api: Any) -> None:
    """The field asin_id is the id of the output; the id of the ASIN finds nothing."""
    collection = await api.started("B01", "B02")
    api.sandbox.advance(60)
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=collection))[1]
    found = await api.data("/schedules/amazon/asin/output/", asin_id=output["id"])
    assert found["output_json"]["asin"] == "B02"
    row = (await api.data("/schedules/amazon/asin/list/", collection_id=collection))[1]
    assert await api.refused("/schedules/amazon/asin/output/", asin_id=row["id"]) == 404
    assert await api.refused("/schedules/amazon/asin/output/", asin_id=output["id"] + 1) == 404
