"""How two runs are compared."""

from __future__ import annotations

from typing import Any

from support.report_kit import record

from multicart_async.tables._report.comparison import Comparison, Move, compare, priceless
from multicart_async.tables._report.index import RunIndex


def compared(old: list[Any], new: list[Any]) -> Comparison:
    """The comparison of two runs with these records."""
    runs = RunIndex(), RunIndex()
    for run, records in zip(runs, (old, new), strict=True):
        run.add(records)
    return compare(*runs)


def keys(moves: list[Any]) -> list[str]:
    """The keys of some moves or items."""
    return [move.key for move in moves]


def test_added_and_removed_items_are_those_of_one_run() -> None:
    """In the order of their keys."""
    found = compared([record("C"), record("A"), record("X")], [record("X"), record("E"), record("D")])

    assert (keys(found.added), keys(found.removed)) == (["D", "E"], ["A", "C"])
    assert found.counts == (0, 0, 2, 2)


def test_an_item_with_several_records_is_left_out() -> None:
    """In whichever run: it is neither added, removed nor compared, and counted."""
    twice = [record("A", "$1"), record("A", "$2")]
    found = compared([*twice, record("B", "$1")], [record("A", "$3"), record("B"), record("B"), record("C")])

    assert (found.left_out, keys(found.added), keys(found.removed)) == (2, ["C"], [])


def test_the_biggest_moves_of_a_price_come_first() -> None:
    """By their share, in both directions; a price of 0 before all, because its share is not a number."""
    old = [record(key, price) for key, price in zip("ABCDEF", ("$10", "$10", "$10", "$0", "$10", "$7"), strict=True)]
    new = [record(key, price) for key, price in zip("ABCDEF", ("$11", "$15", "$5", "$1", "$9", "$7.00"), strict=True)]
    found = compared(old, new)

    assert (keys(found.up), keys(found.down)) == (["D", "B", "A"], ["C", "E"])
    assert [None if move.share is None else float(move.share) for move in found.up] == [None, 0.5, 0.1]
    assert found.down[0] == Move("C", "Item C", "$10", "$5", found.down[0].share)


def test_a_rise_from_a_negative_price_is_a_plus() -> None:
    """The share is that of the size of the price, so its sign is that of the change."""
    found = compared([record("A", "-$5"), record("B", "$5")], [record("A", "$5"), record("B", "-$5")])

    assert [float(move.share or 0) for move in (*found.up, *found.down)] == [2.0, -2.0]


def test_prices_that_cannot_be_compared_stand_by_themselves() -> None:
    """One is missing or no number, or they are of two currencies; two equal texts are no change."""
    old = [record("A", "$10"), record("B", None), record("C", "$1"), record("D", "soon"), record("E", None)]
    new = [record("A", None), record("B", "$10"), record("C", "A$1"), record("D", "soon"), record("E", None)]
    found = compared(old, new)

    moves = [(move.key, move.old, move.new) for move in found.other_prices]
    assert moves == [("A", "$10", "no value"), ("B", "no value", "$10"), ("C", "$1", "A$1")]
    assert (found.up, found.down) == ([], [])


def test_availability_is_compared_without_guessing() -> None:
    """Only "In Stock" is documented: other texts are shown, and a missing value is no statement."""
    pairs = {
        "A": ("Unavailable", "In Stock"),
        "B": ("In Stock", "Only 3 left in stock"),
        "C": ("Unavailable", "Only 3 left in stock"),
        "D": ("In Stock", "in stock"),
        "E": ("In Stock", None),
        "F": (None, "In Stock"),
        "G": (None, None),
        "H": ("In Stock", "In Stock soon"),
    }
    found = compared(
        [record(key, availability=old) for key, (old, _) in pairs.items()],
        [record(key, availability=new) for key, (_, new) in pairs.items()],
    )

    assert (keys(found.in_stock), keys(found.not_in_stock)) == (["A"], ["B"])
    assert keys(found.availability) == ["C", "E", "F", "H"]
    assert found.availability[1] == Move("E", "Item E", "In Stock", "no value")


def test_the_old_title_stands_in_for_a_missing_one() -> None:
    """Rather than no title."""
    assert compared([record("A", "$1", title="old")], [record("A", "$2", title="")]).up[0].title == "old"


def test_items_without_a_price_are_listed() -> None:
    """Also those whose price is no number."""
    run = RunIndex()
    run.add([record("B", "ask us"), record("A", None), record("C", "$1")])

    assert keys(priceless(run)) == ["A", "B"]
