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


async def test_a_new_postcode_is_active_after_a_while(api: Any) -> None:
    """Five seconds, unless told otherwise; its row says when it changed."""
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


async def test_the_while_can_be_chosen() -> None:
    """Up to a minute is what the service needs."""
    async with served(clock="manual", zipcode_seconds=60) as api:
        await api.data(CREATE, domain=1, zipcode="3000")
        api.sandbox.advance(59)
        assert (await statuses(api))["3000"] == "in-progress"
        api.sandbox.advance(1)
        assert (await statuses(api))["3000"] == "active"
    with pytest.raises(ValueError, match="zipcode_seconds"):
        Sandbox(zipcode_seconds=-1)


async def test_an_instant_one_is_active_when_somebody_looks() -> None:
    """The answer to its creation still says in-progress, as documented."""
    async with served(instant=True) as api:
        assert (await api.data(CREATE, domain=1, zipcode="3000"))["status"] == "in-progress"
        assert (await statuses(api))["3000"] == "active"


async def test_a_domain_that_is_not_scraped_needs_no_cookie(api: Any) -> None:
    """Its postcodes are active at once."""
    assert (await api.data(CREATE, domain=3, zipcode="4500"))["status"] == "active"


async def test_the_cookie_of_another_user_is_reused(api: Any) -> None:
    """If theirs is active; the same value for another domain does not help."""
    bob = api.sandbox.add_user("Bob", api_key="bob.key")
    api.sandbox.add_zipcode("3000", user_id=bob)
    api.sandbox.add_zipcode("2000", user_id=bob, status="in-progress")
    found = [
        (await api.data(CREATE, domain=domain, zipcode=zipcode))["status"]
        for domain, zipcode in ((1, "3000"), (2, "3000"), (1, "2000"))
    ]
    assert found == ["active", "in-progress", "in-progress"]


async def test_the_same_one_again_is_a_conflict(api: Any) -> None:
    """By user, domain and value; several postcodes for a domain are none."""
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
async def test_what_cannot_be_one_is_refused(api: Any, wrong: dict[str, object]) -> None:
    """The domain is an id; a value is text of up to 12 characters."""
    assert await api.refused(CREATE, **{"domain": 1, "zipcode": "3000", **wrong}) == 400


async def test_a_row_has_the_whole_domain(api: Any) -> None:
    """As far as the documented answer can be seen."""
    (row,) = await api.data(LIST)
    domain = {"id": 1, "domain": "amazon.com.au", "country_code": "AU", "supplier_type": "scraping", "status": "active"}
    assert (15, "4500", domain, "active") == (row["id"], row["zipcode"], row["domain"], row["status"])


async def test_the_list_can_be_narrowed(api: Any) -> None:
    """By status, by domain, and by both."""
    api.sandbox.add_zipcode("3000", status="failed")
    api.sandbox.add_zipcode("90210", domain="amazon.com")
    filters: list[dict[str, object]] = [{"status": "active"}, {"domain": 1}, {"status": "failed", "domain": 1}]
    found = [[row["zipcode"] for row in await api.data(LIST, **fields)] for fields in filters]
    assert found == [["4500", "90210"], ["4500", "3000"], ["3000"]]
    assert await api.refused(LIST, status="ready") == 400


async def test_everybody_sees_their_own(api: Any) -> None:
    """Another user's rows are not listed."""
    api.sandbox.add_zipcode("3000", user_id=api.sandbox.add_user("Bob", api_key="bob.key"))
    assert await statuses(api) == {"4500": "active"}


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_the_next_one_can_be_made_to_fail(api: Any, status: str) -> None:
    """Only the next one that needs a cookie."""
    api.sandbox.fail_next_zipcode(status)
    await api.data(CREATE, domain=3, zipcode="1000")
    assert await api.refused(CREATE, domain=1, zipcode="4500") == 409
    await api.data(CREATE, domain=1, zipcode="2000")
    await api.data(CREATE, domain=1, zipcode="3000")
    api.sandbox.advance(60)
    assert await statuses(api) == {"4500": "active", "1000": "active", "2000": status, "3000": "active"}


async def test_a_status_can_be_set(api: Any) -> None:
    """It stays: what was to become of the postcode does not happen any more."""
    made = await api.data(CREATE, domain=1, zipcode="3000")
    api.sandbox.set_zipcode_status(made["id"], "pending")
    api.sandbox.advance(3600)
    assert (await statuses(api))["3000"] == "pending"
    with pytest.raises(LookupError, match="99"):
        api.sandbox.set_zipcode_status(99, "active")


async def test_a_category_waits_for_its_postcode(api: Any) -> None:
    """No cookie file until it is active, and none when it is not any more."""
    made = await api.data(CREATE, domain=1, zipcode="3000")
    category = {**CATEGORY, "postcode": "3000"}
    assert (await api.call("/schedules/amazon/category/add_schedule/", **category))["data"].startswith("No cookie file")
    api.sandbox.advance(5)
    await api.data("/schedules/amazon/category/add_schedule/", **category)
    api.sandbox.set_zipcode_status(made["id"], "inactive")
    assert await api.refused("/schedules/amazon/category/add_schedule/", **category) == 400
