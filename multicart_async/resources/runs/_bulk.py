"""The calls of ``client.runs`` that concern many runs."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

import attrs

from multicart_async._core.validation import check_choice, check_iterable
from multicart_async._downloads.plan import Files
from multicart_async.config import PollPolicy
from multicart_async.models import Estimate, Run, RunDownload, StartedRun
from multicart_async.models.outcome import Outcome
from multicart_async.resources._base import ClientContext
from multicart_async.resources._polling import check_poll_policy
from multicart_async.resources.account import Account
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._credits import check_credits
from multicart_async.resources.runs._estimate import estimate_runs, without_started
from multicart_async.resources.runs._journal import RunJournal
from multicart_async.resources.runs._pipeline import (
    RunPipeline,
    check_id_source,
    check_items,
    collect_checked_ids,
    collect_unique_ids,
    start_each,
)
from multicart_async.resources.runs._poller import RunPoller
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import check_started_run
from multicart_async.resources.runs._wait_many import RunWaiter

if TYPE_CHECKING:
    from multicart_async.sinks import Sink

__all__ = ["BulkRuns"]


@attrs.frozen
class BulkRuns:
    """What `Runs` does for many runs; the arguments are documented there."""

    context: ClientContext
    collections: Collections
    account: Account
    api: RunApi
    starter: RunStarter
    poller: RunPoller
    download: Callable[..., Awaitable[RunDownload[Run]]]

    async def start_many(
        self, collection_ids: Iterable[int] | AsyncIterable[int]
    ) -> AsyncGenerator[Outcome[int, StartedRun], None]:
        """Start many runs."""
        check_id_source("collection_ids", collection_ids)
        width, lifetime = self.context.limits.requests, self.context.lifetime
        async with aclosing(start_each(self.starter, collection_ids, width, lifetime)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def wait_many(
        self, started: Iterable[StartedRun] | AsyncIterable[StartedRun], policy: PollPolicy
    ) -> AsyncGenerator[Outcome[StartedRun, Run], None]:
        """Wait for many runs."""
        check_iterable("started", started)
        check_items("started", started, lambda _, value: check_started_run(value), "a StartedRun of two integers")
        async with aclosing(self._waits(policy).outcomes(started)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def run_many(
        self,
        collection_ids: Iterable[int] | AsyncIterable[int],
        dest: str | os.PathLike[str] | Sink | None,
        *,
        files: Files,
        policy: PollPolicy,
        journal: str | os.PathLike[str] | None,
        check_credits: bool,
    ) -> AsyncGenerator[Outcome[int, Any], None]:
        """Start many runs, wait for them and download their files."""
        check_choice("files", files, Files)  # before the starts, which cost credits
        check_poll_policy(policy)
        check_id_source("collection_ids", collection_ids)
        sink = None if dest is None else await self.context.downloads.sink(dest)
        async with AsyncExitStack() as stack:
            noted = None if journal is None else await stack.enter_async_context(RunJournal(journal))
            if check_credits:
                collection_ids = await collect_unique_ids(collection_ids, self.context.lifetime)
                await self._check_credits(collection_ids, noted)
            pipeline = RunPipeline(
                self.context,
                self.api,
                self.starter,
                self._waits(policy),
                journal=noted,
                download=None if sink is None else lambda run: self.download(run, sink, files=files),
            )
            async with aclosing(pipeline.outcomes(collection_ids)) as outcomes:
                async for outcome in outcomes:
                    yield outcome

    async def estimate(
        self, collection_ids: Iterable[int] | AsyncIterable[int], journal: str | os.PathLike[str] | None
    ) -> Estimate:
        """Estimate what runs cost."""
        check_id_source("collection_ids", collection_ids)
        ids = await collect_checked_ids("collection_ids", collection_ids, self.context.lifetime)
        return await estimate_runs(await without_started(ids, journal), self.collections, self.account)

    async def _check_credits(self, collection_ids: Iterable[int], noted: RunJournal | None) -> None:
        ids = [number for number in collection_ids if type(number) is int]
        ids = [number for number in ids if noted is None or noted.needs_start(number)]
        check_credits(await estimate_runs(ids, self.collections, self.account))

    def _waits(self, policy: PollPolicy) -> RunWaiter:
        return RunWaiter(self.context, self.collections, self.starter, self.poller, policy, report=self.poller.report)
