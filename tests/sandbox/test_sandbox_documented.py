"""Every complete endpoint of the documentation: its request is accepted, its answer has the documented keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from multicart_async.sandbox._routes import ROUTES

DOCUMENTATION = Path(__file__).parents[2].parent / "shared/service/endpoints.json"
ENDPOINTS = (
    [entry for entry in json.loads(DOCUMENTATION.read_text()) if entry["source"] == "complete"]
    if DOCUMENTATION.is_file()
    else []
)
pytestmark = pytest.mark.skipif(not ENDPOINTS, reason="the documentation is not beside the repository")
CSV = b"domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B01,true\namazon.com.au,4500,B02,false\n"


def shape(value: Any) -> Any:
    """Keys of objects, and the shape of the first element of arrays."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


async def prepared(api: Any, endpoint: str) -> dict[str, Any]:
    """Ids of the sandbox's own things, under the names that the documented request gives them."""
    if endpoint.startswith("category.") and endpoint != "category.submit":
        example = next(entry for entry in ENDPOINTS if entry["id"] == "category.submit")
        made = await api.data(example["path"], **example["request"])
        if endpoint == "category.result":
            api.sandbox.advance(3600)
        return {"collection_id": made["id"]}
    collection = await api.started("B0XYZ99999")
    api.sandbox.advance(3600)
    row = (await api.data("/schedules/amazon/asin/list/", collection_id=collection))[0]
    output = (await api.data("/schedules/amazon/asin/output/list/", collection_id=collection))[0]
    ids = {"schedule_id": collection, "collection_id": collection, "collection": collection, "id": row["id"]}
    ids["asin_id"] = output["id"] if endpoint == "asins.output" else row["id"]
    more = [await api.collection(), await api.collection()]
    return {**ids, "schedule_ids": [collection, *more]}


@pytest.mark.parametrize("entry", ENDPOINTS, ids=lambda entry: entry["id"])
async def test_documented_requests_are_answered_as_documented(api: Any, entry: dict[str, Any]) -> None:
    """The documented request is accepted whole, and the answer has exactly the documented keys and types."""
    ids = await prepared(api, entry["id"])
    if entry["request_kind"] == "none":
        run = (await api.runs(ids["collection_id"]))[0]
        assert (await api.fetch(run["download_links"]["pages"][0])).status == 200
        return
    if entry["request_kind"] == "multipart":
        form = aiohttp.FormData({"collection_id": str(ids["collection_id"])})
        form.add_field("csv", CSV, filename="asins.csv")
        async with api.session.post(api.sandbox.url + entry["path"], data=form) as response:
            answer = await response.json()
    else:
        fields = {name: ids.get(name, value) for name, value in entry["request"].items()}
        answer = await api.call(entry["path"], **fields)
    assert shape(entry["response"]) == shape(answer)
    assert api.sandbox.dropped == []


@pytest.mark.parametrize("entry", ENDPOINTS, ids=lambda entry: entry["id"])
def test_documented_parameters_are_those_of_the_route(entry: dict[str, Any]) -> None:
    """Each route names the documented parameters, which of them are required, and no others."""
    route = next(route for route in ROUTES if route.path == entry["path"])
    assert {(p["name"], p["required"]) for p in entry["params"]} == {(p.name, p.required) for p in route.params}
    assert entry["method"] == route.method
