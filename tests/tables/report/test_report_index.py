"""What the report keeps of the records of a run."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from support.report_kit import record

from multicart_async.tables._report.history import History
from multicart_async.tables._report.index import Currency, Item, RunIndex


def index(*records: Any) -> RunIndex:
    """The index of a run with these records."""
    made = RunIndex()
    made.add(records)
    return made


@pytest.mark.parametrize(
    ("price", "text", "value"),
    [
        ("$1,049.99", "$1,049.99", Decimal("1049.99")),
        (5, "5", Decimal(5)),
        (5.5, "5.5", Decimal("5.5")),
        (None, None, None),
        ("", None, None),
        ("from $5 to $6", "from $5 to $6", None),
        ({"value": 5}, "{'value': 5}", None),
        (10**13, "10000000000000", None),
        (49.999, "49.999", Decimal("49.999")),
        ("$" + "9" * 13, "$" + "9" * 13, None),
        (math.nan, "nan", None),
        (True, "True", None),
    ],
)
def test_a_price_is_its_text_and_an_amount(price: Any, text: str | None, value: Decimal | None) -> None:
    """What is no clear number keeps its text and has no amount; so has one that a chart could not show."""
    item = Item.of(record("A", price))

    assert (item.price_text, item.price) == (text, value)


def test_long_texts_are_cut() -> None:
    """A title, a price and an availability of any length take a bounded place; a long price is no amount."""
    item = Item.of(record("A", "$" + "1" * 10_000, "x" * 10_000, "t" * 10_000))

    assert item.price is None
    assert [len(text or "") for text in (item.title, item.price_text, item.availability)] == [200, 40, 80]


@pytest.mark.parametrize(
    ("fields", "shown", "in_stock"),
    [
        ({"availability": "In Stock"}, "In Stock", True),
        ({"availability": " IN STOCK. "}, "IN STOCK.", True),
        ({"availability": "Only 3 left in stock"}, "Only 3 left in stock", False),
        ({"availability": " ", "in_stock": True}, "In Stock", True),
        ({"in_stock": False}, "Not in stock", False),
        ({"availability": 5, "in_stock": "yes"}, None, None),
        ({}, None, None),
    ],
)
def test_stock_is_only_what_a_record_says(fields: dict[str, Any], shown: str | None, in_stock: bool | None) -> None:
    """The text of a product, or the flag of a record of a category scrape; nothing is concluded from anything else."""
    item = Item.of(fields)

    assert (item.availability, item.in_stock) == (shown, in_stock)


@pytest.mark.parametrize(
    ("text", "currency", "shown"),
    [
        ("$5", Currency("$", "$"), "$1,234.50"),
        ("A$ 5", Currency("AUD", "A$ "), "A$ 1,234.50"),
        ("1.049,99 €", Currency("EUR", "", " €"), "1,234.50 €"),
        ("-$5", Currency("$", "$"), "$1,234.50"),
        ("5", Currency(), "1,234.50"),
        (None, Currency(), "1,234.50"),
    ],
)
def test_a_currency_stands_where_it_stood(text: str | None, currency: Currency, shown: str) -> None:
    """Prices on an axis look like those of the records."""
    assert Item.of(record("A", text)).currency == currency
    assert currency.show(1234.5) == shown


def test_currencies_differ_by_their_codes() -> None:
    """However they are written; a bare number may be of any."""
    dollar, bare = Currency("AUD", "A$"), Currency()

    assert [dollar.differs(Currency("AUD", "", " AUD")), dollar.differs(Currency("$", "$"))] == [False, True]
    assert [dollar.differs(bare), bare.differs(dollar), bare.differs(bare)] == [False, False, False]


def test_an_item_with_several_records_is_set_apart() -> None:
    """Its records cannot be told apart: it is present, without values."""
    made = index(record("A", "$1"), record("B"), record("A", "$2"), record("A", "$3"))

    assert (list(made.items), made.repeated, made.records) == (["B"], {"A"}, 4)
    assert (made.has("A"), made.has("B"), made.has("C")) == (True, True, False)


def test_an_item_is_known_by_asin_or_else_sku() -> None:
    """A record without either, or that is no object, is counted."""
    made = index(
        {"sku": 77, "asin": ""}, {"sku": "x" * 101}, {"title": "t"}, [], None, {"asin": 2**70}, {"asin": -(10**400)}
    )

    assert (list(made.items), made.key_names, made.keyless, made.records) == (["77"], ("sku",), 6, 7)


def test_a_run_can_have_two_key_fields() -> None:
    """If some items have an ASIN and others an SKU, both are named, in the same order whichever comes last."""
    assert index({"asin": "A"}, {"sku": "B"}).key_names == ("asin", "sku")
    assert index({"sku": "B"}, {"asin": "A"}).key_names == ("asin", "sku")
    assert index().key_names == ("asin",)


def test_a_blank_title_is_none() -> None:
    """A title of whitespace would be a row without a name."""
    assert Item.of({"title": " \n\t"}).title == ""
    assert Item.of({"title": " T "}).title == "T"


def test_the_median_is_that_of_all_prices() -> None:
    """Also of items that cannot be compared; without any price there is none."""
    assert index(record("A", "$1"), record("A", "$2"), record("B", "$9"), record("C", None)).median == 2
    assert index(record("A", None)).median is None


def test_the_currencies_are_those_of_the_items() -> None:
    """Each once, by its name."""
    made = index(record("A", "$1"), record("B", "A$2"), record("C", "$3"), record("D", None), record("E", "5"))

    assert made.currencies == {"$": Currency("$", "$"), "AUD": Currency("AUD", "A$")}


def known(history: History, key: str) -> list[float | None]:
    """The prices of an item, with ``None`` for those that are not known."""
    return [None if math.isnan(price) else price for price in history.prices(key)]


def test_a_history_has_gaps_where_a_price_is_unknown() -> None:
    """A run that was not read, an item that a run lacks, one without a price, and one with several records."""
    history = History(5)
    runs = [[record("A", "$1")], None, [record("A", None), record("B")], [record("A", "$3"), record("A", "$4")]]
    for place, records in enumerate([*runs, [record("A", "$5")]]):
        if records is not None:
            history.add(place, index(*records))

    assert known(history, "A") == [1, None, None, None, 5]
    assert known(history, "nothing") == [None] * 5
    assert (history.currency("A"), history.currency("nothing")) == (Currency("$", "$"), Currency())


def test_a_history_begins_anew_with_another_currency() -> None:
    """A line from dollars to euros would tell a change that there was not."""
    history = History(3)
    for place, price in enumerate(("$1", "$2", "€1")):
        history.add(place, index(record("A", price)))

    assert known(history, "A") == [None, None, 1]


def test_a_bare_number_continues_a_history() -> None:
    """It may be of the same currency, whose sign is kept."""
    history = History(3)
    for place, price in enumerate(("1", "$2", "3")):
        history.add(place, index(record("A", price)))

    assert (known(history, "A"), history.currency("A")) == ([1, 2, 3], Currency("$", "$"))


def test_missing_items_are_those_of_earlier_runs() -> None:
    """The latest losses first, with the last title that was known; an item that has come back is not missing."""
    history = History(4)
    runs = [
        [record("A", title="a"), record("B"), record("C"), record("E"), record("E")],
        [record("A", title=""), record("D")],
        [record("C")],
        [record("C"), record("F")],
    ]
    for place, records in enumerate(runs):
        history.add(place, index(*records))

    found = [(one.key, one.title, one.last) for one in history.missing(2)]
    assert found == [("A", "a", 1), ("D", "Item D", 1), ("B", "Item B", 0), ("E", "", 0)]
