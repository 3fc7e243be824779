"""Officeworks SKUs."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

CREATE = "/schedules/officeworks/sku/create/"
MULTIPLE = "/schedules/officeworks/sku/create/multiple/"
BULK = "/schedules/officeworks/sku/create/bulk/"
LIST = "/schedules/amazon/asin/list/"
SKU = {"sku": "JBMS310BK", "store_id": "W411", "customer_postcode": "4500"}
MANY = {"store_id": "W411", "customer_postcode": "4500"}
HEADER = "sku,customer_postcode,store_id\n"


async def officeworks(api: Any, **fields: Any) -> int:
    return await api.collection(request_type="officeworks.com.au", **fields)


async def upload(api: Any, collection: int, text: str, **fields: str) -> Any:
    form = aiohttp.FormData({"collection_id": str(collection), **fields})
    form.add_field("csv", text.encode(), filename="skus.csv")
    async with api.session.post(api.sandbox.url + BULK, data=form) as response:
        return await response.json()


async def test_a_sku_is_a_row_among_the_asins(api: Any) -> None:
    """SKU in asin, store in custom_id, domain fixed; the draft is enabled."""
    collection = await officeworks(api)
    made = await api.data(CREATE, collection=collection, **SKU)
    (row,) = await api.data(LIST, collection_id=collection)
    assert made == {"id": row["id"], **SKU, "collection": collection}
    assert (row["asin"], row["custom_id"], row["domain"]["domain"]) == ("JBMS310BK", "W411", "officeworks.com.au")
    assert (await api.get(collection))["status"] == "enable"


@pytest.mark.parametrize("postcode", ["4500", 4500, 15, "15"], ids=repr)
async def test_a_postcode_is_a_value_or_a_row_id(api: Any, postcode: str | int) -> None:
    """As text or as a number; the answer has the value, as text."""
    made = await api.data(CREATE, collection=await officeworks(api), **{**SKU, "customer_postcode": postcode})
    assert made["customer_postcode"] == "4500"


async def test_a_value_goes_before_a_row_id(api: Any) -> None:
    """A number that may be both is the postcode; which it is with the service is not documented."""
    api.sandbox.add_zipcode("15")
    made = await api.data(CREATE, collection=await officeworks(api), **{**SKU, "customer_postcode": 15})
    assert made["customer_postcode"] == "15"


async def test_a_postcode_of_officeworks_goes_before_others(api: Any) -> None:
    """When the same value is there for several domains."""
    own = api.sandbox.add_zipcode("4500", domain="officeworks.com.au")
    api.sandbox.add_zipcode("4500", domain="amazon.com")
    collection = await officeworks(api)
    await api.data(CREATE, collection=collection, **SKU)
    assert own == (await api.data(LIST, collection_id=collection))[0]["customer_postcode"]["id"]


@pytest.mark.parametrize(
    "wrong",
    [{"store_id": "W999"}, {"customer_postcode": "9999"}, {"customer_postcode": True}, {"customer_postcode": ""}],
    ids=str,
)
async def test_unknown_places_are_refused(api: Any, wrong: dict[str, object]) -> None:
    """Store and postcode must exist."""
    assert await api.refused(CREATE, collection=await officeworks(api), **{**SKU, **wrong}) == 400


async def test_a_collection_must_be_for_officeworks(api: Any) -> None:
    """And one's own, in each of the three calls."""
    collection = await api.collection()
    assert await api.refused(CREATE, collection=collection, **SKU) == 400
    assert await api.refused(MULTIPLE, collection=collection, skus="A1", **MANY) == 400
    assert (await upload(api, collection, HEADER))["code"] == 400
    assert await api.refused(CREATE, collection=999, **SKU) == 404


async def test_a_sku_is_there_once(api: Any) -> None:
    """Another store and another postcode make no difference; another collection does."""
    api.sandbox.add_zipcode("3000")
    collection = await officeworks(api)
    await api.data(CREATE, collection=collection, **SKU)
    again = {**SKU, "store_id": "W902", "customer_postcode": "3000"}
    assert await api.refused(CREATE, collection=collection, **again) == 409
    await api.data(CREATE, collection=await officeworks(api), **again)


