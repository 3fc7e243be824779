"""For every documented endpoint, the request is accepted and the response has the documented keys."""

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
UNREGISTERED = "newcomer@example.com"


def each_endpoint(entries: list[dict[str, Any]]) -> Any:
    """Run a test for each of these endpoints."""
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry["id"])


def shape(value: Any) -> Any:
    """The keys of objects, and the shape of the first element of arrays."""
    if isinstance(value, dict):
        return {name: [] if name == "children" else shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


async def prepared(api: Any, entry: dict[str, Any]) -> dict[str, Any]:
    """Values that exist in the sandbox for the fields of the documented request."""
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
        return await unregistered(api) if call.startswith("register") else {}
    if group in {"asins", "collections", "results"}:
        return await finished(api, entry["id"])
    return {"zipcode": "4501"} if call == "create" else {}  # the documented postcode exists already


async def unregistered(api: Any) -> dict[str, Any]:
    """An address that is not registered yet, and its code."""
    await api.data("/users/register/otp/sent", email=UNREGISTERED)
    return {"email": UNREGISTERED, "otp": api.sandbox.registration_code(UNREGISTERED)}


async def finished(api: Any, endpoint: str) -> dict[str, Any]:
    """The ids of a collection with a finished run, and of its content."""
    collection = await api.started("B0XYZ99999")
    api.sandbox.advance(3600)
    row = (await api.data("/schedules/amazon/asin/list/", collection_id=collection))[0]
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=collection))[0]
    ids = {"schedule_id": collection, "collection_id": collection, "collection": collection, "id": row["id"]}
    ids["asin_id"] = output["id"] if endpoint == "asins.output" else row["id"]
    more = [await api.collection(), await api.collection()]
    return {**ids, "schedule_ids": [collection, *more]}


async def response_to(api: Any, entry: dict[str, Any], ids: dict[str, Any]) -> Any:
    """The response of the sandbox to the documented request."""
    fields = {name: ids.get(name, value) for name, value in (entry["request"] or {}).items()}
    body: dict[str, Any] = {"json": fields}
    if entry["request_kind"] == "multipart":
        form = aiohttp.FormData({"collection_id": str(ids["collection_id"])})
        form.add_field("csv", CSV[entry["id"]], filename="items.csv")
        body = {"data": form}
    elif entry["request_kind"] == "none":
        body = {}
    elif entry["id"] == "officeworks.category_products":  # the documentation of its request is incomplete
        body = {"json": {"seo_path": "technology/computers/laptops"}}
    async with api.session.post(api.sandbox.url + entry["path"], **body) as response:
        return await response.json()


@each_endpoint(CALLS)
async def test_responses_have_the_documented_shape(api: Any, entry: dict[str, Any]) -> None:
    """A documented request is accepted without ignored fields, and its response has the documented keys and types."""
    response = await response_to(api, entry, await prepared(api, entry))

    assert response["status"] == 1
    assert entry["response"] is None or shape(entry["response"]) == shape(response)
    assert api.sandbox.ignored_fields == []


@each_endpoint(FILES)
async def test_documented_files_have_no_envelope(api: Any, entry: dict[str, Any]) -> None:
    """Documented files have no envelope, and media types of their own."""
    if entry["id"] == "results.download":
        run = (await api.runs((await prepared(api, entry))["collection_id"]))[0]
        fetched = await api.fetch(run["download_links"]["pages"][0])
        assert (fetched.status, fetched.headers["Content-Type"]) == (200, "application/octet-stream")
        return
    async with api.session.get(api.sandbox.url + entry["path"].format(invoice_id=1)) as response:
        assert (response.status, response.content_type) == (200, "application/pdf")


@each_endpoint(ENDPOINTS)
async def test_credentials_are_required_as_documented(api: Any, entry: dict[str, Any]) -> None:
    """Each endpoint requires a credential unless it is documented as public."""
    path = re.sub(r"\{\w+\}", "1", entry["path"])
    async with (
        aiohttp.ClientSession() as session,
        session.request(entry["method"], api.sandbox.url + path, allow_redirects=False) as response,
    ):
        code = (await response.json())["code"]
    assert (entry["auth"] == "public") == (code != 401)


@each_endpoint(ENDPOINTS)
def test_routes_have_the_documented_parameters(entry: dict[str, Any]) -> None:
    """Each route has the documented method and parameters, and further ones only where the documentation is incomplete."""
    route = next(route for route in ROUTES if route.path == entry["path"])
    known = {param.name: param.required for param in route.params}
    documented = {param["name"]: param["required"] for param in entry["params"]}

    assert all(known[name] == required for name, required in documented.items() if required is not None)
    assert documented.keys() <= known.keys()
    assert route.incomplete or documented.keys() == known.keys()
    assert entry["method"] == route.method
    assert not route.incomplete or entry["source"] == "public-partial"


def test_all_routes_are_documented() -> None:
    """The forty routes are the documented ones."""
    assert {(entry["method"], entry["path"]) for entry in ENDPOINTS} == {(route.method, route.path) for route in ROUTES}
