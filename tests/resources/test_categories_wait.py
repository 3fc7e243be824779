"""``client.categories.wait`` and ``watch``: done, failed, cancelled, and what is none of them."""

from __future__ import annotations

from typing import Any

import pytest
from support.groups import Groups, groups_over
from support.wire_rows import GET, RESULT, ByPath, category_row, collection_row, in_turn, lost, ok, refused

from multicart_async import PollPolicy
from multicart_async._http import Response
from multicart_async.errors import (
    APIError,
    AuthenticationError,
    CategoryFailedError,
    InsufficientCreditsError,
    InvalidResponseError,
    NotFoundError,
    RunCancelledError,
    RunFailedError,
    WaitTimeoutError,
)
from multicart_async.events import RunProgress
from multicart_async.models import StartedCategory

STARTED = StartedCategory(20326, 412)
STEADY = PollPolicy(poll_interval=10, growth=1, jitter=0)
CANCELLED = collection_row(20326, "Failed", failed_message="Cancelled by user")


def over(*looks: Any, collection: Any = None) -> Groups:
    """Groups over a service that answers rows of the scrape in turn; its collection is at work."""
    answers = [ok([look]) if isinstance(look, dict) else look for look in looks]
    return groups_over(ByPath({RESULT: in_turn(*answers), GET: collection or in_turn(collection_row(20326))}))


@pytest.mark.parametrize("started", [STARTED, 20326])
async def test_wait_ends_with_the_finished_scrape(started: Any) -> None:
    """By what `submit` gave, or by the collection's id alone."""
    groups = over(category_row(), category_row(), category_row(finished=True, asins=[{"asin": "B1"}]))
    run = await groups.categories.wait(started, policy=STEADY)

    assert (run.id, run.stage, run.asins) == (412, "done", ({"asin": "B1"},))
    assert groups.clock.now() == 20


async def test_watch_yields_each_change_once_and_the_end_last() -> None:
    """watch yields each change once, also of progress, and the finished scrape last; a poll without a change yields nothing."""
    rows = [category_row(progress={"page": page}) for page in (1, 1, 2)]
    groups = over(*rows, category_row(finished=True))
    seen = [(run.stage, run.progress) async for run in groups.categories.watch(STARTED, policy=STEADY)]

    assert seen == [("scraping", {"page": 1}), ("scraping", {"page": 2}), ("done", None)]
    told = [(e.collection_id, e.run_id, e.status, e.waited, e.finished) for e in groups.events]
    wanted = [("scraping", 0, False), ("scraping", 20, False), ("done", 30, True)]
    assert [(20326, 412, *rest) for rest in wanted] == told
    assert {type(event) for event in groups.events} == {RunProgress}


BROKEN_SIDE = [refused(500), refused(400), refused(404), refused(403), lost(), refused(401), refused(402)]


@pytest.mark.parametrize("answer", BROKEN_SIDE, ids=repr)
async def test_a_failed_stage_is_trusted_if_other_calls_fail(answer: Any) -> None:
    """A scrape whose stage is "failed" ends the wait, also if its collection, which only has the reason, cannot be read."""
    groups = over(category_row(stage="failed"), collection=in_turn(answer))

    with pytest.raises(CategoryFailedError, match="no reason is given"):
        await groups.categories.wait(STARTED, policy=STEADY)


@pytest.mark.parametrize("answer", BROKEN_SIDE[:3], ids=repr)
async def test_a_running_scrape_is_waited_for_without_its_collection(answer: Any) -> None:
    """A running scrape is waited for also if its collection cannot be read: nothing documents that it can."""
    groups = over(*[category_row()] * 4, category_row(finished=True), collection=in_turn(answer))

    assert (await groups.categories.wait(STARTED, policy=STEADY)).id == 412


@pytest.mark.parametrize("stage", ["enumerating", "DONE", "", None, "cancelled"])
async def test_an_unknown_stage_is_still_running(stage: Any) -> None:
    """Trap 29: only ``is_download_generated``, ``failed`` and the collection's status end it."""
    groups = over({**category_row(), "stage": stage}, category_row(finished=True))

    assert (await groups.categories.wait(STARTED)).stage == "done"


async def test_an_empty_array_is_no_row_yet() -> None:
    """Trap 29: the wait goes on, and tells nothing."""
    groups = over(ok([]), ok([]), category_row(finished=True))

    assert [run.id async for run in groups.categories.watch(STARTED)] == [412]


async def test_the_row_of_another_runner_is_not_mine() -> None:
    """When the id is known, only that one counts; without it, the newest."""
    other = category_row(999, finished=True)
    groups = over(ok([other]), ok([other, category_row(finished=True)]))

    assert (await groups.categories.wait(STARTED)).id == 412
    assert (await groups.categories.wait(20326)).id == 999


async def test_stage_failed_is_an_error() -> None:
    """Trap 21: with the collection's message, what was waited for, and the last row."""
    groups = over(
        category_row(stage="failed"), collection=in_turn(collection_row(20326, "Failed", failed_message="Boom"))
    )
    with pytest.raises(CategoryFailedError, match=r"category scrape 20326 failed: Boom") as caught:
        await groups.categories.wait(STARTED)

    assert (caught.value.failed_message, caught.value.started, caught.value.last.id) == ("Boom", STARTED, 412)
    assert not isinstance(caught.value, RunFailedError | RunCancelledError)


@pytest.mark.parametrize("collection", [refused(404), collection_row(20326, "Processing")])
async def test_stage_failed_needs_no_word_of_the_collection(collection: Any) -> None:
    """The stage is enough; there is no reason to tell then."""
    groups = over(category_row(stage="failed"), collection=in_turn(collection))

    with pytest.raises(CategoryFailedError, match="no reason is given") as caught:
        await groups.categories.wait(STARTED)
    assert caught.value.failed_message is None


