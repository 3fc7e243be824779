"""Start, wait, download: a pipeline for many collections that handles each as soon as possible."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.short_repr import short_repr
from multicart_async._core.tasks import map_unordered, next_or_end, to_async_iter
from multicart_async._core.validation import check_id, check_iterable
from multicart_async._http.retry_rules import is_definite_rejection
from multicart_async.errors import (
    ArgumentError,
    MultiCartError,
    OutcomeUnknownError,
    UnreachableResultError,
)
from multicart_async.models import Run, RunDownload, StartedRun
from multicart_async.models.outcome import Outcome
from multicart_async.resources._base import ClientContext
from multicart_async.resources._outcomes import outcome_of
from multicart_async.resources._unfinished import CUT_SHORT, Unfinished, was_sent
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._start import RunStarter, do_nothing
from multicart_async.resources.runs._wait_many import RunWaiter

if TYPE_CHECKING:  # few programs have a journal
    from multicart_async.resources.runs._journal import RunJournal

__all__ = [
    "RunPipeline",
    "check_id_source",
    "check_items",
    "collect_checked_ids",
    "collect_unique_ids",
    "start_each",
]

_WAIT_FOR = "wait for them with runs.wait_many before you start them again"


class _Starts:
    """The starts of one call, recording those that its caller does not know of."""

    def __init__(self, starter: RunStarter, unfinished: Unfinished) -> None:
        self._starter = starter
        self._unfinished = unfinished

    async def __call__(
        self, collection_id: int, intend: Callable[[StartedRun], Awaitable[None]] = do_nothing
    ) -> StartedRun:
        """Start a run; *intend* is awaited before anything is sent."""
        check_id("collection_ids", collection_id)
        intended: StartedRun | None = None

        async def intending(started: StartedRun) -> None:
            nonlocal intended
            await intend(started)
            intended = started

        try:
            started = await self._starter.start(collection_id, intending)
        except CUT_SHORT as error:
            if intended is not None and was_sent(error):
                self._unfinished.add(intended)
            raise
        self._unfinished.add(started)
        return started


async def start_each(
    starter: RunStarter, collection_ids: Iterable[int] | AsyncIterable[int], width: int, lifetime: ClientLifetime
) -> AsyncGenerator[Outcome[int, StartedRun], None]:
    """Start them, *width* at a time, each once, and yield the outcome of each as it is known."""
    unfinished = Unfinished(_WAIT_FOR)
    with unfinished.noting():
        async with (
            aclosing(unique_ids(collection_ids)) as ids,
            aclosing(map_unordered(ids, _Starts(starter, unfinished), width, lifetime)) as results,
        ):
            async for collection_id, result in results:
                unfinished.discard(result)
                yield outcome_of(collection_id, result)


class RunPipeline:
    """One call of ``runs.run_many``. With a journal, nothing is started twice."""

    def __init__(
        self,
        context: ClientContext,
        api: RunApi,
        starter: RunStarter,
        waiter: RunWaiter,
        *,
        journal: RunJournal | None,
        download: Callable[[Run], Awaitable[RunDownload[Run]]] | None,
    ) -> None:
        self._unfinished = Unfinished(
            _WAIT_FOR if journal is None else "the same call with the same journal waits for them"
        )
        self._start_run = _Starts(starter, self._unfinished)
        self._api = api
        self._starter = starter
        self._waits = waiter
        self._starts = context.limits.requests
        self._downloads = context.limits.downloads
        self._lifetime = context.lifetime
        self._journal = journal
        self._download = download

    async def outcomes(
        self, collection_ids: Iterable[int] | AsyncIterable[int]
    ) -> AsyncGenerator[Outcome[int, Any], None]:
        """Yield the outcome of each collection as it is known."""
        with self._unfinished.noting():
            async with (
                aclosing(self._started(collection_ids)) as started,
                aclosing(self._waits.outcomes(started)) as finished,
                aclosing(map_unordered(finished, self._finish, self._downloads, self._lifetime)) as ends,
            ):
                async for outcome, result in ends:
                    key: Any = outcome.key
                    self._unfinished.discard(key)
                    yield outcome_of(key.collection_id if isinstance(key, StartedRun) else key, result)

    async def _started(
        self, collection_ids: Iterable[int] | AsyncIterable[int]
    ) -> AsyncGenerator[StartedRun | Outcome[Any, Any], None]:
        """Yield runs to wait for, and outcomes that are known already: rejected, or finished by an earlier call."""
        async with (
            aclosing(unique_ids(collection_ids)) as ids,
            aclosing(map_unordered(ids, self._resume_or_start, self._starts, self._lifetime)) as begun,
        ):
            async for collection_id, result in begun:
                if isinstance(result, StartedRun):
                    yield result
                else:
                    yield outcome_of(collection_id, result)

    async def _resume_or_start(self, collection_id: int) -> StartedRun | Run:
        check_id("collection_ids", collection_id)
        if self._journal is None or self._journal.needs_start(collection_id):
            return await self._start(collection_id)
        noted = self._journal.entries[collection_id]
        if noted.state == "done" and noted.run is not None:
            run = await self._api.find(collection_id, noted.run)
            if run is None:
                raise UnreachableResultError(f"results/{collection_id}/{noted.run}", "no longer listed by the service")
            return run
        if noted.state == "intent":
            if not await self._starter.wait_until_listed(noted.started):
                reason = (
                    "the journal has an intent to start it, and no new run is listed; check before you start another"
                )
                raise OutcomeUnknownError(f"collection {collection_id}", reason, started=noted.started)
            await self._note("started", noted.started)
        return noted.started

    async def _start(self, collection_id: int) -> StartedRun:
        intent: StartedRun | None = None

        async def intend(started: StartedRun) -> None:
            nonlocal intent
            intent = started
            await self._note("intent", started)

        try:
            started = await self._start_run(collection_id, intend)
        except MultiCartError as error:
            if intent is not None and is_definite_rejection(error):
                await self._note("refused", intent)
            raise
        await self._note("started", started)
        return started

    async def _finish(self, outcome: Outcome[Any, Run]) -> Run | RunDownload[Run]:
        run = outcome.unwrap()
        result = run if self._download is None else await self._download(run)
        if isinstance(outcome.key, StartedRun):
            await self._note("done", outcome.key, run.id)
        return result

    async def _note(self, state: Any, started: StartedRun, run: int | None = None) -> None:
        if self._journal is not None:
            await self._journal.record(state, started, run)


def check_items(argument: str, values: object, check: Callable[[str, Any], object], expected: str) -> None:
    """Raise if *values* is a list or another collection in memory and one of its items is invalid, before any is used.

    Raises:
        ArgumentError: It names the first invalid item. Those of a generator are checked one by one, as they arrive.
    """
    if not isinstance(values, Collection):
        return
    for index, value in enumerate(cast("Collection[object]", values)):
        try:
            check(argument, value)
        except ArgumentError as error:
            raise ArgumentError(argument, f"item {index}: expected {expected}, got {short_repr(value)}") from error


def check_id_source(argument: str, values: object) -> None:
    """Raise unless *values* can be iterated and, if they are in memory, all of them can be ids of the service."""
    check_iterable(argument, values)
    check_items(argument, values, check_id, "a positive integer")


async def unique_ids(collection_ids: Iterable[int] | AsyncIterable[int]) -> AsyncGenerator[int, None]:
    """Yield each id once: a duplicate would be charged twice. Invalid ids are yielded too, and rejected later."""
    seen: set[int] = set()
    async with aclosing(to_async_iter(collection_ids)) as ids:
        async for collection_id in ids:
            if type(collection_id) is int:
                if collection_id in seen:
                    continue
                seen.add(collection_id)
            yield collection_id


async def collect_unique_ids(collection_ids: Iterable[int] | AsyncIterable[int], lifetime: ClientLifetime) -> list[int]:
    """Return each id once, when all of them have been read."""
    found: list[int] = []
    async with aclosing(unique_ids(collection_ids)) as ids:
        while one := await next_or_end(ids, lifetime):
            found += one
    return found


async def collect_checked_ids(
    argument: str, values: Iterable[int] | AsyncIterable[int], lifetime: ClientLifetime
) -> list[int]:
    """Return each id once, when all of them have been read.

    Raises:
        ArgumentError: One of them cannot be an id of the service.
    """
    return [check_id(argument, value) for value in await collect_unique_ids(values, lifetime)]
