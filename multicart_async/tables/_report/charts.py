"""Charts as inline SVG; what each shows is also said in words. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from multicart_async.tables._report.data import Point
from multicart_async.tables._report.index import Currency
from multicart_async.tables._report.markup import Html, element, join
from multicart_async.tables._report.scale import by_time, drawn_parts, places, ticks
from multicart_async.tables._report.wording import counted, day, number, plain_moment

__all__ = ["median_chart", "records_chart", "sparkline"]

_SPARK = (120.0, 28.0)  # width and height, in pixels
_EDGE = 3.0  # pixels around the line of a sparkline
_STROKE = {"vector-effect": "non-scaling-stroke"}  # a stretched drawing keeps the width of its lines

Show = Callable[[float], str]


def sparkline(moments: Sequence[datetime | None], prices: Sequence[float], currency: Currency) -> Html:
    """Return the price history of an item; a price that is not known is NaN, and a gap in the line."""
    values = [None if math.isnan(price) else price for price in prices]
    known = [value for value in values if value is not None]
    if not known:
        return element("span.quiet", "no price")
    width, height = _SPARK
    lowest, highest = min(known), max(known)
    spread = highest - lowest
    heights = [
        None if value is None else height / 2 if not spread else _edged((highest - value) / spread, height)
        for value in values
    ]
    across = [_edged(place / 100, width) for place in places(moments)]
    newest = max(place for place, value in enumerate(values) if value is not None)
    alone = [part[0] for part in drawn_parts(heights) if len(part) == 1]
    shapes = join([_line(across, heights), _dots(across, heights, dict.fromkeys([*alone, newest]))])
    return _svg("spark", (width, height), _spark_words(values, known, currency.show), shapes)


def _edged(share: float, length: float) -> float:
    return _EDGE + share * (length - 2 * _EDGE)


def _spark_words(values: Sequence[float | None], known: Sequence[float], show: Show) -> str:
    """Return the numbers of a price history."""
    gaps = len(values) - len(known)
    words = f"Price in {counted(len(known), 'run')}: {_numbers(known, show)}"
    return f"{words}; no price known in {counted(gaps, 'run')}" if gaps else words


def _numbers(known: Sequence[float], show: Show) -> str:
    if len(known) == 1:
        return show(known[0])
    lowest, highest = show(min(known)), show(max(known))
    return f"first {show(known[0])}, last {show(known[-1])}, lowest {lowest}, highest {highest}"


def median_chart(points: Sequence[Point], currency: Currency) -> Html:
    """Return the median of the prices of each run as a line, with a gap where a run could not be read."""
    values = [point.median for point in points]
    known = [value for value in values if value is not None]
    if not known:
        return Html()
    lines = ticks(min(known), max(known))
    across = places([point.moment for point in points])
    heights = [None if value is None else _height(value, lines) for value in values]
    shapes = join([_grid(lines), _line(across, heights), _dots(across, heights, range(len(values)))])
    return _figure("Median price", points, values, currency.show, lines, shapes)


def records_chart(points: Sequence[Point]) -> Html:
    """Return the number of records of each run as bars; a run that could not be read has none."""
    values = [None if point.records is None else float(point.records) for point in points]
    known = [value for value in values if value is not None]
    if not known:
        return Html()
    lines = ticks(0, max(known), unit=1)
    across = places([point.moment for point in points])
    bars = "".join(
        f"M{place:.1f} 100V{_height(value, lines):.1f}"
        for place, value in zip(across, values, strict=True)
        if value is not None
    )
    shapes = join([_grid(lines), _path("bars", bars)])
    return _figure("Records", points, values, lambda value: number(int(value)), lines, shapes)


def _height(value: float, lines: Sequence[float]) -> float:
    return 100 * (lines[-1] - value) / (lines[-1] - lines[0])


def _figure(
    title: str,
    points: Sequence[Point],
    values: Sequence[float | None],
    show: Show,
    lines: Sequence[float],
    shapes: Html,
) -> Html:
    """Return a chart with the values of its lines on the left, and the times of its points below."""
    known = [value for value in values if value is not None]
    gaps = len(values) - len(known)
    words = _numbers(known, show) + (f"; no value for {counted(gaps, 'run')}" if gaps else "")
    hidden = {"aria-hidden": "true"}
    levels = [element("span", show(value)) for value in reversed(lines)]
    days = [element("span", label) for label in _dates(points)]
    drawing = _svg("chart", (100, 100), f"{title} of {_span(points)}: {words}", shapes, stretched=True)
    plot = element("div.plot", element("div.y", *levels, attributes=hidden), drawing,
                   element("div.x", *days, attributes=hidden))  # fmt: skip
    caption = element("figcaption", element("b", f"{title} per run"), element("span.quiet", _capital(words)))
    return element("figure", caption, plot)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _span(points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    times = f", {plain_moment(first.moment)} to {plain_moment(last.moment)}"
    return f"runs {first.run_id} to {last.run_id}{times}" if len(points) > 1 else f"run {first.run_id}"


def _dates(points: Sequence[Point]) -> list[str]:
    """Return what stands below the first point, the middle and the last point."""
    first, last = points[0].moment, points[-1].moment
    if len(points) == 1:
        return ["", day(first) if first else f"run {points[0].run_id}", ""]
    if not by_time([point.moment for point in points]) or first is None or last is None:
        return [f"run {points[0].run_id}", f"run {points[-1].run_id}"]
    middle = first + (last - first) / 2
    if first.date() == last.date():
        return [plain_moment(first), f"{middle:%H:%M}", f"{last:%H:%M}"]
    return [day(first), day(middle), day(last)] if (last - first).days > 1 else [day(first), day(last)]


def _grid(lines: Sequence[float]) -> Html:
    return _path("grid", "".join(f"M0 {_height(value, lines):.1f}H100" for value in lines))


def _line(across: Sequence[float], heights: Sequence[float | None]) -> Html:
    return _path("line", "".join(_joined(across, heights, part) for part in drawn_parts(heights) if len(part) > 1))


def _joined(across: Sequence[float], heights: Sequence[float | None], part: Sequence[int]) -> str:
    return "M" + "L".join(f"{across[place]:.1f} {heights[place]:.1f}" for place in part)


def _dots(across: Sequence[float], heights: Sequence[float | None], chosen: Iterable[int]) -> Html:
    """Return points as lines of no length with round ends, which a stretched drawing does not distort."""
    return _path(
        "dots",
        "".join(f"M{across[place]:.1f} {heights[place]:.1f}h0" for place in chosen if heights[place] is not None),
    )


def _path(kind: str, commands: str) -> Html:
    return element(f"path.{kind}", attributes={"d": commands, **_STROKE}) if commands else Html()


def _svg(kind: str, box: tuple[float, float], words: str, shapes: Html, *, stretched: bool = False) -> Html:
    """Return a drawing whose name for a screen reader, and tooltip, are its numbers in words."""
    attributes = {"viewBox": f"0 0 {box[0]:g} {box[1]:g}", "role": "img", "aria-label": words}
    if stretched:
        attributes["preserveAspectRatio"] = "none"
    return element(f"svg.{kind}", element("title", words), shapes, attributes=attributes)
