"""Officeworks: from the catalogue and a store to SKUs, a run and its records."""

from __future__ import annotations

import pytest

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.errors import BadRequestError, ConflictError, ItemsRejectedError
from multicart_async.models import Collection, SkuRow

EAGER = PollPolicy(poll_interval=0.001, max_poll_interval=0.01, wait_timeout=30)
PLACE = {"store_id": "W411", "postcode": "4500"}


async def stationery(client: AsyncMultiCart) -> Collection:
    """An empty collection for SKUs."""
    return await client.collections.create(
        "Stationery", notification_email="ops@example.com", request_type="officeworks.com.au"
    )


async def refusals(client: AsyncMultiCart, collection_id: int, *rows: SkuRow) -> list[tuple[str | None, str | None]]:
    """What a CSV of these rows leaves out, and why."""
    added = await client.skus.import_csv(collection_id, rows)
    return [(row.item, row.error) for row in added.error_rows]


async def test_stores_and_catalogue_are_there_to_choose_from(client, sandbox) -> None:
    """Stores are asked for once; a category found by its name leads to SKUs. Looking costs nothing."""
    stores = await client.settings.officeworks_stores()
    assert stores == await client.settings.officeworks_stores()
    tree = await client.catalogue.categories(seo_path="technology")
    flat = await client.catalogue.categories(flat=True)
    (laptops,) = [row for row in flat.categories if row.name == "Laptops"]
    products = (await client.catalogue.products(laptops.seo_path)).data["products"]

    assert {row.store_id: row.store_name for row in stores}["W411"] == "Officeworks Carindale"
    assert [child.name for child in tree.categories[0].children] == ["Computers", "Printers"]
    assert {row["sku"] for row in products} == {"HPLAP001", "DLLAT002"}
    assert sandbox.counts["/settings/officeworks/stores/"] == 1
    assert sandbox.credits().used == 0


async def test_a_category_that_is_not_there_is_no_error(client) -> None:
    """Nothing matches, so nothing comes."""
    tree = await client.catalogue.categories(seo_path="groceries")

    assert (tree.total, tree.categories) == (0, ())


async def test_skus_by_all_three_ways_are_run_and_read(client, tmp_path) -> None:
    """One, several, and rows of a CSV with places of their own: each is in the result once."""
    made = await stationery(client)
    one = await client.skus.create(made.id, "JBMS310BK", **PLACE)
    several = await client.skus.create_many(made.id, [" HPLAP001", "DLLAT002", "HPLAP001"], **PLACE)
    rows = await client.skus.import_csv(made.id, [SkuRow("SBPRT004", "4500", "W902"), SkuRow("X5", "4500", "W411")])
    run = await client.runs.start_and_wait(made.id, policy=EAGER)
    download = await client.runs.download(run, tmp_path, files="zip")
    records = [record async for record in client.runs.records(run)]

    assert ("JBMS310BK", "W411", "4500", made.id) == (one.sku, one.store_id, one.customer_postcode, one.collection)
    assert (several.success_count, rows.success_count) == (2, 2)
    assert [file.name for file in download.files] == ["all-pages.zip"]
    assert [record["sku"] for record in records] == ["JBMS310BK", "HPLAP001", "DLLAT002", "SBPRT004", "X5"]


async def test_skus_are_found_among_the_asins(client) -> None:
    """No call lists SKUs: the code is in ``asin``, the store in ``custom_id``, and they can be counted and deleted there."""
    made = await stationery(client)
    await client.skus.create_many(made.id, ["A1", "A2"], **PLACE)
    first, _ = await client.asins.list(made.id)
    await client.asins.delete(first.id)

    assert (first.asin, first.custom_id) == ("A1", "W411")
    assert await client.asins.count(made.id) == 1


async def test_a_sku_is_there_once_whatever_its_store(client) -> None:
    """Store and postcode do not count: alone it is a refusal, among others an error row. Another collection takes it."""
    made, other = await stationery(client), await stationery(client)
    await client.skus.create(made.id, "A1", **PLACE)
    with pytest.raises(ConflictError) as caught:
        await client.skus.create(made.id, "A1", store_id="W902", postcode="4500")
    many = await client.skus.create_many(made.id, ["A1", "A2"], store_id="W902", postcode="4500")

    assert not caught.value.maybe_applied
    assert (many.success_count, [row.item for row in many.error_rows]) == (1, ["A1"])
    assert await refusals(client, made.id, SkuRow("A1", "4500", "W903")) == [("A1", "Duplicate entry")]
    assert (await client.skus.create(other.id, "A1", store_id="W902", postcode="4500")).sku == "A1"


async def test_an_unknown_store_or_postcode_is_told(client) -> None:
    """Alone it is a refusal; among others the good rows go in, and the caller can have an error of it."""
    made = await stationery(client)
    with pytest.raises(BadRequestError, match="store_id"):
        await client.skus.create(made.id, "A1", store_id="W999", postcode="4500")
    with pytest.raises(BadRequestError, match="customer_postcode"):
        await client.skus.create(made.id, "A1", store_id="W411", postcode="9999")
    rows = [SkuRow("A1", "4500", "W411"), SkuRow("A2", "4500", "W999"), SkuRow("A3", "9999", "W411")]
    added = await client.skus.import_csv(made.id, rows)
    with pytest.raises(ItemsRejectedError, match=r"1 items added, 2 rejected; the first: A2: Store not found"):
        added.raise_for_errors()

    assert await client.asins.count(made.id) == 1


async def test_skus_into_a_collection_of_amazon_are_refused(client) -> None:
    """The service says what it wants, and the collection stays a draft."""
    made = await client.collections.create("AU Laptops", notification_email="ops@example.com")
    with pytest.raises(BadRequestError, match="request_type"):
        await client.skus.create_many(made.id, ["A1"], **PLACE)

    assert (await client.collections.get(made.id)).status == "draft"
