"""Thousands of started runs, watched through one list call per tick.

The list of collections tells which of them have changed. Only those are asked for their runs; all of them at times,
because nothing documents that a collection's status and its run's ``is_download_generated`` change together.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Literal

import anyio
import attrs

from multicart_async._core.tasks import TaskPool, next_or_end, to_async_iter
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    ArgumentError,
    MultiCartError,
    WaitTimeoutError,
)
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.models.outcome import Outcome
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import (
    PollFailures,
    PollResult,
    PollTimer,
    TickTimer,
    as_poll_failure,
    check_poll_policy,
    poll_timeout,
)
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._poller import RunPoller
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import FAILED, RunTracker, check_started_run

__all__ = ["RunWaiter"]

LIST_THRESHOLD = 3  # fewer are asked directly: a list of all collections would cost more
CONFIRM = 10  # every so many ticks, all are asked
CONFIRM_RARELY = 50  # once this account has shown that its list can be relied on
TRUSTED = 100  # finished runs that the list has shown, and none that it has hidden
EXTRA_POLLS = 2  # ticks in which a collection that has just ended its work is asked again, should its run lag behind
REFUSALS = 2  # of the list, in a row: one tick ends no waits


@attrs.define(eq=False)
class _Entry:
    started: StartedRun
    judge: RunTracker
    pace: PollTimer
    told: object = None
    failures: PollFailures = attrs.field(factory=PollFailures)


@attrs.define(eq=False)
class _Watched:
    """A collection with started runs, and its row as it was seen last."""

    entries: list[_Entry] = attrs.field(factory=list[_Entry])
    seen: tuple[object, object] | None = None
    worked: bool = False
    again: int = 0
    asked: Literal["no", "queued", "looking", "again"] = "no"  # one poll of a collection at a time
    shown: bool = False  # asked because its row changed


_Hear = Callable[[Any], list[Outcome[Any, Run]]]
"""What a task of the crew has come to, and what follows from it for whoever waits."""

_Seen = tuple[_Entry, PollResult[RunState] | MultiCartError | None]


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
        self._collections = collections
        self._starter = starter
        self._poller = poller
        self._policy = policy
        self._clock = context.clock
        self._life = context.lifetime
        self._width = context.limits.requests
        self._tell = report
        self._redactor = context.api.redactor
        self._watched: dict[int, _Watched] = {}
        self._due: deque[int] = deque()
        self._looking = 0
        self._ticking = False
        self._ticks = self._shown = self._hidden = 0
        self._failures = PollFailures(refusals=REFUSALS)  # of the list
        self._suspects: dict[int, tuple[object, object]] = {}
        self._times = TickTimer(policy, context.clock)
        self._crew: TaskPool[_Hear] = TaskPool()

    async def outcomes(
        self, started: Iterable[StartedRun | Outcome[Any, Run]] | AsyncIterable[StartedRun | Outcome[Any, Run]]
    ) -> AsyncGenerator[Outcome[Any, Run], None]:
        """What becomes of each, as it is known. New ones are taken in while the others are waited for.

        What is an outcome already goes through.
        """
        async with aclosing(to_async_iter(started)) as source, aclosing(self._crew) as crew:
            taking = True

            def taken(task: asyncio.Future[tuple[StartedRun | Outcome[Any, Run], ...]]) -> list[Outcome[Any, Run]]:
                nonlocal taking
                found = task.result()
                taking = bool(found)
                if taking:
                    crew.spawn(taken, next_or_end(source, self._life))
                return [outcome for one in found for outcome in self._taken(one)]

            crew.spawn(taken, next_or_end(source, self._life))
            while taking or self._watched:
                self._send_out()
                for hear, task in await crew.wait_any():
                    for outcome in hear(task):
                        yield outcome

    def _taken(self, one: StartedRun | Outcome[Any, Run]) -> list[Outcome[Any, Run]]:
        if isinstance(one, Outcome):
            return [one]
        try:
            self._take(one)
        except ArgumentError as error:
            return [Outcome(one, error=error)]
        return []

    def _take(self, started: StartedRun) -> None:
        check_started_run(started)
        refuse = self._policy.on_ambiguous == "raise"
        before = self._starter.status_before_start(started)
        judge = RunTracker(started, refuse_ambiguous=refuse, before=before, redactor=self._redactor)
        watched = self._watched.setdefault(started.collection_id, _Watched())
        watched.entries.append(_Entry(started, judge, PollTimer(self._policy, self._clock)))
        watched.seen = None  # whatever is known of its row, of this run it is not
        self._times.hasten(now=not self._ticking)
        if watched.entries[-1].pace.remaining <= 0:
            self._ask(started.collection_id, shown=False)  # no patience at all: the only look is the last one
        if not self._ticking:
            self._next_tick(0)

    def _tick(self, task: asyncio.Future[None]) -> list[Outcome[StartedRun, Run]]:
        task.result()
        if self._times.remaining > 0:  # a wait has come to its deadline: the others are not asked for that
            ended = self._give_up() if self._times.on_hold else []
            for collection_id in self._expired():
                self._ask(collection_id, shown=False)
            self._sleep()
            return ended
        self._ticks += 1
        if len(self._watched) >= LIST_THRESHOLD:
            self._crew.spawn(self._listed, self._list_all())
            return []
        for collection_id in self._watched:
            self._ask(collection_id, shown=False)
        self._spread()
        return []

    def _spread(self) -> None:
        """The next regular tick comes after the interval, more or less, which grows."""
        self._times.schedule_next()
        self._sleep()

    def _give_up(self) -> list[Outcome[StartedRun, Run]]:
        """The waits that come to their deadline during such a pause: they have no last look."""
        ended: list[Outcome[StartedRun, Run]] = []
        for collection_id in self._expired():
            watched = self._watched[collection_id]
            if watched.asked in {"no", "queued"}:
                ended += self._settle(collection_id, watched, [(entry, None) for entry in watched.entries])
        return ended

    def _sleep(self) -> None:
        """Until the next tick, and not beyond the end of anybody's patience; not at all if nobody is there."""
        if not self._watched:
            self._ticking = False
            return
        self._next_tick(min(self._times.remaining, self._patience()))

    def _next_tick(self, pause: float) -> None:
        self._ticking = True
        self._crew.spawn(self._tick, self._clock.sleep(pause))

    def _patience(self) -> float:
        """Seconds until somebody's ends. Those whose patience is over have had, or are having, their last look."""
        left = (entry.pace.remaining for watched in self._watched.values() for entry in watched.entries)
        return min((seconds for seconds in left if seconds > 0), default=math.inf)

    async def _list_all(self) -> tuple[Collection, ...] | None:
        """The rows, or nothing if they do not come while there is patience."""
        with anyio.move_on_after(poll_timeout(self._patience())):
            return await self._collections.list()
        return None

    def _listed(self, task: asyncio.Future[tuple[Collection, ...] | None]) -> list[Outcome[StartedRun, Run]]:
        rarely = self._shown >= TRUSTED and not self._hidden
        confirm = self._ticks % (CONFIRM_RARELY if rarely else CONFIRM) == 0
        ended: list[Outcome[StartedRun, Run]] = []
        error = task.exception()
        if error is not None:
            ended = self._list_failed(error, confirm=confirm)
        elif (listed := task.result()) is None:
            self._ask_without_rows(confirm=confirm)
        else:
            self._failures.succeeded()
            self._compare({row.id: row for row in listed}, confirm=confirm)
        self._spread()
        return ended

    def _list_failed(self, error: BaseException, *, confirm: bool) -> list[Outcome[StartedRun, Run]]:
        if not isinstance(error, Exception):
            raise error
        failure = as_poll_failure("the list of collections", error)
        if self._failures.is_final(failure):
            return self._all_end(failure)
        self._times.hold(self._failures.pause)
        self._ask_without_rows(confirm=confirm)
        return []

    def _ask_without_rows(self, *, confirm: bool) -> None:
        """The list has failed. Who is asked whatever it says is asked: all at times, and a last look is a last look."""
        for collection_id in self._watched if confirm else self._expired():
            self._ask(collection_id, shown=False)

    def _compare(self, rows: Mapping[int, Collection], *, confirm: bool) -> None:
        self._count_hidden(rows)
        expired = self._expired()
        for collection_id, watched in self._watched.items():
            row = rows.get(collection_id)
            if row is None or collection_id in expired:
                self._ask(collection_id, shown=False)  # a draft or a category scrape is not listed
            elif (stirs := self._stirs(watched, row)) or confirm or row.schedule_status == FAILED:
                self._ask(collection_id, shown=stirs)  # Failed may be of the run before: it is believed when it stays

    def _count_hidden(self, rows: Mapping[int, Collection]) -> None:
        """Runs whose end was found before the list showed it: if it does not show it now, it hides such things."""
        for collection_id, seen in self._suspects.items():
            row = rows.get(collection_id)
            self._hidden += row is not None and (row.schedule_status, row.updated_at) == seen
        self._suspects.clear()

    def _expired(self) -> set[int]:
        return {
            collection_id
            for collection_id, watched in self._watched.items()
            if any(entry.pace.remaining <= 0 for entry in watched.entries)
        }

    def _stirs(self, watched: _Watched, row: Collection) -> bool:
        """Whether the row tells that a run may have ended."""
        now = (row.schedule_status, row.updated_at)
        changed, watched.seen = now != watched.seen, now
        for entry in watched.entries:
            entry.judge.observe_status(row)
        if row.schedule_status == "Processing":
            watched.worked = True
            return False
        if changed:
            watched.again = EXTRA_POLLS if watched.worked else 0
            return True
        watched.again -= 1
        return watched.again >= 0

    def _ask(self, collection_id: int, *, shown: bool) -> None:
        watched = self._watched[collection_id]
        if watched.asked in {"looking", "again"}:
            if shown:
                watched.asked = "again"  # what is shown now may have come after the look that is under way
            return
        watched.shown = shown or (watched.asked == "queued" and watched.shown)
        if shown:
            self._due.appendleft(collection_id)  # before those that are asked to be sure; maybe for the second time
        elif watched.asked == "no":
            self._due.append(collection_id)
        watched.asked = "queued"

    def _send_out(self) -> None:
        while self._due and self._looking < self._width and not self._times.on_hold:
            collection_id = self._due.popleft()
            watched = self._watched.get(collection_id)
            if watched is not None and watched.asked == "queued":
                watched.asked = "looking"
                self._looking += 1
                self._crew.spawn(partial(self._looked, collection_id), self._look(watched))

    async def _look(self, watched: _Watched) -> tuple[_Watched, list[_Seen]]:
        return watched, [(entry, await self._look_at(entry)) for entry in list(watched.entries)]

    async def _look_at(self, entry: _Entry) -> PollResult[RunState] | MultiCartError | None:
        try:
            with anyio.move_on_after(poll_timeout(entry.pace.remaining)):
                return await self._poller.poll(entry.judge, entry.started, entry.pace)
        except Exception as error:  # noqa: BLE001 -- also what a borrowed session raises: the others are waited for
            error.__traceback__ = None  # its frames hold rows, whose texts may repeat the credential
            return as_poll_failure(f"runs of collection {entry.started.collection_id}", error)
        return None

    def _looked(
        self, collection_id: int, task: asyncio.Future[tuple[_Watched, list[_Seen]]]
    ) -> list[Outcome[StartedRun, Run]]:
        self._looking -= 1
        watched, all_seen = task.result()
        if self._watched.get(collection_id) is not watched:
            return []  # all have ended meanwhile
        again, watched.asked = watched.asked == "again", "no"
        watched.shown = watched.shown or again  # a row that changes meanwhile shows the end as well as one before
        outcomes = self._settle(collection_id, watched, all_seen)
        if again and watched.entries:
            self._ask(collection_id, shown=True)
        return outcomes

    def _settle(self, collection_id: int, watched: _Watched, all_seen: list[_Seen]) -> list[Outcome[StartedRun, Run]]:
        """Take out the waits that have ended."""
        outcomes: list[Outcome[StartedRun, Run]] = []
        for entry, seen in all_seen:
            outcome = self._weigh(entry, seen, shown=watched.shown)
            if outcome is not None:
                watched.entries.remove(entry)
                outcomes.append(outcome)
        if not watched.entries:
            del self._watched[collection_id]
        return outcomes

    def _weigh(
        self, entry: _Entry, seen: PollResult[RunState] | MultiCartError | None, *, shown: bool
    ) -> Outcome[StartedRun, Run] | None:
        """What a look means for one run: an outcome, or nothing yet."""
        if isinstance(seen, PollResult):
            entry.failures.succeeded()
            return self._saw(entry, seen, shown=shown)
        if seen is not None:
            if entry.failures.is_final(seen):
                return Outcome(entry.started, error=seen)
            self._times.hold(entry.failures.pause)
        return self._late(entry)

    def _saw(self, entry: _Entry, seen: PollResult[RunState], *, shown: bool) -> Outcome[StartedRun, Run] | None:
        state = seen.state
        if state is not None and seen.fingerprint != entry.told:
            entry.told = seen.fingerprint
            self._tell(entry.started, state)
        if state is None or not seen.finished or state.run is None:
            return self._late(entry)
        self._shown += shown
        watched = self._watched[entry.started.collection_id]
        if not shown and watched.seen is not None:
            self._suspects[entry.started.collection_id] = watched.seen
        self._times.hasten()
        return Outcome(entry.started, state.run)

    def _late(self, entry: _Entry) -> Outcome[StartedRun, Run] | None:
        if entry.pace.remaining > 0:
            return None
        started = entry.started
        reason = (
            f"no finished run of collection {started.collection_id} above {started.after_run_id} "
            f"in {entry.pace.elapsed:.0f} s"
        )
        error = self._redactor.error(WaitTimeoutError(reason, started=started, last=entry.judge.last))
        error.__cause__ = entry.failures.last
        return Outcome(started, error=error)

    def _all_end(self, error: MultiCartError) -> list[Outcome[StartedRun, Run]]:
        """The list is refused for good, and so would be everything else."""
        ended = [entry.started for watched in self._watched.values() for entry in watched.entries]
        self._watched.clear()
        self._due.clear()
        self._failures.succeeded()  # for what is taken in from now on
        return [Outcome(started, error=error) for started in ended]
