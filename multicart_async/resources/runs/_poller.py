"""One look at a started run: the rows that are newer than its baseline, and what its collection's status says."""

from __future__ import annotations

import anyio

from multicart_async.errors import MultiCartError, RunFailedError
from multicart_async.models import RunState, StartedRun
from multicart_async.resources._polling import PollFailures, PollResult, PollTimer
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._new_runs import NewRunsReader
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import RunTracker

__all__ = ["RunPoller"]

_WHOLE = 10  # every so many looks, the order of the list is not relied on
_MOST_OF_IT = 0.9  # of the time that is left for a look


class RunPoller:
    """Looks at started runs."""

    def __init__(self, api: RunApi, collections: Collections, starter: RunStarter) -> None:
        self._api = api
        self._collections = collections
        self._starter = starter

    async def poll(self, judge: RunTracker, started: StartedRun, pace: PollTimer) -> PollResult[RunState]:
        """Poll a started run once.

        Raises:
            RunFailedError: The collection says so, and can be believed.
            AmbiguousRunError: There are several new runs, and that was asked for.
        """
        judge.poll_count += 1
        newer = NewRunsReader(self._api, started)
        await newer.read(whole=judge.poll_count % _WHOLE == 0)
        if newer.rows:
            self._starter.mark_listed(started)
        if judge.find_finished(newer.rows) is None:
            collection = await self._collections.get(started.collection_id)
            state = judge.snapshot(newer.rows, collection.schedule_status, pace.elapsed)
            try:
                judge.raise_if_failed(newer.rows, collection)
            except RunFailedError:  # maybe of another run: a look does not read all
                await _read_rest(newer, pace)
                if judge.find_finished(newer.rows) is None:
                    raise
            else:
                return PollResult(state, _fingerprint(state))
        else:
            await _read_rest(newer, pace)  # a smaller run may stand further down
        self._starter.forget(started)
        last = judge.last.schedule_status if judge.last else None
        state = judge.snapshot(newer.rows, last, pace.elapsed)
        return PollResult(state, _fingerprint(state), finished=True)


async def _read_rest(newer: NewRunsReader, pace: PollTimer) -> None:
    """Read all that is left, before a wait ends. At its deadline, as far as there is time for it."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    try:
        with anyio.move_on_after(left * _MOST_OF_IT):  # what was seen must not be lost with the look
            await newer.read_all()
    except MultiCartError as error:
        if pace.remaining > 0 or PollFailures().is_final(error):
            raise


def _fingerprint(state: RunState) -> object:
    return state.run, state.schedule_status
