"""One look at a started run: the rows that are newer than its baseline, and what its collection's status says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import anyio

from multicart_async._judge import RunJudge
from multicart_async._starting import Starter
from multicart_async.errors import MultiCartError
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.polling import Look, Pace, is_passing

__all__ = ["PAGE", "NewerRuns", "RunLooks"]

PAGE = 50  # rows; the dashboard asks for as many
_WHOLE = 10  # every so many looks, the order of the list is not relied on
_MOST_OF_IT = 0.9  # of the time that is left for a look

RunPage = Callable[[int, int, int], Awaitable[Sequence[Run]]]
"""The runs of a collection: its id, how many to skip, how many at the most."""


class NewerRuns:
    """The runs of a collection that are newer than a start, read page by page."""

    def __init__(self, page: RunPage, started: StartedRun) -> None:
        self._page = page
        self._started = started
        self._seen: dict[int, Run] = {}
        self._skip = 0
        self._ended = False

    @property
    def rows(self) -> tuple[Run, ...]:
        """Those that were seen so far."""
        return tuple(run for run in self._seen.values() if run.id > self._started.after)

    async def read(self, *, whole: bool) -> None:
        """Go on reading, to the end.

        Unless *whole*, a page that falls strictly to the baseline is the last one: mostly the newest come first.
        """
        while not self._ended:
            rows = await self._page(self._started.collection_id, self._skip, PAGE)
            known = len(self._seen)
            self._seen.update({run.id: run for run in rows})
            self._skip += len(rows)
            self._ended = len(rows) < PAGE or len(self._seen) == known
            falling = all(left.id > right.id for left, right in pairwise(rows))
            if not whole and falling and rows and rows[-1].id <= self._started.after:
                return


class RunLooks:
    """Looks at started runs."""

    def __init__(self, page: RunPage, collection: Callable[[int], Awaitable[Collection]], starter: Starter) -> None:
        self._page = page
        self._collection = collection
        self._starter = starter

    async def look(self, judge: RunJudge, started: StartedRun, pace: Pace) -> Look[RunState]:
        """What is to be seen now.

        Raises:
            RunFailedError: The collection says so, and can be believed.
            AmbiguousRunError: There are several new runs, and that was asked for.
        """
        judge.looks += 1
        newer = NewerRuns(self._page, started)
        await newer.read(whole=judge.looks % _WHOLE == 0)
        if judge.finished(newer.rows) is not None:
            await _confirm(newer, pace)
        rows = newer.rows
        if rows:
            self._starter.seen(started)
        if judge.finished(rows) is not None:
            self._starter.finished(started)
            last = judge.last.schedule_status if judge.last else None
            state = judge.state(rows, last, pace.waited)
            return Look(state, _mark(state), finished=True)
        collection = await self._collection(started.collection_id)
        state = judge.state(rows, collection.schedule_status, pace.waited)
        judge.refuse_failed(rows, collection)
        return Look(state, _mark(state))


async def _confirm(newer: NewerRuns, pace: Pace) -> None:
    """Read on: a smaller run may stand further down. When patience has ended, as far as there is time for it."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    try:
        with anyio.move_on_after(left * _MOST_OF_IT):  # what was seen must not be lost with the look
            await newer.read(whole=True)
    except MultiCartError as error:
        if pace.left > 0 or not is_passing(error):
            raise


def _mark(state: RunState) -> object:
    return state.run, state.schedule_status