async def test_several_go_in_and_the_others_are_told_of(api: Any) -> None:
    """Also one that is twice in the same call; blanks do not count."""
    collection = await officeworks(api)
    await api.data(CREATE, collection=collection, **SKU)
    answer = await api.data(MULTIPLE, collection=collection, skus="JBMS310BK, HPLAP001,,HPLAP001", **MANY)
    duplicates = [{"sku": sku, "error": "Duplicate entry"} for sku in ("JBMS310BK", "HPLAP001")]
    assert answer == {"success_count": 1, "error_rows": duplicates}


async def test_rows_of_a_csv_have_places_of_their_own(api: Any) -> None:
    """Bad ones do not stop the rest; fields that the cut documentation does not name are let pass."""
    api.sandbox.add_zipcode("3000")
    collection = await officeworks(api)
    text = HEADER + "A1,4500,W411\nA2,3000,W902\nA3,9999,W411\nA4,4500,W999\n,4500,W411\nA5,4500\n"
    answer = (await upload(api, collection, text, more="1"))["data"]
    errors = [(row["sku"], row["error"]) for row in answer["error_rows"]]
    assert errors == [
        ("A3", "Postcode not found"),
        ("A4", "Store not found"),
        ("", "SKU is missing"),
        ("A5", "Store not found"),
    ]
    assert [row["custom_id"] for row in await api.data(LIST, collection_id=collection)] == ["W411", "W902"]
    assert api.sandbox.ignored_fields == []


@pytest.mark.parametrize(
    "text",
    ["", "sku, customer_postcode, store_id\n", "sku,store_id,customer_postcode\n", HEADER + "A1,4500,W411\n" * 5001],
    ids=["empty", "blanks", "order", "too many"],
)
async def test_a_bad_csv_is_refused(api: Any, text: str) -> None:
    """The header must match exactly, and 5,000 rows are the most."""
    assert (await upload(api, await officeworks(api), text))["code"] == 400


async def test_a_column_beyond_the_header_is_passed_over(api: Any) -> None:
    """In a row; in the header it is refused."""
    collection = await officeworks(api)
    assert (await upload(api, collection, HEADER + "A1,4500,W411,more\n"))["data"]["success_count"] == 1
    assert (await upload(api, collection, HEADER.replace("\n", ",more\n")))["code"] == 400


async def test_the_5001st_sku_is_rejected(api: Any) -> None:
    """A collection holds 5,000 items."""
    collection = await officeworks(api)
    text = HEADER + "".join(f"A{number},4500,W411\n" for number in range(4999))
    assert (await upload(api, collection, text))["data"]["success_count"] == 4999
    answer = await api.data(MULTIPLE, collection=collection, skus="B1,B2", **MANY)
    assert (answer["success_count"], [row["sku"] for row in answer["error_rows"]]) == (1, ["B2"])
    assert await api.refused(CREATE, collection=collection, **{**SKU, "sku": "B3"}) == 400


@pytest.mark.parametrize("mode", ["full", "availability_only"])
async def test_a_collection_of_skus_can_be_run(api: Any, mode: str) -> None:
    """Its records are those of an Amazon run, with sku for asin; it is listed with its count."""
    collection = await officeworks(api, fetch_mode=mode)
    await api.data(MULTIPLE, collection=collection, skus="A1,A2", **MANY)
    assert [row["asin_count"] for row in await api.data("/schedules/get_schedules/")] == [2]
    await api.data("/schedules/run/result/", collection_id=collection)
    api.sandbox.advance(60)
    records = (await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0])).json
    assert [record["sku"] for record in records] == ["A1", "A2"]
    assert "asin" not in records[0]
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=collection))[0]
    assert (await api.data("/schedules/amazon/asin/output/", asin_id=output["id"]))["output_json"]["sku"] == "A1"
    assert api.sandbox.credits().used == 2
