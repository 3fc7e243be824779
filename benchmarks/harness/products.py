"""Realistic product records, made from a seed: about 5 KB each, 100 fields, nested lists and objects, some non-ASCII."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BYTES = 5_000
"""About the size of one record."""

_WORDS = re.findall(
    r"\w+",
    "stainless steel wireless compact travel office kitchen premium noir café naïve größe rechargeable portable black "
    "white silver adjustable folding storage 日本製 large small set pack warranty replacement original ceramic ünique",
)
_SEED = 20_261_128


def write_page(place: Path, count: int) -> int:
    """Write a result page of *count* records to *place*, and return its size in bytes."""
    with place.open("wb") as file:
        for number, record in enumerate(_records(count)):
            file.write(b",\n" if number else b"[")
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
        file.write(b"]")
    return place.stat().st_size


def _records(count: int) -> Iterator[dict[str, Any]]:
    make = random.Random(_SEED)
    for number in range(count):
        yield {"asin": f"B{number:09d}", "title": _words(make, 12), **_fields(make), **_lists(make)}


def _fields(make: random.Random) -> dict[str, Any]:
    return (
        {f"attribute_{field}": _words(make, 2) for field in range(40)}
        | {f"measure_{field}": round(make.uniform(0, 500), 2) for field in range(20)}
        | {f"count_{field}": make.randrange(100_000) for field in range(15)}
        | {f"is_{field}": make.random() < 0.5 for field in range(10)}
        | {f"missing_{field}": None for field in range(5)}
    )


def _lists(make: random.Random) -> dict[str, Any]:
    return {
        "description": _words(make, 110),
        "features": [_words(make, 14) for _ in range(5)],
        "images": [{"url": f"https://images.example/{make.getrandbits(64):x}.jpg", "width": 1500} for _ in range(6)],
        "categories": [[_words(make, 2) for _ in range(3)] for _ in range(2)],
        "rating": {"stars": round(make.uniform(1, 5), 1), "count": make.randrange(10_000), "histogram": [71, 15, 6, 3]},
        "offers": [{"seller": _words(make, 2), "price_cents": make.randrange(99_999), "prime": True} for _ in range(4)],
        "variants": [{"asin": f"B{make.getrandbits(32):09d}", "colour": make.choice(_WORDS)} for _ in range(5)],
        "delivery": {"days": make.randrange(9), "text": _words(make, 5)},
    }


def _words(make: random.Random, count: int) -> str:
    return " ".join(make.choices(_WORDS, k=count))
