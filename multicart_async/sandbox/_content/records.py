"""Records of result files, generated from numbers alone: the same seed, collection, run and index give the same bytes.

All records of a run have the same length: a short varying head, spaces, and one of the tails that the records of a kind
share: dozens for products, one with a long text otherwise. So the size of a file is known in advance, any part of it can
be generated alone, and gigabytes cost little.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, Literal

import attrs

from multicart_async.sandbox._content.body import PIECE_SIZE
from multicart_async.sandbox._content.envelope import dump
from multicart_async.sandbox._content.products import product_tails

_BRANDS = ("Nordvik", "Kestrel", "Bluegum", "Halcyon", "Tamarin", "Ostara", "Quoll & Co", "Café Noir")
_PRODUCTS = ("Laptop 15.6 inch", "Wireless Mouse", "USB-C Hub", "Office Chair", "Desk Lamp", "Water Bottle", "Backpack")
_STOCK = ("In Stock", "In Stock", "In Stock", "Only 3 left in stock", "Currently unavailable")
_SELLERS = ("Amazon AU", "Kestrel Direct", "Bluegum Trading", "Halcyon Store")
_FILLER = "Carefully made for every day, tested for years of use, and packed without plastic. "
_HEAD_SIZE = 128  # bytes; longer than any head without its ASIN
_CATEGORY_HEAD_SIZE = 272

Head = Callable[[int, str], bytes]
Tails = Callable[[int], tuple[bytes, ...]]
RecordKind = Literal["products", "text"]


def synthetic_asin(collection: int, index: int) -> str:
    """Return the ASIN of an item that no request has added."""
    return f"B0{(collection * 5_003 + index * 7) & 0xFFFFFFFF:08X}"


def _hash32(seed: int, number: int) -> int:
    """Return a well-mixed number of 32 bits, at far less cost than a random generator per record."""
    value = (number * 0x9E3779B1 + seed * 0x85EBCA6B + 0x7F4A7C15) & 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    return value ^ (value >> 15)


def _price(digest: int) -> int:
    return 499 + digest % 150_000


def product_head(seed: int, item_name: str) -> Head:
    """Return the function for heads of full product records, with the documented names."""

    def head(index: int, asin: str) -> bytes:
        digest = _hash32(seed, index)
        cents = _price(digest)
        title = f"{_BRANDS[digest % 8]} {_PRODUCTS[digest % 7]}, model {digest % 9000 + 1000}"
        return (
            f'{{"{item_name}":{asin},"title":"{title}","price":"${cents // 100}.{cents % 100:02d}",'
            f'"availability":"{_STOCK[digest % 5]}",'
        ).encode()

    return head


def availability_head(seed: int, item_name: str) -> Head:
    """Return the function for heads in fetch mode ``availability_only``: stock status and current price."""

    def head(index: int, asin: str) -> bytes:
        digest = _hash32(seed, index)
        cents = _price(digest)
        return (
            f'{{"{item_name}":{asin},"price":"${cents // 100}.{cents % 100:02d}","availability":"{_STOCK[digest % 5]}"'
        ).encode()

    return head


def category_head(seed: int, item_name: str) -> Head:
    """Return the function for heads of category records.

    They have the inlined fields of a result, and those that the columns of the dashboard's CSV come from.
    """

    def head(index: int, asin: str) -> bytes:
        digest = _hash32(seed, index)
        cents = _price(digest)
        record = {
            "title": f"{_BRANDS[digest % 8]} {_PRODUCTS[digest % 7]}, model {digest % 9000 + 1000}",
            "price": f"${cents // 100}.{cents % 100:02d}",
            "parent_asin": synthetic_asin(seed, index // 3),
            "is_variant": index % 3 > 0,
            "is_brand": digest % 4 == 0,
            "is_store": digest % 5 == 0,
            "is_prime": digest % 2 == 0,
            "seller_name": _SELLERS[digest % 4],
            "price_cents": cents,
            "in_stock": digest % 5 < 4,
        }
        return f'{{"{item_name}":{asin},'.encode() + dump(record)[1:-1] + b","

    return head


def record_tails(kind: RecordKind, seed: int) -> Tails:
    """Return the function for the tails of records, which gets their length in bytes."""
    return partial(product_tails, seed) if kind == "products" else text_tails


@lru_cache(maxsize=4)
def text_tails(length: int) -> tuple[bytes, ...]:
    """Return a single tail of *length* bytes, most of it one text; below 490 bytes it is the shortest one."""
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
        return (b'"extra":{}}',)  # the record is to be small
    return (text + (_FILLER * (fill // len(_FILLER) + 1))[:fill].encode() + b'"}}',)


@attrs.frozen
class Template:
    """A generator for the records of one run."""

    head: Head
    head_size: int
    tails: Sequence[bytes]  # all of one length
    asins: Sequence[str] | None
    collection: int

    @property
    def size(self) -> int:
        """The number of bytes of each record."""
        return self.head_size + len(self.tails[0])

    def record(self, item: int, number: int) -> bytes:
        """Return the record *number*, which belongs to *item*."""
        asin = f'"{synthetic_asin(self.collection, item)}"' if self.asins is None else self.asins[item]
        return self.head(number, asin).ljust(self.head_size) + self.tails[number % len(self.tails)]


def template(
    kind: str,
    item_name: str,
    *,
    seed: int,
    collection: int,
    record_bytes: int,
    tails: Tails,
    asins: Sequence[str] | None,
) -> Template:
    """Return the template for ``full``, ``availability_only`` or ``category`` records of about *record_bytes* bytes.

    Records of Officeworks items are not documented: they are those of Amazon, with ``sku`` for the item's name.
    """
    quoted = None if asins is None else [json.dumps(asin, ensure_ascii=False) for asin in asins]
    longest = max((len(asin.encode()) for asin in quoted or ()), default=12)
    if kind == "availability_only":
        return Template(availability_head(seed, item_name), _HEAD_SIZE + longest, (b"}",), quoted, collection)
    head, size = (category_head, _CATEGORY_HEAD_SIZE) if kind == "category" else (product_head, _HEAD_SIZE)
    return Template(head(seed, item_name), size + longest, tails(record_bytes - size - longest), quoted, collection)


@attrs.frozen
class Page:
    """One page file: a JSON array of the records of some items."""

    template: Template
    first_item: int
    items: int
    per_item: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        count = self.items * self.per_item
        return 2 + count * (self.template.size + 2) if count else 2

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from *start* to *stop*."""
        count, stride = self.items * self.per_item, self.template.size + 2
        if start < 2 or not count:
            yield (b"[\n" if count else b"[]")[start:stop]
        batch = max(PIECE_SIZE // stride, 1)
        number = max(start - 2, 0) // stride
        while number < count and 2 + number * stride < stop:
            last = min(number + batch, count)
            block, offset = self._block(number, last, count), 2 + number * stride
            view = block[max(start - offset, 0) : stop - offset]
            for begin in range(0, len(view), 2 * PIECE_SIZE):
                yield view[begin : begin + 2 * PIECE_SIZE]
            number = last

    def records(self) -> list[dict[str, Any]]:
        """Return the parsed records, for responses that include records."""
        records: list[dict[str, Any]] = json.loads(b"".join(self.pieces(0, self.size)))
        return records

    def _block(self, number: int, last: int, count: int) -> bytes:
        record, per_item = self.template.record, self.per_item
        first = self.first_item
        base = first * per_item
        block = b",\n".join([record(first + index // per_item, base + index) for index in range(number, last)])
        return block + (b"\n]" if last == count else b",\n")
