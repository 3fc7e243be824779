"""``client.categories``: scrape a whole Amazon category. Documentation: api-docs/amazon-category."""

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
from multicart_async.models.outcome import Outcome, outcome_of
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._category_request import check_request
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

WAITING = 1_000  # scrapes that are waited for at a time; the others are submitted as these end
CANCELLED = "Cancelled by user"  # the documented failed_message of a cancelled scrape


class Categories(Resource):
    """``client.categories``: scrape a whole Amazon category, for a credit for each product found.

    Documentation: api-docs/amazon-category.
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
        """Scrape a category now, for a credit for each product found. It gets a collection of its own.

        *domain* and *postcode* are names, as ``"amazon.com.au"`` and ``"4500"``, not ids; the postcode must be active
        for that domain. *amazon_node_id* is taken from the URL where it is not given. Both filters work on
        amazon.com.au only: elsewhere they are a `MultiCartWarning`. Prices are in cents.

        It is sent once: a lost answer is an `OutcomeUnknownError`, and the scrape may be running. An
        `asyncio.CancelledError` that comes when it may have been sent has a note that says so.

        Raises:
            BadRequestError: Mostly: the postcode has no cookie file yet. `Zipcodes.ensure` helps.
            InsufficientCreditsError: No credits for it.
            OutcomeUnknownError: The answer was lost.
            ArgumentError: An argument cannot be right.
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
            "the category scrape may have been submitted and charged: look for its collection before you submit again"
        )
        try:
            with noting(note):
                submitted = await self._call(SUBMIT, fields)
        except BadRequestError as error:
            error.add_note(
                f"A category scrape wants a cookie file for {request.domain} and {request.postcode}: "
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
        """Scrape many categories, and with *dest* download each as soon as it is ready: what becomes of each, as it is known.

        Each is submitted once, waited for as `wait` does, downloaded as `download` does. One failure stops nothing. The
        value is the finished scrape, or with *dest* its download. An `asyncio.CancelledError` has a note that names what
        was submitted and not yet yielded.

        Raises:
            DiskError: *dest* cannot be written to.
        """
        check_iterable("requests", requests)
        check_poll_policy(policy)
        sink = None if dest is None else await self._context.downloads.sink(dest)
        lifetime = self._context.lifetime
        unfinished = Unfinished(
            "wait for these scrapes with categories.wait; look for a URL's before you submit it again"
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
        """Return a category scrape as it is now; its records are in ``asins`` once it is finished.

        Raises:
            NotFoundError: No such collection, or not yours.
            InvalidResponseError: The service answers no row (yet).
        """
        run = await self._row(collection_id, None)
        if run is None:
            raise InvalidResponseError(RESULT.path, f"no run of collection {collection_id} yet")
        return run

    async def _row(self, collection_id: int, runner_id: int | None) -> CategoryRun | None:
        check_id("collection_id", collection_id)
        rows = await self._call(RESULT, {"collection_id": collection_id})  # documented as an array of exactly one
        fitting = [row for row in rows if runner_id in {None, row.id}]
        return max(fitting, key=lambda row: row.id, default=None)

    async def wait(self, started: StartedCategory | int, *, policy: PollPolicy = PollPolicy()) -> CategoryRun:
        """Wait until a category scrape is finished, and return it.

        *started* is what `submit` gave, or the id of the collection.

        Raises:
            WaitTimeoutError: ``policy.wait_timeout`` is over. The scrape goes on, and waiting again goes on too.
            CategoryFailedError: It failed.
            RunCancelledError: It was cancelled.
            NotFoundError: The collection is gone.
        """
        async with aclosing(self.watch(started, policy=policy)) as runs:
            async for run in runs:
                if run.is_download_generated:
                    return run
        raise AssertionError("watch ends with a finished run or an error")  # pragma: no cover -- for type checkers

    async def watch(
        self, started: StartedCategory | int, *, policy: PollPolicy = PollPolicy()
    ) -> AsyncGenerator[CategoryRun, None]:
        """Each change of a category scrape, once; the last is the finished one. Ends and raises as `wait` does."""
        if isinstance(started, StartedCategory):
            collection_id, runner_id = (
                check_id("started", started.collection_id),
                check_id("started", started.runner_id),
            )
        else:
            collection_id, runner_id = check_id("started", started), None
        pace = PollTimer(policy, self._context.clock)
        last: list[CategoryRun] = []

        async def look() -> PollResult[CategoryRun]:
            run = await self._row(collection_id, runner_id)
            if run is not None:
                last[:] = [run]
            if run is None or not run.is_download_generated:
                await self._refuse_ended(started, run, collection_id)
            return PollResult(run, run, finished=run is not None and run.is_download_generated)

        def timed_out() -> WaitTimeoutError:
            reason = f"category scrape {collection_id} is not finished after {pace.elapsed:.0f} s"
            error = WaitTimeoutError(reason, started=started, last=next(iter(last), None))
            return self._context.api.redactor.error(error)

        async with aclosing(poll_changes(look, pace, timed_out)) as runs:
            async for run in runs:
                self._tell(run, pace.elapsed)
                yield run

    async def _refuse_ended(self, started: StartedCategory | int, run: CategoryRun | None, collection_id: int) -> None:
        """Raise if the scrape failed or was cancelled. What a cancelled one reports as stage is not documented."""
        failed = run is not None and run.stage == "failed"
        message = None
        try:
            collection = await self._collections.get(collection_id)
        except (APIError, APIConnectionError, InvalidResponseError) as error:
            # nothing says that a category's collection can be had like others: it is a help, not a condition
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

    def _tell(self, run: CategoryRun, waited: float) -> None:
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
        """Scrape a category now, and the scrape when it is finished: `submit`, then `wait`. Raises what these two raise.

        An `asyncio.CancelledError` during the wait has a note that names the `StartedCategory`: the scrape goes on.
        """
        check_poll_policy(policy)  # now: after the submission it is paid
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
        with noting(f"the category scrape goes on: {started!r}; wait for it again with categories.wait", sent=True):
            return await self.wait(started, policy=policy)

    async def cancel(self, collection_id: int) -> bool:
        """Stop a category scrape; whether there was something to stop. It cannot be taken up again.

        False is no error: it had ended already, or was stopped by an earlier attempt whose answer was lost.

        Raises:
            NotFoundError: No such collection, or not yours.
        """
        check_id("collection_id", collection_id)
        return (await self._call(CANCEL, {"collection_id": collection_id})).revoked

    async def download(
        self, run: CategoryRun, dest: str | os.PathLike[str] | Sink, *, csv: bool = True, overwrite: bool = False
    ) -> RunDownload[CategoryRun]:
        """``category_asins.json`` of a finished scrape, whole and verified, in ``<dest>/<collection>/<run>/``.

        With *csv*, ``category_asins.csv`` beside it, with the columns of the dashboard's CSV. The API has none, so it is
        made from the JSON: a text stays as it is, true, false and numbers are as in JSON, what is missing is empty.
        ``differences`` tells which values of the JSON it lacks because they are no objects, or why there is no CSV: where
        the JSON cannot be read, it is kept as the service sent it.

        Raises:
            DownloadError: The file could not be had whole: there is nothing under its name. Or the disk refused.
            APIError: The service refused it.
            ArgumentError: The scrape is not finished.
        """
        check_run(run)

        async def relist() -> CategoryRun | None:
            return await self._row(run.collection, run.id)

        return await self._context.downloads.download_run(
            run, dest, "pages", relist=relist, terms=DownloadOptions(overwrite=overwrite, csv=csv)
        )
