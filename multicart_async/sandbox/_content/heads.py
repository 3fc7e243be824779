"""Heads of records: the documented fields of an item, and the others that its name decides or that change from run to run.

Two numbers of 32 bits decide a head: *item*, made from the seed and the item's name, and *visit*, made from *item* and the
run. So an item has the same title and brand in every run and in every collection of a sandbox, while its price, its stock,
the number of its reviews and its rank change as on product pages.

Gigabytes of records need a head each: texts are in tables, because to format a number takes five times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from zlib import crc32

__all__ = [
    "CATEGORY_SIZE",
    "DETAILS_SIZE",
    "SIZE",
    "Head",
    "availability_head",
    "category_head",
    "detailed",
    "product_head",
]

SIZE: Final = 128  # bytes; longer than any head without the item's name
CATEGORY_SIZE: Final = 272
DETAILS_SIZE: Final = 112  # of what `detailed` appends

Head = Callable[[str, int, int], str]
"""Gets the name of an item as JSON, *item* and *visit*."""

_BRANDS = ("Nordvik", "Kestrel", "Bluegum", "Halcyon", "Tamarin", "Ostara", "Quoll & Co", "Café Noir")
_PRODUCTS = {  # the lowest usual price in dollars, and the number of usual prices from there
    "Laptop 15.6 inch": (599, 1800),
    "Wireless Mouse": (19, 70),
    "USB-C Hub": (29, 70),
    "Office Chair": (99, 800),
    "Desk Lamp": (24, 105),
    "Water Bottle": (12, 37),
    "Backpack": (39, 160),
}


class _Line(NamedTuple):
    brand: str
    title: str  # without the model
    lowest: int  # cents
    prices: int


_LINES = tuple(
    _Line(brand, f"{brand} {product}, model ", lowest * 100 + 99, prices)
    for product, (lowest, prices) in _PRODUCTS.items()
    for brand in _BRANDS
)
_COUNT = len(_LINES)
_SELLERS = ("Amazon AU", "Kestrel Direct", "Bluegum Trading", "Halcyon Store")
_IN_STOCK, _LOW, _UNAVAILABLE = "In Stock", "Only 3 left in stock", "Currently unavailable"
_USUAL_STOCK = (_IN_STOCK,) * 56 + (_LOW,) * 6 + (_UNAVAILABLE,) * 2  # of 64 items
_UNUSUAL_STOCK = (None,) * 60 + (_LOW, _LOW, _UNAVAILABLE, _IN_STOCK)  # in 64 runs; None: the usual one
_SMALL_CHANGES = (950, 960, 970, 980, 985, 990, 1010, 1015, 1020, 1030, 1040, 1050)
_SALES = (700, 750, 800, 850)
_CHANGES = (1000,) * 48 + _SMALL_CHANGES + _SALES  # of the price in 64 runs, in thousandths of the usual one
_DOLLARS = tuple(f"${dollars:,}." for dollars in range(2600))  # the highest price is $2,518.93
_CENTS = tuple(f"{cents:02d}" for cents in range(100))
_BOOL = ("false", "true")
_DIGITS = str.maketrans("", "", "$,.")  # leaves only the digits of a price
_HEX = tuple(f"{number:03X}" for number in range(0x1000))


def product_head(item_name: str) -> Head:
    """Return the function for heads of full product records, with the documented names."""
    opening = f'{{"{item_name}":'

    def head(name: str, item: int, visit: int) -> str:
        start = _LINES[item % _COUNT].title
        return f'{opening}{name},"title":"{start}{_HEX[item >> 20]}{_HEX[item >> 8 & 0xFFF]}",{_offer(item, visit)},'

    return head


def availability_head(item_name: str) -> Head:
    """Return the function for heads in fetch mode ``availability_only``: stock status and current price."""
    opening = f'{{"{item_name}":'

    def head(name: str, item: int, visit: int) -> str:
        return f"{opening}{name},{_offer(item, visit)}"

    return head


def category_head(item_name: str) -> Head:
    """Return the function for heads of category records.

    They have the inlined fields of a result, and those that the columns of the dashboard's CSV come from. Names that
    differ only in their last character have the same parent.
    """
    opening = f'{{"{item_name}":'

    def head(name: str, item: int, visit: int) -> str:
        price = _price(item, visit)  # the documentation shows no category record without one
        in_stock = _stock(item, visit) is not _UNAVAILABLE
        return (
            f'{opening}{name},"title":"{_LINES[item % _COUNT].title}{_HEX[item >> 20]}{_HEX[item >> 8 & 0xFFF]}",'
            f'"price":"{price}","parent_asin":"B0{crc32(name[:-2].encode()):08X}","is_variant":{_BOOL[item % 3 > 0]},'
            f'"is_brand":{_BOOL[item % 4 == 0]},"is_store":{_BOOL[item % 5 == 0]},"is_prime":{_BOOL[item % 2 == 0]},'
            f'"seller_name":"{_SELLERS[item >> 3 & 3]}","price_cents":{price.translate(_DIGITS)},"in_stock":{_BOOL[in_stock]},'
        )

    return head


def detailed(head: Head, run_id: int, opening: str) -> Head:
    """Return the function for heads that also have brand and model, which stay, reviews, which grow, and a rank.

    *opening* is written before them.
    """

    def longer(name: str, item: int, visit: int) -> str:
        reviews = (item >> 12) % 5000 + ((item >> 4 & 7) * run_id >> 3)
        usual_rank = (item >> 3) % 90_000 + 10
        return (
            f'{head(name, item, visit)}{opening}"brand":"{_LINES[item % _COUNT].brand}",'
            f'"model_number":"{_HEX[item >> 20]}{_HEX[item >> 8 & 0xFFF]}","review_count":{reviews},'
            f'"best_seller_rank":{usual_rank + (usual_rank * (visit >> 20 & 127) >> 10)},'
        )

    return longer


def _offer(item: int, visit: int) -> str:
    """Return price and availability as JSON. Out of stock the price is null, and of every fourth such item it is missing."""
    stock = _stock(item, visit)
    if stock is _UNAVAILABLE:
        return f'"price":null,"availability":"{stock}"' if item & 12 else f'"availability":"{stock}"'
    return f'"price":"{_price(item, visit)}","availability":"{stock}"'


def _stock(item: int, visit: int) -> str:
    return _UNUSUAL_STOCK[visit >> 26] or _USUAL_STOCK[item >> 26]


def _price(item: int, visit: int) -> str:
    line = _LINES[item % _COUNT]
    cents = (line.lowest + (item >> 6) % line.prices * 100) * _CHANGES[visit & 63] // 1000
    return f"{_DOLLARS[cents // 100]}{_CENTS[cents % 100]}"
