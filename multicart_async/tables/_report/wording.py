"""Numbers, times and places as a reader writes them, in one way for the whole report. No I/O."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Final

from multicart_async.tables._report.data import CollectionData, CollectionRow, Point
from multicart_async.tables._report.markup import Html, element, join

__all__ = [
    "MINUS",
    "NONE",
    "amount_of",
    "counted",
    "day",
    "moment",
    "name_of",
    "number",
    "plain_moment",
    "run_name",
    "share",
    "size",
]

_UNITS: Final = ("kB", "MB", "GB", "TB")
NONE: Final = "\u2013"
"""What is shown where there is no value."""
MINUS: Final = "\u2212"

_NARROW: Final = "\u202f"  # a space at which no line is broken
_MAX_PERCENT: Final = 1_000_000  # more would not fit into its column
_UNKNOWN: Final = "time unknown"


def number(count: int) -> str:
    """Return a number with separators."""
    return f"{count:,}"


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """Return a number with its noun, whose plural has an *s* unless it is given."""
    return f"{number(count)} {noun if count == 1 else nouns or f'{noun}s'}"


def size(count: float) -> str:
    """Return a number of bytes; a kB has 1000 bytes."""
    unit = "bytes"
    for larger in _UNITS:
        if count < 1000:
            break
        count, unit = count / 1000, larger
    return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"


def plain_moment(when: datetime | None) -> str:
    """Return a time in UTC to the minute."""
    return _UNKNOWN if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def day(when: datetime | None) -> str:
    """Return a day."""
    return _UNKNOWN if when is None else f"{when:%Y-%m-%d}"


def moment(when: datetime | None) -> Html:
    """Return a time as an element that programs can read."""
    if when is None:
        return element("span.quiet", _UNKNOWN)
    return element("time", f"{when:%Y-%m-%d %H:%M}", attributes={"datetime": f"{when:%Y-%m-%dT%H:%M:%SZ}"})


def run_name(point: Point) -> Html:
    """Return a run with its time."""
    return join([f"run {point.run_id} (", moment(point.moment), " UTC)" if point.moment else ")"])


def name_of(collection: CollectionData | CollectionRow) -> str:
    """Return what a collection is called."""
    return collection.label or f"Collection {collection.collection_id}"


def share(change: Decimal | None) -> str:
    """Return the change of a price as a percentage with its sign, without one where it would be 0 or too long."""
    if change is None:
        return "from 0"
    percent = change * 100
    if abs(percent) > _MAX_PERCENT:
        return f"over {_MAX_PERCENT:,}{_NARROW}%"
    digits = 1 if abs(percent) < 1000 else 0
    shown = f"{percent:+,.{digits}f}{_NARROW}%".replace("-", MINUS)
    return shown if re.search("[1-9]", shown) else f"under 0.1{_NARROW}%"


def amount_of(count: int, shown: int) -> str:
    """Return how many of the rows are shown."""
    return counted(count, "item") if count <= shown else f"{number(shown)} of {counted(count, 'item')}"
