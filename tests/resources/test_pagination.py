"""All rows of a list that comes in pages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import aclosing

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async.errors import APIError, InvalidResponseError
from multicart_async.resources import _pagination
from multicart_async.resources._pagination import PagedReading, paginate


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

    async def all(self, size: int = 3, *, until: int | None = None, then: Sequence[int] = ()) -> list[int]:
        """The ids that come out; when the row *until* has come, the list is as *then*."""
        found: list[int] = []
        async with aclosing(paginate(self.page, size, "/p/")) as rows:
            async for row in rows:
                found.append(row.id)
                if row.id == until:
                    self.ids[:] = then
        return found


async def test_a_list_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is full and brings new rows: that cannot go on for ever."""
    monkeypatch.setattr(_pagination, "_MOST", 10)

    async def page(skip: int, limit: int) -> list[Row]:
        return [Row(number) for number in range(skip, skip + limit)]

    with pytest.raises(InvalidResponseError, match=r"^/p/: the list has no end: more than 10 items$"):
        async with aclosing(paginate(page, 4, "/p/")) as rows:
            _ = [row async for row in rows]


PAGES = [
    ([], [(0, 3)]),
    ([1, 2], [(0, 3), (2, 3)]),
    ([1, 2, 3], [(0, 3), (2, 4), (3, 3)]),
    ([1, 2, 3, 4], [(0, 3), (2, 4), (4, 3)]),
    ([1, 2, 3, 4, 5, 6], [(0, 3), (2, 4), (5, 4), (6, 3)]),
]


@pytest.mark.parametrize(("ids", "asked"), PAGES, ids=repr)
async def test_a_quiet_list_costs_one_empty_page_more(ids: list[int], asked: list[tuple[int, int]]) -> None:
    """A page begins with the last row of the page before it; behind a short one, only an empty one proves the end."""
    listing = Listing(ids)

    assert await listing.all() == ids
    assert listing.asked == asked


@pytest.mark.parametrize("count", [1, 49, 50, 51, 99, 100, 499, 500, 5_000])
async def test_a_quiet_list_costs_one_request_more_than_before(count: int) -> None:
    """The rule before was: a page that is not full is the last. An overlap of one row costs no further request."""
    listing = Listing(list(range(count)))

    await listing.all(50)

    assert len(listing.asked) == count // 50 + 2


@given(st.lists(st.integers(1, 100), unique=True, max_size=30), st.integers(1, 7))
async def test_every_row_comes_once(ids: list[int], size: int) -> None:
    """In the order of the list, whatever the size of a page."""
    assert ids == await Listing(ids).all(size)


async def test_rows_that_move_to_the_next_page_come_once() -> None:
    """A new row at the front, between two pages, pushes one over the edge; the list is read again, and has the new one."""
    listing = Listing([5, 4, 3, 2, 1])
    found = await listing.all(until=3, then=[6, 5, 4, 3, 2, 1])

    assert found == [5, 4, 3, 2, 1, 6]


async def test_a_row_that_moves_up_between_two_pages_is_found() -> None:
    """Row 5 is removed, so 2 comes to the place of 3: no row comes twice, and yet one would be missing."""
    listing = Listing([5, 4, 3, 2, 1])
    found = await listing.all(until=3, then=[4, 3, 2, 1])

    assert sorted(found) == [1, 2, 3, 4, 5]


async def test_a_pass_that_brings_something_new_is_not_the_last() -> None:
    """The first shows a move, the second brings the row that the first has missed, the third brings nothing new."""
    listing = Listing([5, 4, 3, 2, 1])
    async with aclosing(paginate(listing.page, 3, "/p/")) as rows:
        async for row in rows:
            if row.id == 3:
                listing.ids.remove(5)
                listing.ids.remove(4)

    assert listing.asked.count((0, 3)) == 3


async def test_an_end_that_was_seen_is_not_looked_for_again() -> None:
    """Where nothing is given far beyond the end, each further misfit is a move, without a request."""
    listing = Listing([9, 8, 7, 6, 5, 4])
    async with aclosing(paginate(listing.page, 3, "/p/")) as rows:
        async for row in rows:
            if row.id in {7, 10}:
                listing.ids.insert(0, max(listing.ids) + 1)

    assert [skip for skip, _ in listing.asked].count(1_000_000) == 1