@pytest.mark.parametrize("stage", ["failed", "scraping", "cancelled", None])
async def test_a_cancelled_scrape_is_an_error_of_its_own(stage: Any) -> None:
    """What it reports as stage is not documented: the collection's status and message tell."""
    groups = over({**category_row(), "stage": stage}, collection=in_turn(CANCELLED))

    with pytest.raises(RunCancelledError, match="was cancelled: Cancelled by user"):
        await groups.categories.wait(STARTED)


async def test_a_cancelled_scrape_without_a_row_is_told_too() -> None:
    """The array may be empty then."""
    groups = over(ok([]), collection=in_turn(CANCELLED))
    with pytest.raises(RunCancelledError) as caught:
        await groups.categories.wait(20326)

    assert (caught.value.started, caught.value.last) == (20326, None)


async def test_a_finished_scrape_does_not_ask_for_its_collection() -> None:
    """``is_download_generated`` is the authority."""
    groups = over(category_row(finished=True), collection=in_turn(CANCELLED))

    assert (await groups.categories.wait(STARTED)).id == 412
    assert groups.transport.count(GET) == 0


async def test_a_collection_that_cannot_be_had_is_tolerated() -> None:
    """Nothing says that a category's collection can be read like others."""
    groups = over(*[category_row()] * 5, category_row(finished=True), collection=in_turn(refused(404)))

    assert (await groups.categories.wait(STARTED)).stage == "done"


async def test_three_not_founds_in_a_row_end_the_wait() -> None:
    """Of the scrape itself: it is gone."""
    gone = refused(404)
    groups = over(gone, gone, category_row(), gone, gone, gone)

    with pytest.raises(NotFoundError):
        await groups.categories.wait(STARTED, policy=STEADY)
    assert groups.clock.now() == 50


@pytest.mark.parametrize("failure", [lost(), refused(500), refused(503, http_status=503), Response(425, b"<html>")])
async def test_a_passing_failure_is_not_the_end(failure: Any) -> None:
    """Of the scrape or of its collection."""
    for groups in (
        over(*[failure] * 30, category_row(finished=True)),
        over(category_row(), category_row(finished=True), collection=in_turn(failure)),
    ):
        assert (await groups.categories.wait(STARTED)).id == 412


@pytest.mark.parametrize("accident", [ok({"id": 412}), Response(403, b"<html>"), Response(401, b"")])
async def test_an_accident_is_the_end_at_the_third_in_a_row(accident: Response) -> None:
    """Of the scrape; its collection is a help, and its trouble no reason to end."""
    row, end = category_row(), category_row(finished=True)
    assert (await over(*[accident] * 2, row, *[accident] * 2, end).categories.wait(STARTED)).id == 412
    assert (await over(*[row] * 5, end, collection=in_turn(accident)).categories.wait(STARTED)).id == 412

    groups = over(accident)
    with pytest.raises(APIError if accident.status > 200 else InvalidResponseError):
        await groups.categories.wait(STARTED, policy=STEADY)
    assert groups.clock.now() == 20


@pytest.mark.parametrize(
    ("failure", "error"), [(refused(401), AuthenticationError), (refused(402), InsufficientCreditsError)]
)
async def test_what_does_not_pass_ends_the_wait_at_once(failure: Any, error: type[Exception]) -> None:
    """No patience helps, wherever it comes from."""
    for groups in (over(failure), over(category_row(), collection=in_turn(failure))):
        with pytest.raises(error):
            await groups.categories.wait(STARTED)
        assert groups.clock.slept == []


@pytest.mark.parametrize(("rows", "last"), [([category_row()], 412), ([], None)])
async def test_a_category_timeout_holds_the_start_and_the_last_row(rows: list[Any], last: int | None) -> None:
    """A timeout has the StartedCategory, which can be waited for again, and the last row; no cancel is sent."""
    groups = over(ok(rows))
    with pytest.raises(WaitTimeoutError, match=r"category scrape 20326 is not finished after 25 s") as caught:
        await groups.categories.wait(STARTED, policy=PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=25))

    assert caught.value.started == STARTED
    assert last == (caught.value.last and caught.value.last.id)
    assert {path for path, _ in groups.transport.sent} == {RESULT, GET}
    groups.transport.answers[RESULT] = in_turn([category_row(finished=True)])
    assert (await groups.categories.wait(caught.value.started)).id == 412


async def test_submit_and_wait_is_both() -> None:
    """Every argument goes on to `submit`, and the scrape that it made is waited for."""
    path = "/schedules/amazon/category/add_schedule/"
    given = {
        "domain": "amazon.com.au",
        "postcode": "4500",
        "amazon_node_id": "7",
        "name": "Laptops",
        "filter_prime_ships_from_au": True,
        "filter_delivery_day": "tomorrow",
        "price_min_cents": 1,
        "price_max_cents": 2,
        "notification_email": "ops@example.com",
        "priority": "Low",
    }
    groups = over(ok([category_row(999, finished=True)]), category_row(), category_row(finished=True))
    groups.transport.answers[path] = in_turn({"id": 20326, "runner_id": 412})
    run = await groups.categories.submit_and_wait("https://www.amazon.com.au/b", **given, policy=STEADY)

    assert groups.transport.sent[0] == (path, {"category_url": "https://www.amazon.com.au/b", **given})
    assert run.id == 412
    assert groups.clock.slept == [10, 10]
