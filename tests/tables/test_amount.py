"""Amounts of money in text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async.tables import amount
from multicart_async.tables._amount import price_of

AMOUNTS = {
    "$1,049.99": "1049.99",
    "A$ 5": "5",
    "A$\u00a05": "5",
    "US$12": "12",
    "£3": "3",
    "5 €": "5",
    "5€": "5",
    "¥1200": "1200",
    "\uffe51,200": "1200",
    "1,200円": "1200",
    "AUD 1,049.99": "1049.99",
    "1,049.99 AUD": "1049.99",
    "$1,049.99 AUD": "1049.99",
    "AUD $5": "5",
    "12.5 kr": "12.5",
    "12,50 kr.": "12.50",
    "Rs.500": "500",
    "Rs. 500.00": "500.00",
    "1.049,99 €": "1049.99",
    "1.049.999,5 €": "1049999.5",
    "1.049.999 €": "1049999",
    "1,049": "1049",
    "$1,049": "1049",
    "1,049,999.999": "1049999.999",
    "1,04": "1.04",
    "1,5": "1.5",
    "₹12,34,567.00": "1234567.00",
    "1\u00a0049,99 €": "1049.99",
    "1\u202f049\u202f999.5": "1049999.5",
    "1\u2009049": "1049",
    "CHF 1'049.95": "1049.95",
    "1\u2019049.95": "1049.95",
    "0": "0",
    "0.50": "0.50",
    "0,50": "0.50",
    "0.500": "0.500",
    "1234.567": "1234.567",
    "1.0499": "1.0499",
    "-$5": "-5",
    "$-5": "-5",
    "$ -5": "-5",
    "\u22125": "-5",
    " $5\n": "5",
    "$\n5": "5",
    "9" * 64: "9" * 64,
}

UNSURE = [
    "",
    " ",
    "$",
    "Currently unavailable",
    "$5 - $7",
    "5-7",
    "2 for $5",
    "$5 $7",
    "1 049,99 €",
    "$5 off",
    "from $5",
    "5 kg",
    "5%",
    "-5%",
    "1e5",
    "1/2",
    "12:30",
    "00123",
    "-007",
    "01.50",
    "1.049",
    "$1.049",
    "1,049,99",
    "1,0499",
    "1049,999",
    "0,049",
    "1.049,999",
    "1,23,45",
    "1\u00a0049\u2009999",
    "5.",
    "$.99",
    "($5)",
    "5-",
    "+5",
    "- $5",
    "--5",
    "-$-5",
    "$5$",
    "€5 USD",
    "€5 £",
    "¥5 $",
    "kr 5 AUD",
    "AUD US$ 5 USD",
    "5 ABC",
    "5 usd",
    "A$B5",
    "B0DJQQ38TG",
    "2026-11-29",
    "\u0665",
    "\uff15",
    "$5\u0665",
    "1" * 65,
]


@pytest.mark.parametrize(("text", "expected"), AMOUNTS.items(), ids=ascii)
def test_an_amount_is_read(text: str, expected: str) -> None:
    """A text that can only be one amount of money is that amount, with its decimals as they are."""
    assert str(amount(text)) == expected


@pytest.mark.parametrize("text", UNSURE, ids=lambda text: ascii(text)[:20])
def test_an_unsure_amount_is_none(text: str) -> None:
    """A text that may be something else, or another amount, has none."""
    assert amount(text) is None


@pytest.mark.parametrize("value", [None, True, False, [], ["$5"], {}, b"$5", 5j, float("nan"), float("-inf")], ids=repr)
def test_what_is_no_text_or_number_has_no_amount(value: object) -> None:
    """Booleans and numbers that are not finite are none either."""
    assert amount(value) is None


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")], ids=repr)
def test_a_decimal_that_is_not_finite_is_none(value: Decimal) -> None:
    """Without an exception for the signalling one."""
    assert amount(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, "5"), (1.1, "1.1"), (10**400, str(10**400)), (1e300, "1e300"), (Decimal("1.50"), "1.50")],
    ids=["int", "float", "huge", "double", "decimal"],
)
def test_a_number_is_its_own_amount(value: object, expected: str) -> None:
    """A float is taken as it is written, not as the binary fraction behind it."""
    assert amount(value) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("5", None),
        ("$5", "$"),
        ("A$5", "AUD"),
        ("AU$5", "AUD"),
        ("5 AUD", "AUD"),
        ("$5 AUD", "AUD"),
        ("USD $5", "USD"),
        ("€5 EUR", "EUR"),
        ("CNY ¥5", "CNY"),
        ("5 kr NOK", "NOK"),
        ("\uff045", "$"),
    ],
)
def test_a_price_has_the_code_of_its_currency(text: str, currency: str | None) -> None:
    """A sign that several currencies share stands for itself, unless a code says which one is meant."""
    price = price_of(text)

    assert price is not None
    assert price.currency == currency


@pytest.mark.parametrize("text", ["1" * 2**20, "1," * 2**19, " " * 2**20 + "5", "$" * 2**20 + "5", "1 " * 2**19])
def test_a_long_text_is_never_read(text: str) -> None:
    """A megabyte is rejected by its length alone."""
    assert amount(text) is None


@settings(max_examples=200, deadline=None)
@given(
    st.decimals(0, 10**9, places=2),
    st.sampled_from(["{}", "${}", "A$ {}", "{} €", "AUD {}", "-{}"]),
    st.sampled_from([(",", "."), (".", ","), ("\u00a0", ","), ("", "."), ("", ",")]),
)
def test_a_formatted_amount_is_read_back(number: Decimal, pattern: str, marks: tuple[str, str]) -> None:
    """Whichever the marks of groups and decimals, an amount with two decimals is what was written."""
    text = f"{number:,.2f}".translate(str.maketrans({",": marks[0], ".": marks[1]}))

    assert amount(pattern.format(text)) == (-number if pattern == "-{}" else number)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("0123456789.,$€-A \u00a0'%e"), max_size=12))
def test_any_text_has_an_amount_or_none(text: str) -> None:
    """No text raises, and an amount has the digits of the text in their order."""
    found = amount(text)

    assert found is None or "".join(filter(str.isdigit, f"{found:f}")) == "".join(filter(str.isdigit, text))
