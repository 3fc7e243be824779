"""Rows for a CSV check their fields when they are made."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from multicart_async.errors import ArgumentError
from multicart_async.models import AsinRow, SkuRow

ASIN = {"domain": "amazon.com.au", "customer_postcode": "4500", "asin": "B0DJQQ38TG"}
SKU = {"sku": "JBMS310BK", "customer_postcode": "4500", "store_id": "W411"}
BAD_LINES: list[Any] = ["", " ", " a", "a\n", "a\nb", "a\0", "\ud800", None, 5]
BAD_ITEMS: list[Any] = ["", " ", "a b", "a,b", "a\0b", "\ud800", None, 5]
BAD: list[tuple[Any, dict[str, Any], str, Any]] = [
    *[(AsinRow, ASIN, name, value) for name in ("domain", "customer_postcode") for value in BAD_LINES],
    *[(AsinRow, ASIN, "customer_postcode", value) for value in ("800.0", "8.00E+02", "8e+02", "800,0")],
    *[(AsinRow, ASIN, "asin", "3.06E+09"), (SkuRow, SKU, "sku", "1E+12"), (SkuRow, SKU, "store_id", "4.11E+5")],
    *[(AsinRow, ASIN, "asin", value) for value in BAD_ITEMS],
    *[(AsinRow, ASIN, "include_raw_html", value) for value in ("true", 1, None)],
    *[(SkuRow, SKU, name, value) for name in ("customer_postcode", "store_id") for value in BAD_LINES],
    *[(SkuRow, SKU, "sku", value) for value in BAD_ITEMS],
]


@pytest.mark.parametrize(("kind", "fields", "name", "value"), BAD)
def test_a_field_that_cannot_be_right_is_named(kind: Any, fields: dict[str, Any], name: str, value: Any) -> None:
    """Where the row is made, not where it is sent."""
    with pytest.raises(ArgumentError) as caught:
        kind(**{**fields, name: value})
    assert name == caught.value.argument


@pytest.mark.parametrize(("kind", "fields"), [(AsinRow, ASIN), (SkuRow, SKU)])
def test_a_postcode_is_a_text(kind: Any, fields: dict[str, Any]) -> None:
    """Trap 42: a number has lost its leading zero already, and the error says so."""
    assert kind(**{**fields, "customer_postcode": "0800"}).customer_postcode == "0800"

    with pytest.raises(
        ArgumentError, match='customer_postcode: expected a string with its leading zeros, such as "0800", got 800'
    ):
        kind(**{**fields, "customer_postcode": 800})


def test_the_fields_are_in_the_order_of_the_columns() -> None:
    """So that rows read with csv can be unpacked into them; items are trimmed."""
    row = AsinRow("amazon.com.au", "4500", " B0DJQQ38TG\n", include_raw_html=True)

    assert AsinRow(**ASIN, include_raw_html=True) == row
    assert SkuRow(**SKU) == SkuRow("JBMS310BK", "4500", "W411")
    assert not AsinRow(**ASIN).include_raw_html
    with pytest.raises(ArgumentError):
        attrs.evolve(row, asin="a b")
