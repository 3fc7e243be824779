"""Records of result files, made from numbers alone: the same seed, collection, run and place give the same bytes.

Every record of a run has the same length: a short varying head, blanks, and a tail that all records of a kind share.
So the size of a file is known without making it, any stretch of it can be made alone, and gigabytes cost little.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import attrs

from multicart_async.sandbox._content.body import PIECE
from multicart_async.sandbox._content.envelope import dump

_MAKERS = ("Nordvik", "Kestrel", "Bluegum", "Halcyon", "Tamarin", "Ostara", "Quoll & Co", "Café Noir")
_THINGS = ("Laptop 15.6 inch", "Wireless Mouse", "USB-C Hub", "Office Chair", "Desk Lamp", "Water Bottle", "Backpack")
_STOCK = ("In Stock", "In Stock", "In Stock", "Only 3 left in stock", "Currently unavailable")
_SELLERS = ("Amazon AU", "Kestrel Direct", "Bluegum Trading", "Halcyon Store")
_PROSE = "Carefully made for every day, tested for years of use, and packed without plastic. "
_HEAD = 128  # longer than any head without its ASIN
_CATEGORY_HEAD = 272

Head = Callable[[int, str], bytes]


def synthetic_asin(collection: int, index: int) -> str:
    """The ASIN of an item that was never sent by anybody."""
    return f"B0{(collection * 5_003 + index * 7) & 0xFFFFFFFF:08X}"


def _mixed(seed: int, number: int) -> int:
    """A well-mixed number of 32 bits; far cheaper than a random generator per record."""
    value = (number * 0x9E3779B1 + seed * 0x85EBCA6B + 0x7F4A7C15) & 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    return value ^ (value >> 15)


def _price(mixed: int) -> int:
    return 499 + mixed % 150_000


def product_head(seed: int, item_name: str) -> Head:
    """Heads of full product records, with the documented names."""

    def head(index: int, asin: str) -> bytes:
        mixed = _mixed(seed, index)
        cents = _price(mixed)
        title = f"{_MAKERS[mixed % 8]} {_THINGS[mixed % 7]}, model {mixed % 9000 + 1000}"
        return (
            f'{{"{item_name}":{asin},"title":"{title}","price":"${cents // 100}.{cents % 100:02d}",'
            f'"availability":"{_STOCK[mixed % 5]}",'
        ).encode()

    return head


def availability_head(seed: int, item_name: str) -> Head:
    """Heads of records in fetch mode ``availability_only``: stock status and current price."""

    def head(index: int, asin: str) -> bytes:
        mixed = _mixed(seed, index)
        cents = _price(mixed)
        return (
            f'{{"{item_name}":{asin},"price":"${cents // 100}.{cents % 100:02d}","availability":"{_STOCK[mixed % 5]}"'
        ).encode()

    return head


def category_head(seed: int, item_name: str) -> Head:
    """Heads of category records: inlined fields, and those that the dashboard's CSV is made from."""

    def head(index: int, asin: str) -> bytes:
        mixed = _mixed(seed, index)
        cents = _price(mixed)
        record = {
            "title": f"{_MAKERS[mixed % 8]} {_THINGS[mixed % 7]}, model {mixed % 9000 + 1000}",
            "price": f"${cents // 100}.{cents % 100:02d}",
            "parent_asin": synthetic_asin(seed, index // 3),
            "is_variant": index % 3 > 0,
            "is_brand": mixed % 4 == 0,
            "is_store": mixed % 5 == 0,
            "is_prime": mixed % 2 == 0,
            "seller_name": _SELLERS[mixed % 4],
            "price_cents": cents,
            "in_stock": mixed % 5 < 4,
        }
        return f'{{"{item_name}":{asin},'.encode() + dump(record)[1:-1] + b","

    return head


@lru_cache(maxsize=4)
def _tail(length: int) -> bytes:
    extra = {
        "brand": {"name": "Nordvik", "store": "https://www.amazon.com.au/stores/Nordvik"},
        "rating": {"stars": 4.5, "count": 1284, "histogram": [71, 15, 6, 3, 5]},
        "images": [f"https://m.media-amazon.com/images/I/{number}1example.jpg" for number in range(3)],
        "specifications": {"colour": "noir d'été", "weight_grams": 1190, "warranty_months": 24},
        "variants": [],
        "description": "",
    }
    text = b'"extra":' + dump(extra)[:-2]
    fill = length - len(text) - 3
    if fill < 0:
        return b'"extra":{}}'  # records that are to be small
    return text + (_PROSE * (fill // len(_PROSE) + 1))[:fill].encode() + b'"}}'


@attrs.frozen
class Template:
    """How the records of one run are made."""

    head: Head
    head_size: int
    tail: bytes
    asins: Sequence[str] | None
    collection: int

    @property
    def size(self) -> int:
        """Bytes of each record."""
        return self.head_size + len(self.tail)

    def record(self, item: int, number: int) -> bytes:
        """The record with a number, of an item."""
        asin = f'"{synthetic_asin(self.collection, item)}"' if self.asins is None else self.asins[item]
        return self.head(number, asin).ljust(self.head_size) + self.tail


def template(
    kind: str, item_name: str, *, seed: int, collection: int, record_bytes: int, asins: Sequence[str] | None
) -> Template:
    """The template for ``full``, ``availability_only`` or ``category`` records of about ``record_bytes`` bytes.

    Records of Officeworks items are not documented: they are those of Amazon, with ``sku`` for the item's name.
    """
    quoted = None if asins is None else [json.dumps(asin, ensure_ascii=False) for asin in asins]
    longest = max((len(asin.encode()) for asin in quoted or ()), default=12)
    if kind == "availability_only":
        return Template(availability_head(seed, item_name), _HEAD + longest, b"}", quoted, collection)
    head, size = (category_head, _CATEGORY_HEAD) if kind == "category" else (product_head, _HEAD)
    return Template(head(seed, item_name), size + longest, _tail(record_bytes - size - longest), quoted, collection)


@attrs.frozen
class Page:
    """One page file: a JSON array of the records of some items."""

    template: Template
    first_item: int
    items: int
    per_item: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        count = self.items * self.per_item
        return 2 + count * (self.template.size + 2) if count else 2

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``."""
        count, stride = self.items * self.per_item, self.template.size + 2
        if start < 2 or not count:
            yield (b"[\n" if count else b"[]")[start:stop]
        batch = max(PIECE // stride, 1)
        number = max(start - 2, 0) // stride
        while number < count and 2 + number * stride < stop:
            last = min(number + batch, count)
            block, offset = self._block(number, last, count), 2 + number * stride
            view = block[max(start - offset, 0) : stop - offset]
            for place in range(0, len(view), 2 * PIECE):
                yield view[place : place + 2 * PIECE]
            number = last

    def records(self) -> list[dict[str, Any]]:
        """The page as parsed JSON, for answers that carry records inline."""
        records: list[dict[str, Any]] = json.loads(b"".join(self.pieces(0, self.size)))
        return records

    def _block(self, number: int, last: int, count: int) -> bytes:
        record, per_item = self.template.record, self.per_item
        first = self.first_item
        base = first * per_item
        block = b",\n".join([record(first + place // per_item, base + place) for place in range(number, last)])
        return block + (b"\n]" if last == count else b",\n")
