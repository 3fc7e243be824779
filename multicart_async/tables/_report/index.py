"""Index the records of one run by item, as far as the report needs them. No I/O."""

from __future__ import annotations

import re
import statistics
from array import array
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, cast

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async._core.text import shorten
from multicart_async.tables._amount import Price, amount, price_of

__all__ = ["NO_VALUE", "Currency", "Item", "RunIndex"]

NO_VALUE: Final = "no value"
"""What is shown for an availability that a record lacks."""

_MAX_KEY: Final = 100  # characters; an ASIN has 10
_MAX_TITLE: Final = 200
_MAX_PRICE: Final = 40
_MAX_AVAILABILITY: Final = 80
_MAX_SIGN: Final = 8
_MAX_AMOUNT: Final = 10**12  # beyond it, a double has no cents
_IN_STOCK: Final = "in stock"  # the only documented value of `availability` is "In Stock"

_MINUS: Final = re.compile("[-\u2212]")


@attrs.frozen
class Currency:
    """A currency: its code or sign, ``None`` for bare numbers, and what stands before and behind the number of a price."""

    code: str | None = None
    before: str = ""
    behind: str = ""

    def show(self, price: float) -> str:
        """Return a price with two decimals."""
        return f"{self.before}{price:,.2f}{self.behind}"

    def differs(self, other: Currency) -> bool:
        """Return whether prices cannot be compared; a bare number may be of any currency."""
        return None not in {self.code, other.code} and self.code != other.code

    @classmethod
    def of(cls, text: str, code: str | None) -> Currency:
        """Return the currency as it stands in the text of a price."""
        digits = [place for place, letter in enumerate(text) if letter.isdecimal()]
        before, behind = _MINUS.sub("", text[: digits[0]]), text[digits[-1] + 1 :]
        return cls(code, before.lstrip()[:_MAX_SIGN], behind.rstrip()[:_MAX_SIGN])


@attrs.frozen
class Item:
    """The values of one record: texts as the service has them, cut to what can be shown.

    ``price`` is ``None`` if the text is missing or no clear number; ``in_stock`` is ``None`` if the record says nothing.
    """

    title: str
    price_text: str | None
    price: Decimal | None
    currency: Currency
    availability: str | None
    in_stock: bool | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Item:
        """Return the values of a record."""
        title = record.get("title")
        text, price = _price(record.get("price"))
        if price is None or abs(price.amount) > _MAX_AMOUNT:
            value, currency = None, Currency()
        else:
            value, currency = price.amount, Currency.of(text, price.currency)
        return cls(
            title=shorten(title.strip(), _MAX_TITLE) if isinstance(title, str) else "",
            price_text=text or None,
            price=value,
            currency=currency,
            **_stock(record),
        )


def _price(value: object) -> tuple[str, Price | None]:
    """Return the text of a price, empty if there is none, and what it says."""
    if value is None:
        return "", None
    if isinstance(value, str):
        return shorten(value, _MAX_PRICE), price_of(value) if len(value) <= _MAX_PRICE else None
    number = amount(value)
    return short_repr(value)[:_MAX_PRICE], None if number is None else Price(number, None)


def _stock(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the availability; without one, what ``in_stock`` says, which is documented of the CSV of a category alone."""
    text, flag = record.get("availability"), record.get("in_stock")
    if isinstance(text, str) and text.strip():
        in_stock = text.strip().casefold().startswith(_IN_STOCK)
        return {"availability": shorten(text.strip(), _MAX_AVAILABILITY), "in_stock": in_stock}
    if isinstance(flag, bool):
        return {"availability": "In Stock" if flag else "Not in stock", "in_stock": flag}
    return {"availability": None, "in_stock": None}


class RunIndex:
    """The items of a run. An item with several records is in ``repeated`` instead: they cannot be told apart."""

    def __init__(self) -> None:
        self._prices = array("d")
        self._key_names: set[str] = set()
        self.items: dict[str, Item] = {}
        self.repeated: set[str] = set()
        self.records = 0
        self.keyless = 0

    def add(self, values: Iterable[Any]) -> None:
        """Take the next values of its pages."""
        for value in values:
            self.records += 1
            if isinstance(value, dict):
                self._add(cast("dict[str, Any]", value))
            else:
                self.keyless += 1

    def _add(self, record: dict[str, Any]) -> None:
        item = Item.of(record)
        if item.price is not None:
            self._prices.append(float(item.price))
        key = self._key_of(record)
        if key is None:
            self.keyless += 1
        elif key in self.repeated or key in self.items:
            self.items.pop(key, None)
            self.repeated.add(key)
        else:
            self.items[key] = item

    def _key_of(self, record: Mapping[str, Any]) -> str | None:
        for name in ("asin", "sku"):
            value = record.get(name)
            if (isinstance(value, str) and 0 < len(value) <= _MAX_KEY) or (
                type(value) is int and abs(value) < _MAX_AMOUNT
            ):
                self._key_names.add(name)
                return str(value)
        return None

    def has(self, key: str) -> bool:
        """Return whether the run has a record of the item."""
        return key in self.items or key in self.repeated

    @property
    def key_names(self) -> tuple[str, ...]:
        """The fields by which its items are told apart."""
        return tuple(sorted(self._key_names)) or ("asin",)

    @property
    def median(self) -> float | None:
        """The median of all its prices."""
        return statistics.median(self._prices) if self._prices else None

    @property
    def currencies(self) -> dict[str, Currency]:
        """The currencies of its items, by their codes."""
        found = (item.currency for item in self.items.values())
        return {currency.code: currency for currency in found if currency.code is not None}
