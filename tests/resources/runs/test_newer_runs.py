"""The runs that are newer than a start: how far a look reads for them, and what is left behind when a wait ends."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from support.groups import groups_over
from support.wire_rows import GET, RUN, RUNS, ByPath, collection_row, in_turn, ok, run_row

from multicart_async.models import Run, StartedRun
from multicart_async.resources._pagination import PagedReading
from multicart_async.resources.runs._new_runs import NewRunsReader


@attrs.define
class History:
    """A list of runs that changes after its first page, read three rows a page; the run to find is above 10."""

    ids: list[int]
    change: Callable[[list[int]], None] = lambda _: None
    finished: bool = False
    asked: list[tuple[int, int]] = attrs.field(factory=list)

    async def page(self, skip: int, limit: int) -> list[Run]:
        self.asked.append((skip, limit))
        rows = [Run(id=number, collection=1, is_download_generated=self.finished) for number in self.ids]
        if len(self.asked) == 1:
            self.change(self.ids)
        return rows[skip:][:limit]

    def read(self, collection_id: int) -> PagedReading[Run]:
        """Begin a reading of it, as `RunApi` does."""
        assert collection_id == 1
        return PagedReading(self.page, 3, RUNS)

    def newer(self) -> NewRunsReader:
        """A reader of it."""
        return NewRunsReader(self, StartedRun(1, 10))


async def test_a_whole_look_reads_a_list_that_has_moved_again() -> None:
    """Two runs are removed, so the new one slips through the first pass."""

    def remove(ids: list[int]) -> None:
        del ids[:2]

    newer = History([5, 4, 3, 11, 2, 1], remove).newer()

    await newer.read(whole=True)

    assert [run.id for run in newer.runs] == [11]


async def test_a_quick_look_ends_where_the_list_has_moved() -> None:
    """At the first page without a new row: the next look is better than a second pass."""
    history = History([1, 2, 3], lambda ids: ids.insert(0, 4))

    await history.newer().read(whole=False)

    assert history.asked == [(0, 3), (2, 4)]


async def test_a_look_ends_where_a_finished_run_is_seen() -> None:
    """Also where the order of the list says nothing: what else there is is read with the time that is left."""
    history = History([11, 12, 13], finished=True)

    await history.newer().read(whole=True)

    assert history.asked == [(0, 3)]


async def test_a_wait_that_has_ended_forgets_the_row_from_before() -> None:
    """A client that lives for months keeps no row of each collection that it has ever started."""
    service = ByPath(
        {
            RUN: in_turn("Queued!"),
            RUNS: in_turn(ok([]), ok([run_row(1, finished=True)]), ok([run_row(1, finished=True)]), ok([])),
            GET: in_turn(collection_row()),
        }
    )
    runs = groups_over(service).runs
    started = await runs.start(101)
    before = runs._starter.status_before_start(started)

    await runs.wait(started)

    assert before is not None
    assert runs._starter.status_before_start(started) is None
