"""How much of the runs of a collection is read."""

from __future__ import annotations

from typing import Any

from support.fakes import FakeTransport
from support.groups import context_over

from multicart_async.models import Run
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._follow_delivery import DeliveredRuns
from multicart_async.resources.runs._follow_reader import Reading, read_unsettled


class Pages(RunApi):
    """The runs 1 to *count* but the *unfinished* ones, in this order, in pages of up to *most* runs."""

    def __init__(self, ids: list[int], *, unfinished: tuple[int, ...] = (), most: int = 50) -> None:
        super().__init__(context_over(FakeTransport()))
        self._rows = [Run(id=number, collection=1, is_download_generated=number not in unfinished) for number in ids]
        self._most = most
        self.requests = 0

    def page(self, collection_id: int, *, skip: int = 0, limit: int = 50) -> Any:
        async def rows() -> tuple[Run, ...]:
            self.requests += 1
            return tuple(self._rows[skip : skip + min(limit, self._most)])

        return rows()


def settled(*ids: int) -> DeliveredRuns:
    """A delivered of runs that were given out."""
    delivered = DeliveredRuns()
    for number in ids:
        delivered.settle(number)
    return delivered


async def read(pages: Pages, delivered: DeliveredRuns, *, whole: bool = False) -> tuple[list[int], bool]:
    """The ids that were read, and whether the reading is complete."""
    found: Reading = await read_unsettled(pages, 1, delivered, whole=whole)
    return [run.id for run in found.runs], found.complete


async def test_one_page_is_enough_if_it_shows_nothing_new() -> None:
    """It descends to a run that was given out."""
    pages = Pages([9, 8, 7], unfinished=(9,))

    assert await read(pages, settled(7, 8)) == ([9], False)
    assert pages.requests == 1


async def test_all_is_read_if_a_run_has_finished() -> None:
    """An older one may be missing in the first page."""
    pages = Pages([9, 8, 7, 6, 5], most=3, unfinished=(6,))

    assert await read(pages, settled(5, 7, 8)) == ([9, 6], True)


async def test_all_is_read_on_request() -> None:
    """At times, because the order of the list is not documented."""
    pages = Pages([9, 8, 7])

    assert await read(pages, settled(7, 8, 9), whole=True) == ([], True)
    assert pages.requests > 1


async def test_all_is_read_if_the_first_page_is_in_no_order() -> None:
    """A later page shows nothing by itself."""
    pages = Pages([7, 8, 6, 5, 9], most=2, unfinished=(9,))

    assert await read(pages, settled(5, 6, 7, 8)) == ([9], True)
