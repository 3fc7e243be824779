"""ASINs of a collection."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from support.sandbox_api import PLACE

HEADER = "domain,customer_postcode,asin,include_raw_html\n"
LIST = "/schedules/amazon/asin/list/"
MULTIPLE = "/schedules/amazon/asin/create/multiple/"
CREATE = "/schedules/amazon/asin/create/"


async def upload(api: Any, collection: object, text: str | bytes, **form_options: Any) -> Any:
    form = aiohttp.FormData({"collection_id": str(collection)})
    form.add_field("csv", text if isinstance(text, bytes) else text.encode(), **{"filename": "a.csv", **form_options})
    async with api.session.post(api.sandbox.url + "/schedules/amazon/asin/create/bulk/", data=form) as response:
        return await response.json()


async def add(api: Any, collection: int, asin: str = "B01", **fields: Any) -> Any:
    return await api.call(
        CREATE, **{"collection": collection, "domain": 1, "customer_postcode": 15, "asin": asin, **fields}
    )


async def test_create_takes_ids(api: Any) -> None:
    """Domain and postcode are ids in the request and in the response."""
    made = (await add(api, await api.collection(), custom_id="ref", include_raw_html=True, output="HTML"))["data"]
    assert (made["domain"], made["customer_postcode"]) == (1, 15)
    assert (made["custom_id"], made["include_raw_html"], made["output"]) == ("ref", True, "HTML")


async def test_duplicate_is_a_conflict(api: Any) -> None:
    """The same ASIN for the same domain and postcode is rejected."""
    collection = await api.collection("B01")
    assert await add(api, collection) == {"code": 409, "data": "ASIN already exists", "status": 0}


@pytest.mark.parametrize("wrong", [{"domain": 9}, {"customer_postcode": 4500}, {"domain": 2}], ids=str)
async def test_unknown_domains_and_postcodes_are_rejected(api: Any, wrong: dict[str, int]) -> None:
    """An unknown id, or a postcode of another domain, gets code 400."""
    assert (await add(api, await api.collection(), **wrong))["code"] == 400


async def test_multiple_reports_duplicates(api: Any) -> None:
    """Duplicates are reported as error rows, and the other ASINs are added."""
    collection = await api.collection("B01")
    response = await api.data(MULTIPLE, collection=collection, asins="B01, B02,,B03", **PLACE)
    assert response == {"success_count": 2, "error_rows": [{"asin": "B01", "error": "Duplicate entry"}]}


async def test_multiple_reports_an_unknown_postcode(api: Any) -> None:
    """With an unknown postcode every item is an error row, under status 1."""
    place = {**PLACE, "customer_postcode": "9999"}
    response = await api.data(MULTIPLE, collection=await api.collection(), asins="B01", **place)
    assert response == {"success_count": 0, "error_rows": [{"asin": "B01", "error": "Domain or postcode not found"}]}


async def test_multiple_spells_raw_html_differently(api: Any) -> None:
    """The field including_raw_html is stored; include_raw_html is ignored, and recorded as such."""
    collection = await api.collection()
    await api.data(MULTIPLE, collection=collection, asins="B01", including_raw_html=True, **PLACE)
    await api.data(MULTIPLE, collection=collection, asins="B02", include_raw_html=True, **PLACE)
    assert [row["include_raw_html"] for row in await api.data(LIST, collection_id=collection)] == [True, False]
    assert api.sandbox.ignored_fields == [(MULTIPLE, "include_raw_html")]


async def test_the_5001st_item_is_rejected(api: Any) -> None:
    """A collection holds at most 5,000 items."""
    (collection,) = api.sandbox.add_collections(1, items=4999)
    response = await api.data(MULTIPLE, collection=collection, asins="B01,B02", **PLACE)
    assert (response["success_count"], [row["asin"] for row in response["error_rows"]]) == (1, ["B02"])
    assert (await add(api, collection, "B03"))["code"] == 400


async def test_csv_rows_are_added(api: Any) -> None:
    """Domain and postcode of a CSV row are values; invalid rows do not affect the others."""
    collection = await api.collection()
    text = (
        HEADER + "amazon.com.au,4500,B01,true\nnowhere,4500,B02,false\n\namazon.com.au,4500,,\namazon.com.au,4500,B04\n"
    )
    response = (await upload(api, collection, "\ufeff" + text))["data"]
    assert (response["success_count"], [row["asin"] for row in response["error_rows"]]) == (2, ["B02", ""])
    assert [row["include_raw_html"] for row in await api.data(LIST, collection_id=collection)] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sku,customer_postcode,store_id\n",
        "asin,domain,customer_postcode,include_raw_html\n",
        HEADER + "amazon.com.au,4500,B01,true\n" * 5001,
        b"\xff\xfe",
        HEADER + '"open',
    ],
    ids=["empty", "officeworks", "order", "too many", "not text", "open quote"],
)
async def test_an_invalid_csv_is_rejected(api: Any, text: str | bytes) -> None:
    """The header must match exactly, and a CSV has at most 5,000 rows."""
    assert (await upload(api, await api.collection(), text))["code"] == 400


async def test_csv_must_be_a_file(api: Any) -> None:
    """A form field without a file name is not accepted as the CSV file."""
    form = aiohttp.FormData({"collection_id": "101", "csv": HEADER})
    form.add_field("more", b"", content_type="text/plain", filename="x")
    async with api.session.post(api.sandbox.url + "/schedules/amazon/asin/create/bulk/", data=form) as response:
        assert (await response.json())["code"] == 400
    assert api.sandbox.ignored_fields == [("/schedules/amazon/asin/create/bulk/", "more")]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=x"])
async def test_csv_must_be_multipart(api: Any, kind: str) -> None:
    """A body that is not a valid multipart form gets code 400."""
    url = api.sandbox.url + "/schedules/amazon/asin/create/bulk/"
    async with api.session.post(url, data=b"{}", headers={"Content-Type": kind}) as response:
        assert (await response.json())["code"] == 400


async def test_a_part_with_an_invalid_header_is_rejected(api: Any) -> None:
    """A form part with an invalid header gets code 400, as any other invalid form, and not HTTP 500."""
    url = api.sandbox.url + "/schedules/amazon/asin/create/bulk/"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with api.session.post(url, data=b"--x\r\n[]--x--\r\n", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (200, 400)


async def test_parts_without_a_name_are_ignored(api: Any) -> None:
    """Form parts without a name are ignored."""
    url = api.sandbox.url + "/schedules/amazon/asin/create/bulk/"
    body = b"--x\r\nContent-Type: text/plain\r\n\r\nnameless\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with api.session.post(url, data=body, headers=headers) as response:
        assert (await response.json())["data"] == "collection_id: This field is required."


async def test_list_is_a_bare_array(api: Any) -> None:
    """Without with_count, or with a falsy one, the list is an array."""
    collection = await api.collection("B01")
    assert isinstance(await api.data(LIST, collection_id=collection, with_count=0), list)
    assert isinstance(await api.data(LIST, collection_id=collection, with_count=None), list)


async def test_list_with_count_is_an_object(api: Any) -> None:
    """With any truthy with_count, the list is an object with an array and a count."""
    page = await api.data(LIST, collection_id=await api.collection("B01", "B02"), with_count="yes", limit=1)
    assert (page["total_count"], len(page["asin_list"])) == (2, 1)


async def test_list_has_pages(api: Any) -> None:
    """Skip and limit select ASINs in the order of their ids."""
    page = await api.data(LIST, collection_id=await api.collection("B01", "B02", "B03"), skip=1, limit=1)
    assert [row["asin"] for row in page] == ["B02"]


async def test_list_has_100_rows_by_default(api: Any) -> None:
    """A list has 100 ASINs by default, as documented."""
    (collection,) = api.sandbox.add_collections(1, items=150)
    assert len(await api.data(LIST, collection_id=collection)) == 100


async def test_negative_skip_and_limit_are_rejected(api: Any) -> None:
    """A negative skip or limit gets code 400."""
    assert await api.refused(LIST, collection_id=await api.collection(), skip=-1) == 400


async def test_get_uses_only_the_id(api: Any) -> None:
    """The field collection is accepted but not used, and without an id nothing is found."""
    made = (await add(api, await api.collection()))["data"]
    assert (await api.data("/schedules/amazon/asin/get/", id=made["id"], collection=999))["asin"] == "B01"
    assert await api.refused("/schedules/amazon/asin/get/", collection=made["collection"]) == 404
    assert await api.refused("/schedules/amazon/asin/get/", id=999) == 404


async def test_update_into_a_duplicate_is_a_conflict(api: Any) -> None:
    """An ASIN cannot be changed to one that the collection has already."""
    collection = await api.collection("B01")
    made = (await add(api, collection, "B02"))["data"]
    assert await api.refused("/schedules/amazon/asin/update/", asin_id=made["id"], asin="B01") == 409
    assert (await api.data("/schedules/amazon/asin/get/", id=made["id"]))["asin"] == "B02"


async def test_delete_leaves_outputs_and_files(api: Any) -> None:
    """A deletion of an ASIN keeps its outputs and files."""
    collection = await api.started("B01")
    api.sandbox.advance(60)
    row = (await api.data(LIST, collection_id=collection))[0]
    assert await api.data("/schedules/amazon/asin/delete/", asin_id=row["id"]) == "ASIN deleted successfully"
    assert await api.data(LIST, collection_id=collection) == []
    assert len(await api.data("/schedules/amazon/asin/output/list/", collection_id=collection)) == 1
    link = (await api.runs(collection))[0]["download_links"]["pages"][0]
    assert (await api.fetch(link)).json[0]["asin"] == "B01"
