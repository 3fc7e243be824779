"""Records of result files, generated from numbers alone: the same seed, collection, run and index give the same bytes.

All records of a run have the same length: a short head, spaces, and one of the tails that the records of a kind share:
dozens for products, one with a long text otherwise. The name of the item chooses the tail, so that it stays the same. So
the size of a file is known in advance, any part of it can be generated alone, and gigabytes cost little.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal
from zlib import crc32

import attrs

from multicart_async.sandbox._content import heads
from multicart_async.sandbox._content.body import PIECE_SIZE
from multicart_async.sandbox._content.envelope import dump
from multicart_async.sandbox._content.products import product_tails

_FILLER = "Carefully made for every day, tested for years of use, and packed without plastic. "
_SHORT_TEXT = (b'"extra":{}}',)
_MIN_TAIL = 345  # bytes behind a head with details; those of the shortest text
_MASK = 0xFFFFFFFF

RecordKind = Literal["products", "text"]


def synthetic_asin(collection: int, index: int) -> str:
    """Return the ASIN of an item that no request has added."""
    return "B0%08X" % ((collection * 5_003 + index * 7) & _MASK)


@lru_cache(maxsize=4)
def text_tails(length: int) -> tuple[bytes, ...]:
    """Return a single tail of *length* bytes, most of it one text, which ends the object ``extra`` of a detailed head."""
    extra = {
        "rating": {"stars": 4.5, "count": 1284, "histogram": [71, 15, 6, 3, 5]},
        "images": [f"https://m.media-amazon.com/images/I/{number}1example.jpg" for number in range(3)],
        "specifications": {"colour": "noir d'été", "weight_grams": 1190, "warranty_months": 24},
        "variants": [],
        "description": "",
    }
    text = dump(extra)[1:-2]
    fill = length - len(text) - 3
    return (text + (_FILLER * (fill // len(_FILLER) + 1))[:fill].encode() + b'"}}',)


@attrs.frozen
class Template:
    """A generator for the records of one run."""

    head: heads.Head
    head_size: int
    tails: Sequence[bytes]  # all of one length
    asins: Sequence[str] | None
    collection: int
    seed: int
    run: int

    @property
    def size(self) -> int:
        """The number of bytes of each record."""
        return self.head_size + len(self.tails[0])

    def parts(self, first_item: int, numbers: range, per_item: int) -> list[bytes]:
        """Return the parts of records, each with what separates it from the next: *numbers* count from *first_item*.

        The whole loop is here, because a call for each record would take a tenth of its time.
        """
        head, size, tails, count = self.head, self.head_size, self.tails, len(self.tails)
        asins, collection, seed, run = self.asins, self.collection, self.seed & _MASK, _mix(self.run)
        parts: list[bytes] = []
        for number in numbers:
            at = first_item + number // per_item
            name = f'"{synthetic_asin(collection, at)}"' if asins is None else asins[at]
            item = crc32(name.encode(), seed)
            visit = (item ^ (run + number % per_item)) * 0x9E3779B97F4A7C15 >> 32 & _MASK
            parts += head(name, item, visit).encode().ljust(size), tails[item % count], b",\n"
        return parts


def _mix(number: int) -> int:
    """Return a well-mixed number of 32 bits."""
    number = (number * 0x9E3779B1 + 0x7F4A7C15) & _MASK
    number = ((number ^ (number >> 16)) * 0x21F0AAAD) & _MASK
    return number ^ (number >> 15)


def template(
    kind: str,
    item_name: str,
    *,
    seed: int,
    run: int,
    collection: int,
    record_bytes: int,
    records: RecordKind,
    asins: Sequence[str] | None,
) -> Template:
    """Return the template for ``full``, ``availability_only`` or ``category`` records of about *record_bytes* bytes.

    Records of Officeworks items are not documented: they are those of Amazon, with ``sku`` for the item's name.
    """
    quoted = None if asins is None else [json.dumps(asin, ensure_ascii=False) for asin in asins]
    rest = (quoted, collection, seed, run)
    longest = max((len(asin.encode()) for asin in quoted or ()), default=12)
    if kind == "availability_only":
        return Template(heads.availability_head(item_name), heads.SIZE + longest, (b"}",), *rest)
    head, size, text = heads.product_head(item_name), heads.SIZE, records == "text"
    if kind == "category":
        head, size = heads.category_head(item_name), heads.CATEGORY_SIZE
    room = record_bytes - size - longest
    if room < heads.DETAILS_SIZE + _MIN_TAIL:
        return Template(head, size + longest, _SHORT_TEXT if text else product_tails(seed, room), *rest)
    room -= heads.DETAILS_SIZE
    head = heads.detailed(head, run, '"extra":{' if text else "")
    tails = text_tails(room) if text else product_tails(seed, room)
    return Template(head, record_bytes - room, tails, *rest)


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
        parts = self.template.parts(self.first_item, range(number, last), self.per_item)
        if last == count:
            parts[-1] = b"\n]"
        return b"".join(parts)
