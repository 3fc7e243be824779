"""Records of result files: their fields, sizes, and what decides their bytes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sandbox_api import CATEGORY, served

from multicart_async.sandbox._content.products import product_tails

SUBMIT = "/schedules/amazon/category/add_schedule/"
HEAD = {"asin", "title", "price", "availability"}


async def page(items: int = 3, **options: Any) -> bytes:
    """The only page of a finished run."""
    async with served(instant=True, items_per_page=5000, **options) as api:
        (collection,) = api.sandbox.add_collections(1, items=items)
        return await first_page(api, collection)


async def first_page(api: Any, collection: int) -> bytes:
    """The first page of the newest run of a collection."""
    body: bytes = (await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0])).body
    return body


def values(value: Any) -> Iterator[Any]:
    """A value and all within it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from values(each)


async def test_products_have_a_hundred_fields_of_all_kinds() -> None:
    """A default record has 5,000 bytes and 100 fields, each kind of JSON value, nested lists, and text beyond ASCII."""
    body = await page()
    record = json.loads(body)[0]
    kinds = {type(value) for value in values(record)}

    assert (len(body), len(record)) == (2 + 3 * 5002, 100)
    assert record.keys() >= HEAD
    assert kinds == {dict, list, str, int, float, bool, type(None)}
    assert isinstance(record["categories"][0][0], str)
    assert not body.isascii()


async def test_the_sizes_of_products() -> None:
    """A record has exactly the requested size, from 160 bytes on; a larger one has longer lists, no longer text."""
    found = {}
    for size in (1, 160, 200, 640, 1024, 20_000, 1_048_576):
        body = await page(record_bytes=size)
        assert len(body) == 2 + 3 * (max(size, 157) + 2)
        found[size] = json.loads(body)[2]

    assert len(HEAD) < len(found[200]) < len(found[640]) < len(found[1024]) < 100
    assert len(found[20_000]) == len(found[1_048_576]) == 100
    assert len(found[1_048_576]["offers"]) > 40 * len(found[20_000]["offers"])
    assert max(len(value) for value in values(found[1_048_576]) if isinstance(value, str)) < 1000


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose names must differ."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("kind", ["products", "text"])
async def test_no_field_occurs_twice(kind: str) -> None:
    """The names of the fields in a record differ, those of a category record too."""
    async with served(instant=True, records=kind, category_items=3) as api:
        (product,) = api.sandbox.add_collections(1)
        category = (await api.data(SUBMIT, **CATEGORY))["id"]
        bodies = [await first_page(api, collection) for collection in (product, category)]

    assert [len(json.loads(body, object_pairs_hook=distinct)) for body in bodies] == [10, 3]


async def test_neighbours_differ() -> None:
    """The fields that are made up vary from record to record."""
    rows = json.loads(await page(40))

    assert len({json.dumps({name: row[name] for name in row.keys() - HEAD}) for row in rows}) == 40


async def test_long_texts_can_be_requested() -> None:
    """With records="text", each record of at least 600 bytes has the requested size, and one text is most of it."""
    body = await page(2, records="text", record_bytes=2048)
    rows = json.loads(body)

    assert len(body) == 2 + 2 * 2050
    assert rows[0].keys() == HEAD | {"extra"}
    assert len(rows[0]["extra"]["description"]) > 1300


def test_the_seed_decides_what_is_made_up() -> None:
    """Another seed gives other fields, and the same one the same bytes."""
    assert product_tails(1, 3000) == product_tails(1, 3000)
    assert not set(product_tails(1, 3000)) & set(product_tails(2, 3000))


async def test_runs_made_earlier_keep_their_bytes(tmp_path: Path) -> None:
    """A run keeps the records that it was made with, also in a database from before they could be chosen."""
    path = tmp_path / "state.db"
    async with served(instant=True, database=path, records="text", record_bytes=1024) as api:
        (collection,) = api.sandbox.add_collections(1)
        before = await first_page(api, collection)
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE runs DROP COLUMN records")
    db.close()

    async with served(instant=True, database=path) as api:
        assert await first_page(api, collection) == before
        api.sandbox.start_run(collection)
        assert len(json.loads(await first_page(api, collection))[0]) == 100
