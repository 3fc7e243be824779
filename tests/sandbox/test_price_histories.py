"""What stays and what changes in the records of an item, from run to run and from collection to collection."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.json_pages import EXAMPLES
from support.sandbox_api import CATEGORY, served

from multicart_async.sandbox._content.records import Page, RecordKind, template

CHANGING = {"price", "availability", "review_count", "best_seller_rank"}
MISSING = object()
Records = Sequence[dict[str, Any]]


def page(
    run: int, asins: Sequence[str] | None = None, *, kind: str = "full", per_item: int = 1, **options: Any
) -> Page:
    """All records of a run in one page: of 500 items, unless *asins* names them."""
    given_options: dict[str, Any] = {
        "seed": 0,
        "collection": 101,
        "record_bytes": 5000,
        "records": "products",
        **options,
    }
    made = template(kind, "asin", run=run, asins=asins, **given_options)
    return Page(made, 0, 500 if asins is None else len(asins), per_item)


@pytest.fixture(scope="module")
def runs() -> list[Records]:
    """The records of 500 items in five runs."""
    return [page(run).records() for run in range(88, 93)]


def pairs(runs: Sequence[Records]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The two records of each item in each two successive runs."""
    return itertools.chain.from_iterable(zip(*two, strict=True) for two in itertools.pairwise(runs))


def cents(record: dict[str, Any]) -> int | None:
    """The price of a record as a number."""
    price = record.get("price")
    return None if price is None else int(price.removeprefix("$").replace(",", "").replace(".", ""))


def test_descriptions_stay(runs: list[Records]) -> None:
    """All fields of an item but price, availability, reviews and rank are the same in each run."""
    kept = [[{name: value for name, value in row.items() if name not in CHANGING} for row in rows] for rows in runs]

    assert all(rows == kept[0] for rows in kept)
    assert {"brand", "model_number", "rating", "features"} <= kept[0][0].keys()


def test_titles_tell_items_apart(runs: list[Records]) -> None:
    """A title has the brand and the model of its record, and no other item has it."""
    for row in runs[0]:
        assert row["title"].startswith(f"{row['brand']} ")
        assert row["title"].endswith(f", model {row['model_number']}")
    assert len({row["title"] for row in runs[0]}) == 500


def test_few_prices_change(runs: list[Records]) -> None:
    """From one run to the next most prices stay; the others change by some per cent, or by 15 to 30 for a sale."""
    priced = [(cents(old), cents(new)) for old, new in pairs(runs) if cents(old) and cents(new)]
    changes = [new / old - 1 for old, new in priced if old and new and new != old]
    usual = [max(prices) for prices in zip(*[[cents(row) or 0 for row in rows] for rows in runs], strict=True)]
    sales = sum(
        0 < price < 0.9 * top for rows in runs for price, top in zip(map(cents, rows), usual, strict=True) if price
    )

    assert (len(priced), len(changes)) == (1897, 787)
    assert sum(abs(change) < 0.11 for change in changes) == 564
    assert -0.34 < min(changes) < max(changes) < 0.51
    assert sales == 147


def test_prices_have_commas(runs: list[Records]) -> None:
    """A price from $1,000 on has a comma, as on product pages, and no other has."""
    prices = [row["price"] for rows in runs for row in rows if row.get("price")]

    assert all((len(price) > len("$999.99")) == ("," in price) for price in prices)
    assert sum("," in price for price in prices) == 219
    assert all(f"${int(price[1:-3].replace(',', '')):,}{price[-3:]}" == price for price in prices)


def test_unavailable_items_have_no_price(runs: list[Records]) -> None:
    """An item that is out of stock has the price null, or no field for it; all others have a price."""
    rows = [row for rows in runs for row in rows]
    without = Counter(
        (row["availability"], row.get("price", MISSING) is None) for row in rows if row.get("price") is None
    )

    assert without == {("Currently unavailable", True): 77, ("Currently unavailable", False): 15}
    assert sum(row["availability"] == "Currently unavailable" for row in rows) == 92


def test_few_stocks_change(runs: list[Records]) -> None:
    """The stock of most items is the same in successive runs; it changes in each direction for some."""
    changes = Counter((old["availability"], new["availability"]) for old, new in pairs(runs))
    moved = sum(count for (old, new), count in changes.items() if old != new)

    assert len(changes) == 9
    assert moved == 184


def test_reviews_grow_and_ranks_move(runs: list[Records]) -> None:
    """An item never loses reviews, and its rank moves by at most an eighth."""
    assert all(old["review_count"] <= new["review_count"] for old, new in pairs(runs))
    assert any(old["review_count"] < new["review_count"] for old, new in pairs(runs))
    assert all(abs(new["best_seller_rank"] / old["best_seller_rank"] - 1) <= 1 / 8 for old, new in pairs(runs))
    assert any(old["best_seller_rank"] != new["best_seller_rank"] for old, new in pairs(runs))


