"""Start a run once, and know afterwards which one it is.

The service responds to a start with a message, not with an id. So the newest run id is read before, and the new run is
the next one. Therefore two starts must not share one baseline, and a lost response is no reason to start again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from weakref import WeakValueDictionary

import anyio

from multicart_async._core.clock import Clock
from multicart_async._core.log import LOGGER, error_info, log_info
from multicart_async._http.retry_rules import is_definite_rejection
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    InvalidResponseError,
    OutcomeUnknownError,
)
from multicart_async.models import Collection, Run, StartedRun
from multicart_async.resources._polling import poll_until_found
from multicart_async.resources._unfinished import noting
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._new_runs import NewRunsReader

__all__ = ["RunStarter", "do_nothing"]

RECOVERY = PollPolicy(poll_interval=1.0, growth=1.5, max_poll_interval=5.0, wait_timeout=30.0)


async def do_nothing(_: StartedRun) -> None:
    """Do nothing before the start is sent."""


class RunStarter:
    """Start runs for one client."""

    def __init__(self, api: RunApi, collections: Collections, clock: Clock) -> None:
        self._api = api
        self._collections = collections
        self._clock = clock
        self._locks: WeakValueDictionary[int, anyio.Lock] = WeakValueDictionary()
        self._before: dict[int, tuple[StartedRun, Collection]] = {}
        self._unlisted: dict[int, StartedRun] = {}

    async def start(
        self, collection_id: int, before_send: Callable[[StartedRun], Awaitable[None]] = do_nothing
    ) -> StartedRun:
        """Start a run; *before_send* is awaited before the start is sent. See `Runs.start`."""
        lock = self._locks.setdefault(collection_id, anyio.Lock())
        async with lock:  # two starts must not share one baseline
            await self._await_earlier_start(collection_id)
            before = await self._status_before(collection_id)
            started = StartedRun(collection_id, await self._api.newest_id(collection_id))
            await before_send(started)
            self._unlisted[collection_id] = started  # kept when cancelled: the request may have been sent
            try:
                await self._send(started)
            except Exception:
                self._unlisted.pop(collection_id, None)  # rejected, or searched for already
                raise
            if before is not None:
                self._before[collection_id] = started, before
            return started

    def status_before_start(self, started: StartedRun) -> Collection | None:
        """Return the collection as it was before that start, if this client started it."""
        own, collection = self._before.get(started.collection_id, (None, None))
        return collection if own == started else None

    def mark_listed(self, started: StartedRun) -> None:
        """Note that a run above that baseline is listed: the next start may read its own baseline."""
        if self._unlisted.get(started.collection_id) == started:
            del self._unlisted[started.collection_id]

    def forget(self, started: StartedRun) -> None:
        """Forget the state of the collection before that start: the wait for its run is over."""
        if self.status_before_start(started) is not None:
            del self._before[started.collection_id]

    async def wait_until_listed(self, started: StartedRun) -> bool:
        """Wait for up to 30 seconds; return whether a run above ``started.after_run_id`` is listed."""
        what = f"a new run of collection {started.collection_id}"
        if await poll_until_found(partial(self._newer_runs, started), RECOVERY, self._clock, what) is None:
            return False
        self.mark_listed(started)
        return True

    async def _newer_runs(self, started: StartedRun, read_all: bool) -> Sequence[Run] | None:  # noqa: FBT001
        newer = NewRunsReader(self._api, started)
        await newer.read(whole=read_all)
        return newer.runs or None

    async def _send(self, started: StartedRun) -> None:
        note = (
            f"the run may have been started and charged: {started!r}; before you start another, wait for it with "
            f"runs.wait, or check with runs.list for a run above {started.after_run_id}"
        )
        try:
            with noting(note):
                await self._api.start(started.collection_id)
        except (APIConnectionError, APIError, InvalidResponseError) as error:
            if _is_certain(error):
                raise
            with noting(note, sent=True):
                if await self.wait_until_listed(started):
                    return
            if isinstance(error, APIError):
                error.started = started
                raise
            reason = f"{error.reason}; no new run appeared within {RECOVERY.wait_timeout:g} s"
            raise OutcomeUnknownError(error.path, reason, started=started) from error

    async def _await_earlier_start(self, collection_id: int) -> None:
        """Wait until the run of an earlier start is listed, so that two starts do not share one baseline."""
        earlier = self._unlisted.get(collection_id)
        if earlier is not None and not await self.wait_until_listed(earlier):
            LOGGER.warning("collection %s was started before, and its run has not appeared", collection_id)
        self._unlisted.pop(collection_id, None)  # only now: a cancelled caller leaves the wait to the next one

    async def _status_before(self, collection_id: int) -> Collection | None:
        """Return the collection before its start, to recognise an earlier Failed; ``None`` if the call fails."""
        try:
            return await self._collections.get(collection_id)
        except (APIConnectionError, APIError, InvalidResponseError) as error:
            log_info("status of collection %s before its start: %s", collection_id, error, extra=error_info(error))
            return None


def _is_certain(error: APIConnectionError | APIError | InvalidResponseError) -> bool:
    """Return whether nothing was started, or the service itself reports a failure; a proxy may only have timed out."""
    if isinstance(error, APIError) and error.in_envelope:
        return error.http_status < 500
    return is_definite_rejection(error)
