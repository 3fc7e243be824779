"""Lists that move at every request, many of them by chance.

``MULTICART_TRIALS=10000 pytest tests/resources/test_pagination_moving.py`` tries more.
"""

from __future__ import annotations

import random
from contextlib import aclosing

import attrs
import pytest
from support.moving import ANY_ORDER, EVERYTHING, KEPT_ORDER, MovingList, Restless, trials

from multicart_async.resources._pagination import paginate

PARTS = 4


@attrs.frozen
class Row:
    """Something with an id."""

    id: int


async def read(moving: MovingList, size: int) -> list[int]:
    """The ids that a reading gives."""

    async def page(skip: int, limit: int) -> list[Row]:
        return [Row(number) for number in moving.page(skip, limit)]

    async with aclosing(paginate(page, size, "/p/")) as rows:
        return [row.id async for row in rows]


def moving_list(seed: int, kinds: tuple[Restless, ...]) -> tuple[MovingList, int]:
    """One of the lists, and the size of its pages."""
    chance = random.Random(seed)
    return MovingList(chance, kinds[seed % len(kinds)]), chance.choice([1, 2, 3, 5])


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kinds", [ANY_ORDER, KEPT_ORDER], ids=["any order", "kept order"])
async def test_no_row_of_a_moving_list_is_lost(kinds: tuple[Restless, ...], part: int) -> None:
    """Each id that is in the list all the time comes, and each that comes does so once."""
    for seed in trials(2_000, part, PARTS):
        moving, size = moving_list(seed, kinds)

        found = await read(moving, size)

        assert moving.stayed <= set(found), seed
        assert len(found) == len(set(found)), seed


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_row_is_lost_only_where_nothing_could_show_it(part: int) -> None:
    """Everything at once: what is lost, at most 2 %, is lost under answers that a list which stands still would give."""
    lost = 0
    seeds = trials(2_000, part, PARTS)
    for seed in seeds:
        moving, size = moving_list(seed, EVERYTHING)

        found = await read(moving, size)

        if not moving.stayed <= set(found):
            assert moving.could_stand_still, seed
            lost += 1
    assert lost <= 0.02 * len(seeds)
