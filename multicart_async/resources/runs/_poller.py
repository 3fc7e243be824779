"""One look at a started run: the rows that are newer than its baseline, and what its collection's status says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import anyio

from multicart_async.errors import APITimeoutError, InvalidResponseError, MultiCartError, RunFailedError
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.resources._pagination import PagedReading
from multicart_async.resources._polling import PollFailures, PollResult, PollTimer
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import RunTracker

__all__ = ["NewRunsReader", "RunPoller", "newest_id"]

_WHOLE = 10  # every so many looks, the order of the list is not relied on
_MOST_OF_IT = 0.9  # of the time that is left for a look
_MOST_NEW = 10_000  # runs above a baseline
_LONGEST_BASELINE = 300.0  # seconds to read all runs before a start

ReadRuns = Callable[[int], PagedReading[Run]]
"""Begins a reading of the runs of a collection."""


async def newest_id(reading: PagedReading[Run]) -> int:
    """Return the highest id of a whole list of runs, 0 of an empty one: the baseline of a start.

    Raises:
        InvalidResponseError: There is no end to it, or it moves all the time.
        APITimeoutError: It takes too long.
    """
    newest = 0
    with anyio.move_on_after(_LONGEST_BASELINE):
        while not reading.complete:
            newest = max([newest, *(run.id for run in await reading.read_on())])
    if not reading.complete:
        reason = f"the runs from before a start could not be read in {_LONGEST_BASELINE:g} s, so nothing was started"
        raise APITimeoutError(reading.path, reason)
    return newest


class NewRunsReader:
    """The runs of a collection that are newer than a start, read page by page."""

    def __init__(self, read: ReadRuns, started: StartedRun) -> None:
        self._reading = read(started.collection_id)
        self._started = started
        self._seen: dict[int, Run] = {}

    @property
    def rows(self) -> tuple[Run, ...]:
        """Those that were seen so far."""
        return tuple(self._seen.values())

    async def read(self, *, whole: bool) -> None:
        """Read until a finished one is seen; else the *whole* list, until nothing of it can be missing.

        Unless *whole*, one pass is enough. It ends at a page that falls strictly to the baseline, because mostly the
        newest come first, and where the list has moved, at one without a new row.

        Raises:
            InvalidResponseError: There is no end to it.
        """
        reading, after = self._reading, self._started.after_run_id
        while not (reading.complete or (reading.passes and not whole)):
            new = await self._read_on()
            if any(run.is_download_generated for run in self._seen.values()):
                return
            if not whole and (_falls_to(after, reading.page) or (reading.moved and not new)):
                return

    async def read_all(self) -> None:
        """Read on, until nothing of the list can be missing. Raises what `read` raises."""
        while not self._reading.complete:
            await self._read_on()

    async def _read_on(self) -> list[Run]:
        reading, after = self._reading, self._started.after_run_id
        new = await reading.read_on()
        self._seen.update({run.id: run for run in reading.page if run.id > after})
        if len(self._seen) > _MOST_NEW:
            raise InvalidResponseError(reading.path, f"the list has no end: more than {_MOST_NEW} runs above {after}")
        return new


def _falls_to(after: int, rows: Sequence[Run]) -> bool:
    return bool(rows) and rows[-1].id <= after and all(left.id > right.id for left, right in pairwise(rows))


class RunPoller:
    """Looks at started runs."""

    def __init__(self, read: ReadRuns, collection: Callable[[int], Awaitable[Collection]], starter: RunStarter) -> None:
        self._read = read
        self._collection = collection
        self._starter = starter

    async def poll(self, judge: RunTracker, started: StartedRun, pace: PollTimer) -> PollResult[RunState]:
        """What is to be seen now.

        Raises:
            RunFailedError: The collection says so, and can be believed.
            AmbiguousRunError: There are several new runs, and that was asked for.
        """
        judge.poll_count += 1
        newer = NewRunsReader(self._read, started)
        await newer.read(whole=judge.poll_count % _WHOLE == 0)
        if newer.rows:
            self._starter.mark_listed(started)
        if judge.find_finished(newer.rows) is None:
            collection = await self._collection(started.collection_id)
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
