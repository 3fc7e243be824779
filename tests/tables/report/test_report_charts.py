"""Charts: where their points are, and what they say in words."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_kit import START

from multicart_async.tables._report.charts import median_chart, records_chart, sparkline
from multicart_async.tables._report.data import Point
from multicart_async.tables._report.index import Currency
from multicart_async.tables._report.scale import drawn_parts, places, ticks

DAYS = [START + timedelta(days=day) for day in range(5)]
DOLLAR = Currency("$", "$")
NAN = math.nan


def path(html: str, kind: str) -> str:
    """The commands of the path of a kind."""
    found = re.search(rf'<path class="{kind}" d="([^"]*)"', html)
    return found[1] if found else ""


def words(html: str) -> str:
    """What a drawing says to a reader who does not see it."""
    found = re.search(r'aria-label="([^"]*)"', html)
    assert found
    assert f"<title>{found[1]}</title>" in html
    assert 'role="img"' in html
    return found[1]


def test_points_stand_at_their_times() -> None:
    """A pause of three days is three times as wide as one of a day."""
    assert places([DAYS[0], DAYS[1], DAYS[4]]) == pytest.approx([2, 26, 98])


@pytest.mark.parametrize(
    "moments", [[None, DAYS[0], DAYS[4]], [DAYS[1], DAYS[0], DAYS[4]], [DAYS[0], DAYS[0], DAYS[4]]]
)
def test_points_without_a_usable_time_are_in_equal_steps(moments: list[datetime | None]) -> None:
    """If one is unknown, or not later than the one before."""
    assert places(moments) == [2, 50, 98]


def test_a_single_point_is_in_the_middle() -> None:
    """Of a run that is the only one."""
    assert (places([DAYS[0]]), places([])) == ([50], [])


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0, 200, [0, 50, 100, 150, 200]),
        (119.15, 131.56, [115, 120, 125, 130, 135]),
        (5, 5, [5, 5.25, 5.5, 5.75, 6]),
        (0, 0, [0, 0.01]),
        (5, 5.01, [5, 5.01]),
        (0, 0.1, [0, 0.05, 0.1]),
    ],
)
def test_lines_are_at_round_values(lowest: float, highest: float, expected: list[float]) -> None:
    """In equal steps, from at most the lowest to at least the highest value."""
    found = ticks(lowest, highest)

    assert (found[0] <= lowest, found[-1] >= highest) == (True, True)
    if lowest != highest:
        assert found == expected


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_any_values_lie_between_a_few_lines(lowest: float, width: float) -> None:
    """Whatever their size."""
    found = ticks(lowest, lowest + width)
    rounding = 1e-6 * max(abs(lowest), abs(lowest + width))

    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))
    assert found[0] <= lowest + rounding
    assert found[-1] >= lowest + width - rounding


def test_a_missing_value_divides_a_line() -> None:
    """At the beginning, in the middle and at the end."""
    assert list(drawn_parts([None, 1, 2, None, 3, None])) == [[1, 2], [4]]
    assert list(drawn_parts([1, 2])) == [[0, 1]]


def test_a_sparkline_has_its_numbers_in_words() -> None:
    """First, last, lowest, highest, and how many runs have no price."""
    drawn = sparkline(DAYS, [5, 7, NAN, 4, 6], DOLLAR)

    assert words(drawn) == (
        "Price in 4 runs: first $5.00, last $6.00, lowest $4.00, highest $7.00; no price known in 1 run"
    )
    assert path(drawn, "line").count("M") == 2
    assert path(drawn, "dots").count("M") == 1


def test_a_lone_price_is_a_point() -> None:
    """A line of one point would not be seen."""
    drawn = sparkline(DAYS, [NAN, 7, NAN, 4, 5], DOLLAR)
    single = sparkline(DAYS, [NAN, NAN, NAN, NAN, 5], DOLLAR)

    assert path(drawn, "dots").count("M") == 2
    assert (path(single, "dots").count("M"), path(single, "line")) == (1, "")
    assert words(single) == "Price in 1 run: $5.00; no price known in 4 runs"


def test_equal_prices_are_a_level_line() -> None:
    """In the middle of its height."""
    assert path(sparkline(DAYS[:2], [5, 5], DOLLAR), "line") == "M5.3 14.0L114.7 14.0"


def test_no_price_at_all_is_said() -> None:
    """There is no drawing."""
    assert sparkline(DAYS, [NAN] * 5, DOLLAR) == '<span class="quiet">no price</span>'


def points(*values: tuple[int | None, float | None], moments: list[datetime] | None = None) -> list[Point]:
    """Runs with these numbers of records and medians."""
    times = moments or DAYS
    return [Point(80 + place, times[place], *pair) for place, pair in enumerate(values)]


def test_the_median_is_a_line_with_gaps() -> None:
    """A run that could not be read has no point; the words name it."""
    drawn = median_chart(points((9, 10), (9, 12), (None, None), (9, 11), (9, 13)), DOLLAR)

    assert words(drawn) == (
        "Median price of runs 80 to 84, 2026-11-03 06:00 UTC to 2026-11-07 06:00 UTC: "
        "first $10.00, last $13.00, lowest $10.00, highest $13.00; no value for 1 run"
    )
    assert (path(drawn, "line").count("M"), path(drawn, "dots").count("M")) == (2, 4)
    assert "<span>$13.00</span>" in drawn
    assert "<span>2026-11-03</span><span>2026-11-05</span><span>2026-11-07</span>" in drawn


def test_the_records_are_bars_from_zero() -> None:
    """One for each run that could be read."""
    drawn = records_chart(points((100, None), (None, None), (200, None)))

    assert path(drawn, "bars") == "M2.0 100V50.0M98.0 100V0.0"
    assert "<span>200</span><span>150</span><span>100</span><span>50</span><span>0</span>" in drawn


@pytest.mark.parametrize(
    ("records", "labels"),
    [(0, [1, 0]), (1, [1, 0]), (2, [2, 1, 0]), (3, [3, 2, 1, 0]), (4, [4, 3, 2, 1, 0]), (10, [10, 5, 0])],
)
def test_the_lines_of_records_are_whole_numbers(records: int, labels: list[int]) -> None:
    """An axis of fractions of records would be nonsense, and no bar ends above the highest line."""
    drawn = records_chart(points((records, None), (0, None)))

    assert "".join(f"<span>{label}</span>" for label in labels) in drawn
    assert f"M2.0 100V{0 if records else 100:.1f}M98.0" in path(drawn, "bars")


def test_nothing_known_is_no_chart() -> None:
    """There is no empty frame."""
    assert (median_chart(points((5, None)), DOLLAR), records_chart(points((None, None)))) == ("", "")


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        ([0], ["", "2026-11-03", ""]),
        ([0, 8], ["2026-11-03 06:00 UTC", "10:00", "14:00"]),
        ([0, 30], ["2026-11-03", "2026-11-04"]),
        ([8, 0], ["run 80", "run 81"]),
    ],
)
def test_the_axis_says_when(hours: list[int], labels: list[str]) -> None:
    """By days, by hours within a day, by the runs if their times are of no use."""
    moments = [START + timedelta(hours=hour) for hour in hours]
    drawn = records_chart(points(*[(5, None) for _ in hours], moments=moments))

    shown = "".join(f"<span>{label}</span>" for label in labels)
    assert f'<div class="x" aria-hidden="true">{shown}</div>' in drawn


def test_a_run_without_a_time_is_named_by_its_id() -> None:
    """Below the only point, and in the words."""
    drawn = records_chart([Point(80, None, 5)])

    assert "<span>run 80</span>" in drawn
    assert words(drawn) == "Records of run 80: 5"
