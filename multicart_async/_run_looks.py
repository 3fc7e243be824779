"""One look at a started run: the rows that are newer than its baseline, and what its collection's status says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from multicart_async._judge import RunJudge
from multicart_async._starting import Starter
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.polling import Look, Pace

__all__ = ["PAGE", "RunLooks", "mark_of", "newer_runs"]

PAGE = 50  # rows; the dashboard asks for as many
_WHOLE = 10  # every so many looks, the order of the list is not relied on

RunPage = Callable[[int, int, int], Awaitable[Sequence[Run]]]
"""The runs of a collection: its id, how many to skip, how many at the most."""


async def newer_runs(page: RunPage, started: StartedRun, *, whole: bool) -> tuple[tuple[Run, ...], bool]:
    """The runs above ``started.after``; and whether all pages were read, so that there are no others.

    Unless *whole*, a page that falls strictly to the baseline is the last one: mostly the newest come first.
    """
    seen: dict[int, Run] = {}
    skip = 0
    while True:
        rows = await page(started.collection_id, skip, PAGE)
        known = len(seen)
        seen.update({run.id: run for run in rows})
        ended = len(rows) < PAGE or len(seen) == known
        falling = all(left.id > right.id for left, right in pairwise(rows))
        if ended or (not whole and falling and rows[-1].id <= started.after):
            return tuple(run for run in seen.values() if run.id > started.after), ended
        skip += len(rows)


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
        rows, whole = await newer_runs(self._page, started, whole=judge.looks % _WHOLE == 0)
        if judge.finished(rows) is not None and not whole:
            rows, _ = await newer_runs(self._page, started, whole=True)  # a smaller one may stand further down
        if rows:
            self._starter.seen(started)
        if judge.finished(rows) is not None:
            self._starter.finished(started)
            last = judge.last.schedule_status if judge.last else None
            state = judge.state(rows, last, pace.waited)
            return Look(state, mark_of(state), finished=True)
        collection = await self._collection(started.collection_id)
        state = judge.state(rows, collection.schedule_status, pace.waited)
        judge.refuse_failed(rows, collection)
        return Look(state, mark_of(state))


def mark_of(state: RunState) -> object:
    """What changes when there is something to tell."""
    return state.run, state.schedule_status
