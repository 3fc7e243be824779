"""A collection to a CSV and back: nothing is lost on the way, and what the service would not take is not sent."""

from __future__ import annotations

import pytest

from multicart_async import AsyncMultiCart
from multicart_async.errors import ArgumentError, ItemsRejectedError
from multicart_async.models import AsinRow

BULK = "/schedules/amazon/asin/create/bulk/"


async def empty(client: AsyncMultiCart) -> int:
    """The id of a new collection."""
    return (await client.collections.create("AU Laptops", notification_email="ops@example.com")).id


def rows(count: int, *, asins: int | None = None, postcode: str = "4500") -> list[AsinRow]:
    """So many rows; with *asins*, of so many different ones, over and over."""
    return [AsinRow("amazon.com.au", postcode, f"B0{number % (asins or count):08d}") for number in range(count)]


async def test_an_exported_csv_imports_to_the_same_collection(client, sandbox, tmp_path) -> None:
    """An exported CSV, imported and exported again, is the same byte for byte: zeros, domains, flags, more rows than a page."""
    sandbox.add_zipcode("0800")
    sandbox.add_zipcode("10001", domain="amazon.com")
    first, second = await empty(client), await empty(client)
    given = [
        *rows(150),
        *rows(150, postcode="0800"),
        AsinRow("amazon.com", "10001", "B0DJQQ38TG", include_raw_html=True),
    ]
    (await client.asins.import_csv(first, given)).raise_for_errors()
    assert await client.asins.export_csv(first, tmp_path / "first.csv") == 301
    (await client.asins.import_csv(second, tmp_path / "first.csv")).raise_for_errors()
    assert await client.asins.export_csv(second, tmp_path / "second.csv") == 301

    content = (tmp_path / "first.csv").read_bytes()
    assert content == (tmp_path / "second.csv").read_bytes()
    assert content.startswith(b"domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B000000000,false\n")
    assert content.endswith(b"\namazon.com,10001,B0DJQQ38TG,true\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.csv", "second.csv"]


async def test_the_csv_of_an_empty_collection_cannot_be_imported(client, sandbox, tmp_path) -> None:
    """The CSV of an empty collection has only a header; its import is rejected before anything is sent."""
    made = await empty(client)
    assert await client.asins.export_csv(made, tmp_path / "asins.csv") == 0
    with pytest.raises(ArgumentError, match=r"source: expected 1 to 5000 rows .*, got 0"):
        await client.asins.import_csv(made, tmp_path / "asins.csv")

    assert sandbox.counts[BULK] == 0


async def test_5_000_rows_are_one_call_and_one_more_is_refused(client, sandbox) -> None:
    """What helps is in the error, and nothing was sent."""
    made = await empty(client)
    with pytest.raises(ArgumentError, match="split=True for several calls"):
        await client.asins.import_csv(made, rows(5_001))
    assert sandbox.counts[BULK] == 0

    assert (await client.asins.import_csv(made, rows(5_000))).success_count == 5_000
    assert sandbox.counts[BULK] == 1


async def test_more_rows_are_split_and_duplicates_are_told(client, sandbox) -> None:
    """6,000 rows of 4,800 ASINs: two calls, each ASIN once, 1,200 error rows in one sum."""
    made = await empty(client)
    added = await client.asins.import_csv(made, rows(6_000, asins=4_800), split=True)
    with pytest.raises(ItemsRejectedError, match="4800 items added, 1200 rejected"):
        added.raise_for_errors()

    assert {row.error for row in added.error_rows} == {"Duplicate entry"}
    assert sandbox.counts[BULK] == 2
    assert await client.asins.count(made) == 4_800


async def test_what_does_not_fit_into_the_collection_is_told(client) -> None:
    """Splitting does not make a collection larger: each row above 5,000 is an error row."""
    made = await empty(client)
    added = await client.asins.import_csv(made, rows(5_010), split=True)

    assert (added.success_count, len(added.error_rows)) == (5_000, 10)
    assert await client.asins.count(made) == 5_000


async def test_rows_with_an_unknown_place_are_reported_others_added(client) -> None:
    """Rows with an unknown domain or postcode are reported, and the others are added."""
    made = await empty(client)
    given = [
        AsinRow("amazon.com.au", "4500", "B1"),
        AsinRow("amazon.de", "4500", "B2"),
        AsinRow("amazon.com.au", "9999", "B3"),
    ]
    added = await client.asins.import_csv(made, given)

    assert (added.success_count, [row.item for row in added.error_rows]) == (1, ["B2", "B3"])


async def test_a_csv_for_officeworks_is_recognised(client, sandbox) -> None:
    """The error shows the columns that are expected, and those that came."""
    made = await empty(client)
    with pytest.raises(ArgumentError, match="got 'sku,customer_postcode,store_id'"):
        await client.asins.import_csv(made, b"sku,customer_postcode,store_id\nJBMS310BK,4500,W411\n")

    assert sandbox.counts[BULK] == 0
