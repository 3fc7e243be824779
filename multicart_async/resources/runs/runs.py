"""``client.runs``: start runs, wait for the right one, and read its files and records."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from multicart_async._core.validation import check_choice, check_id, check_int
from multicart_async.config import PollPolicy
from multicart_async.models import CategoryRun, Run, RunDownload, RunState, StartedRun
from multicart_async.models.outcome import Outcome
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._polling import check_poll_policy
from multicart_async.resources._unfinished import noting
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._api import PAGE, RunApi, newest_finished
from multicart_async.resources.runs._poller import RunPoller, finished_run
from multicart_async.resources.runs._start import RunStarter
from multicart_async.resources.runs._tracker import check_started_run

if TYPE_CHECKING:  # downloads and work on many runs are imported when they begin
    from multicart_async._downloads.plan import Files
    from multicart_async._downloads.records import OnInvalid
    from multicart_async.models import Asin, Estimate
    from multicart_async.resources.runs._bulk import BulkRuns
    from multicart_async.resources.runs._follow import Since
    from multicart_async.sinks import Sink

__all__ = ["Runs"]

T = TypeVar("T")


class Runs(Resource):
    """``client.runs``: start runs, wait for the right one, and read its files and records.

    A run costs one credit per item.

    Service documentation: https://multicartapi.com/api-docs/collections, https://multicartapi.com/docs/concepts/results
    """

    def __init__(self, context: ClientContext, *, collections: Collections, account: Account, asins: Asins) -> None:
        super().__init__(context)
        self._asins = asins
        self._collections = collections
        self._account = account
        self._api = RunApi(context)
        self._starter = RunStarter(self._api, collections, context.clock)
        self._poller = RunPoller(context, self._api, collections, self._starter)

    async def start(self, collection_id: int) -> StartedRun:
        """Start a run of a collection, which scrapes its items for one credit each. It does not wait for the run.

        The service does not say which run it starts. So the newest run id is read first, with one call per page of up
        to 50 runs and one more, and the new run is the next one after it. If this client has started the collection
        before and that run is not listed yet, it is waited for, for up to 30 seconds: two starts must not share one
        baseline. Runs that are started elsewhere at the same moment cannot be distinguished from it: see
        `Run.ambiguous`.

        The start is sent once. If its response is lost, or a proxy times out, a new run is searched for, for up to 30
        seconds. An `asyncio.CancelledError` that is raised when it may have been sent has a note that names the
        `StartedRun`.

        Raises:
            InsufficientCreditsError: There are fewer credits than items; nothing was queued or deducted.
            OutcomeUnknownError: No response was received and no new run appeared. ``started`` can be waited for.
            APIError: The service reports a failure; or a proxy does, and no new run appeared: then ``started`` is set.
            InvalidResponseError, APITimeoutError: The list of runs has no end. Nothing was started.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        return await self._starter.start(collection_id)

    def start_many(
        self, collection_ids: Iterable[int] | AsyncIterable[int]
    ) -> AsyncGenerator[Outcome[int, StartedRun], None]:
        """Start many runs, `Limits.requests` at a time, and yield each outcome as it is known.

        One failure does not stop the others. Duplicate ids are started only once. The ids of a list are checked before
        anything is started; an invalid id from a generator is an outcome. A note of an `asyncio.CancelledError` names
        what was started and not yet yielded.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        return self._bulk().start_many(collection_ids)

    def wait_many(
        self, started: Iterable[StartedRun] | AsyncIterable[StartedRun], *, policy: PollPolicy = PollPolicy()
    ) -> AsyncGenerator[Outcome[StartedRun, Run], None]:
        """Wait for many runs and yield the outcome of each as it is known, as `wait` would end.

        One failure does not stop the others. Each tick requests one list of all collections, however many they are;
        only collections that have changed are asked for their runs, and all of them at every tenth tick. *started* is
        read while earlier ones are waited for; ``policy.wait_timeout`` of each starts when it is read. Ticks come at
        ``policy.poll_interval``, and less often while nothing ends; then the list is also requested between ticks, once
        in ``policy.max_poll_interval`` for every ten collections, but at least ``policy.poll_interval`` apart.

        A single failed list ends no wait. All waits end with its error if the list is rejected at two ticks in a row,
        or if at three ticks in a row it is not found, is rejected without an envelope or has an invalid shape. The
        items of a list in memory are checked before any request.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        return self._bulk().wait_many(started, policy)

    @overload
    def run_many(
        self,
        collection_ids: Iterable[int] | AsyncIterable[int],
        dest: None = None,
        *,
        policy: PollPolicy = ...,
        journal: str | os.PathLike[str] | None = None,
        check_credits: bool = False,
    ) -> AsyncGenerator[Outcome[int, Run], None]: ...

    @overload
    def run_many(
        self,
        collection_ids: Iterable[int] | AsyncIterable[int],
        dest: str | os.PathLike[str] | Sink,
        *,
        files: Files = "pages",
        policy: PollPolicy = ...,
        journal: str | os.PathLike[str] | None = None,
        check_credits: bool = False,
    ) -> AsyncGenerator[Outcome[int, RunDownload[Run]], None]: ...

    def run_many(
        self,
        collection_ids: Iterable[int] | AsyncIterable[int],
        dest: str | os.PathLike[str] | Sink | None = None,
        *,
        files: Files = "pages",
        policy: PollPolicy = PollPolicy(),
        journal: str | os.PathLike[str] | None = None,
        check_credits: bool = False,
    ) -> AsyncGenerator[Outcome[int, Any], None]:
        """Run collections, wait for them and, with *dest*, download their files, each as soon as it is ready.

        Yields each outcome as it is known: the finished `Run`, or with *dest* its `RunDownload`. One failure, even for
        lack of credits, does not stop the others. Duplicate ids are run only once. The ids of a list are checked before
        anything is started; an invalid id from a generator is an outcome. An `asyncio.CancelledError` has a note that
        names what was started and not yet yielded.

        With *journal*, the path of a file, each intent and each started run are on disk before and after the call.
        After a crash, the same call with the same journal continues to wait for the started runs; where it is unknown
        whether a run was started, it searches for it, and never starts another. Use a new journal for new runs.

        With *check_credits*, nothing is started unless the credits are sufficient for all; if that cannot be
        determined, there is a `MultiCartWarning`.

        Raises:
            InsufficientCreditsError: With *check_credits*: there are fewer credits than items.
            ArgumentError: An argument is invalid, or the journal is in use or damaged.
            DiskError: *dest* or the journal cannot be written.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        return self._bulk().run_many(
            collection_ids, dest, files=files, policy=policy, journal=journal, check_credits=check_credits
        )

    async def estimate(
        self, collection_ids: Iterable[int] | AsyncIterable[int], *, journal: str | os.PathLike[str] | None = None
    ) -> Estimate:
        """Return what runs of collections would cost, and what can be spent, from one list and one credits call.

        Duplicate ids count once. With *journal*, only the collections count that `run_many` with that journal would
        still start. The journal is only read: it may be missing, or in use by another process.

        Raises:
            ArgumentError: An id is invalid, or the journal is damaged. Nothing was sent.
            DiskError: The journal cannot be read.

        Service documentation: https://multicartapi.com/docs/credits-and-usage
        """
        return await self._bulk().estimate(collection_ids, journal)

    def follow(
        self,
        *,
        collections: Iterable[int] | AsyncIterable[int] | None = None,
        state: str | os.PathLike[str] | None = None,
        since: Since = "now",
        policy: PollPolicy = PollPolicy(wait_timeout=None),
    ) -> AsyncGenerator[Run, None]:
        """Yield each run of the account that finishes, however it was started, once, until you stop.

        With *collections*, ids, only their runs. ``since="now"`` leaves out what is finished when the runs of a
        collection are read for the first time; ``"all"`` yields that too. Of a collection that is listed later, all
        finished runs are yielded. Each tick requests one list of all collections, and the runs of those that have
        changed; every tenth tick those of all, as `wait_many` does.

        The runs of a collection are yielded in the order of their ids. A finished run waits for an older unfinished one
        while its collection is processing or not listed, but only for three readings of its runs, because a failed run
        stays unfinished. An older run that finishes after all is yielded late, unless it was followed by 64 others that
        have not finished.

        *state* is the path of a file that remembers what was yielded, for one process at a time. A run is acknowledged,
        on disk, when the next one is requested. After a restart with the same file nothing is missing: *since* has no
        effect, and everything that has finished and was not acknowledged is yielded, at most one of it again. If the
        first call was interrupted before it had read the runs of a collection, all its finished runs are yielded.

        A failed list or reading is repeated at a later tick. Close the generator (`contextlib.aclosing`) when you leave
        the loop.

        Raises:
            WaitTimeoutError: No run was yielded for ``policy.wait_timeout`` seconds; the default is no limit.
            APIError, InvalidResponseError: The list of collections is rejected repeatedly, as in `wait_many`.
            ArgumentError: An argument is invalid, or the state is damaged or in use.
            DiskError: The state cannot be read or written.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        from multicart_async.resources.runs._follow import follow_runs  # noqa: PLC0415

        return follow_runs(
            *(self._context, self._collections, self._api), chosen=collections, state=state, since=since, policy=policy
        )

    def _bulk(self) -> BulkRuns:
        from multicart_async.resources.runs._bulk import BulkRuns  # noqa: PLC0415

        return BulkRuns(
            *(self._context, self._collections, self._account, self._api, self._starter, self._poller), self.download
        )

    async def list(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> tuple[Run, ...]:
        """Return one page of the runs of a collection, in no guaranteed order; usually the newest come first.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        check_int("skip", skip)
        check_int("limit", limit, minimum=1)
        return await self._api.page(collection_id, skip=skip, limit=limit)

    def iterate(self, collection_id: int) -> AsyncGenerator[Run, None]:
        """Yield every run of a collection once. A list that changes meanwhile is read again.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        return self._api.iterate(collection_id)

    async def latest(self, collection_id: int) -> Run | None:
        """Return the finished run with the highest id, or ``None``. It may be old: for a run you started, use `wait`.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        return await newest_finished(self.iterate(collection_id))

    async def wait(self, started: StartedRun, *, policy: PollPolicy = PollPolicy()) -> Run:
        """Wait until a started run is finished, and return it; a run from before the start is never returned.

        It is the smallest finished run whose id is above ``started.after_run_id``. A poll that fails for a transient
        reason counts against the deadline but does not end the wait. "Not found", a rejection without an envelope (as
        from a proxy) and an invalid shape end it at the third in a row.

        Raises:
            WaitTimeoutError: ``policy.wait_timeout`` has passed. The run continues, and can be waited for again.
            RunFailedError: The collection's ``schedule_status`` is Failed.
            AmbiguousRunError: There is more than one new run, with ``policy.on_ambiguous="raise"``.
            NotFoundError: The collection is gone.
            APIError: The service rejects a poll, or a proxy does so three times in a row.
            InvalidResponseError: The service responds in an invalid shape, three times in a row.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        return await finished_run(self.watch(started, policy=policy))

    async def start_and_wait(self, collection_id: int, *, policy: PollPolicy = PollPolicy()) -> Run:
        """Start a run of a collection and return the finished run: `start`, then `wait`. Raises the errors of both.

        An `asyncio.CancelledError` during the wait has a note that names the `StartedRun`: the run continues.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_poll_policy(policy)  # before the start, which costs credits
        started = await self.start(collection_id)
        with noting(f"the run continues: {started!r}; wait for it again with runs.wait", sent=True):
            return await self.wait(started, policy=policy)

    def watch(self, started: StartedRun, *, policy: PollPolicy = PollPolicy()) -> AsyncGenerator[RunState, None]:
        """Yield each change of a started run once; the last is the finished run. Ends and raises as `wait` does.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_started_run(started)
        check_poll_policy(policy)
        return self._poller.watch(started, policy)

    async def download(
        self,
        run: Run,
        dest: str | os.PathLike[str] | Sink,
        *,
        files: Files = "pages",
        overwrite: bool = False,
        count_records: bool = False,
        strict: bool = False,
    ) -> RunDownload[Run]:
        """Download the result files of a finished run to ``<dest>/<collection>/<run>/``, verified.

        *files* is ``"pages"`` (``page-0001.json`` …), ``"zip"`` (``all-pages.zip``) or ``"both"``. Files that an
        earlier call has downloaded are not fetched again, unless *overwrite*. ``manifest.json`` is written last: a
        folder that has one is complete.

        With *count_records* each page is parsed and its records are counted. If they do not add up to the run's
        ``total_exacted_result`` or ``total_results``, ``differences`` says so, here and in the manifest; with *strict*
        it is an `IncompleteRunError`. How the service counts is not documented, so by default this is only reported. A
        record is an object; ``differences`` also names pages with other values, and pages that are not valid JSON.

        Raises:
            DownloadError: A file could not be downloaded completely, or the disk reported an error; that file is not
                stored.
            APIError: The service rejected the request for a file.
            ArgumentError: The run is not finished.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        from multicart_async._downloads.manager import DownloadOptions, check_run  # noqa: PLC0415

        check_run(run)
        return await self._context.downloads.download_run(
            run,
            dest,
            files,
            relist=self._relist(run),
            options=DownloadOptions(overwrite=overwrite, count_records=count_records, strict=strict),
        )

    @overload
    def records(
        self, run: Run | CategoryRun, *, into: type[dict[str, Any]] = ..., on_invalid: OnInvalid = ...
    ) -> AsyncGenerator[dict[str, Any], None]: ...

    @overload
    def records(
        self, run: Run | CategoryRun, *, into: type[T], on_invalid: OnInvalid = ...
    ) -> AsyncGenerator[T, None]: ...

    def records(
        self, run: Run | CategoryRun, *, into: type[Any] = dict, on_invalid: OnInvalid = "raise"
    ) -> AsyncGenerator[Any, None]:
        """Yield each record of each page, directly from the service, without holding a page in memory.

        A record is what `json.loads` makes of an object, or an instance of the attrs class, dataclass or `TypedDict`
        *into*. Nothing is converted: ``"5"`` does not fit an ``int``. Fields that the class does not have are left out;
        a `TypedDict` keeps them. Prices are usually strings with a currency sign. A page that is one object is one
        record.

        With ``on_invalid="skip"``, values that are not objects or do not fit *into* are left out, and a
        `RecordsSkipped` event reports their number for each page.

        If you do not read to the end, close the generator (`contextlib.aclosing`): it holds a connection.

        Raises:
            ArgumentError: *into* is not such a class, or one of its fields cannot be made from JSON. Nothing was sent.
            InvalidResponseError: A page is not valid JSON, is neither an array nor an object, or has a record larger
                than ``Limits.record_bytes``; or, unless they are skipped, a value is not an object or does not fit
                *into*.
            DownloadError: A page could not be read to its end, or has changed after its first records were yielded.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        from multicart_async._downloads.manager import check_run  # noqa: PLC0415
        from multicart_async._downloads.record_codec import record_reader  # noqa: PLC0415
        from multicart_async._downloads.records import OnInvalid  # noqa: PLC0415

        check_run(run)
        check_choice("on_invalid", on_invalid, OnInvalid)
        return self._context.downloads.records(run, record_reader(into), on_invalid, relist=self._relist(run))

    async def missing_items(self, run: Run) -> tuple[Asin, ...]:
        """Return those items of a collection of ASINs that have no record in a finished run; all records are read.

        No documented field of a record is its postcode: one record counts for an ASIN at all its postcodes. An item that was
        added after the run is left out if the list shows when; the documented list does not. A deleted one is not listed.

        Raises:
            ArgumentError: The run is not finished, or its collection is not of ASINs: SKUs and the products of a
                category cannot be listed.
            MultiCartError: The collection, its items or the records cannot be read; see `records`.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        from multicart_async.resources.runs._missing_items import find_missing_items  # noqa: PLC0415

        return await find_missing_items(run, self._collections, self._asins, self.records)

    def _relist(self, run: Run | CategoryRun) -> Callable[[], Awaitable[Run | None]]:
        return lambda: self._api.find(run.collection, run.id)
