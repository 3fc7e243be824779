"""Follow what finishes: each run of the account once, watched through one list of all collections.

At the start the runs of each collection are read once. After that, at each tick one list says which collections have
changed, and only their runs are read; at every tenth tick those of all collections. `DeliveredRuns` decides which runs can
be given out, `FollowState` remembers which were.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, Literal, TypeAlias

import attrs

from multicart_async._core.log import error_info, log_warning
from multicart_async._core.tasks import TaskPool
from multicart_async._core.validation import check_choice
from multicart_async.config import PollPolicy
from multicart_async.errors import MultiCartError, NotFoundError, WaitTimeoutError
from multicart_async.models import Collection, Run
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import PollFailures, TickTimer, as_poll_failure, check_poll_policy
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._follow_delivery import DeliveredRuns
from multicart_async.resources.runs._follow_queue import ReadingQueue, Reason
from multicart_async.resources.runs._follow_reader import Reading, read_unsettled
from multicart_async.resources.runs._follow_state import FollowState
from multicart_async.resources.runs._list_monitor import ListMonitor
from multicart_async.resources.runs._pipeline import check_id_source, collect_checked_ids
from multicart_async.resources.runs._wait_many import MAX_REJECTIONS

__all__ = ["Since", "follow_runs"]

Since: TypeAlias = Literal["now", "all"]

_READ_WHOLE = 10  # every tenth reading of a collection does not rely on the order of its runs


@attrs.define(eq=False)
class _Watched:
    """A collection that is followed. What it had finished at its first reading is old if it ``begins_old``."""

    delivered: DeliveredRuns
    begins_old: bool
    in_progress: bool = True  # unless the list says otherwise
    listed: bool = False
    readings: int = 0
    failures: PollFailures | None = None


_OnDone: TypeAlias = Callable[[Any], list[Run]]
"""Called with a task of the pool that is done; returns the runs to give out."""


def follow_runs(
    context: ClientContext,
    collections: Collections,
    api: RunApi,
    *,
    chosen: Iterable[int] | AsyncIterable[int] | None,
    state: str | os.PathLike[str] | None,
    since: Since,
    policy: PollPolicy,
) -> AsyncGenerator[Run, None]:
    """Check the arguments of `Runs.follow`, and return its generator."""
    if chosen is not None:
        check_id_source("collections", chosen)
    check_choice("since", since, Since)
    check_poll_policy(policy)
    return _follow(RunFollower(context, collections, api, FollowState(state), since, policy), chosen, context)


async def _follow(
    follower: RunFollower, chosen: Iterable[int] | AsyncIterable[int] | None, context: ClientContext
) -> AsyncGenerator[Run, None]:
    context.lifetime.ensure_open()  # before a file is created
    ids = None if chosen is None else await collect_checked_ids("collections", chosen, context.lifetime)
    async with follower.state, aclosing(follower.runs(ids)) as runs:
        async for run in runs:
            yield run


class RunFollower:
    """One call of ``runs.follow``."""

    def __init__(
        self,
        context: ClientContext,
        collections: Collections,
        api: RunApi,
        state: FollowState,
        since: Since,
        policy: PollPolicy,
    ) -> None:
        self.state = state
        self._context = context
        self._collections = collections
        self._api = api
        self._since = since
        self._timeout = policy.wait_timeout
        self._chosen: frozenset[int] | None = None
        self._watched: dict[int, _Watched] = {}
        self._begun = False
        self._untried: set[int] = set()  # until each collection was read once, or failed, nothing is given out
        self._postponed: set[int] = set()  # read again after that
        self._again: set[int] = set()  # read again at the next tick
        self._queue = ReadingQueue()
        self._monitor = ListMonitor()
        self._ticks = TickTimer(policy, context.clock)
        self._list_failures = PollFailures(max_rejections=MAX_REJECTIONS)
        self._tasks: TaskPool[_OnDone] = TaskPool()

    async def runs(self, chosen: Iterable[int] | None) -> AsyncGenerator[Run, None]:
        """Yield each run that can be given out; it is acknowledged when the next one is requested."""
        self._chosen = None if chosen is None else frozenset(chosen)
        self._last_given = self._context.clock.now()
        async with aclosing(self._tasks) as tasks:
            tasks.spawn(self._on_listed, self._list())
            self._await_timeout()
            while True:
                self._start_readings()
                if self.state.should_flush(idle=not self._queue.waiting):
                    await self.state.flush()
                for on_done, task in await tasks.wait_any():
                    for run in on_done(task):
                        await self.state.flush()  # what is old must be on disk before anything is given out
                        yield run
                        await self._acknowledge(run)

    async def _acknowledge(self, run: Run) -> None:
        self._watched[run.collection].delivered.settle(run.id)
        self.state.mark_changed(run.collection)
        await self.state.flush()
        self._last_given = self._context.clock.now()
        self._context.lifetime.ensure_open()  # not only when the next request is sent

    # time

    def _await_timeout(self) -> None:
        if self._timeout is not None:
            left = self._last_given + self._timeout - self._context.clock.now()
            self._tasks.spawn(self._on_timeout, self._context.clock.sleep(max(0.0, left)))

    def _on_timeout(self, task: asyncio.Future[None]) -> list[Run]:
        task.result()
        assert self._timeout is not None
        if self._context.clock.now() < self._last_given + self._timeout:
            self._await_timeout()
            return []
        reason = f"no run has finished within {self._timeout:g} s; follow again, with the same state if there is one"
        raise WaitTimeoutError(reason) from self._list_failures.last

    def _on_tick(self, task: asyncio.Future[None]) -> list[Run]:
        task.result()
        if self._ticks.remaining > 0:  # the service has asked for a pause meanwhile
            self._sleep()
            return []
        self._ticks.begin()
        self._monitor.tick()
        self._tasks.spawn(self._on_listed, self._list())
        return []

    def _sleep(self) -> None:
        self._tasks.spawn(self._on_tick, self._context.clock.sleep(self._ticks.remaining))

    # the list of collections

    async def _list(self) -> tuple[Collection, ...] | MultiCartError:
        """Return all collections. The first list is read twice, because what it lacks would count as new."""
        try:
            listed = await self._collections.list()
            return listed if self._begun else listed + await self._collections.list()
        except Exception as error:  # noqa: BLE001 -- including errors of a borrowed session
            error.__traceback__ = None  # its frames hold responses, which may repeat the credential
            return as_poll_failure("the list of collections", error)

    def _on_listed(self, task: asyncio.Future[tuple[Collection, ...] | MultiCartError]) -> list[Run]:
        result = task.result()
        if isinstance(result, MultiCartError):
            self._on_list_failure(result)
        else:
            self._list_failures.succeeded()
            self._apply({row.id: row for row in result if row.id > 0})
        self._read_again(self._again)
        self._ticks.schedule_next()
        self._sleep()
        return []

    def _on_list_failure(self, error: MultiCartError) -> None:
        if self._list_failures.is_final(error):
            raise error
        self._ticks.hold(self._list_failures.pause)
        if self._monitor.polls_all:
            for collection_id in self._watched:
                self._queue.add(collection_id, Reason.ALL)

    def _apply(self, listed: dict[int, Collection]) -> None:
        """Read the runs of collections that have changed, and of new ones."""
        if not self._begun:
            self._begin({*listed})
        for collection_id in listed:
            if collection_id not in self._watched and (self._chosen is None or collection_id in self._chosen):
                self._watch(collection_id, begins_old=False)
        for collection_id, watched in self._watched.items():
            row = listed.get(collection_id)
            watched.listed, watched.in_progress = row is not None, row is None or row.is_processing
        for collection_id, shown in self._monitor.select_changed(listed):
            self._queue.add(collection_id, Reason.SHOWN if shown else Reason.ALL)

    def _begin(self, listed: set[int]) -> None:
        self._begun = True
        ids = listed | self.state.collections if self._chosen is None else self._chosen
        old = self._since == "now" and not self.state.begun
        for collection_id in ids:
            self._watch(collection_id, begins_old=old)
        self._untried = {*ids} if old else set()
        self.state.begin()

    def _watch(self, collection_id: int, *, begins_old: bool) -> None:
        self._watched[collection_id] = _Watched(self.state.delivered(collection_id), begins_old)
        self._monitor.watch(collection_id)
        self._queue.add(collection_id, Reason.AGAIN)

    def _read_again(self, collection_ids: set[int]) -> None:
        for collection_id in collection_ids:
            self._queue.add(collection_id, Reason.AGAIN)
        collection_ids.clear()

    # the runs of collections

    def _start_readings(self) -> None:
        while self._queue.reading < self._context.limits.requests and not self._ticks.on_hold:
            taken = self._queue.take()
            if taken is None:
                return
            collection_id, reason = taken
            watched = self._watched[collection_id]
            self._tasks.spawn(
                partial(self._on_read, collection_id, watched, reason), self._read(collection_id, watched)
            )

    async def _read(self, collection_id: int, watched: _Watched) -> Reading | MultiCartError:
        """Read the runs of a collection. A failure of any kind is returned: the others are still followed."""
        try:
            whole = watched.readings % _READ_WHOLE == 0
            return await read_unsettled(self._api, collection_id, watched.delivered, whole=whole)
        except Exception as error:  # noqa: BLE001 -- including errors of a borrowed session
            error.__traceback__ = None  # its frames hold responses, which may repeat the credential
            return as_poll_failure(f"runs of collection {collection_id}", error)

    def _on_read(
        self, collection_id: int, watched: _Watched, reason: Reason, task: asyncio.Future[Reading | MultiCartError]
    ) -> list[Run]:
        result = task.result()
        self._queue.finish(collection_id)
        self._untried.discard(collection_id)
        if isinstance(result, MultiCartError):
            self._on_failure(collection_id, watched, result)
            ready = []
        else:
            ready = self._evaluate(collection_id, watched, reason, result)
        if not self._untried:
            self._read_again(self._postponed)
        return ready

    def _evaluate(self, collection_id: int, watched: _Watched, reason: Reason, reading: Reading) -> list[Run]:
        watched.failures = None
        watched.readings += 1
        delivered = watched.delivered
        if not reading.complete:
            return []  # none of its runs is finished
        if watched.readings == 1 and watched.begins_old:
            delivered.settle_finished(reading.runs)
            self.state.mark_changed(collection_id)
            return []
        ready = delivered.select(reading.runs, in_progress=watched.in_progress)
        if delivered.is_holding:
            self._again.add(collection_id)
        if self._untried and ready:
            self._postponed.add(collection_id)
            return []
        if not ready:
            return []
        self._count(collection_id, watched, reason, ready[-1].id)
        return ready

    def _count(self, collection_id: int, watched: _Watched, reason: Reason, newest: int) -> None:
        """Count a collection with finished runs: the next tick comes sooner, and the list has shown it or not."""
        self._ticks.hasten()
        if watched.readings > 1 and reason is not Reason.AGAIN:
            self._monitor.run_finished(collection_id, shown=reason is Reason.SHOWN)
        if not watched.delivered.awaits_above(newest):
            self._monitor.rest(collection_id)

    def _on_failure(self, collection_id: int, watched: _Watched, error: MultiCartError) -> None:
        """Read again at the next tick, or after a failure that would recur, when the collection changes or all are read."""
        failures = watched.failures = watched.failures or PollFailures()
        final = failures.is_final(error)
        self._ticks.hold(failures.pause)
        if not final:
            self._again.add(collection_id)
            return
        watched.failures = None
        log_warning("runs of collection %d: %s", collection_id, error, extra=error_info(error))
        if isinstance(error, NotFoundError) and error.in_envelope and not watched.listed:
            self._forget(collection_id)

    def _forget(self, collection_id: int) -> None:
        """Follow a collection no more: it is not listed, and the service has answered "not found" three times in a row.

        What was given out of it is still known, because a service may say so by mistake.
        """
        del self._watched[collection_id]
        self._monitor.forget(collection_id)
        self._queue.discard(collection_id)
        self._again.discard(collection_id)
        self._postponed.discard(collection_id)
