"""Wait for thousands of started runs, watched through one list of all collections.

The list is requested at each tick and, for many runs, also between ticks: as often in ``max_poll_interval`` as there are
tens of collections (`COLLECTIONS_PER_LIST`), but at least ``poll_interval`` apart. So the lists are at most a tenth of
the requests that polls of each run would be, and from 120 collections on (with the default policy) they are less than
two ``poll_interval`` apart, even if nothing has ended for a long time. What is not seen in the list waits for the tick.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

import anyio
import attrs

from multicart_async._core.tasks import TaskPool, next_or_end, to_async_iter
from multicart_async.config import PollPolicy
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.models.outcome import Failure, Outcome, Success
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import (
    PollFailures,
    PollTimer,
    TickTimer,
    as_poll_failure,
    check_poll_policy,
    poll_timeout,
)
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._list_monitor import ListMonitor
from multicart_async.resources.runs._pending_run import PendingRun, Polled
from multicart_async.resources.runs._poller import RunPoller
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import RunTracker, check_started_run

__all__ = ["RunWaiter"]

LIST_THRESHOLD = 3  # fewer are polled directly: a list of all collections would cost more
COLLECTIONS_PER_LIST = 10  # of those that are waited for, for each list in max_poll_interval
MAX_REJECTIONS = 2  # of the list, in a row: a single tick ends no wait


class CheckState(enum.Enum):
    """The progress of a collection towards a poll. A collection has at most one poll at a time."""

    IDLE = enum.auto()
    QUEUED = enum.auto()
    POLLING = enum.auto()
    POLL_AGAIN = enum.auto()


@attrs.define(eq=False)
class _Watched:
    """A collection with started runs. It is polled because the list has ``shown`` a change, or for confirmation."""

    runs: list[PendingRun] = attrs.field(factory=list[PendingRun])
    check: CheckState = CheckState.IDLE
    shown: bool = False
    row: Collection | None = None  # of the last list, if that can replace a request for the collection

    @property
    def expired(self) -> bool:
        return any(run.expired for run in self.runs)


_OnDone = Callable[[Any], list[Outcome[Any, Run]]]
"""Called with a task of the pool that is done; returns the outcomes that follow from it."""


class RunWaiter:
    """One call of ``runs.wait_many``."""

    def __init__(
        self,
        context: ClientContext,
        collections: Collections,
        starter: RunStarter,
        poller: RunPoller,
        policy: PollPolicy,
        *,
        report: Callable[[StartedRun, RunState], None],
    ) -> None:
        check_poll_policy(policy)
        self._context = context
        self._collections = collections
        self._starter = starter
        self._poller = poller
        self._policy = policy
        self._report = report
        self._watched: dict[int, _Watched] = {}
        self._monitor = ListMonitor()
        self._due: deque[int] = deque()
        self._polling = 0
        self._ticking = False
        self._list_failures = PollFailures(max_rejections=MAX_REJECTIONS)
        self._ticks = TickTimer(policy, context.clock)
        self._tasks: TaskPool[_OnDone] = TaskPool()

    async def outcomes(
        self, started: Iterable[StartedRun | Outcome[Any, Run]] | AsyncIterable[StartedRun | Outcome[Any, Run]]
    ) -> AsyncGenerator[Outcome[Any, Run], None]:
        """Yield the outcome of each run as it is known; further runs are read meanwhile. Outcomes are passed through."""
        async with aclosing(to_async_iter(started)) as source, aclosing(self._tasks) as tasks:
            reading = True

            def on_next(task: asyncio.Future[tuple[StartedRun | Outcome[Any, Run], ...]]) -> list[Outcome[Any, Run]]:
                nonlocal reading
                found = task.result()
                reading = bool(found)
                if reading:
                    tasks.spawn(on_next, next_or_end(source, self._context.lifetime))
                return [outcome for one in found for outcome in self._add(one)]

            tasks.spawn(on_next, next_or_end(source, self._context.lifetime))
            while reading or self._watched:
                self._start_polls()
                for on_done, task in await tasks.wait_any():
                    for outcome in on_done(task):
                        yield outcome

    def _add(self, one: StartedRun | Outcome[Any, Run]) -> list[Outcome[Any, Run]]:
        if isinstance(one, Success | Failure):
            return [one]
        try:
            self._watch(check_started_run(one))
        except ArgumentError as error:
            return [Failure(one, error)]
        return []

    def _watch(self, started: StartedRun) -> None:
        tracker = RunTracker(
            started,
            reject_ambiguous=self._policy.on_ambiguous == "raise",
            before=self._starter.status_before_start(started),
            redactor=self._context.api.redactor,
        )
        run = PendingRun(started, tracker, PollTimer(self._policy, self._context.clock), self._report)
        self._watched.setdefault(started.collection_id, _Watched()).runs.append(run)
        self._monitor.watch(started.collection_id)
        self._ticks.hasten(now=not self._ticking)
        if run.expired:
            self._enqueue(started.collection_id, shown=False)  # without any time: its only poll is the last one
        if not self._ticking:
            self._schedule_tick(0)

    # ticks

    def _on_tick(self, task: asyncio.Future[None]) -> list[Outcome[StartedRun, Run]]:
        task.result()
        if self._ticks.remaining > 0:  # woken early by an expiring wait: poll only the expired ones
            ended = self._end_expired() if self._ticks.on_hold else []
            self._poll_all(self._expired())
            self._sleep()
            return ended
        self._monitor.tick(between=not self._ticks.begin())
        if len(self._watched) >= LIST_THRESHOLD:
            self._tasks.spawn(self._on_list, self._list_all())
            return []
        self._poll_all(self._watched)
        self._plan_list()
        return []

    def _plan_list(self) -> None:
        """Plan the next tick, after an interval that grows, and lists before it; none after one that failed."""
        apart = None
        if len(self._watched) >= LIST_THRESHOLD and self._list_failures.last is None:
            share = self._policy.max_poll_interval * COLLECTIONS_PER_LIST / len(self._watched)
            apart = max(self._policy.poll_interval, share)
        self._ticks.schedule_next(apart)
        self._sleep()

    def _sleep(self) -> None:
        """Sleep until the next tick or the next deadline; not at all if nothing is waited for."""
        if self._watched:
            self._schedule_tick(min(self._ticks.remaining, self._next_deadline()))
        else:
            self._ticking = False

    def _schedule_tick(self, pause: float) -> None:
        self._ticking = True
        self._tasks.spawn(self._on_tick, self._context.clock.sleep(pause))

    def _next_deadline(self) -> float:
        """Return the seconds until the next deadline. Expired waits have had, or are having, their last poll."""
        left = (run.timer.remaining for watched in self._watched.values() for run in watched.runs)
        return min((seconds for seconds in left if seconds > 0), default=math.inf)

    def _expired(self) -> set[int]:
        return {collection_id for collection_id, watched in self._watched.items() if watched.expired}

    def _end_expired(self) -> list[Outcome[StartedRun, Run]]:
        """End the waits that expire during a pause that the service has asked for, without a last poll."""
        ended: list[Outcome[StartedRun, Run]] = []
        for collection_id in self._expired():
            watched = self._watched[collection_id]
            if watched.check in {CheckState.IDLE, CheckState.QUEUED}:
                ended += self._evaluate(collection_id, watched, [(run, None) for run in watched.runs])
        return ended

    # the list of collections

    async def _list_all(self) -> tuple[Collection, ...] | None:
        """Return all collections, or ``None`` if the response does not arrive before a deadline."""
        with anyio.move_on_after(poll_timeout(self._next_deadline())):
            return await self._collections.list()
        return None

    def _on_list(self, task: asyncio.Future[tuple[Collection, ...] | None]) -> list[Outcome[StartedRun, Run]]:
        ended: list[Outcome[StartedRun, Run]] = []
        error = task.exception()
        if error is not None:
            ended = self._on_list_failure(error)
        elif (listed := task.result()) is None:
            self._poll_without_list()
        else:
            self._list_failures.succeeded()
            self._poll_selected(listed)
        self._plan_list()
        return ended

    def _on_list_failure(self, error: BaseException) -> list[Outcome[StartedRun, Run]]:
        if not isinstance(error, Exception):
            raise error
        failure = as_poll_failure("the list of collections", error)
        if self._list_failures.is_final(failure, counted=self._ticks.at_tick):
            return self._fail_all(failure)
        self._ticks.hold(self._list_failures.pause)
        self._poll_without_list()
        return []

    def _poll_without_list(self) -> None:
        """Poll the collections that do not depend on the list: all of them at times, and expired ones."""
        self._poll_all(self._watched if self._monitor.polls_all else self._expired())

    def _poll_selected(self, listed: tuple[Collection, ...]) -> None:
        by_id = {collection.id: collection for collection in listed}
        expired = self._expired()
        for collection_id, watched in self._watched.items():
            row = None if collection_id in expired else by_id.get(collection_id)
            watched.row = row if self._monitor.shows_ends and row is not None and not row.is_failed else None
            if row is not None:
                for run in watched.runs:
                    run.tracker.observe_status(row)
        for collection_id, shown in self._monitor.select(by_id, expired):
            self._enqueue(collection_id, shown=shown)

    def _fail_all(self, error: MultiCartError) -> list[Outcome[StartedRun, Run]]:
        """End all waits: the list is rejected permanently, and so would be everything else."""
        ended = [run.started for watched in self._watched.values() for run in watched.runs]
        self._watched.clear()
        self._monitor.clear()
        self._due.clear()
        self._list_failures.succeeded()  # for the runs that are read from now on
        return [Failure(started, error) for started in ended]

    # polls

    def _poll_all(self, collection_ids: Iterable[int]) -> None:
        """Poll collections without regard to the list."""
        for collection_id in collection_ids:
            self._watched[collection_id].row = None
            self._enqueue(collection_id, shown=False)

    def _enqueue(self, collection_id: int, *, shown: bool) -> None:
        watched = self._watched[collection_id]
        if watched.check in {CheckState.POLLING, CheckState.POLL_AGAIN}:
            if shown:
                watched.check = CheckState.POLL_AGAIN  # the change may be later than the current poll
            return
        watched.shown = shown or (watched.check is CheckState.QUEUED and watched.shown)
        if shown:
            self._due.appendleft(collection_id)  # before those polled for confirmation; possibly a second time
        elif watched.check is CheckState.IDLE:
            self._due.append(collection_id)
        watched.check = CheckState.QUEUED

    def _start_polls(self) -> None:
        while self._due and self._polling < self._context.limits.requests and not self._ticks.on_hold:
            collection_id = self._due.popleft()
            watched = self._watched.get(collection_id)
            if watched is not None and watched.check is CheckState.QUEUED:
                watched.check = CheckState.POLLING
                self._polling += 1
                self._tasks.spawn(partial(self._on_polled, collection_id, watched), self._poll(watched))

    async def _poll(self, watched: _Watched) -> list[tuple[PendingRun, Polled]]:
        return [(run, await run.poll(self._poller, watched.row)) for run in list(watched.runs)]

    def _on_polled(
        self, collection_id: int, watched: _Watched, task: asyncio.Future[list[tuple[PendingRun, Polled]]]
    ) -> list[Outcome[StartedRun, Run]]:
        self._polling -= 1
        polled = task.result()
        if self._watched.get(collection_id) is not watched:
            return []  # all its waits have ended meanwhile
        again, watched.check = watched.check is CheckState.POLL_AGAIN, CheckState.IDLE
        watched.shown = watched.shown or again  # a change during the poll shows the end as well as an earlier one
        outcomes = self._evaluate(collection_id, watched, polled)
        if again and watched.runs:
            self._enqueue(collection_id, shown=True)
        return outcomes

    def _evaluate(
        self, collection_id: int, watched: _Watched, polled: Iterable[tuple[PendingRun, Polled]]
    ) -> list[Outcome[StartedRun, Run]]:
        """Remove the waits that have ended, and return their outcomes."""
        outcomes: list[Outcome[StartedRun, Run]] = []
        for run, result in polled:
            outcome = run.evaluate(result)
            if isinstance(result, MultiCartError) and (outcome is None or outcome.error is not result):
                self._ticks.hold(run.failures.pause)
            if outcome is None:
                continue
            if outcome.ok:
                self._monitor.run_finished(collection_id, shown=watched.shown)
                self._ticks.hasten()
            watched.runs.remove(run)
            outcomes.append(outcome)
        if not watched.runs:
            del self._watched[collection_id]
            self._monitor.forget(collection_id)
        return outcomes