async def test_a_page_that_does_not_fit_shows_a_move_at_once() -> None:
    """Before the next request: who is content with one pass can end it there."""
    listing = Listing([3, 2, 1])
    reading = PagedReading(listing.page, 3, "/p/")
    await reading.read_on()
    before = reading.moved
    listing.ids.insert(0, 4)
    await reading.read_on()

    assert (before, reading.moved) == (False, True)


async def test_a_list_that_shrinks_below_the_next_page_is_read_again() -> None:
    """The page that should begin with the last row is empty."""
    listing = Listing([3, 2, 1])
    found = await listing.all(until=1, then=[1])

    assert found == [3, 2, 1]
    assert listing.asked[-2:] == [(0, 3), (1, 3)]


@pytest.mark.parametrize("most", [1, 2, 19, 20, 49])
async def test_a_service_with_shorter_pages_is_read_to_the_end(most: int) -> None:
    """A service that gives 20 rows a page, fewer than requested, is read to the end of its 60 rows."""
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append((skip, limit))
        return [Row(number) for number in range(60)][skip:][: min(most, limit)]

    async with aclosing(paginate(page, 50, "/p/")) as rows:
        found = [row.id async for row in rows]

    assert found == list(range(60))
    if most == 20:
        assert asked == [(0, 50), (20, 50), (19, 2), (39, 51), (58, 51), (60, 50)]


async def test_a_list_that_comes_row_by_row_is_read_once() -> None:
    """Where a page never holds two rows, the look at two neighbours shows one: that is no move."""
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append((skip, limit))
        return [Row(number) for number in [3, 2, 1][skip:][:1]]

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert [row.id async for row in rows] == [3, 2, 1]
    assert [skip for skip, limit in asked if limit == 3] == [0, 1, 2, 3]


async def test_a_cut_page_hides_no_row_that_moves_up_behind_it() -> None:
    """Page one is cut behind 4, row 5 is removed before the next: 3 would be missing."""
    listing = Listing([5, 4, 3, 2, 1])

    async def page(skip: int, limit: int) -> list[Row]:
        rows = await listing.page(skip, limit)
        if len(listing.asked) == 1:
            listing.ids.remove(5)
            return rows[:2]
        return rows

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert sorted([row.id async for row in rows]) == [1, 2, 3, 4, 5]


async def test_a_list_that_ends_behind_a_cut_page_has_moved() -> None:
    """Row 3 comes to a place that was read; then so many go that no neighbour is left to show it."""
    ids = [5, 4, 3, 2]
    removed = [[5], [4, 2]]

    async def page(skip: int, limit: int) -> list[Row]:
        rows = [Row(number) for number in ids[skip:][: min(limit, 2)]]
        for number in removed.pop(0) if removed else []:
            ids.remove(number)
        return rows

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert sorted([row.id async for row in rows]) == [2, 3, 4, 5]


async def test_a_service_that_ignores_skip_does_not_list_for_ever() -> None:
    """A page that brings nothing new is the last; far beyond the end it comes too, so no list has moved."""
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append(skip)
        return [Row(1), Row(2)]

    async with aclosing(paginate(page, 2, "/p/")) as rows:
        assert [row.id async for row in rows] == [1, 2]
    assert asked == [0, 1, 1_000_000]


async def test_a_service_that_only_ignores_skip_has_an_end() -> None:
    """A service that ignores skip but not limit ends: the longer overlapping page brings one new row, and the next pass none."""

    async def page(_: int, limit: int) -> list[Row]:
        return [Row(number) for number in range(limit)]

    async with aclosing(paginate(page, 2, "/p/")) as rows:
        assert [row.id async for row in rows] == [0, 1, 2]


async def test_a_service_that_gives_its_last_page_again_has_an_end() -> None:
    """Beyond the end it repeats the last page, as some paginators do."""
    ids = [5, 4, 3, 2, 1]
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append(skip)
        return [Row(number) for number in ids[skip:][:limit] or ids[-2:]]

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert [row.id async for row in rows] == ids
    assert asked == [0, 2, 5, 1_000_000]


