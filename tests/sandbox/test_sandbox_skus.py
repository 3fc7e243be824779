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


async def test_a_sku_is_an_item_among_the_asins(api: Any) -> None:
    """A SKU is listed with SKU as asin, store as custom_id and a fixed domain, and enables the draft."""
    collection = await officeworks(api)
    made = await api.data(CREATE, collection=collection, **SKU)
    (row,) = await api.data(LIST, collection_id=collection)
    assert made == {"id": row["id"], **SKU, "collection": collection}
    assert (row["asin"], row["custom_id"], row["domain"]["domain"]) == ("JBMS310BK", "W411", "officeworks.com.au")
    assert (await api.get(collection))["status"] == "enable"


@pytest.mark.parametrize("postcode", ["4500", 4500, 15, "15"], ids=repr)
async def test_a_postcode_is_a_value_or_an_id(api: Any, postcode: str | int) -> None:
    """A postcode is accepted as string or integer, and the response has its value as a string."""
    made = await api.data(CREATE, collection=await officeworks(api), **{**SKU, "customer_postcode": postcode})
    assert made["customer_postcode"] == "4500"


async def test_a_value_has_priority_over_an_id(api: Any) -> None:
    """A number that is both a value and an id means the value; what the service does is not documented."""
    api.sandbox.add_zipcode("15")
    made = await api.data(CREATE, collection=await officeworks(api), **{**SKU, "customer_postcode": 15})
    assert made["customer_postcode"] == "15"


async def test_a_postcode_of_officeworks_has_priority(api: Any) -> None:
    """If several domains have the same value, the postcode of Officeworks is used."""
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
async def test_unknown_stores_and_postcodes_are_rejected(api: Any, wrong: dict[str, object]) -> None:
    """An unknown store or postcode is rejected."""
    assert await api.refused(CREATE, collection=await officeworks(api), **{**SKU, **wrong}) == 400


async def test_a_collection_must_be_for_officeworks(api: Any) -> None:
    """Each of the three calls rejects a collection of another request type or user."""
    collection = await api.collection()
    assert await api.refused(CREATE, collection=collection, **SKU) == 400
    assert await api.refused(MULTIPLE, collection=collection, skus="A1", **MANY) == 400
    assert (await upload(api, collection, HEADER))["code"] == 400
    assert await api.refused(CREATE, collection=999, **SKU) == 404


async def test_a_collection_has_a_sku_once(api: Any) -> None:
    """A SKU is a duplicate even with another store and postcode, but not in another collection."""
    api.sandbox.add_zipcode("3000")
    collection = await officeworks(api)
    await api.data(CREATE, collection=collection, **SKU)
    again = {**SKU, "store_id": "W902", "customer_postcode": "3000"}
    assert await api.refused(CREATE, collection=collection, **again) == 409
    await api.data(CREATE, collection=await officeworks(api), **again)


async def test_invalid_skus_are_reported(api: Any) -> None:
    """Invalid SKUs, such as duplicates in the same call, are error rows; whitespace is ignored."""
    collection = await officeworks(api)
    await api.data(CREATE, collection=collection, **SKU)
    response = await api.data(MULTIPLE, collection=collection, skus="JBMS310BK, HPLAP001,,HPLAP001", **MANY)
    duplicates = [{"sku": sku, "error": "Duplicate entry"} for sku in ("JBMS310BK", "HPLAP001")]
    assert response == {"success_count": 1, "error_rows": duplicates}


async def test_csv_rows_have_their_own_stores_and_postcodes(api: Any) -> None:
    """Invalid rows do not affect the others, and fields missing in the incomplete documentation are accepted."""
    api.sandbox.add_zipcode("3000")
    collection = await officeworks(api)
    text = HEADER + "A1,4500,W411\nA2,3000,W902\nA3,9999,W411\nA4,4500,W999\n,4500,W411\nA5,4500\n"
    response = (await upload(api, collection, text, more="1"))["data"]
    errors = [(row["sku"], row["error"]) for row in response["error_rows"]]
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
async def test_an_invalid_csv_is_rejected(api: Any, text: str) -> None:
    """The header must match exactly, and a CSV has at most 5,000 rows."""
    assert (await upload(api, await officeworks(api), text))["code"] == 400


async def test_an_additional_column_is_ignored(api: Any) -> None:
    """An additional column is ignored in a row, but rejected in the header."""
    collection = await officeworks(api)
    assert (await upload(api, collection, HEADER + "A1,4500,W411,more\n"))["data"]["success_count"] == 1
    assert (await upload(api, collection, HEADER.replace("\n", ",more\n")))["code"] == 400


async def test_the_5001st_sku_is_rejected(api: Any) -> None:
    """A collection holds at most 5,000 items."""
    collection = await officeworks(api)
    text = HEADER + "".join(f"A{number},4500,W411\n" for number in range(4999))
    assert (await upload(api, collection, text))["data"]["success_count"] == 4999
    response = await api.data(MULTIPLE, collection=collection, skus="B1,B2", **MANY)
    assert (response["success_count"], [row["sku"] for row in response["error_rows"]]) == (1, ["B2"])
    assert await api.refused(CREATE, collection=collection, **{**SKU, "sku": "B3"}) == 400


@pytest.mark.parametrize("mode", ["full", "availability_only"])
async def test_a_collection_of_skus_can_be_run(api: Any, mode: str) -> None:
    """A run of SKUs has the records of an Amazon run with sku instead of asin, and the collection has its count."""
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
