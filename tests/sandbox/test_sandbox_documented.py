"""Every endpoint of the documentation: its request is accepted, its answer has the documented keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from multicart_async.sandbox._api.routes import ROUTES

ENDPOINTS = json.loads((Path(__file__).parents[1] / "data/endpoints.json").read_text("utf-8"))
CALLS = [entry for entry in ENDPOINTS if entry["method"] == "POST"]
FILES = [entry for entry in ENDPOINTS if entry["id"] in {"results.download", "payments.invoice_pdf"}]
CSV = {
    "asins.create_bulk": (
        b"domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B01,true\namazon.com.au,4500,B02,false\n"
    ),
    "skus.create_bulk": b"sku,customer_postcode,store_id\nHPLAP001,4500,W411\n",
}
NEWCOMER = "newcomer@example.com"


def every(entries: list[dict[str, Any]]) -> Any:
    """A test for each of these endpoints."""
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry["id"])


def shape(value: Any) -> Any:
    """Keys of objects, and the shape of the first element of arrays."""
    if isinstance(value, dict):
        return {name: [] if name == "children" else shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


async def prepared(api: Any, entry: dict[str, Any]) -> dict[str, Any]:
    """Things of the sandbox's own, under the names that the documented request gives them."""
    group, _, call = entry["id"].partition(".")
    if group == "category" and call != "submit":
        example = next(entry for entry in ENDPOINTS if entry["id"] == "category.submit")
        made = await api.data(example["path"], **example["request"])
        if call == "result":
            api.sandbox.advance(3600)
        return {"collection_id": made["id"]}
    if group == "skus":
        collection = await api.collection(request_type="officeworks.com.au")
        return {"collection": collection, "collection_id": collection}
    if group == "users":
        return await newcomer(api) if call.startswith("register") else {}
    if group in {"asins", "collections", "results"}:
        return await finished(api, entry["id"])
    return {"zipcode": "4501"} if call == "create" else {}  # the documented one is there already


async def newcomer(api: Any) -> dict[str, Any]:
    """An address that is not registered yet, and its code."""
    await api.data("/users/register/otp/sent", email=NEWCOMER)
    return {"email": NEWCOMER, "otp": api.sandbox.registration_code(NEWCOMER)}


async def finished(api: Any, endpoint: str) -> dict[str, Any]:
    """Ids of a collection that was run, and of what is in it."""
    collection = await api.started("B0XYZ99999")
    api.sandbox.advance(3600)
    row = (await api.data("/schedules/amazon/asin/list/", collection_id=collection))[0]
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=collection))[0]
    ids = {"schedule_id": collection, "collection_id": collection, "collection": collection, "id": row["id"]}
    ids["asin_id"] = output["id"] if endpoint == "asins.output" else row["id"]
    more = [await api.collection(), await api.collection()]
    return {**ids, "schedule_ids": [collection, *more]}


async def answered(api: Any, entry: dict[str, Any], ids: dict[str, Any]) -> Any:
    """What the sandbox says to the documented request."""
    fields = {name: ids.get(name, value) for name, value in (entry["request"] or {}).items()}
    body: dict[str, Any] = {"json": fields}
    if entry["request_kind"] == "multipart":
        form = aiohttp.FormData({"collection_id": str(ids["collection_id"])})
        form.add_field("csv", CSV[entry["id"]], filename="items.csv")
        body = {"data": form}
    elif entry["request_kind"] == "none":
        body = {}
    elif entry["id"] == "officeworks.category_products":  # its request is cut after this field
        body = {"json": {"seo_path": "technology/computers/laptops"}}
    async with api.session.post(api.sandbox.url + entry["path"], **body) as response:
        return await response.json()


@every(CALLS)
async def test_documented_requests_are_answered_as_documented(api: Any, entry: dict[str, Any]) -> None:
    """The documented request is accepted whole, and the answer has exactly the documented keys and types."""
    answer = await answered(api, entry, await prepared(api, entry))

    assert answer["status"] == 1
    assert entry["response"] is None or shape(entry["response"]) == shape(answer)
    assert api.sandbox.ignored_fields == []


@every(FILES)
async def test_documented_files_come_without_an_envelope(api: Any, entry: dict[str, Any]) -> None:
    """Under their own media types."""
    if entry["id"] == "results.download":
        run = (await api.runs((await prepared(api, entry))["collection_id"]))[0]
        fetched = await api.fetch(run["download_links"]["pages"][0])
        assert (fetched.status, fetched.headers["Content-Type"]) == (200, "application/octet-stream")
        return
    async with api.session.get(api.sandbox.url + entry["path"].format(invoice_id=1)) as response:
        assert (response.status, response.content_type) == (200, "application/pdf")


@every(ENDPOINTS)
async def test_credentials_are_asked_for_as_documented(api: Any, entry: dict[str, Any]) -> None:
    """Of a public endpoint, none; of all others, one."""
    path = re.sub(r"\{\w+\}", "1", entry["path"])
    async with (
        aiohttp.ClientSession() as session,
        session.request(entry["method"], api.sandbox.url + path, allow_redirects=False) as response,
    ):
        code = (await response.json())["code"]
    assert (entry["auth"] == "public") == (code != 401)


@every(ENDPOINTS)
def test_documented_parameters_are_those_of_the_route(entry: dict[str, Any]) -> None:
    """Each route names the documented parameters and which of them are required; more only where the text is cut."""
    route = next(route for route in ROUTES if route.path == entry["path"])
    known = {param.name: param.required for param in route.params}
    documented = {param["name"]: param["required"] for param in entry["params"]}

    assert all(known[name] == required for name, required in documented.items() if required is not None)
    assert documented.keys() <= known.keys()
    assert route.cut or documented.keys() == known.keys()
    assert entry["method"] == route.method
    assert not route.cut or entry["source"] == "public-partial"


def test_there_is_no_route_but_the_documented_ones() -> None:
    """Forty of them."""
    assert {(entry["method"], entry["path"]) for entry in ENDPOINTS} == {(route.method, route.path) for route in ROUTES}
