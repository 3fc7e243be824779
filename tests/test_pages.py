"""All rows of a list that comes in pages."""

from __future__ import annotations

from contextlib import aclosing

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async import _pages
from multicart_async._pages import every_row
from multicart_async.errors import InvalidResponseError


@attrs.frozen
class Row:
    """Something with an id."""

    id: int


@attrs.define
class Listing:
    """A list of rows, and what was asked of it."""

    ids: list[int]
    asked: list[tuple[int, int]] = attrs.field(factory=list)

    async def page(self, skip: int, limit: int) -> list[Row]:
        self.asked.append((skip, limit))
        return [Row(number) for number in self.ids[skip : skip + limit]]

    async def all(self, size: int = 3) -> list[int]:
        """The ids that come out."""
        async with aclosing(every_row(self.page, size, "/p/")) as rows:
            return [row.id async for row in rows]


async def test_a_list_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is full and brings new rows: that cannot go on for ever."""
    monkeypatch.setattr(_pages, "_MOST", 10)

    async def page(skip: int, limit: int) -> list[Row]:
        return [Row(number) for number in range(skip, skip + limit)]

    with pytest.raises(InvalidResponseError, match="no end"):
        async with aclosing(every_row(page, 4, "/p/")) as rows:
            _ = [row async for row in rows]


PAGES = [
    ([], [(0, 3)]),
    ([1, 2], [(0, 3)]),
    ([1, 2, 3], [(0, 3), (3, 3)]),
    ([1, 2, 3, 4], [(0, 3), (3, 3)]),
    ([1, 2, 3, 4, 5, 6], [(0, 3), (3, 3), (6, 3)]),
]


@pytest.mark.parametrize(("ids", "asked"), PAGES, ids=repr)
async def test_pages_are_asked_for_until_a_short_or_empty_one(ids: list[int], asked: list[tuple[int, int]]) -> None:
    """No page more than needed to know that it was the last."""
    listing = Listing(ids)

    assert ids == await listing.all()
    assert asked == listing.asked


@given(st.lists(st.integers(1, 100), unique=True, max_size=30), st.integers(1, 7))
async def test_every_row_comes_once(ids: list[int], size: int) -> None:
    """In the order of the list, whatever the size of a page."""
    assert ids == await Listing(ids).all(size)


async def test_rows_that_move_to_the_next_page_come_once() -> None:
    """A new row at the front, between two pages, pushes one over the edge."""
    listing = Listing([5, 4, 3, 2, 1])
    found = []
    async with aclosing(every_row(listing.page, 3, "/p/")) as rows:
        async for row in rows:
            found.append(row.id)
            if row.id == 3:
                listing.ids.insert(0, 6)

    assert [5, 4, 3, 2, 1] == found


async def test_a_service_that_ignores_skip_does_not_list_for_ever() -> None:
    """A page that brings nothing new is the last."""
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append(skip)
        return [Row(1), Row(2)]

    async with aclosing(every_row(page, 2, "/p/")) as rows:
        assert [1, 2] == [row.id async for row in rows]
    assert [0, 2] == asked


async def test_a_service_that_gives_more_than_asked_for_is_followed() -> None:
    """The next page begins after what came."""
    skips = []

    async def page(skip: int, limit: int) -> list[Row]:
        skips.append(skip)
        return [Row(number) for number in range(skip, min(skip + 5, 8))]

    async with aclosing(every_row(page, 2, "/p/")) as rows:
        assert list(range(8)) == [row.id async for row in rows]
    assert [0, 5, 8] == skips


async def test_pages_are_asked_for_as_they_are_needed() -> None:
    """Who stops early asks for no more."""
    listing = Listing([1, 2, 3, 4, 5])
    async with aclosing(every_row(listing.page, 2, "/p/")) as rows:
        async for row in rows:
            if row.id == 2:
                break

    assert [(0, 2)] == listing.asked
