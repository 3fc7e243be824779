"""Where the points of a chart are: times and values as coordinates from 0 to 100. No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

__all__ = ["by_time", "drawn_parts", "places", "ticks"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_INTERVALS = 4  # between the lines of a chart, at most
_FLAT = 1e-6  # of a value; a smaller difference is not visible in its digits
_SMALL = 0.001
_MARGIN = 2.0  # left and right of the first and the last point


def by_time(moments: Sequence[datetime | None]) -> bool:
    """Return whether the points can stand at their times: all are known, and each is later than the one before."""
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and all(one < other for one, other in pairwise(known))


def places(moments: Sequence[datetime | None]) -> list[float]:
    """Return the horizontal place of each point: by its time, or else in equal steps."""
    if by_time(moments):
        seconds = [moment.timestamp() for moment in moments if moment is not None]
    else:
        seconds = [float(number) for number in range(len(moments))]
    if len(seconds) < 2:  # a single point is in the middle
        return [50.0 for _ in seconds]
    width = (100 - 2 * _MARGIN) / (seconds[-1] - seconds[0])
    return [_MARGIN + (second - seconds[0]) * width for second in seconds]


def ticks(lowest: float, highest: float, unit: float = 0.01) -> list[float]:
    """Return the round values, in equal steps, at which a chart of these values has its lines.

    All are multiples of *unit*, the smallest difference that their labels show.
    """
    span = highest - lowest
    if span <= max(abs(highest), _SMALL) * _FLAT:
        span = max(abs(highest) * 0.2, _SMALL)
    power = max(10.0 ** math.floor(math.log10(span / _INTERVALS)), unit)
    steps = [step * power for step in _STEPS if round(step * power / unit, 6).is_integer()]
    step = next(step for step in steps if step * _INTERVALS >= span * 0.999)
    first, last = math.floor(lowest / step), math.ceil(highest / step)
    last += first == last
    return [number * step for number in range(first, last + 1)]


def drawn_parts(values: Sequence[float | None]) -> Iterator[list[int]]:
    """Yield the places of the values that are joined by a line: what is missing divides them."""
    part: list[int] = []
    for place, value in enumerate(values):
        if value is not None:
            part.append(place)
        elif part:
            yield part
            part = []
    if part:
        yield part
