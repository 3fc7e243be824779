"""Traps of the service's documentation (its numbered list) that no other file of this folder names.

Named elsewhere in this folder: 6 to 15, 17 to 21, 29 to 32, 34, 41 to 43. Files and links (22 to 28) and secrets (5, 40) have
their own tests. docs/service-notes.md is the table of all.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.eventually import until
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.wire_rows import (
    GET,
    RESULT,
    RUN,
    RUNS,
    ByPath,
    category_row,
    collection_row,
    in_turn,
    lost,
    pages_of,
    run_row,
)

from multicart_async import Limits, PollPolicy, RetryPolicy
from multicart_async._http import Response
from multicart_async.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InsufficientCreditsError,
    InvalidResponseError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from multicart_async.models import StartedRun

STARTED = StartedRun(101, 87)
COLLECTION = {"id": 101, "name": "AU Laptops"}


def envelope(**fields: object) -> Response:
    """An envelope with anything in it."""
    return Response(200, json.dumps(fields).encode())


async def got(answer: Response) -> Any:
    """What a read makes of that answer."""
    return await groups_over(FakeTransport(answer), retry=RetryPolicy(attempts=1)).collections.get(101)


@pytest.mark.parametrize("code", [200, 201, 500, None])
async def test_status_alone_says_success(code: Any) -> None:
    """Trap 1: ``code`` beside ``status`` 1 decides nothing."""
    assert (await got(envelope(code=code, data=COLLECTION, status=1))).id == 101


@pytest.mark.parametrize("code", [200, 400, None])
async def test_status_alone_says_failure(code: Any) -> None:
    """Trap 1: HTTP 200 and ``code`` 200 say nothing beside ``status`` 0; what came is kept on the error."""
    with pytest.raises(APIError) as caught:
        await got(envelope(code=code, data={"name": ["wrong"]}, status=0))

    assert (caught.value.http_status, caught.value.detail) == (200, {"name": ["wrong"]})
    assert caught.value.path == "/schedules/get/"


@pytest.mark.parametrize("status", [True, "1", 1.0, 2, None, [1]])
async def test_a_status_that_is_not_documented_is_no_success(status: Any) -> None:
    """Trap 1, case 22: neither success nor refusal."""
    with pytest.raises(InvalidResponseError):
        await got(envelope(code=200, data=COLLECTION, status=status))


NO_ENVELOPE = [b"", b"<html>Bad gateway</html>", b"null", b"[]", b'"ok"', b"{", b'{"detail": "x"}', b"\xff", b"NaN"]


@pytest.mark.parametrize("payload", NO_ENVELOPE)
@pytest.mark.parametrize("http_status", [200, 302, 404, 502])
async def test_an_answer_without_an_envelope_is_an_error_of_ours(payload: bytes, http_status: int) -> None:
    """Trap 2: at HTTP 200 and for redirects it is an invalid answer, else what HTTP says."""
    kinds = {200: InvalidResponseError, 302: InvalidResponseError, 404: NotFoundError, 502: ServerError}
    with pytest.raises(kinds[http_status]) as caught:
        await got(Response(http_status, payload))

    assert http_status == caught.value.http_status


CODES = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
    418: APIError,
    None: APIError,
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("detail", ["Not enough credits", "", None, 5, ["a"], {"output": {"error": "x"}}])
async def test_the_code_decides_and_never_the_text(code: Any, detail: object) -> None:
    """Traps 3 and 4: a class for each code, one for the rest, whatever stands in ``data``; all are of one family."""
    with pytest.raises(APIError) as caught:
        await got(envelope(code=code, data=detail, status=0))

    assert CODES[code] is type(caught.value)
    assert (code, detail) == (caught.value.code, caught.value.detail)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_new_collection_is_not_looked_for_in_the_list() -> None:
    """Trap 16: drafts are not in it, so after a lost answer nothing there could tell."""
    groups = groups_over(FakeTransport(lost()))
    with pytest.raises(OutcomeUnknownError):
        await groups.collections.create("AU Laptops", notification_email="ops@example.com")

    assert [path for path, _ in groups.transport.sent] == ["/schedules/add_schedule/"]


async def test_a_run_is_waited_for_without_the_list_of_collections() -> None:
    """Trap 16: drafts are not in it, and its order moves."""
    transport = ByPath({RUNS: in_turn([], [run_row(88, finished=True)]), GET: in_turn(collection_row())})
    await groups_over(transport).runs.wait(STARTED)

    assert {path for path, _ in transport.sent} == {RUNS, GET}


async def test_a_repeated_deletion_is_of_the_same_id() -> None:
    """Trap 18: the repetition after a lost answer names what the first attempt named."""
    groups = groups_over(FakeTransport(lost(), lost(), refused(404)))
    await groups.collections.delete(101)

    assert [fields for _, fields in groups.transport.sent] == [{"schedule_id": 101}] * 3


async def test_an_unfinished_category_may_have_no_records() -> None:
    """Trap 29: a scrape has its records only when it is finished; before that they are empty, without an error."""
    groups = groups_over(ByPath({RESULT: in_turn([{**category_row(), "asins": None, "download_links": None}])}))
    run = await groups.categories.result(20326)

    assert (run.asins, run.download_links.pages) == ((), ())


@pytest.mark.parametrize("group", ["runs", "categories"])
async def test_a_wait_can_be_cancelled(group: str) -> None:
    """Trap 21: at once, by a time limit or a cancelled task, and nothing is sent to the service for it."""
    answers = {RUNS: in_turn([]), GET: in_turn(collection_row()), RESULT: in_turn([category_row()])}
    transport = ByPath(answers)
    groups = groups_over(transport)
    started = STARTED if group == "runs" else 20326
    policy = PollPolicy(wait_timeout=None)
    wait = asyncio.create_task(getattr(groups, group).wait(started, policy=policy))
    await until(lambda: len(transport.sent) > 20)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait

    assert {path for path, _ in transport.sent} <= {RUNS, GET, RESULT}


@pytest.mark.parametrize("price", ["$29.99", "29,99 €", "", None, 2999, 29.99])
async def test_prices_arrive_as_they_were_sent(price: object) -> None:
    """Trap 33: a text with a currency sign stays a text; nothing is turned into a binary fraction here."""
    records = [{"asin": "B1", "price": price}]
    transport = ByPath({RESULT: in_turn([category_row(finished=True, asins=records)])})
    run = await groups_over(transport).categories.result(20326)

    assert [(type(record["price"]), record["price"]) for record in run.asins] == [(type(price), price)]


async def test_an_error_that_hides_under_success_is_an_error() -> None:
    """Trap 36: ``data.output.error`` under ``status`` 1."""
    with pytest.raises(APIError, match="Insufficient Credits"):
        await got(ok({"output": {"error": "Insufficient Credits"}}))


@pytest.mark.parametrize("method", ["create", "update"])
async def test_a_schedule_s_hours_are_sent_as_they_are(method: str) -> None:
    """Trap 37: numeric texts, hours with a dot, lower-case days; no time zone of this machine touches them."""
    time = {"minutes_frequency": "30", "days_of_week": ["monday"], "hours": ["08.00", "23.30"]}
    groups = groups_over(FakeTransport(ok(COLLECTION)))
    if method == "create":
        await groups.collections.create(
            "AU", notification_email="a@example.com", schedule="Every X Minutes", schedule_time=time
        )
    else:
        await groups.collections.update(101, schedule="Every X Minutes", schedule_time=time)

    assert time == groups.transport.sent[0][1]["schedule_time"]


async def test_no_credits_is_an_error_although_it_was_checked() -> None:
    """Trap 35: another run may have taken them in between: nothing is queued, nothing is waited for."""
    transport = ByPath({RUN: in_turn(refused(402)), RUNS: pages_of([]), GET: in_turn(collection_row())})
    with pytest.raises(InsufficientCreditsError):
        await groups_over(transport).runs.start_and_wait(101)

    assert transport.sent[-1] == (RUN, {"collection_id": 101})


async def test_a_key_that_was_rotated_is_refused_without_retries() -> None:
    """Trap 39: the old key is void at once, and asking again with it is no use."""
    groups = groups_over(FakeTransport(refused(401), refused(401)))
    for attempt in (1, 2):
        with pytest.raises(AuthenticationError):
            await groups.collections.get(101)
        assert attempt == len(groups.transport.sent)


def test_defaults_are_gentle() -> None:
    """Trap 43: few calls at once, seconds between polls, growing pauses between attempts."""
    limits, policy, retry = Limits(), PollPolicy(), RetryPolicy()

    assert limits.requests <= 8
    assert limits.downloads <= 8
    assert policy.poll_interval >= 5
    assert policy.growth > 1
    assert retry.attempts <= 5
    assert retry.wait_max > retry.wait_initial > 0
