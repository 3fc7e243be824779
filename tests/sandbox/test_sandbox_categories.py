"""Category scrapes."""

from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_api import CATEGORY, served

SUBMIT = "/schedules/amazon/category/add_schedule/"
RESULT = "/schedules/amazon/category/result/"
CANCEL = "/schedules/amazon/category/cancel/"


async def test_a_category_makes_its_own_collection(api: Any) -> None:
    """Named after the node, with its own request type, and Processing at once."""
    made = await api.data(SUBMIT, **CATEGORY)
    found = await api.get(made["id"])
    assert (found["name"], found["request_type"]) == ("amazon_category_4851693051", "amazon_category_scrape")
    assert (found["schedule_status"], found["notification_email"]) == ("Processing", "ops@example.com")


async def test_optional_fields_are_kept(api: Any) -> None:
    """Name, priority and address; a null filter is no filter."""
    fields = {"name": "Mine", "priority": "Low", "notification_email": "a@example.com", "filter_delivery_day": None}
    found = await api.get((await api.data(SUBMIT, **CATEGORY, **fields))["id"])
    assert (found["name"], found["priority"], found["notification_email"]) == ("Mine", "Low", "a@example.com")


@pytest.mark.parametrize("wrong", [{"postcode": "9999"}, {"domain": "amazon.com"}], ids=str)
async def test_without_an_active_postcode_it_is_refused(api: Any, wrong: dict[str, str]) -> None:
    """There is no cookie file for it."""
    answer = await api.call(SUBMIT, **{**CATEGORY, **wrong})
    assert (answer["code"], answer["data"].startswith("No cookie file found")) == (400, True)


async def test_a_pending_postcode_is_not_enough(api: Any) -> None:
    """It must be active."""
    api.sandbox.add_zipcode("3000", status="in-progress")
    assert await api.refused(SUBMIT, **{**CATEGORY, "postcode": "3000"}) == 400
    api.sandbox.add_zipcode("2000", domain="amazon.com")
    await api.data(SUBMIT, **{**CATEGORY, "postcode": "2000", "domain": "amazon.com"})


async def test_without_credits_it_is_refused(api: Any) -> None:
    """Code 402, and no collection is made."""
    api.sandbox.set_credits(0)
    assert await api.refused(SUBMIT, **CATEGORY) == 402
    assert await api.data("/schedules/get_schedules/") == []


async def test_it_never_spends_more_than_there_is(api: Any) -> None:
    """The size is not known beforehand; what is there is reserved."""
    api.sandbox.set_credits(5)
    await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (5, 0)


async def test_progress_while_it_runs(api: Any) -> None:
    """One element, stage scraping, current page and total pages."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(16)
    (row,) = await api.data(RESULT, collection_id=made["id"])
    assert (row["stage"], row["progress"]) == ("scraping", {"current_page": 2, "total_pages": 3})
    assert (row["is_download_generated"], "asins" in row) == (False, False)
    assert (await api.fetch(f"{api.sandbox.url}/results/{made['id']}/{made['runner_id']}/x")).status == 404


async def test_the_result(api: Any) -> None:
    """All products inline, one file, no ZIP."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    (row,) = await api.data(RESULT, collection_id=made["id"])
    assert (made["runner_id"], "done", 48, 48) == (row["id"], row["stage"], row["asin_count"], len(row["asins"]))
    assert row["download_links"]["all_pages"] == ""
    records = (await api.fetch(row["download_links"]["pages"][0])).json
    columns = "asin parent_asin is_variant is_brand is_store is_prime seller_name price_cents in_stock title price"
    assert set(columns.split()) < set(records[0])
    assert [record["asin"] for record in records] == [record["asin"] for record in row["asins"]]


async def test_the_run_is_in_the_history(api: Any) -> None:
    """collections.results has it, too, from the first moment."""
    made = await api.data(SUBMIT, **CATEGORY)
    assert (await api.runs(made["id"]))[0]["download_links"] == {"pages": [], "all_pages": ""}
    api.sandbox.advance(60)
    (run,) = await api.runs(made["id"])
    link = f"{api.sandbox.url}/results/{made['id']}/{made['runner_id']}/category_asins.json"
    assert run["download_links"] == {"pages": [link], "all_pages": ""}
    assert await api.data("/schedules/amazon/asin/output/list/", collection_id=made["id"]) == []


async def test_cancel(api: Any) -> None:
    """Revoked once; then Failed for good, with the documented message."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(10)
    assert await api.data(CANCEL, collection_id=made["id"]) == {"id": made["id"], "revoked": True}
    assert await api.data(CANCEL, collection_id=made["id"]) == {"id": made["id"], "revoked": False}
    found = await api.get(made["id"])
    assert (found["schedule_status"], found["failed_message"]) == ("Failed", "Cancelled by user")
    api.sandbox.advance(60)
    (row,) = await api.data(RESULT, collection_id=made["id"])
    assert (row["stage"], row["is_download_generated"]) == ("failed", False)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (10, 0)


async def test_cancel_after_the_end_changes_nothing(api: Any) -> None:
    """revoked false is no failure."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert not (await api.data(CANCEL, collection_id=made["id"]))["revoked"]
    assert (await api.get(made["id"]))["schedule_status"] == "Completed"


async def test_the_stage_after_a_cancel_can_be_chosen() -> None:
    """It is not documented."""
    async with served(stage_after_cancel="scraping") as api:
        made = await api.data(SUBMIT, **CATEGORY)
        await api.data(CANCEL, collection_id=made["id"])
        assert (await api.data(RESULT, collection_id=made["id"]))[0]["stage"] == "scraping"


async def test_a_scripted_failure(api: Any) -> None:
    """Stage failed."""
    api.sandbox.fail_next_run(None, "Blocked")
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert (await api.data(RESULT, collection_id=made["id"]))[0]["stage"] == "failed"
    assert (await api.get(made["id"]))["failed_message"] == "Blocked"


async def test_product_collections_are_no_categories(api: Any) -> None:
    """Neither polled nor cancelled here."""
    collection = await api.started("B01")
    assert await api.refused(RESULT, collection_id=collection) == 404
    assert await api.refused(CANCEL, collection_id=collection) == 404


async def test_a_category_may_be_empty() -> None:
    """Done, with nothing in it."""
    async with served(instant=True, category_items=0) as api:
        made = await api.data(SUBMIT, **CATEGORY)
        (row,) = await api.data(RESULT, collection_id=made["id"])
        assert (row["asin_count"], row["asins"]) == (0, [])
        assert (await api.fetch(row["download_links"]["pages"][0])).body == b"[]"