async def test_a_last_page_that_is_given_again_hides_no_row() -> None:
    """Two rows are removed, so row 4 slips through; the page behind it is new, and is also given beyond the end."""
    ids = [1, 2, 3, 4, 5, 6, 7, 8]
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append(skip)
        rows = [Row(number) for number in ids[skip:][:limit] or ids[-4:]]
        if len(asked) == 1:
            del ids[:2]
        return rows

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert sorted([row.id async for row in rows]) == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_other_rows_beyond_the_end_are_no_end_for_ever() -> None:
    """A service that answers something else each time: it ends, by what it has brought before."""
    asked = []

    async def page(skip: int, limit: int) -> list[Row]:
        asked.append(skip)
        return [Row(1 + len(asked) % 3)]

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert sorted([row.id async for row in rows]) == [1, 2, 3]
    assert len(asked) < 400


REFUSALS = [APIError.of("/p/", 400, "skip is too large"), InvalidResponseError("/p/", "no array")]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
async def test_a_refusal_far_beyond_the_end_is_no_row(refusal: Exception) -> None:
    """A list that has moved is read again, also where such a ``skip`` is refused."""
    listing = Listing([3, 2, 1])

    async def page(skip: int, limit: int) -> list[Row]:
        if skip == 1_000_000:
            raise refusal
        rows = await listing.page(skip, limit)
        if len(listing.asked) == 1:
            listing.ids.insert(0, 4)
        return rows

    async with aclosing(paginate(page, 3, "/p/")) as rows:
        assert sorted([row.id async for row in rows]) == [1, 2, 3, 4]


async def test_a_row_twice_in_one_page_comes_once() -> None:
    """One page is one look: it shows no move."""

    async def page(skip: int, limit: int) -> list[Row]:
        return [Row(number) for number in [3, 3, 2, 1, 1][skip:][:limit]]

    async with aclosing(paginate(page, 9, "/p/")) as rows:
        assert [row.id async for row in rows] == [3, 2, 1]


async def test_a_list_that_moves_in_every_reading_is_an_error() -> None:
    """Each pass shows a move, and brings something new."""
    ids = [1]

    async def page(skip: int, limit: int) -> list[Row]:
        rows = [Row(number) for number in ids[skip:][:limit]]
        if not skip:
            ids.insert(0, len(ids) + 1)
        return rows

    with pytest.raises(InvalidResponseError, match=r"^/p/: the list changed during each of 100 readings; call again$"):
        async with aclosing(paginate(page, 50, "/p/")) as rows:
            _ = [row async for row in rows]


@pytest.mark.parametrize("size", [1, 50])
async def test_new_rising_ids_on_every_page_are_an_error(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account has as many pages."""
    monkeypatch.setattr(_pagination, "_MOST_PAGES", 500)
    numbers = itertools.count()

    async def page(skip: int, limit: int) -> list[Row]:
        return [Row(next(numbers)) for _ in range(size)]

    with pytest.raises(InvalidResponseError, match=r"^/p/: the list has no end: more than 500 pages$"):
        async with aclosing(paginate(page, 50, "/p/")) as rows:
            _ = [row async for row in rows]


async def test_a_service_that_gives_more_than_asked_for_is_followed() -> None:
    """The next page begins at the end of what came."""
    skips = []

    async def page(skip: int, limit: int) -> list[Row]:
        skips.append(skip)
        return [Row(number) for number in range(skip, min(skip + 5, 8))]

    async with aclosing(paginate(page, 2, "/p/")) as rows:
        assert [row.id async for row in rows] == list(range(8))
    assert skips == [0, 4, 7, 8]


async def test_one_pass_is_enough_for_who_asks_again_anyway() -> None:
    """It is read to its end, and not again."""
    listing = Listing([5, 4, 3, 2, 1])

    async def page(skip: int, limit: int) -> list[Row]:
        rows = await listing.page(skip, limit)
        if len(listing.asked) == 1:
            listing.ids.remove(5)
        return rows

    async with aclosing(paginate(page, 3, "/p/", complete=False)) as rows:
        assert [row.id async for row in rows] == [5, 4, 3, 2, 1]
    assert [skip for skip, _ in listing.asked] == [0, 2, 1_000_000, 3, 4]


async def test_pages_are_asked_for_as_they_are_needed() -> None:
    """Who stops early asks for no more."""
    listing = Listing([1, 2, 3, 4, 5])
    async with aclosing(paginate(listing.page, 2, "/p/")) as rows:
        async for row in rows:
            if row.id == 2:
                break

    assert listing.asked == [(0, 2)]
