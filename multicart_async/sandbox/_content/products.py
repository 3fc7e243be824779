"""Tails of product records: about 100 fields, nested lists and objects, some text beyond ASCII, made from a seed.

The service does not document the fields of a record beyond its item, title, price and availability: the others are made
up, and resemble what product pages have. A sandbox makes a few dozen tails of one length, which its records share; the
fields that tell an item from others are in the heads. Tails of other lengths have the same values, and more or fewer of them.
"""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from multicart_async.sandbox._content.envelope import dump

_MAX_TAILS = 32
_TAILS_BYTES = 4 << 20  # of all tails of one length, unless a single one is larger
_POOL_SIZE = 64  # different entries of each list
_ENTRIES = 3  # in each list of a record of usual size
_DESCRIPTION = 600  # bytes of the text, in a record that has all fields
_OPENING, _CLOSING = b'"description":"', b'"}'

_VOCABULARY = (
    "stainless steel wireless compact travel office kitchen premium noir café naïve größe rechargeable portable black "
    "white silver adjustable folding storage 日本製 large small set pack warranty replacement original ceramic ünique"
)
_WORDS = _VOCABULARY.split()
_TEXTS = (
    "manufacturer colour material style part_number size pattern finish department origin_country form_factor "
    "power_source connector mounting_type closure_type care_instructions target_audience theme season scent flavour "
    "fabric shape edition language publisher format platform operating_system display_type battery_type warranty_type "
    "return_policy packaging certification best_seller_category line"
)
_MEASURES = (
    "weight_grams length_cm width_cm height_cm package_weight_grams package_length_cm package_width_cm "
    "package_height_cm list_price discount_percent unit_price voltage wattage capacity_litres noise_db "
    "shipping_cost tax_rate sustainability_score"
)
_COUNTS = (
    "question_count answer_count image_count video_count offer_count used_offer_count category_rank pieces_in_pack "
    "minimum_order maximum_order days_on_sale views_last_week bought_last_month"
)
_FLAGS = (
    "is_new is_bundle is_refurbished is_fragile is_adult is_gift_wrappable is_subscribable has_video has_coupon "
    "ships_abroad"
)
_MISSING = "discontinued_on energy_label author isbn recall_notice"

Pool = tuple[bytes, ...]
Value = bytes | tuple[bytes, ...]  # JSON; of a list, that of its entries


def _words(make: random.Random, count: int) -> str:
    return " ".join(make.choices(_WORDS, k=count))


def _number(make: random.Random, below: int) -> int:
    return int(make.random() * below)


_OBJECTS: Mapping[str, Callable[[random.Random], Any]] = {
    "rating": lambda make: {"stars": _number(make, 41) / 10 + 1, "histogram": [71, 15, 6, 3, _number(make, 6)]},
    "delivery": lambda make: {"days": _number(make, 9), "text": _words(make, 4), "free": make.random() < 0.5},
    "categories": lambda make: [[_words(make, 2) for _ in range(3)], [_words(make, 1), _words(make, 2)]],
}
_LISTS: Mapping[str, Callable[[random.Random], Any]] = {
    "features": lambda make: _words(make, 9),
    "images": lambda make: {"url": f"https://images.example/{_number(make, 2**40):010x}.jpg", "width": 1500},
    "offers": lambda make: {"seller": _words(make, 2), "cents": _number(make, 99_999), "prime": make.random() < 0.5},
    "variants": lambda make: {"id": f"B0{_number(make, 2**32):08X}", "options": [make.choice(_WORDS), "M"]},
    "reviews": lambda make: {"stars": _number(make, 5) + 1, "title": _words(make, 3), "helpful": _number(make, 90)},
}


@lru_cache(maxsize=4)
def product_tails(seed: int, length: int) -> tuple[bytes, ...]:
    """Return different tails of *length* bytes each, with the closing brace of the record.

    With fewer bytes a tail has fewer fields, with more its lists have more entries. None has fewer than 17 bytes.
    """
    count = min(max(_TAILS_BYTES // max(length, 1), 1), _MAX_TAILS)
    return tuple(_tail(seed, number, length) for number in range(count))


def _tail(seed: int, number: int, length: int) -> bytes:
    """Return the fields that fit, with further entries in their lists, and a text that takes the rest."""
    left = length - len(_OPENING) - len(_CLOSING)
    fitting: dict[str, Value] = {}
    for name, value in _fields(seed, number):
        size = len(_member(name, value))
        if size <= left:
            fitting[name] = value
            left -= size
    lists = {name: list(value) for name, value in fitting.items() if isinstance(value, tuple)}
    left -= _lengthen(random.Random(f"{seed}/{number}/lists"), lists, _pools(seed), left - _DESCRIPTION)
    members = [_member(name, lists.get(name, value)) for name, value in fitting.items()]
    text = _text(random.Random(f"{seed}/{number}/text"), max(left, 0))
    return b"".join(members) + _OPENING + text + _CLOSING


def _lengthen(make: random.Random, lists: Mapping[str, list[bytes]], pools: Mapping[str, Pool], room: int) -> int:
    """Append entries to *lists* in turn while they fit into *room* bytes; return the bytes that they take."""
    taken = 0
    for name in itertools.cycle(lists):
        entry = make.choice(pools[name])
        if taken + len(entry) + 1 > room:
            break
        lists[name].append(entry)
        taken += len(entry) + 1
    return taken


def _text(make: random.Random, size: int) -> bytes:
    words = _words(make, size // 4 + 1).encode()[:size]  # the shortest word has 3 letters
    return words.decode(errors="ignore").encode().ljust(size, b".")


def _member(name: str, value: Value | list[bytes]) -> bytes:
    return b'"%s":%s,' % (name.encode(), value if isinstance(value, bytes) else b"[" + b",".join(value) + b"]")


@lru_cache(maxsize=4)
def _pools(seed: int) -> Mapping[str, Pool]:
    make = random.Random(f"{seed}")
    return {name: tuple(dump(entry(make)) for _ in range(_POOL_SIZE)) for name, entry in _LISTS.items()}


@lru_cache(maxsize=2 * _MAX_TAILS)
def _fields(seed: int, number: int) -> Sequence[tuple[str, Value]]:
    """Return all fields but the description; the kinds are mixed, so that a small record has some of each."""
    make, pools = random.Random(f"{seed}/{number}"), _pools(seed)
    kinds: tuple[Mapping[str, Value], ...] = (
        {name: dump(_words(make, 1 + _number(make, 3))) for name in _TEXTS.split()},
        {name: dump(round(make.random() * 500, 2)) for name in _MEASURES.split()},
        {name: dump(_number(make, 100_000)) for name in _COUNTS.split()},
        {name: dump(make.random() < 0.5) for name in _FLAGS.split()},
        {name: dump(value(make)) for name, value in _OBJECTS.items()},
        {name: tuple(make.choices(pool, k=_ENTRIES)) for name, pool in pools.items()},
        dict.fromkeys(_MISSING.split(), b"null"),
    )
    placed = [((at + 0.5) / len(kind), field) for kind in kinds for at, field in enumerate(kind.items())]
    return [field for _, field in sorted(placed, key=operator.itemgetter(0))]
