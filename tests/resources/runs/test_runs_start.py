"""``client.runs.start``: the baseline, a lost answer, a refusal, two starts at once."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from support.eventually import until
from support.fakes import ok, refused
from support.groups import groups_over
from support.wire_rows import GET, RUN, RUNS, ByPath, collection_row, in_turn, lost, pages_of, run_row, unsent

from multicart_async import UNSET
from multicart_async._http import Response
from multicart_async.config import RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ArgumentError,
    InsufficientCreditsError,
    InvalidResponseError,
    OutcomeUnknownError,
)
from multicart_async.models import StartedRun

QUEUED = "Scraping Processing Queued!"


def service(rows: list[dict[str, Any]], *answers: Any) -> ByPath:
    """A service with these runs; *answers* are those of the run call."""
    return ByPath({RUN: in_turn(*(answers or [QUEUED])), RUNS: pages_of(rows), GET: in_turn(collection_row())})


async def test_start_reads_the_newest_run_first_and_sends_once() -> None:
    """The service does not say which run it starts: it will be the one above what was there before."""
    transport = service([run_row(88), run_row(87)])

    assert StartedRun(101, 88) == await groups_over(transport).runs.start(101)
    assert transport.sent[-1] == (RUN, {"collection_id": 101})
    assert transport.count(RUN) == 1
    assert True is transport.fresh[-1]


async def test_the_first_run_of_a_collection_comes_after_zero() -> None:
    """There is no run yet."""
    assert StartedRun(101, 0) == await groups_over(service([])).runs.start(101)


@pytest.mark.parametrize("count", [49, 50, 51, 130])
async def test_the_baseline_is_the_highest_id_of_all_pages(count: int) -> None:
    """Trap 19: the baseline is the highest run id of all pages, in any order of the list."""
    rows = [run_row(number) for number in range(1, count + 1)]
    random.Random(count).shuffle(rows)
    rows.append(rows.pop(rows.index(run_row(count))))  # the newest on the last page

    assert StartedRun(101, count) == await groups_over(service(rows)).runs.start(101)


async def test_start_goes_on_when_the_status_cannot_be_read() -> None:
    """It is a help to tell a Failed of the run before, not a condition."""
    transport = service([run_row(88)])
    transport.answers[GET] = in_turn(refused(404))

    assert StartedRun(101, 88) == await groups_over(transport).runs.start(101)


async def test_start_without_a_baseline_sends_nothing() -> None:
    """When the runs cannot be read, a run that is started could not be told from the others."""
    transport = service([])
    transport.answers[RUNS] = in_turn(lost())

    with pytest.raises(APIConnectionError):
        await groups_over(transport).runs.start(101)
    assert transport.count(RUN) == 0


@pytest.mark.parametrize(
    "failure",
    [
        lost(),
        Response(200, b"<html>oops"),
        Response(200, b""),
        refused(500, http_status=500),
        refused(503, http_status=503),
        *[Response(code, b"<html>") for code in (408, 425, 499, 500, 502, 503, 504)],
    ],
)
async def test_a_lost_answer_is_success_when_a_new_run_appears(failure: Any) -> None:
    """A disconnect, a page that is no envelope, or a proxy's 5xx: the effect tells, and nothing is sent again."""
    rows = [run_row(88)]
    transport = service(rows, failure)
    transport.answers[RUNS] = lambda fields: appearing(transport, rows, fields)
    groups = groups_over(transport)

    assert StartedRun(101, 88) == await groups.runs.start(101)
    assert transport.count(RUN) == 1
    assert 0 < groups.clock.now() <= 30


def appearing(transport: ByPath, rows: list[dict[str, Any]], fields: dict[str, Any]) -> Response:
    """The list of runs; the new run is in it from the third look after the start on."""
    looks = transport.count(RUNS) - 1
    return pages_of([*rows, run_row(89)] if looks >= 3 else rows)(fields)  # type: ignore[return-value]


