"""Many category scrapes through one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.bulk_client import impatient
from support.eventually import until

from multicart_async import AsyncMultiCart, Limits, Outcome
from multicart_async.errors import (
    ArgumentError,
    BadRequestError,
    CategoryFailedError,
    ClientClosedError,
    DiskError,
    InsufficientCreditsError,
    MultiCartWarning,
    OutcomeUnknownError,
    RunCancelledError,
    ServerError,
)
from multicart_async.models import CategoryRequest, CategoryRun, RunDownload
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import DropAfter, Status

SUBMIT = "/schedules/amazon/category/add_schedule/"
CANCEL = "/schedules/amazon/category/cancel/"


def request(node: int, **fields: Any) -> CategoryRequest:
    url = f"https://www.amazon.com.au/s?rh=n%3A{node}"
    return CategoryRequest(url, **{"domain": "amazon.com.au", "postcode": "4500", **fields})


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True, category_items=20) as made:
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox, limits=Limits(requests=1), attempts=3) as made:
        yield made


async def all_of(outcomes: Any) -> dict[CategoryRequest, Outcome[CategoryRequest, Any]]:
    return {outcome.key: outcome async for outcome in outcomes}


async def test_each_request_gets_its_scrape(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The key is the request, the value the finished scrape, of a collection of its own."""
    requests = [request(1_000 + nth) for nth in range(12)]

    done = await all_of(client.categories.submit_many(requests))

    runs = [done[each].unwrap() for each in requests]
    assert all(isinstance(run, CategoryRun) and run.is_download_generated for run in runs)
    assert len({run.collection for run in runs}) == 12
    assert sandbox.counts[SUBMIT] == 12


async def test_requests_may_come_from_an_async_iterable(client: AsyncMultiCart) -> None:
    """They are submitted as they come."""

    async def source() -> AsyncIterator[CategoryRequest]:
        for nth in range(3):
            await asyncio.sleep(0)
            yield request(1_000 + nth)

    assert len(await all_of(client.categories.submit_many(source()))) == 3


@pytest.mark.parametrize("csv", [True, False])
async def test_with_a_folder_each_is_downloaded(client: AsyncMultiCart, tmp_path: Path, csv: bool) -> None:
    """JSON, and the CSV unless it is not wanted."""
    requests = [request(1_000 + nth) for nth in range(4)]

    done = await all_of(client.categories.submit_many(requests, tmp_path, csv=csv))

    expected = {"category_asins.json", "SHA256SUMS", "manifest.json"} | ({"category_asins.csv"} if csv else set())
    for outcome in done.values():
        download = outcome.unwrap()
        assert isinstance(download, RunDownload)
        folder = tmp_path / f"{download.run.collection}" / f"{download.run.id}"
        assert expected == {path.name for path in folder.iterdir()}
    assert set(requests) == set(done)


async def test_failures_stop_nothing(sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path) -> None:
    """Refused, not submittable, lost, failed and not downloadable are outcomes; each was submitted at most once."""
    refused, wrong, lost, failed = (
        request(1, postcode="0000"),
        request(2, priority="Urgent"),
        request(3),
        request(4),
    )
    broken, good = request(5), request(6)
    sandbox.faults.add(SUBMIT, DropAfter(), after=1)
    sandbox.faults.add("/results/103/*", Status(500), times=None)  # 101 fails, 102 is lost, the next is broken
    sandbox.fail_next_run(None, "no luck")

    done = await all_of(client.categories.submit_many([failed, lost, refused, wrong, broken, good], tmp_path))

    kinds = {
        refused: BadRequestError,
        wrong: ArgumentError,
        lost: OutcomeUnknownError,
        failed: CategoryFailedError,
        broken: ServerError,
    }
    assert kinds == {each: type(outcome.error) for each, outcome in done.items() if not outcome.ok}
    assert done[good].ok
    assert sandbox.counts[SUBMIT] == 5


async def test_a_missing_cookie_says_what_to_do_first(client: AsyncMultiCart) -> None:
    """The service's 400 names the postcode; the note says to create it."""
    one = request(1, postcode="0000")

    error = (await all_of(client.categories.submit_many([one])))[one].error

    assert isinstance(error, BadRequestError)
    assert ["client.zipcodes.ensure" in note for note in error.__notes__] == [True]
    assert "amazon.com.au and 0000" in error.__notes__[0]


async def test_one_without_credits_is_an_outcome(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """402, and it is not tried again."""
    sandbox.set_credits(0)

    (outcome,) = (await all_of(client.categories.submit_many([request(1)]))).values()

    assert isinstance(outcome.error, InsufficientCreditsError)
    assert sandbox.counts[SUBMIT] == 1


@pytest.mark.parametrize(
    "filters", [{"filter_prime_ships_from_au": True}, {"filter_delivery_day": "tomorrow"}], ids=["prime", "day"]
)
async def test_filters_elsewhere_warn(sandbox: Sandbox, client: AsyncMultiCart, filters: dict[str, Any]) -> None:
    """The service ignores them on other domains without a word; the scrape is submitted all the same."""
    sandbox.add_zipcode("90210", domain="amazon.com")
    elsewhere = request(1, domain="amazon.com", postcode="90210", **filters)

    with pytest.warns(MultiCartWarning, match=r"on amazon\.com; they work on amazon\.com\.au only"):
        done = await all_of(client.categories.submit_many([elsewhere]))

    assert done[elsewhere].ok


@pytest.mark.parametrize("stage", ["failed", "cancelled", "stopped"])
async def test_a_cancelled_scrape_is_an_outcome_of_its_own(stage: str) -> None:
    """Whatever the service reports as its stage; the others go on."""
    async with (
        Sandbox(clock="manual", scrape_seconds_per_item=1, category_items=2, stage_after_cancel=stage) as sandbox,
        impatient(sandbox) as client,
    ):
        outcomes = client.categories.submit_many([request(1)])
        async with aclosing(outcomes):
            first = asyncio.ensure_future(anext(outcomes))
            await until(lambda: sandbox.counts["/schedules/amazon/category/result/"])
            number = (await client.collections.list())[0].id

            assert await client.categories.cancel(number)
            outcome = await first

        assert isinstance(outcome.error, RunCancelledError)
        assert not await client.categories.cancel(number)  # nothing to stop is no error


async def test_cancelling_a_finished_scrape_is_no_error(client: AsyncMultiCart) -> None:
    """False: there was nothing to stop, and the result stays."""
    one = request(1)
    run = (await all_of(client.categories.submit_many([one])))[one].unwrap()

    assert not await client.categories.cancel(run.collection)
    assert (await client.categories.result(run.collection)).is_download_generated


async def test_an_unwritable_folder_is_an_error_before_submission(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path
) -> None:
    """A folder that cannot be written is an error before anything is submitted, because its files could not be stored."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DiskError):
        await all_of(client.categories.submit_many([request(1)], tmp_path / "file"))
    assert sandbox.counts[SUBMIT] == 0


async def test_a_closed_client_ends_it(client: AsyncMultiCart) -> None:
    """Not an outcome for each: the call itself ends."""

    async def consume() -> None:
        async for _ in client.categories.submit_many([request(1_000 + nth) for nth in range(20)]):
            await client.aclose()

    with pytest.raises(ClientClosedError):
        await consume()
