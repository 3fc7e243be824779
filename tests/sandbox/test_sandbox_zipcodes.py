"""Postcodes."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from support.sandbox_api import CATEGORY, Api, served

from multicart_async.sandbox import Sandbox

CREATE = "/zipcodes/create-zipcode/"
LIST = "/zipcodes/get-zipcodes/"


async def statuses(api: Any) -> dict[str, str]:
    return {row["zipcode"]: row["status"] for row in await api.data(LIST)}


async def test_a_new_postcode_is_active_after_five_seconds(api: Any) -> None:
    """A new postcode is active after five seconds by default, and updated_at is that moment."""
    assert (await api.data(CREATE, domain=1, zipcode="3000"))["status"] == "in-progress"
    api.sandbox.advance(4)
    assert (await statuses(api))["3000"] == "in-progress"
    api.sandbox.advance(2)
    row = (await api.data(LIST))[-1]
    assert (*(row["status"], row["created_at"], row["updated_at"]),) == (
        "active",
        "2026-06-20T10:00:00Z",
        "2026-06-20T10:00:05Z",
    )


async def test_the_time_until_a_postcode_is_active_is_an_option() -> None:
    """The time until a postcode is active can be set, as the service needs up to a minute."""
    async with served(clock="manual", zipcode_seconds=60) as api:
        await api.data(CREATE, domain=1, zipcode="3000")
        api.sandbox.advance(59)
        assert (await statuses(api))["3000"] == "in-progress"
        api.sandbox.advance(1)
        assert (await statuses(api))["3000"] == "active"
    with pytest.raises(ValueError, match="zipcode_seconds"):
        Sandbox(zipcode_seconds=-1)


async def test_an_instant_postcode_is_active_at_the_first_poll() -> None:
    """An instant postcode is in-progress in the response to its creation, as documented, and active at the first poll."""
    async with served(instant=True) as api:
        assert (await api.data(CREATE, domain=1, zipcode="3000"))["status"] == "in-progress"
        assert (await statuses(api))["3000"] == "active"


async def test_a_domain_that_is_not_scraped_needs_no_cookie(api: Any) -> None:
    """Postcodes of a domain that is not scraped are active at once."""
    assert (await api.data(CREATE, domain=3, zipcode="4500"))["status"] == "active"


async def test_the_cookie_of_another_user_is_reused(api: Any) -> None:
    """A postcode is active at once if the same one of another user is, but not if that has another domain."""
    bob = api.sandbox.add_user("Bob", api_key="bob.key")
    api.sandbox.add_zipcode("3000", user_id=bob)
    api.sandbox.add_zipcode("2000", user_id=bob, status="in-progress")
    found = [
        (await api.data(CREATE, domain=domain, zipcode=zipcode))["status"]
        for domain, zipcode in ((1, "3000"), (2, "3000"), (1, "2000"))
    ]
    assert found == ["active", "in-progress", "in-progress"]


async def test_a_duplicate_postcode_is_a_conflict(api: Any) -> None:
    """A postcode is a duplicate if user, domain and value are the same; a domain can have several postcodes."""
    assert await api.call(CREATE, domain=1, zipcode="4500") == {
        "code": 409,
        "data": "Zipcode already exists",
        "status": 0,
    }
    await api.data(CREATE, domain=2, zipcode="4500")
    api.sandbox.add_user("Bob", api_key="bob.key")
    async with aiohttp.ClientSession(headers={"x-api-key": "bob.key"}) as session:
        await Api(api.sandbox, session).data(CREATE, domain=1, zipcode="4500")


@pytest.mark.parametrize(
    "wrong", [{"domain": 9}, {"domain": "amazon.com.au"}, {"zipcode": "1234567890123"}, {"zipcode": 4500}], ids=str
)
async def test_an_invalid_postcode_is_rejected(api: Any, wrong: dict[str, object]) -> None:
    """The domain must be an id, and the value a string of up to 12 characters."""
    assert await api.refused(CREATE, **{"domain": 1, "zipcode": "3000", **wrong}) == 400


async def test_a_listed_postcode_has_its_domain(api: Any) -> None:
    """A listed postcode has the fields of its domain that the documented response shows."""
    (row,) = await api.data(LIST)
    domain = {"id": 1, "domain": "amazon.com.au", "country_code": "AU", "supplier_type": "scraping", "status": "active"}
    assert (15, "4500", domain, "active") == (row["id"], row["zipcode"], row["domain"], row["status"])


async def test_the_list_can_be_filtered(api: Any) -> None:
    """The list can be filtered by status, by domain, and by both."""
    api.sandbox.add_zipcode("3000", status="failed")
    api.sandbox.add_zipcode("90210", domain="amazon.com")
    filters: list[dict[str, object]] = [{"status": "active"}, {"domain": 1}, {"status": "failed", "domain": 1}]
    found = [[row["zipcode"] for row in await api.data(LIST, **fields)] for fields in filters]
    assert found == [["4500", "90210"], ["4500", "3000"], ["3000"]]
    assert await api.refused(LIST, status="ready") == 400


async def test_users_list_only_their_own_postcodes(api: Any) -> None:
    """The postcodes of another user are not listed."""
    api.sandbox.add_zipcode("3000", user_id=api.sandbox.add_user("Bob", api_key="bob.key"))
    assert await statuses(api) == {"4500": "active"}


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_the_next_postcode_can_be_made_to_fail(api: Any, status: str) -> None:
    """Only the next postcode that needs a cookie fails."""
    api.sandbox.fail_next_zipcode(status)
    await api.data(CREATE, domain=3, zipcode="1000")
    assert await api.refused(CREATE, domain=1, zipcode="4500") == 409
    await api.data(CREATE, domain=1, zipcode="2000")
    await api.data(CREATE, domain=1, zipcode="3000")
    api.sandbox.advance(60)
    assert await statuses(api) == {"4500": "active", "1000": "active", "2000": status, "3000": "active"}


async def test_a_status_can_be_set(api: Any) -> None:
    """A status that was set is permanent: a change that was due later does not happen."""
    made = await api.data(CREATE, domain=1, zipcode="3000")
    api.sandbox.set_zipcode_status(made["id"], "pending")
    api.sandbox.advance(3600)
    assert (await statuses(api))["3000"] == "pending"
    with pytest.raises(LookupError, match="zipcode_id: expected the id of a postcode in this sandbox, got 99"):
        api.sandbox.set_zipcode_status(99, "active")


async def test_a_category_waits_for_its_postcode(api: Any) -> None:
    """A category scrape is rejected while its postcode is not active."""
    made = await api.data(CREATE, domain=1, zipcode="3000")
    category = {**CATEGORY, "postcode": "3000"}
    assert (await api.call("/schedules/amazon/category/add_schedule/", **category))["data"].startswith("No cookie file")
    api.sandbox.advance(5)
    await api.data("/schedules/amazon/category/add_schedule/", **category)
    api.sandbox.set_zipcode_status(made["id"], "inactive")
    assert await api.refused("/schedules/amazon/category/add_schedule/", **category) == 400