async def test_a_lost_answer_without_a_new_run_is_an_unknown_outcome() -> None:
    """Case 30, trap 20: one request, thirty seconds of looking, and what to wait for is in the error."""
    transport = service([run_row(88)], lost())
    groups = groups_over(transport)
    with pytest.raises(OutcomeUnknownError, match=r"no new run appeared within 30 s") as caught:
        await groups.runs.start(101)

    assert StartedRun(101, 88) == caught.value.started
    assert transport.count(RUN) == 1
    assert pytest.approx(30) == groups.clock.now()
    assert isinstance(caught.value.__cause__, OutcomeUnknownError)


async def test_no_envelope_and_no_new_run_is_an_unknown_outcome() -> None:
    """A start whose response has no envelope, and after which no run appears, is an OutcomeUnknownError."""
    transport = service([run_row(88)], Response(200, b"<html>"))
    with pytest.raises(OutcomeUnknownError) as caught:
        await groups_over(transport).runs.start(101)

    assert StartedRun(101, 88) == caught.value.started
    assert isinstance(caught.value.__cause__, InvalidResponseError)


@pytest.mark.parametrize("code", [408, 425, 499, 500, 502, 503])
async def test_a_proxys_error_without_a_new_run_is_raised_unchanged(code: int) -> None:
    """If a proxy gives up and no run appears for thirty seconds, its own error is raised."""
    transport = service([run_row(88)], Response(code, b"<html>"))
    groups = groups_over(transport)

    with pytest.raises(APIError) as caught:
        await groups.runs.start(101)
    assert (caught.value.code, caught.value.in_envelope) == (code, False)
    assert transport.count(RUN) == 1
    assert pytest.approx(30) == groups.clock.now()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(402), InsufficientCreditsError),
        *[(refused(code), APIError) for code in (400, 408, 425, 499, 500, 503)],
        *[(Response(code, b"<html>"), APIError) for code in (400, 401, 403, 404, 409, 421)],
    ],
)
async def test_an_answer_that_says_no_is_believed_at_once(answer: Response, error: type[Exception]) -> None:
    """In the service's own envelope, or by HTTP where it is certain: nothing is looked for, nothing is sent again."""
    transport = service([run_row(88)], answer)
    groups = groups_over(transport)

    with pytest.raises(error):
        await groups.runs.start(101)
    assert transport.count(RUN) == 1
    assert groups.clock.slept == []


async def test_a_start_that_was_rate_limited_is_repeated() -> None:
    """A 429 is a certain rejection: nothing was charged."""
    transport = service([], refused(429, http_status=429), refused(429), ok(QUEUED))

    assert await groups_over(transport).runs.start(101) == StartedRun(101, 0)

    assert transport.count(RUN) == 3


async def test_what_was_never_sent_is_tried_again() -> None:
    """Case 31: refused connections cost nothing, so they are repeated as often as the policy says."""
    transport = service([], unsent(), unsent(), ok(QUEUED))
    assert StartedRun(101, 0) == await groups_over(transport).runs.start(101)
    assert transport.count(RUN) == 3

    transport = service([], unsent())
    with pytest.raises(APIConnectionError, match=r"after 3 attempts") as caught:
        await groups_over(transport, retry=RetryPolicy(attempts=3)).runs.start(101)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert transport.count(RUN) == 3


async def test_looking_for_a_new_run_survives_failing_looks() -> None:
    """The service that lost the answer may be ill for a while."""
    rows = [run_row(88)]
    transport = service(rows, lost())
    plan = iter([ok(rows), ok([]), refused(400), refused(400), ok([run_row(89), *rows])])
    transport.answers[RUNS] = lambda _: next(plan)

    assert StartedRun(101, 88) == await groups_over(transport).runs.start(101)


class LateRows(ByPath):
    """A service whose rows appear at the third look after their start."""

    def __init__(self) -> None:
        super().__init__({RUN: self.start, RUNS: self.look, GET: in_turn(collection_row())})
        self.rows = [run_row(88)]
        self.coming: list[int] = []
        self.looks = 0

    def start(self, _: dict[str, Any]) -> Response:
        """Queues one more run."""
        self.coming.append(len(self.rows) + len(self.coming) + 88)
        self.looks = 0
        return ok(QUEUED)

    def look(self, fields: dict[str, Any]) -> Response | Exception:
        """The runs that have appeared."""
        self.looks += 1
        if self.looks >= 3:
            self.rows += [run_row(number) for number in self.coming]
            self.coming.clear()
        return pages_of(self.rows)(fields)


