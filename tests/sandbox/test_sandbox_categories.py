"""Category scrapes."""

from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_api import CATEGORY, served

SUBMIT = "/schedules/amazon/category/add_schedule/"
RESULT = "/schedules/amazon/category/result/"
CANCEL = "/schedules/amazon/category/cancel/"


async def test_a_scrape_creates_a_collection(api: Any) -> None:
    """The new collection is named after the node, has its own request type, and is Processing at once."""
    made = await api.data(SUBMIT, **CATEGORY)
    found = await api.get(made["id"])
    assert (found["name"], found["request_type"]) == ("amazon_category_4851693051", "amazon_category_scrape")
    assert (found["schedule_status"], found["notification_email"]) == ("Processing", "ops@example.com")


async def test_optional_fields_are_kept(api: Any) -> None:
    """Name, priority and address are stored, and a null filter is accepted."""
    fields = {"name": "Mine", "priority": "Low", "notification_email": "a@example.com", "filter_delivery_day": None}
    found = await api.get((await api.data(SUBMIT, **CATEGORY, **fields))["id"])
    assert (found["name"], found["priority"], found["notification_email"]) == ("Mine", "Low", "a@example.com")


@pytest.mark.parametrize("wrong", [{"postcode": "9999"}, {"domain": "amazon.com"}], ids=str)
async def test_a_scrape_without_a_postcode_is_rejected(api: Any, wrong: dict[str, str]) -> None:
    """A scrape with an unknown postcode, or one of another domain, is rejected because it has no cookie file."""
    response = await api.call(SUBMIT, **{**CATEGORY, **wrong})
    assert (response["code"], response["data"].startswith("No cookie file found")) == (400, True)


async def test_a_scrape_with_a_pending_postcode_is_rejected(api: Any) -> None:
    """A scrape is rejected until its postcode is active."""
    api.sandbox.add_zipcode("3000", status="in-progress")
    assert await api.refused(SUBMIT, **{**CATEGORY, "postcode": "3000"}) == 400
    api.sandbox.add_zipcode("2000", domain="amazon.com")
    await api.data(SUBMIT, **{**CATEGORY, "postcode": "2000", "domain": "amazon.com"})


async def test_a_scrape_without_credits_is_rejected(api: Any) -> None:
    """A scrape without spendable credits gets code 402, and no collection is created."""
    api.sandbox.set_credits(0)
    assert await api.refused(SUBMIT, **CATEGORY) == 402
    assert await api.data("/schedules/get_schedules/") == []


async def test_a_scrape_spends_at_most_the_spendable_credits(api: Any) -> None:
    """The size of a scrape is not known in advance, so it reserves at most the spendable credits."""
    api.sandbox.set_credits(5)
    await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (5, 0)


async def test_a_running_scrape_shows_its_progress(api: Any) -> None:
    """The result of a running scrape has one element with stage scraping, current page and total pages."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(16)
    (row,) = await api.data(RESULT, collection_id=made["id"])
    assert (row["stage"], row["progress"]) == ("scraping", {"current_page": 2, "total_pages": 3})
    assert (row["is_download_generated"], "asins" in row) == (False, False)
    assert (await api.fetch(f"{api.sandbox.url}/results/{made['id']}/{made['runner_id']}/x")).status == 404


async def test_a_finished_scrape_has_all_products(api: Any) -> None:
    """The result of a finished scrape has all products inline, one file, and no ZIP."""
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
    """A category run is in the history of its collection from its start."""
    made = await api.data(SUBMIT, **CATEGORY)
    assert (await api.runs(made["id"]))[0]["download_links"] == {"pages": [], "all_pages": ""}
    api.sandbox.advance(60)
    (run,) = await api.runs(made["id"])
    link = f"{api.sandbox.url}/results/{made['id']}/{made['runner_id']}/category_asins.json"
    assert run["download_links"] == {"pages": [link], "all_pages": ""}
    assert await api.data("/schedules/amazon/asin/output/list/", collection_id=made["id"]) == []


async def test_a_scrape_can_be_cancelled_once(api: Any) -> None:
    """The first cancellation revokes the scrape, which stays Failed with the documented message."""
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
    """A cancellation of a finished scrape is a success with revoked false."""
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert not (await api.data(CANCEL, collection_id=made["id"]))["revoked"]
    assert (await api.get(made["id"]))["schedule_status"] == "Completed"


async def test_the_stage_after_a_cancel_can_be_chosen() -> None:
    """The stage of a cancelled scrape, which is not documented, is an option."""
    async with served(stage_after_cancel="scraping") as api:
        made = await api.data(SUBMIT, **CATEGORY)
        await api.data(CANCEL, collection_id=made["id"])
        assert (await api.data(RESULT, collection_id=made["id"]))[0]["stage"] == "scraping"


async def test_a_planned_failure_of_a_scrape(api: Any) -> None:
    """A scrape that was planned to fail ends with stage failed."""
    api.sandbox.fail_next_run(None, "Blocked")
    made = await api.data(SUBMIT, **CATEGORY)
    api.sandbox.advance(60)
    assert (await api.data(RESULT, collection_id=made["id"]))[0]["stage"] == "failed"
    assert (await api.get(made["id"]))["failed_message"] == "Blocked"


async def test_product_collections_are_not_scrapes(api: Any) -> None:
    """The calls for category scrapes do not find a product collection."""
    collection = await api.started("B01")
    assert await api.refused(RESULT, collection_id=collection) == 404
    assert await api.refused(CANCEL, collection_id=collection) == 404


async def test_a_category_may_be_empty() -> None:
    """A scrape that finds no products is done, with an empty file."""
    async with served(instant=True, category_items=0) as api:
        made = await api.data(SUBMIT, **CATEGORY)
        (row,) = await api.data(RESULT, collection_id=made["id"])
        assert (row["asin_count"], row["asins"]) == (0, [])
        assert (await api.fetch(row["download_links"]["pages"][0])).body == b"[]"
