"""Poll a started run: the runs above its baseline, and the status of its collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing

import anyio

from multicart_async._core.log import LOGGER
from multicart_async.config import PollPolicy
from multicart_async.errors import MultiCartError, RunFailedError
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import PollFailures, PollResult, PollTimer, poll_changes
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._new_runs import NewRunsReader
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import RunTracker

__all__ = ["RunPoller", "finished_run"]

_READ_ALL = 10  # every tenth poll does not rely on the order of the list
_REQUEST_STATUS = 2  # every second poll requests the status, even if a list shows it
_READ_SHARE = 0.9  # of the time that is left for a poll


class RunPoller:
    """Poll started runs."""

    def __init__(self, context: ClientContext, api: RunApi, collections: Collections, starter: RunStarter) -> None:
        self._context = context
        self._api = api
        self._collections = collections
        self._starter = starter

    async def watch(self, started: StartedRun, policy: PollPolicy) -> AsyncGenerator[RunState, None]:
        """Yield each change of a started run once; the last is the finished run. Raises what `Runs.wait` does."""
        before, redactor = self._starter.status_before_start(started), self._context.api.redactor
        tracker = RunTracker(started, reject_ambiguous=policy.on_ambiguous == "raise", before=before, redactor=redactor)
        timer = PollTimer(policy, self._context.clock)

        def poll() -> Awaitable[PollResult[RunState]]:
            return self.poll(tracker, started, timer)

        async with aclosing(poll_changes(poll, timer, lambda _: tracker.timeout_error(timer.elapsed))) as states:
            async for state in states:
                self.report(started, state)
                yield state

    def report(self, started: StartedRun, state: RunState) -> None:
        """Emit the event of a change."""
        from multicart_async.events import RunProgress  # noqa: PLC0415 -- few programs listen

        if state.run is not None and state.run.ambiguous:
            text = "collection %s has more than one new run above %s; %s may belong to another start"
            LOGGER.warning(text, started.collection_id, started.after_run_id, state.run.id)
        self._context.emit(
            RunProgress(
                collection_id=started.collection_id,
                run_id=None if state.run is None else state.run.id,
                status=state.schedule_status,
                waited=state.waited,
                finished=state.finished,
            )
        )

    async def poll(
        self, tracker: RunTracker, started: StartedRun, timer: PollTimer, row: Collection | None = None
    ) -> PollResult[RunState]:
        """Poll a started run once. Its status is that of *row* from a list, if given; every second time it is requested.

        Raises:
            RunFailedError: The collection says so, and the status can be trusted.
            AmbiguousRunError: There are several new runs, and the policy rejects that.
        """
        tracker.poll_count += 1
        newer = NewRunsReader(self._api, started)
        await newer.read(whole=tracker.poll_count % _READ_ALL == 0)
        if newer.runs:
            self._starter.mark_listed(started)
        if tracker.find_finished(newer.runs) is None:
            collection = row if tracker.poll_count % _REQUEST_STATUS else None
            if collection is None:
                collection = await self._collections.get(started.collection_id)
            state = tracker.snapshot(newer.runs, collection.schedule_status, timer.elapsed)
            try:
                tracker.raise_if_failed(newer.runs, collection)
            except RunFailedError:  # maybe of another run: a poll does not read all
                await _read_rest(newer, timer)
                if tracker.find_finished(newer.runs) is None:
                    raise
            else:
                return PollResult(state, _fingerprint(state))
        else:
            await _read_rest(newer, timer)  # a run with a smaller id may follow
        self._starter.forget(started)
        last = tracker.last.schedule_status if tracker.last else None
        state = tracker.snapshot(newer.runs, last, timer.elapsed)
        return PollResult(state, _fingerprint(state), finished=True)


async def finished_run(states: AsyncGenerator[RunState, None]) -> Run:
    """Return the finished run at the end of *states*, which are closed."""
    async with aclosing(states):
        async for state in states:
            if state.run is not None and state.finished:
                return state.run
    raise AssertionError("watch ends with a finished run or an error")  # pragma: no cover -- for type checkers


async def _read_rest(newer: NewRunsReader, timer: PollTimer) -> None:
    """Read the rest of the list before a wait ends; at its deadline, as much as the time allows."""
    left = anyio.current_effective_deadline() - anyio.current_time()
    try:
        with anyio.move_on_after(left * _READ_SHARE):  # the poll must end with what was read
            await newer.read_all()
    except MultiCartError as error:
        if timer.remaining > 0 or PollFailures().is_final(error):
            raise


def _fingerprint(state: RunState) -> object:
    return state.run, state.schedule_status