async def test_two_starts_at_once_get_different_baselines() -> None:
    """They are made one after the other, and the second one waits until the first one's row is there."""
    transport = LateRows()
    runs = groups_over(transport).runs
    started = await asyncio.gather(runs.start(101), runs.start(101), runs.start(101))

    assert sorted(one.after_run_id for one in started) == [88, 89, 90]
    assert transport.count(RUN) == 3


async def test_starts_of_different_collections_are_independent() -> None:
    """Starts of different collections do not wait for each other, since their runs cannot be mixed up."""
    gate = asyncio.Event()

    class Slow(ByPath):
        async def post(self, path: str, body: Any, **rest: Any) -> Response:
            if path == RUN and b"101" in body:
                await gate.wait()
            return await super().post(path, body, **rest)

    groups = groups_over(Slow(service([]).answers))
    first = asyncio.create_task(groups.runs.start(101))
    await asyncio.sleep(0)

    assert StartedRun(102, 0) == await groups.runs.start(102)
    assert not first.done()
    gate.set()
    assert StartedRun(101, 0) == await first


async def test_a_start_waits_30_seconds_for_the_run_before() -> None:
    """If the run of an earlier start never appears, the next start waits thirty seconds, logs that, and is sent."""
    transport = service([run_row(88)])
    groups = groups_over(transport)
    await groups.runs.start(101)

    assert StartedRun(101, 88) == await groups.runs.start(101)
    assert pytest.approx(30) == groups.clock.now()
    assert transport.count(RUN) == 2


async def test_a_start_does_not_wait_for_a_run_that_was_seen() -> None:
    """If a wait has seen the run of the earlier start, the next start does not look for it."""
    rows = [run_row(88)]
    transport = service(rows)
    groups = groups_over(transport)
    started = await groups.runs.start(101)
    rows.append(run_row(89, finished=True))
    await groups.runs.wait(started)
    looks = transport.count(RUNS)

    assert StartedRun(101, 89) == await groups.runs.start(101)
    assert looks + 2 == transport.count(RUNS)  # the baseline: a page, and an empty one


async def test_a_cancelled_second_start_does_not_forget_the_first() -> None:
    """The third start still waits for the first one's row: else both would wait for the same run."""
    transport = LateRows()
    groups = groups_over(transport)
    assert StartedRun(101, 88) == await groups.runs.start(101)
    second = asyncio.create_task(groups.runs.start(101))
    await until(lambda: transport.looks)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second

    assert StartedRun(101, 89) == await groups.runs.start(101)


async def test_a_start_that_is_cancelled_under_way_counts_as_made() -> None:
    """Its request may have gone out, so the next start waits for its row before it reads its own baseline."""
    transport = LateRows()
    groups = groups_over(transport)
    first = asyncio.create_task(groups.runs.start(101))
    await until(lambda: transport.coming)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert StartedRun(101, 89) == await groups.runs.start(101)


async def test_a_start_that_was_refused_does_not_hold_the_next_one_up() -> None:
    """Nothing was queued, so there is no row to wait for."""
    groups = groups_over(service([run_row(88)], refused(402), ok(QUEUED)))
    with pytest.raises(InsufficientCreditsError):
        await groups.runs.start(101)

    assert StartedRun(101, 88) == await groups.runs.start(101)
    assert groups.clock.slept == []


@pytest.mark.parametrize("bad", [True, 0, -1, 1.0, "101", None, UNSET])
async def test_what_is_no_id_is_refused_before_anything_is_sent(bad: Any) -> None:
    """Not even the baseline is read."""
    groups = groups_over(ByPath({}))
    with pytest.raises(ArgumentError, match=r"^collection_id: "):
        await groups.runs.start(bad)
    with pytest.raises(ArgumentError, match=r"^collection_id: "):
        await groups.runs.start_and_wait(bad)

    assert groups.transport.sent == []
