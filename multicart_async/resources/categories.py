"""``client.categories``: scrape entire Amazon categories."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing

import attrs

from multicart_async._core.tasks import map_unordered
from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import check_id, check_iterable
from multicart_async._downloads.manager import DownloadOptions, check_run
from multicart_async._http.endpoint import Endpoint
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    CategoryFailedError,
    InsufficientCreditsError,
    InvalidResponseError,
    PermissionDeniedError,
    RunCancelledError,
    WaitTimeoutError,
)
from multicart_async.events import RunProgress
from multicart_async.models import (
    CategoryRequest,
    CategoryRun,
    DeliveryDay,
    Priority,
    RunDownload,
    StartedCategory,
)
from multicart_async.models._base import Model, Strict
from multicart_async.models.outcome import Outcome
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._category_request import check_request
from multicart_async.resources._outcomes import outcome_of
from multicart_async.resources._polling import PollResult, PollTimer, check_poll_policy, poll_changes
from multicart_async.resources._unfinished import CUT_SHORT, Unfinished, noting, was_sent
from multicart_async.resources.collections import Collections
from multicart_async.sinks import Sink

__all__ = ["Categories"]

_FINAL = (AuthenticationError, InsufficientCreditsError, PermissionDeniedError)


@attrs.frozen(kw_only=True)
class _Submitted(Model):
    id: Strict[int]
    runner_id: Strict[int]


@attrs.frozen(kw_only=True)
class _Cancelled(Model):
    id: Strict[int | None] = None
    revoked: Strict[bool]


SUBMIT = Endpoint("/schedules/amazon/category/add_schedule/", _Submitted, safety="unsafe")
RESULT = Endpoint(
    "/schedules/amazon/category/result/",
    tuple[CategoryRun, ...],
    safety="safe",
    echo=("collection_id", "collection"),
    subject=("category scrape", "collection_id"),
)
CANCEL = Endpoint(
    "/schedules/amazon/category/cancel/",
    _Cancelled,
    safety="idempotent",
    echo=("collection_id", "id"),
    subject=("category scrape", "collection_id"),
)

WAITING = 1_000  # scrapes that are waited for at once; others are submitted as these end
CANCELLED = "Cancelled by user"  # the documented failed_message of a cancelled scrape


class Categories(Resource):
    """``client.categories``: scrape entire Amazon categories, for one credit per product found.

    Service documentation: https://multicartapi.com/api-docs/amazon-category
    """

    def __init__(self, context: ClientContext, *, collections: Collections) -> None:
        super().__init__(context)
        self._collections = collections

    async def submit(
        self,
        category_url: str,
        *,
        domain: str,
        postcode: str,
        amazon_node_id: str | Unset = UNSET,
        name: str | Unset = UNSET,
        filter_prime_ships_from_au: bool | Unset = UNSET,
        filter_delivery_day: DeliveryDay | Unset | None = UNSET,
        price_min_cents: int | Unset = UNSET,
        price_max_cents: int | Unset = UNSET,
        notification_email: str | Unset = UNSET,
        priority: Priority | Unset = UNSET,
    ) -> StartedCategory:
        """Scrape a category now, for one credit per product found. It gets a collection of its own.

        *domain* and *postcode* are names, such as ``"amazon.com.au"`` and ``"4500"``, not ids; the postcode must be
        active for that domain. *amazon_node_id* is taken from the URL if omitted. Both filters work on amazon.com.au
        only: elsewhere they cause a `MultiCartWarning`. Prices are in cents.

        It is sent once: a lost response is an `OutcomeUnknownError`, and the scrape may be running. An
        `asyncio.CancelledError` that is raised when it may have been sent has a note that says so.

        Raises:
            BadRequestError: Usually the postcode has no cookie file yet: call `Zipcodes.ensure`.
            InsufficientCreditsError: There are not enough credits.
            OutcomeUnknownError: The response was lost.
            ArgumentError: An argument is invalid.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        request = CategoryRequest(
            category_url,
            domain=domain,
            postcode=postcode,
            amazon_node_id=amazon_node_id,
            name=name,
            filter_prime_ships_from_au=filter_prime_ships_from_au,
            filter_delivery_day=filter_delivery_day,
            price_min_cents=price_min_cents,
            price_max_cents=price_max_cents,
            notification_email=notification_email,
            priority=priority,
        )
        return await self._submit(request)

    async def _submit(self, request: CategoryRequest) -> StartedCategory:
        fields = attrs.asdict(request)
        fields["amazon_node_id"] = check_request(request)
        note = (
            "the category scrape may have been submitted and charged: check for its collection before you submit again"
        )
        try:
            with noting(note):
                submitted = await self._call(SUBMIT, fields)
        except BadRequestError as error:
            error.add_note(
                f"A category scrape needs a cookie file for {request.domain} and {request.postcode}: "
                "client.zipcodes.ensure creates the postcode and waits until it is active; then submit again."
            )
            raise
        return StartedCategory(submitted.id, submitted.runner_id)

    async def submit_many(
        self,
        requests: Iterable[CategoryRequest] | AsyncIterable[CategoryRequest],
        dest: str | os.PathLike[str] | Sink | None = None,
        *,
        csv: bool = True,
        policy: PollPolicy = PollPolicy(),
    ) -> AsyncGenerator[Outcome[CategoryRequest, CategoryRun | RunDownload[CategoryRun]], None]:
        """Scrape many categories, with *dest* download each, and yield each outcome as it is known.

        Each is submitted once, waited for as in `wait`, downloaded as in `download` once it is finished. One failure
        does not stop the others. The value is the finished scrape, or with *dest* its download. An
        `asyncio.CancelledError` has a note that names what was submitted and not yet yielded.

        Raises:
            DiskError: *dest* cannot be written to.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        check_iterable("requests", requests)
        check_poll_policy(policy)
        sink = None if dest is None else await self._context.downloads.sink(dest)
        lifetime = self._context.lifetime
        unfinished = Unfinished(
            "wait for these scrapes with categories.wait; before you submit a URL again, check whether its scrape exists"
        )

        async def submit(request: CategoryRequest) -> StartedCategory:
            try:
                started = await self._submit(request)
            except CUT_SHORT as error:
                if was_sent(error):
                    unfinished.add(request.category_url)
                raise
            unfinished.add(started)
            return started

        async def end(
            submitted: tuple[CategoryRequest, StartedCategory | Exception],
        ) -> CategoryRun | RunDownload[CategoryRun]:
            _, started = submitted
            if isinstance(started, Exception):
                raise started
            run = await self.wait(started, policy=policy)
            return run if sink is None else await self.download(run, sink, csv=csv)

        with unfinished.noting():
            async with (
                aclosing(map_unordered(requests, submit, self._context.limits.requests, lifetime)) as submitted,
                aclosing(map_unordered(submitted, end, WAITING, lifetime)) as ends,
            ):
                async for (request, started), result in ends:
                    unfinished.discard(started)
                    yield outcome_of(request, result)

    async def result(self, collection_id: int) -> CategoryRun:
        """Return a category scrape in its current state; its records are in ``asins`` once it is finished.

        Raises:
            NotFoundError: There is no such collection, or it belongs to another account.
            InvalidResponseError: The service returns no run (yet).

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        run = await self._find_run(collection_id, None)
        if run is None:
            raise InvalidResponseError(RESULT.path, f"no run of collection {collection_id} yet")
        return run

    async def _find_run(self, collection_id: int, runner_id: int | None) -> CategoryRun | None:
        check_id("collection_id", collection_id)
        runs = await self._call(RESULT, {"collection_id": collection_id})  # documented as an array of exactly one
        matching = [run for run in runs if runner_id in {None, run.id}]
        return max(matching, key=lambda run: run.id, default=None)

    async def wait(self, started: StartedCategory | int, *, policy: PollPolicy = PollPolicy()) -> CategoryRun:
        """Wait until a category scrape is finished, and return it.

        *started* is the result of `submit`, or the id of the collection.

        Raises:
            WaitTimeoutError: ``policy.wait_timeout`` has passed. The scrape continues, and can be waited for again.
            CategoryFailedError: It failed.
            RunCancelledError: It was cancelled.
            NotFoundError: The collection is gone.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        async with aclosing(self.watch(started, policy=policy)) as runs:
            async for run in runs:
                if run.is_download_generated:
                    return run
        raise AssertionError("watch ends with a finished run or an error")  # pragma: no cover -- for type checkers

    async def watch(
        self, started: StartedCategory | int, *, policy: PollPolicy = PollPolicy()
    ) -> AsyncGenerator[CategoryRun, None]:
        """Yield each change of a category scrape once; the last is the finished one. Ends and raises as `wait` does.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        if isinstance(started, StartedCategory):
            collection_id, runner_id = (
                check_id("started", started.collection_id),
                check_id("started", started.runner_id),
            )
        else:
            collection_id, runner_id = check_id("started", started), None
        timer = PollTimer(policy, self._context.clock)

        async def poll() -> PollResult[CategoryRun]:
            run = await self._find_run(collection_id, runner_id)
            if run is None or not run.is_download_generated:
                await self._raise_if_ended(started, run, collection_id)
            return PollResult(run, run, finished=run is not None and run.is_download_generated)

        def timed_out(last: CategoryRun | None) -> WaitTimeoutError:
            reason = f"category scrape {collection_id} is not finished after {timer.elapsed:.0f} s"
            error = WaitTimeoutError(reason, started=started, last=last)
            return self._context.api.redactor.error(error)

        async with aclosing(poll_changes(poll, timer, timed_out)) as runs:
            async for run in runs:
                self._report(run, timer.elapsed)
                yield run

    async def _raise_if_ended(
        self, started: StartedCategory | int, run: CategoryRun | None, collection_id: int
    ) -> None:
        """Raise if the scrape failed or was cancelled. The stage of a cancelled scrape is not documented."""
        failed = run is not None and run.stage == "failed"
        message = None
        try:
            collection = await self._collections.get(collection_id)
        except (APIError, APIConnectionError, InvalidResponseError) as error:
            # whether this call returns the collection of a category is not documented, so it may fail
            if isinstance(error, _FINAL) and error.in_envelope and not failed:
                raise
        else:
            failed = failed or collection.is_failed
            message = self._context.api.redactor.value(collection.failed_message)
        if not failed:
            return
        kind = RunCancelledError if message == CANCELLED else CategoryFailedError
        what = "was cancelled" if kind is RunCancelledError else "failed"
        reason = f"category scrape {collection_id} {what}: {message or 'no reason is given'}"
        raise self._context.api.redactor.error(kind(reason, started=started, last=run, failed_message=message))

    def _report(self, run: CategoryRun, waited: float) -> None:
        self._context.emit(
            RunProgress(
                collection_id=run.collection,
                run_id=run.id,
                status=self._context.api.redactor.value(run.stage),
                waited=waited,
                finished=run.is_download_generated,
            )
        )

    async def submit_and_wait(
        self,
        category_url: str,
        *,
        domain: str,
        postcode: str,
        amazon_node_id: str | Unset = UNSET,
        name: str | Unset = UNSET,
        filter_prime_ships_from_au: bool | Unset = UNSET,
        filter_delivery_day: DeliveryDay | Unset | None = UNSET,
        price_min_cents: int | Unset = UNSET,
        price_max_cents: int | Unset = UNSET,
        notification_email: str | Unset = UNSET,
        priority: Priority | Unset = UNSET,
        policy: PollPolicy = PollPolicy(),
    ) -> CategoryRun:
        """Scrape a category now and return the finished scrape: `submit`, then `wait`. Raises the errors of both.

        An `asyncio.CancelledError` during the wait has a note that names the `StartedCategory`: the scrape continues.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        check_poll_policy(policy)  # before the submission, which costs credits
        started = await self.submit(
            category_url,
            domain=domain,
            postcode=postcode,
            amazon_node_id=amazon_node_id,
            name=name,
            filter_prime_ships_from_au=filter_prime_ships_from_au,
            filter_delivery_day=filter_delivery_day,
            price_min_cents=price_min_cents,
            price_max_cents=price_max_cents,
            notification_email=notification_email,
            priority=priority,
        )
        with noting(f"the category scrape continues: {started!r}; wait for it again with categories.wait", sent=True):
            return await self.wait(started, policy=policy)

    async def cancel(self, collection_id: int) -> bool:
        """Stop a category scrape, and return whether there was one to stop. It cannot be resumed.

        ``False`` is not an error: it had ended already, or was stopped by an earlier attempt whose response was lost.

        Raises:
            NotFoundError: There is no such collection, or it belongs to another account.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        check_id("collection_id", collection_id)
        return (await self._call(CANCEL, {"collection_id": collection_id})).revoked

    async def download(
        self, run: CategoryRun, dest: str | os.PathLike[str] | Sink, *, csv: bool = True, overwrite: bool = False
    ) -> RunDownload[CategoryRun]:
        """Download ``category_asins.json`` of a finished scrape to ``<dest>/<collection>/<run>/``, verified.

        With *csv*, ``category_asins.csv`` is stored beside it, with the columns of the dashboard's CSV. The API has
        none, so it is made from the JSON: strings are unchanged, booleans and numbers are written as in JSON, missing
        values are empty. ``differences`` reports values of the JSON that the CSV lacks because they are not objects, or
        why there is no CSV: JSON that cannot be parsed is kept as received.

        Raises:
            DownloadError: The file could not be downloaded completely, or the disk reported an error; nothing is
                stored.
            APIError: The service rejected the request.
            ArgumentError: The scrape is not finished.

        Service documentation: https://multicartapi.com/api-docs/amazon-category
        """
        check_run(run)

        async def relist() -> CategoryRun | None:
            return await self._find_run(run.collection, run.id)

        return await self._context.downloads.download_run(
            run, dest, "pages", relist=relist, options=DownloadOptions(overwrite=overwrite, csv=csv)
        )
