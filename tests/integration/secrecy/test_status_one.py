"""Texts of successful answers that become those of errors and events: a reason for a failure, a rejected item, a status."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.raw_server import Exchange, RawServer
from support.scanner import Scan, escapes
from support.verbs import HEADER, KEY, ROWS

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.errors import (
    AmbiguousRunError,
    CategoryFailedError,
    ItemsRejectedError,
    MultiCartError,
    RunFailedError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.events import Event
from multicart_async.models import StartedRun

ALL = " | ".join([*escapes(KEY).values(), *escapes(HEADER).values()])
STARTED = StartedRun(collection_id=101, after_run_id=87)
OFTEN = PollPolicy(poll_interval=0.01, max_poll_interval=0.01)
SOON = PollPolicy(poll_interval=0.01, max_poll_interval=0.01, wait_timeout=0.2)
ONE = PollPolicy(poll_interval=0.01, max_poll_interval=0.01, on_ambiguous="raise")
RUN: dict[str, Any] = {"id": 88, "collection": 101, "is_download_generated": False, "note": ALL, "more": [{ALL: ALL}]}
SCRAPE = {**RUN, "stage": ALL}
POSTCODE = {"id": 15, "zipcode": ALL, "status": ALL}
COLLECTION = {"id": 101, "name": ALL, "failed_message": ALL}
ROWS_OF_ERRORS = [{"asin": "B1", "error": ALL}, {"asin": "B2", "error": "no", "more": [ALL, {"at": ALL}]}]
RUNS, GET, SCRAPES, ZIPCODES = "results/download/", "schedules/get/", "category/result/", "zipcodes/get-zipcodes/"


class Service:
    """Answers by the end of a path; each answer of several once, and the last one from then on."""

    def __init__(self, **answers: list[Any]) -> None:
        self._answers = answers

    async def __call__(self, exchange: Exchange) -> bool:
        for end, answers in self._answers.items():
            if exchange.path.endswith(end):
                data = answers.pop(0) if len(answers) > 1 else answers[0]
                await exchange.answer(json.dumps({"code": 200, "data": data, "status": 1}).encode())
        return True


def collections(*statuses: str) -> list[Any]:
    return [{**COLLECTION, "schedule_status": status} for status in statuses]


async def unwrap(client: AsyncMultiCart) -> None:
    async for outcome in client.runs.wait_many([STARTED], policy=OFTEN):
        outcome.unwrap()


async def unwrap_late(client: AsyncMultiCart) -> None:
    async for outcome in client.runs.wait_many([STARTED], policy=SOON):
        outcome.unwrap()


async def reject(client: AsyncMultiCart) -> None:
    (await client.asins.create_many(101, ["B1", "B2"], domain="amazon.com.au", postcode="4500")).raise_for_errors()


async def reject_rows(client: AsyncMultiCart) -> None:
    (await client.asins.import_csv(101, ROWS)).raise_for_errors()


FAILING = {RUNS: [[RUN]], GET: collections("Processing", ALL, "Failed"), "get_schedules/": [collections("Failed")]}
ADDING = {"multiple/": [{"success_count": 0, "error_rows": ROWS_OF_ERRORS}]}
CASES: dict[str, tuple[type[MultiCartError], dict[str, list[Any]], Callable[[AsyncMultiCart], Awaitable[Any]]]] = {
    "run": (RunFailedError, FAILING, lambda c: c.runs.wait(STARTED, policy=OFTEN)),
    "one of many runs": (RunFailedError, FAILING, unwrap),
    "late run": (WaitTimeoutError, {**FAILING, GET: collections(ALL)}, lambda c: c.runs.wait(STARTED, policy=SOON)),
    "late one of many": (WaitTimeoutError, {**FAILING, GET: collections(ALL)}, unwrap_late),
    "two runs": (
        AmbiguousRunError,
        {**FAILING, RUNS: [[RUN, {**RUN, "id": 89}]]},
        lambda c: c.runs.wait(STARTED, policy=ONE),
    ),
    "scrape": (
        CategoryFailedError,
        {SCRAPES: [[SCRAPE], [{**SCRAPE, "stage": "failed"}]], GET: collections("Processing")},
        lambda c: c.categories.wait(101, policy=OFTEN),
    ),
    "late scrape": (
        WaitTimeoutError,
        {SCRAPES: [[SCRAPE]], GET: collections("Processing")},
        lambda c: c.categories.wait(101, policy=SOON),
    ),
    "postcode": (
        ZipcodeFailedError,
        {ZIPCODES: [[{**POSTCODE, "status": "failed"}]]},
        lambda c: c.zipcodes.wait_active(15, policy=OFTEN),
    ),
    "late postcode": (WaitTimeoutError, {ZIPCODES: [[POSTCODE]]}, lambda c: c.zipcodes.wait_active(15, policy=SOON)),
    "items": (ItemsRejectedError, ADDING, reject),
    "rows": (ItemsRejectedError, {"bulk/": ADDING["multiple/"]}, reject_rows),
}


@pytest.mark.parametrize("name", CASES)
async def test_no_text_under_status_one_becomes_a_leak(name: str, scan: Scan, caplog: Any) -> None:
    """Not in the error, in what it holds, nor in the events before it.

    Rows that were handed to the caller, or are about to be, are in frames as they came; the row that tells of a failed run
    is not.
    """
    kind, answers, call = CASES[name]
    told: list[Event] = []
    async with (
        RawServer(Service(**{end: list(data) for end, data in answers.items()})) as server,
        AsyncMultiCart(KEY, base_url=server.url, headers={"X-Gateway": HEADER}, on_event=told.append) as client,
    ):
        with pytest.raises(kind) as caught:
            await call(client)
    for event in told:
        scan.thing("event", event)
    caught.value.__traceback__ = caught.tb.tb_next if name in {"run", "one of many runs"} else None
    scan.error(caught.value)
    scan.logs(caplog.records)

    assert scan.found == set()


@pytest.mark.parametrize("name", ["run", "one of many runs", "scrape", "postcode", "late postcode", "items", "rows"])
@pytest.mark.heavy
async def test_no_part_of_a_key_is_left_where_a_text_is_cut(name: str) -> None:
    """Wherever the cut of a long reason falls: a secret is looked for before, as a part of it could not be found."""
    kind, answers, call = CASES[name]
    parts: set[str] = set()
    for size in (*range(200, 320, 7), *range(4_074, 4_096, 7)):
        long = json.dumps(f"{'x' * size}{KEY}{'x' * 5_000}")
        told = json.loads(json.dumps(answers).replace(json.dumps(ALL), long))
        async with (
            RawServer(Service(**told)) as server,
            AsyncMultiCart(KEY, base_url=server.url) as client,
        ):
            with pytest.raises(kind) as caught:
                await call(client)
        text = f"{caught.value} {getattr(caught.value, 'failed_message', '')}"
        parts |= {KEY[:end] for end in range(8, len(KEY) + 1) if KEY[:end] in text}

    assert parts == set()
