"""What `fuzz.py` puts into a sandbox, and the fields of requests that find it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.sandbox import Sandbox

SOON = PollPolicy(poll_interval=0.02, wait_timeout=30)
TEXT = "ops@example.com"
NEWCOMERS = [f"new{number}@example.com" for number in range(9)]  # a code is good for one registration
PLACE = {"domain": "amazon.com.au", "postcode": "4500"}
CATEGORY = "https://www.amazon.com.au/s?rh=n%3A4851693051&dc"
ASINS_CSV = "domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B0CSV00001,true\n"
SKUS_CSV = "sku,customer_postcode,store_id\nCSV00001,4500,W411\n"

Known = dict[str, list[dict[str, Any]]]


@attrs.frozen(kw_only=True)
class Furniture:
    """Ids of what is there. What is doomed may be deleted, the rest is to stay."""

    kept: range
    doomed: range
    asins: list[int]
    doomed_asins: list[int]
    outputs: list[int]
    run_id: int
    page: str
    categories: list[int]
    stationery: int
    codes: dict[str, int]


async def furnished(sandbox: Sandbox) -> Furniture:
    """A sandbox with something to find for each call."""
    doomed = sandbox.add_collections(400, items=3)  # they have the ids of the documentation, whose examples delete 101
    kept = sandbox.add_collections(5, items=4)
    async with sandbox.client() as client:
        stationery = await client.collections.create(
            "Stationery", notification_email=TEXT, request_type="officeworks.com.au"
        )
        run = await client.runs.start_and_wait(kept[0], policy=SOON)
        submitted = [await client.categories.submit(CATEGORY, **PLACE) for _ in range(4)]
        for email in NEWCOMERS:
            await client.account.send_registration_code(email)
        return Furniture(
            kept=kept,
            doomed=doomed,
            asins=await rows_of(client, kept),
            doomed_asins=await rows_of(client, doomed[:20]),
            outputs=[row.id for row in await client.outputs.list(kept[0])],
            run_id=run.id,
            page=run.download_links.pages[0].rpartition("/")[2],
            categories=[started.collection_id for started in submitted],
            stationery=stationery.id,
            codes={email: sandbox.registration_code(email) for email in NEWCOMERS},
        )


async def rows_of(client: AsyncMultiCart, collections: Iterable[int]) -> list[int]:
    """The ids of the ASINs of some collections."""
    return [row.id for collection in collections for row in await client.asins.list(collection)]


def known(there: Furniture) -> Known:
    """Fields that the sandbox knows, by the endpoint that they are for. Calls that want none are not named."""
    kept, doomed = there.kept, there.doomed
    item = {"domain": 1, "customer_postcode": 15}
    named = {"domain": "amazon.com.au", "customer_postcode": "4500"}
    store = {"collection": there.stationery, "store_id": "W411", "customer_postcode": "4500"}
    file = {"collection_id": kept[0], "runner_id": there.run_id, "file_name": there.page}
    return {
        "collections.get": each("schedule_id", kept),
        "collections.update": each("schedule_id", kept[1:]),  # the first keeps its name, and so the names of its files
        "collections.delete": each("schedule_id", doomed),
        "collections.delete_multiple": each("schedule_ids", [[one] for one in doomed]),
        "collections.run": each("collection_id", kept),
        "collections.results": each("collection_id", kept, skip=0, limit=5),
        "results.download": [file],
        "asins.create": each("collection", kept, **item),
        "asins.create_multiple": each("collection", kept, **named),
        "asins.create_bulk": each("collection_id", kept, csv=ASINS_CSV),
        "asins.list": each("collection_id", kept, skip=0, limit=5),
        "asins.get": each("id", there.asins),
        "asins.update": each("asin_id", there.asins),
        "asins.delete": each("asin_id", there.doomed_asins),
        "asins.output_list": each("collection_id", kept, skip=0, limit=5),
        "asins.output": each("asin_id", there.outputs),
        "category.submit": [{"category_url": CATEGORY, "amazon_node_id": "4851693051", **PLACE}],
        "category.result": each("collection_id", there.categories),
        "category.cancel": each("collection_id", there.categories),
        "users.login": [{"email": TEXT, "password": "S3cur3p@ss"}],
        "users.register": [{"email": email, "otp": code} for email, code in there.codes.items()],
        "zipcodes.create": [{"domain": 1}, {"domain": 3}],
        "zipcodes.list": [{"domain": 1}],
        "skus.create": [store],
        "skus.create_multiple": [store],
        "skus.create_bulk": [{"collection_id": there.stationery, "csv": SKUS_CSV}],
        "officeworks.categories": [{"seo_path": "technology"}],
        "officeworks.category_products": [{"seo_path": "technology/computers/laptops"}],
        "payments.invoice_pdf": [{"invoice_id": "1"}],
    }


def each(name: str, values: Iterable[Any], **more: Any) -> list[dict[str, Any]]:
    """A field with each of its values, and more beside it."""
    return [{name: value, **more} for value in values]
