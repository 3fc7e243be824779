"""Who goes into which collection: everybody, once, in no more than there is room for, and for good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import multicart_async
from multicart_async.errors import ArgumentError
from multicart_async.resources._items.shard_plan import plan_shards

SIZES = st.integers(1, 6)
ITEMS = st.lists(st.integers(1, 40).map(lambda number: f"B{number:03}"), min_size=1, max_size=40)


def flat(plan: Iterable[Iterable[str]]) -> list[str]:
    """All items of a plan."""
    return [item for shard in plan for item in shard]


def test_order_decides() -> None:
    """The first *size* items are the first collection, and so on; trimmed, each once."""
    assert plan_shards(iter([" A", "B", "A", "C", "D\n", "E"]), size=2) == (("A", "B"), ("C", "D"), ("E",))


def test_a_collection_holds_5_000() -> None:
    """Unless less is said; there is no limit on their number."""
    plan = plan_shards(f"B{number}" for number in range(12_001))

    assert [len(shard) for shard in plan] == [5_000, 5_000, 2_001]


def test_very_many_items_are_planned_in_one_go() -> None:
    """In time that grows with their number only: the square of it would not end today."""
    items = [f"B{number}" for number in range(100_000)]
    plan = plan_shards(items, size=1)

    assert items == flat(plan_shards(reversed(items), size=1, existing=plan))


def test_new_items_fill_existing_collections_first() -> None:
    """New items fill the free places, from the first collection on, and then new collections."""
    plan = plan_shards(["E", "F", "G", "H"], size=2, existing=[["A"], ["B", "C"], []])

    assert plan == (("A", "E"), ("B", "C"), ("F", "G"), ("H",))


def test_what_is_not_wanted_any_more_keeps_its_place() -> None:
    """It is still in its collection, and takes up room there."""
    assert plan_shards(["C", "B"], size=2, existing=[["A", "B"]]) == (("A", "B"), ("C",))


def test_a_collection_that_is_larger_than_size_stays_as_it_is() -> None:
    """It was planned with a larger size: nothing moves, and nothing is added."""
    assert plan_shards(["D"], size=1, existing=[["A", "B", "C"]]) == (("A", "B", "C"), ("D",))


@given(ITEMS, SIZES)
def test_nothing_is_lost_and_nothing_is_twice(items: list[str], size: int) -> None:
    """All collections but the last are full."""
    plan = plan_shards(items, size=size)

    assert list(dict.fromkeys(items)) == flat(plan)
    assert {size} >= {len(shard) for shard in plan[:-1]}
    assert 1 <= len(plan[-1]) <= size


@given(ITEMS, ITEMS, SIZES)
def test_appending_moves_nothing(items: list[str], more: list[str], size: int) -> None:
    """The plan of a longer list begins with that of the shorter one."""
    before, after = plan_shards(items, size=size), plan_shards(items + more, size=size)

    assert list(before) == [new[: len(old)] for old, new in zip(before, after, strict=False)]


@given(st.lists(ITEMS, min_size=1, max_size=6), st.lists(SIZES, min_size=6, max_size=6))
def test_over_many_plans_nothing_moves(lists: list[list[str]], sizes: list[int]) -> None:
    """Whatever is wanted in which order, and however *size* changes: what is placed stays, what is new is placed once."""
    plan: tuple[tuple[str, ...], ...] = ()
    for items, size in zip(lists, sizes, strict=False):
        before, plan = plan, plan_shards(items, size=size, existing=plan)

        assert list(before) == [new[: len(old)] for old, new in zip(before, plan, strict=False)]
        assert len(set(flat(plan))) == len(flat(plan))
        assert set(flat(plan)) == {*flat(before), *items}
        olds = [len(shard) for shard in before] + [0] * len(plan)
        assert all(len(shard) <= max(size, old) for shard, old in zip(plan, olds, strict=False))
        grown = [len(shard) for shard in plan[len(before) :]]
        assert all(count == size for count in grown[:-1])


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        *[
            ("items", {"items": items})
            for items in ("B001", b"B001", 5, None, [], [""], ["A B"], ["A,B"], [1], ["\ud800"])
        ],
        *[("size", {"size": size}) for size in (0, -1, 5_001, True, 1.0, "5", None)],
        *[("existing", {"existing": placed}) for placed in ("A", 5, None, ["A"], [b"A"], [5], [["A B"]], [[""]])],
        ("existing", {"existing": [["A"], ["B", " A"]]}),
        ("existing", {"existing": [[f"B{number}" for number in range(5_001)]]}),
    ],
)
def test_what_cannot_be_right_is_refused(argument: str, call: dict[str, Any]) -> None:
    """The error names the argument."""
    with pytest.raises(ArgumentError, match=rf"\A{argument}: ") as caught:
        plan_shards(**{"items": ["A"], **call})

    assert argument == caught.value.argument


def test_it_comes_from_the_top_too() -> None:
    """It is the same function."""
    assert plan_shards is multicart_async.plan_shards
