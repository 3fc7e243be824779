"""A plain aiohttp client of a sandbox that knows nothing of multicart_async."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import attrs
from multidict import CIMultiDictProxy
from yarl import URL

from multicart_async.sandbox import Sandbox

NEW_COLLECTION = {
    "name": "AU Laptops",
    "request_type": "amazon",
    "schedule": "Daily",
    "priority": "Normal",
    "notification_email": "ops@example.com",
}
CATEGORY = {
    "category_url": "https://www.amazon.com.au/s?rh=n%3A4851693051&dc",
    "amazon_node_id": "4851693051",
    "domain": "amazon.com.au",
    "postcode": "4500",
}
PLACE = {"domain": "amazon.com.au", "customer_postcode": "4500"}


@attrs.frozen
class Fetched:
    """A whole answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@attrs.frozen
class Api:
    """Calls to a sandbox."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def call(self, path: str, **fields: Any) -> Any:
        """The envelope."""
        async with self.session.post(self.sandbox.url + path, json=fields) as response:
            assert response.status == 200
            return await response.json()

    async def data(self, path: str, **fields: Any) -> Any:
        """What is in an envelope with status 1."""
        envelope = await self.call(path, **fields)
        assert (envelope["code"], envelope["status"]) == (200, 1), envelope
        return envelope["data"]

    async def refused(self, path: str, **fields: Any) -> int:
        """The code of an envelope with status 0."""
        envelope = await self.call(path, **fields)
        assert envelope["status"] == 0
        assert isinstance(envelope["data"], str)
        return envelope["code"]

    async def collection(self, *asins: str, **fields: Any) -> int:
        """The id of a new collection with these items."""
        made = await self.data("/schedules/add_schedule/", **{**NEW_COLLECTION, **fields})
        if asins:
            await self.data(
                "/schedules/amazon/asin/create/multiple/", collection=made["id"], asins=",".join(asins), **PLACE
            )
        return made["id"]

    async def started(self, *asins: str, **fields: Any) -> int:
        """The id of a new collection with a run under way."""
        collection = await self.collection(*asins, **fields)
        await self.data("/schedules/run/result/", collection_id=collection)
        return collection

    async def runs(self, collection: int, **fields: Any) -> Any:
        return await self.data("/schedules/collections/results/download/", collection_id=collection, **fields)

    async def get(self, collection: int) -> Any:
        return await self.data("/schedules/get/", schedule_id=collection)

    async def fetch(self, link: str, **headers: str) -> Fetched:
        """A file, its name escaped once."""
        parts = link.split("/", 8)  # scheme, "", host, api, v1, results, collection, run, name
        url = URL("/".join([*parts[:8], quote(parts[8], safe="")]), encoded=True)
        async with self.session.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
            return Fetched(response.status, response.headers, await response.read())


@contextlib.asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Api]:
    """An open sandbox with a client of it."""
    async with (
        Sandbox(**options) as sandbox,
        aiohttp.ClientSession(headers={"x-api-key": sandbox.api_key}) as session,
    ):
        yield Api(sandbox, session)
