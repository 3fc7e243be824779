"""`missing_items`: the items of a collection without a record in a run."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import pytest_asyncio
from support.bulk_client import impatient
from support.download_kit import run_of, url
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import groups_over

from multicart_async import AsyncMultiCart
from multicart_async.errors import ArgumentError
from multicart_async.models import CategoryRun, Run
from multicart_async.sandbox import Sandbox

AMAZON = {"id": 101, "name": "AU", "request_type": "amazon"}
NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True, items_per_page=4, record_bytes=200) as made:
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox) as made:
        yield made


async def missing(items: list[dict[str, Any]], records: list[dict[str, Any]], run: Run | None = None) -> list[int]:
    """The ids of the missing items, where the service lists *items* and the run has *records*."""
    files = {url(1): FakeFile.whole(json.dumps(records).encode())}
    transport = FakeTransport(ok(AMAZON), ok(items), ok([]), files=files)
    return [item.id for item in await groups_over(transport).runs.missing_items(run or run_of(1))]


async def test_a_complete_run_misses_nothing(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """A run that brought every item misses none."""
    (number,) = sandbox.add_collections(1, items=9)

    assert await client.runs.missing_items(await client.runs.start_and_wait(number)) == ()


async def test_lost_items_are_missing(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The items without a record are returned as the service lists them, in its order."""
    (number,) = sandbox.add_collections(1, items=9)
    sandbox.lose_items_of_next_run(number, 2)
    run = await client.runs.start_and_wait(number)

    assert await client.runs.missing_items(run) == (await client.asins.list(number))[-2:]
    assert (run.total_extracted_results, run.total_results) == (7, 9)


async def test_an_empty_run_misses_everything(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """A finished run without files has brought nothing."""
    (number,) = sandbox.add_collections(1, items=3)
    sandbox.lose_items_of_next_run(number, 3)
    run = await client.runs.start_and_wait(number)

    assert [len(run.download_links.pages), len(await client.runs.missing_items(run))] == [0, 3]


async def test_the_kind_takes_one_call(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The kind of the collection takes one call; the others read the list and, once, each page of the run."""
    (number,) = sandbox.add_collections(1, items=9)
    (run,) = await client.runs.list(number)
    sandbox.recording.clear()
    await client.runs.missing_items(run)

    assert sandbox.counts == {
        "/schedules/get/": 1,
        "/schedules/amazon/asin/list/": 2,  # the second one proves that the list has ended
        "/results/{collection_id}/{runner_id}/{file_name}": 3,
    }


async def test_one_record_is_enough_for_all_postcodes() -> None:
    """An ASIN at several postcodes is missing at all of them or at none, whatever the case of its letters."""
    items = [{"id": number, "asin": asin} for number, asin in enumerate(("B0A", "B0A", "B0C", "B0C"), 1)]

    assert await missing(items, [{"asin": "b0a"}]) == [3, 4]


async def test_items_added_later_are_left_out() -> None:
    """An item that was created after the run is not missing, if both moments are known."""
    items = [
        {"id": 1, "asin": "B0A", "created_at": "2026-06-20T11:59:59Z"},
        {"id": 2, "asin": "B0B", "created_at": "2026-06-20T12:00:01Z"},
        {"id": 3, "asin": "B0C"},
    ]

    assert await missing(items, [{"asin": "B0X"}], attrs.evolve(run_of(1), created_at=NOON)) == [1, 3]
    assert await missing(items, [{"asin": "B0X"}], attrs.evolve(run_of(1), created_at=None)) == [1, 2, 3]


async def test_records_without_an_asin_bring_nothing() -> None:
    """A record without the documented field, or with another value in it, belongs to no item."""
    assert await missing([{"id": 1, "asin": "B0A"}], [{}, {"asin": None}, {"asin": ["B0A"]}]) == [1]


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (attrs.evolve(run_of(1), is_download_generated=False), "run: run 88 is not finished; wait for it"),
        (
            CategoryRun(id=88, collection=101, is_download_generated=True),
            "run: expected the run of a collection of ASINs, got category scrape 88",
        ),
        (88, "run: expected a run from wait, list or latest, got 88"),
    ],
)
async def test_other_runs_are_rejected_unsent(run: Any, text: str) -> None:
    """A run that is not finished, a category scrape and what is no run are rejected before any request."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError) as caught:
        await groups.runs.missing_items(run)

    assert (str(caught.value), groups.transport.sent) == (text, [])


@pytest.mark.parametrize("kind", ["officeworks.com.au", "amazon_category_scrape", None])
async def test_other_collections_are_rejected(kind: str | None) -> None:
    """The service documents no list of SKUs, so only a collection that says it is Amazon's is compared."""
    groups = groups_over(FakeTransport(ok({**AMAZON, "request_type": kind})))
    with pytest.raises(ArgumentError, match=r"run: expected the run of an Amazon collection, because") as caught:
        await groups.runs.missing_items(run_of(1))

    assert str(caught.value).endswith(f"collection 101 has request_type {kind!r}")
    assert len(groups.transport.sent) == 1