@pytest.mark.parametrize("kind", ["products", "text"])
def test_the_list_does_not_matter(kind: RecordKind) -> None:
    """An item has the same record in another place of a list, in another collection, and beside longer names."""
    (alone,) = page(88, ["B0DJQQ38TG"], records=kind).records()
    rows = page(88, ["B0AAAAAAAA", "B0DJQQ38TG"], records=kind, collection=102).records()
    beside = page(88, ["A-LONGER-NAME", "B0DJQQ38TG"], records=kind).records()[1]

    assert rows[1] == alone
    assert rows[0]["title"] != alone["title"]
    for name in beside.keys() & alone.keys() - {"description", "extra"}:
        kept = slice(3) if isinstance(alone[name], list) else None  # a list may be longer where there is room for more
        assert (beside[name][kept] if kept else beside[name]) == (alone[name][kept] if kept else alone[name])


def test_the_seed_makes_other_products() -> None:
    """Another seed gives an item another title."""
    titles = {page(88, ["B0DJQQ38TG"], seed=seed).records()[0]["title"] for seed in (-1, 0, 1)}

    assert len(titles) == 3


def test_lean_records_agree_with_full_ones() -> None:
    """Records of mode availability_only have the stock and the prices that full records of the run have."""
    lean, full = page(88, kind="availability_only").records(), page(88).records()

    assert lean == [{name: row[name] for name in ("asin", "price", "availability") if name in row} for row in full]


def test_categories_agree_with_products() -> None:
    """A category record has the title of its item, and its price too if that is out of stock; price_cents and in_stock match."""
    found, full = page(88, kind="category").records(), page(88).records()

    assert [row["title"] for row in found] == [row["title"] for row in full]
    assert [row["price"] for row in found] == [
        row.get("price") or other["price"] for row, other in zip(full, found, strict=True)
    ]
    assert [row["price_cents"] for row in found] == [cents(row) for row in found]
    assert {type(row["price"]) for row in found} == {str}
    assert [row["in_stock"] for row in found] == [row["availability"] != "Currently unavailable" for row in full]


def test_records_of_one_item_are_offers() -> None:
    """Several records of one item in a run have one title, and prices of their own."""
    rows = page(88, ["B0DJQQ38TG"], per_item=40).records()

    assert len({row["title"] for row in rows}) == 1
    assert len({row.get("price") for row in rows}) > 5


# MULTICART_FUZZ_EXAMPLES=20000 python -m pytest --timeout=0 tests/sandbox/test_price_histories.py -k any_part
@settings(max_examples=int(EXAMPLES or 40), derandomize=not EXAMPLES, database=None, deadline=None)
@given(
    kind=st.sampled_from(["full", "availability_only", "category"]),
    records=st.sampled_from(["products", "text"]),
    size=st.integers(1, 3000),
    asins=st.none() | st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=9),
    per_item=st.integers(1, 3),
    run=st.integers(1, 10**9),
    data=st.data(),
)
def test_any_part_is_generated_alone(
    kind: str, records: RecordKind, size: int, asins: list[str] | None, per_item: int, run: int, data: st.DataObject
) -> None:
    """A page of any kind has the announced size, is valid JSON, and each part of it has the same bytes as in the whole."""
    made = page(run, asins, kind=kind, records=records, record_bytes=size, per_item=per_item)
    whole = b"".join(made.pieces(0, made.size))
    start = data.draw(st.integers(0, made.size))
    stop = data.draw(st.integers(start, made.size))

    assert len(whole) == made.size
    assert b"".join(made.pieces(start, stop)) == whole[start:stop]
    assert len(json.loads(whole)) == made.items * per_item


async def test_runs_of_a_sandbox_make_a_history() -> None:
    """Two runs of a collection and one of another with the same ASINs have the same titles, and some other prices."""
    asins = [f"B0HISTORY{number}" for number in range(10)]
    async with served(instant=True, items_per_page=500) as api:
        first, second = await api.started(*asins), await api.started(*reversed(asins))
        api.sandbox.start_run(first)
        links = [row["download_links"]["pages"][0] for number in (first, second) for row in await api.runs(number)]
        found = [(await api.fetch(link)).json for link in links]

    titles = [{row["asin"]: row["title"] for row in rows} for rows in found]
    assert titles[0] == titles[1] == titles[2]
    assert len(titles[0]) == 10
    assert found[0] != found[1]


async def test_a_category_shows_the_same_products() -> None:
    """The products of a category scrape have the fields of products, and match those inlined in its result."""
    async with served(instant=True) as api:
        made = await api.data("/schedules/amazon/category/add_schedule/", **CATEGORY)
        (row,) = await api.data("/schedules/amazon/category/result/", collection_id=made["id"])
        records = (await api.fetch(row["download_links"]["pages"][0])).json

    assert [record["title"].startswith(record["brand"]) for record in records] == [True] * 48
