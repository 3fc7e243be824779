"""Answers with an odd field in them, through the calls that use them: what is known is used, and nothing of ours fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.fakes import FakeTransport, ok
from support.groups import Groups, groups_over
from support.wire_rows import GET, RUNS, ByPath, collection_row, in_turn, run_row

from multicart_async import PollPolicy
from multicart_async.errors import InvalidResponseError, WaitTimeoutError
from multicart_async.models import AddResult, StartedRun

EVEN = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=60)
ODD_RUN = {
    "created_at": 1760000000,
    "updated_at": "0000-00-00 00:00:00",
    "total_results": "3",
    "total_exacted_result": [],
}
ODD_COLLECTION = {
    "name": 5,
    "status": None,
    "asin_count": "3",
    "priority": 3,
    "updated_at": "",
    "created_at": "20 June",
    "schedule_time": "daily",
    "failed_message": {"text": "x"},
    "notification_email": ["a@b.c"],
}


async def test_a_wait_ends_with_its_run_though_all_else_is_odd() -> None:
    """Nothing but ids, ``is_download_generated`` and links is needed to know that a run is finished."""
    looks = [[{**run_row(number, finished=done), **ODD_RUN} for number in (88, 87)] for done in (False, True)]
    collection = collection_row(**ODD_COLLECTION) | {"schedule_status": 1}
    groups = groups_over(ByPath({RUNS: in_turn(*looks), GET: in_turn(collection)}))
    run = await groups.runs.wait(StartedRun(101, 87), policy=EVEN)

    assert (run.id, run.total_results, run.extra) == (88, None, ODD_RUN)


async def test_an_account_with_an_odd_collection_can_be_listed() -> None:
    """It is one of the others, and what came is there."""
    rows = [{"id": 101, "name": "AU"}, {"id": 102, **ODD_COLLECTION}]
    listed = await groups_over(FakeTransport(ok(rows))).collections.list()

    assert [row.id for row in listed] == [101, 102]
    assert listed[1].extra == {name: value for name, value in ODD_COLLECTION.items() if value is not None}
    assert (listed[1].name, listed[1].asin_count, listed[1].updated_at) == (None, None, None)


async def test_null_is_an_empty_list_everywhere() -> None:
    """No rows are no error."""

    def groups() -> Groups:
        return groups_over(FakeTransport(ok(None)))

    assert await groups().collections.list() == ()
    assert await groups().asins.list(101) == ()
    assert await groups().runs.latest(101) is None
    assert await groups().zipcodes.list() == ()
    assert await groups().settings.domains() == ()
    assert await groups().billing.plans() == ()
    assert [row async for row in groups().outputs.iterate(101)] == []
    with pytest.raises(InvalidResponseError, match="no run of collection 101 yet"):
        await groups().categories.result(101)


async def test_a_count_that_is_none_is_an_invalid_answer() -> None:
    """There is nothing else in it."""
    for data in ({"total_count": "3"}, {"asin_list": []}, None):
        with pytest.raises(InvalidResponseError):
            await groups_over(FakeTransport(ok(data))).asins.count(101)


def adding(before: int, taken: int) -> Groups:
    """A service that counts so many rows before, and says that it took so many."""
    answers = {
        "/zipcodes/get-zipcodes/": [{"id": 15, "zipcode": "4500", "status": "active", "domain": {"domain": "d"}}],
        "/schedules/amazon/asin/list/": {"total_count": before, "asin_list": None},
        "/schedules/amazon/asin/create/multiple/": {"success_count": taken, "error_rows": None},
    }
    return groups_over(ByPath({path: in_turn(data) for path, data in answers.items()}))


async def test_numbers_below_zero_are_no_fault_of_the_caller() -> None:
    """No argument is blamed that was not given: nothing taken is not waited for, and rows below zero never come."""
    added = await adding(3, -1).asins.add(101, ["B1"], domain="d", postcode="4500", policy=EVEN)

    assert added == AddResult(success_count=-1)
    with pytest.raises(WaitTimeoutError, match="expected 0 ASINs in collection 101, got -5"):
        await adding(-5, 2).asins.add(101, ["B1"], domain="d", postcode="4500", policy=EVEN)


async def test_a_postcode_without_a_status_is_waited_for() -> None:
    """As one whose status is new; the time-out says so."""
    rows = [{"id": 15, "zipcode": 4500, "status": None}]
    groups = groups_over(ByPath({"/zipcodes/get-zipcodes/": in_turn(rows, [{**rows[0], "status": "active"}])}))
    row = await groups.zipcodes.wait_active(15, policy=EVEN)

    assert (row.status, row.zipcode, row.extra) == ("active", None, {"zipcode": 4500})
    groups = groups_over(ByPath({"/zipcodes/get-zipcodes/": in_turn(rows)}))
    with pytest.raises(WaitTimeoutError, match="zipcode 15 is without a status, not active, after 60 s"):
        await groups.zipcodes.wait_active(15, policy=EVEN)


async def test_a_row_without_its_postcode_cannot_be_exported(tmp_path) -> None:
    """It is named, and nothing is written."""
    row: dict[str, Any] = {"id": 7, "asin": "B1", "domain": {"id": 1, "domain": "d"}, "include_raw_html": True}
    row["customer_postcode"] = {"id": 15, "zipcode": 800}

    with pytest.raises(InvalidResponseError, match="item 7 lacks the name of its domain, its postcode"):
        await groups_over(FakeTransport(ok([row]))).asins.export_csv(101, tmp_path / "asins.csv")
    assert list(tmp_path.iterdir()) == []


async def test_an_error_row_with_an_odd_reason_is_a_rejected_item() -> None:
    """What came instead of a sentence is in its ``extra``."""
    rows = [{"asin": "B1", "error": {"asin": ["Invalid"]}}]
    added = await groups_over(FakeTransport(ok({"success_count": 0, "error_rows": rows}))).asins.create_many(
        101, ["B1"], domain="d", postcode="4500"
    )

    assert [(row.item, row.error, json.dumps(row.extra)) for row in added.error_rows] == [
        ("B1", None, '{"error": {"asin": ["Invalid"]}}')
    ]
