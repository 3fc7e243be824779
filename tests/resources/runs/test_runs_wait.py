"""``client.runs.wait`` and ``watch``: the right run, never an older one; what ends a wait, and what does not."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
from typing import Any

import attrs
import pytest
from support.groups import Groups, groups_over
from support.wire_rows import (
    GET,
    RUN,
    RUNS,
    ByPath,
    collection_row,
    each_look,
    in_turn,
    lost,
    ok,
    pages_of,
    refused,
    run_row,
)

from multicart_async import UNSET, PollPolicy, RetryPolicy
from multicart_async._http import Response
from multicart_async.errors import (
    AmbiguousRunError,
    APIConnectionError,
    APIError,
    ArgumentError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ResponseTooLargeError,
    WaitTimeoutError,
)
from multicart_async.events import RunProgress
from multicart_async.models import Run, RunState, StartedRun

STARTED = StartedRun(101, 87)
ONCE = RetryPolicy(attempts=1)
STEADY = PollPolicy(poll_interval=10, growth=1, jitter=0)


def over(*looks: Any, collection: Any = None) -> Groups:
    """Groups over a service that answers the list of runs in turn; the collection is at work."""
    status = collection or in_turn(collection_row())
    return groups_over(ByPath({RUNS: each_look(*looks), GET: status}))


async def test_an_old_finished_run_is_never_taken() -> None:
    """Hazard 66, case 21, trap 19: the documented sample takes element 0 and gets run 87 at once; here it is 88, at the end."""
    old = run_row(87, finished=True)
    groups = over([old], [old], [run_row(88), old], [run_row(88, finished=True), old])
    run = await groups.runs.wait(STARTED, policy=STEADY)

    assert run.id == 88
    assert not run.ambiguous
    assert groups.clock.now() == 30


@pytest.mark.parametrize("seed", range(5))
async def test_the_order_of_the_list_decides_nothing(seed: int) -> None:
    """130 old runs over three pages, the new one anywhere among them."""
    rows = [run_row(number, finished=True) for number in range(1, 132)]
    random.Random(seed).shuffle(rows)
    groups = groups_over(ByPath({RUNS: pages_of(rows)}))

    assert (await groups.runs.wait(StartedRun(101, 130))).id == 131


async def test_a_look_ends_at_a_page_that_falls_below_the_baseline() -> None:
    """Newest first, which is likely though not promised, costs a call a look however long the history. The last look
    reads all of it: a smaller new run would be the right one, wherever it stood.
    """
    rows = [run_row(number, finished=number < 500) for number in range(500, 0, -1)]
    groups = groups_over(ByPath({RUNS: pages_of(rows), GET: in_turn(collection_row())}))

    async for _ in groups.runs.watch(StartedRun(101, 499), policy=STEADY):
        rows[0] = run_row(500, finished=True)

    asked = [fields["skip"] for path, fields in groups.transport.sent if path == RUNS]
    assert asked == [0, 0, *range(49, 500, 50), 500]


SLOW = PollPolicy(wait_timeout=0)


@pytest.mark.parametrize("trouble", [None, lost(), refused(500), refused(404), Response(200, b"<html>")], ids=repr)
async def test_a_run_that_was_seen_is_not_lost_when_patience_ends(monkeypatch, trouble: Any) -> None:
    """The rest of a long history could show a smaller one; there is no time for it, or it cannot be had."""
    monkeypatch.setattr(
        "multicart_async.resources._polling.FINAL_POLL_TIMEOUT", 4.0
    )  # a busy machine may hold the first page back

    class Slow(ByPath):
        async def post(self, path: str, body: Any, **_: Any) -> Response:
            skip = json.loads(body)["skip"]
            if skip and trouble is None:
                await asyncio.sleep(60)
            if skip and trouble is not None:
                return await super().post("/trouble/", body)
            return await super().post(path, body)

    rows = [run_row(number, finished=True) for number in range(500, 0, -1)]
    groups = groups_over(Slow({RUNS: pages_of(rows), "/trouble/": in_turn(trouble or ok([]))}), retry=ONCE)

    assert (await groups.runs.wait(StartedRun(101, 499), policy=SLOW)).id == 500


async def test_unread_history_is_requested_again_until_the_timeout() -> None:
    """If the rest of the history cannot be read, it is requested again until the timeout, as it may hold a smaller run."""
    rows = [run_row(number, finished=True) for number in range(120, 0, -1)]
    pages, failures = pages_of(rows), [refused(500)]

    def answer(fields: dict[str, Any]) -> Any:
        return failures.pop() if fields["skip"] == 49 and failures else pages(fields)

    groups = groups_over(ByPath({RUNS: answer}), retry=ONCE)

    assert (await groups.runs.wait(StartedRun(101, 119), policy=STEADY)).id == 120
    assert groups.clock.now() == 10


async def test_a_rest_of_the_history_that_is_refused_ends_the_wait() -> None:
    """As it would have at the first page."""
    rows = [run_row(number, finished=True) for number in range(120, 0, -1)]
    pages = pages_of(rows)
    groups = groups_over(ByPath({RUNS: lambda fields: refused(403) if fields["skip"] else pages(fields)}), retry=ONCE)

    with pytest.raises(PermissionDeniedError):
        await groups.runs.wait(StartedRun(101, 119), policy=SLOW)


async def test_a_smaller_new_run_on_a_later_page_is_the_right_one() -> None:
    """The first page falls below the baseline, and has a new run; a smaller one stands further down, where nobody looks."""
    first = [run_row(number, finished=True) for number in (300, *range(49, 0, -1))]
    groups = groups_over(ByPath({RUNS: pages_of([*first, run_row(200, finished=True)])}))

    run = await groups.runs.wait(StartedRun(101, 100))

    assert run.id == 200
    assert run.ambiguous


async def test_a_new_run_behind_old_ones_is_found_at_poll_ten() -> None:
    """The tenth poll finds a new run behind a first page that shows only old runs in falling order."""
    rows = [run_row(number, finished=True) for number in range(50, 0, -1)]
    groups = groups_over(ByPath({RUNS: pages_of([*rows, run_row(51, finished=True)]), GET: in_turn(collection_row())}))

    assert (await groups.runs.wait(StartedRun(101, 50), policy=STEADY)).id == 51
    assert groups.clock.now() == 90


async def test_a_service_that_ignores_skip_is_not_asked_for_ever() -> None:
    """The same page again brings nothing new, and far beyond the end it comes too: it is all there is."""
    rows = [run_row(number, finished=True) for number in range(1, 51)]
    groups = groups_over(ByPath({RUNS: in_turn(rows)}))

    assert (await groups.runs.wait(StartedRun(101, 49))).id == 50
    assert [fields["skip"] for _, fields in groups.transport.sent] == [0, 49, 1_000_000]


async def test_of_several_new_runs_the_smallest_finished_one_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    """It may belong to another start, so it is marked, and a warning is logged."""
    groups = over([run_row(90, finished=True), run_row(89, finished=True), run_row(91), run_row(87, finished=True)])
    with caplog.at_level(logging.WARNING, "multicart_async"):
        run = await groups.runs.wait(STARTED)

    assert (run.id, run.ambiguous) == (89, True)
    assert caplog.messages == ["collection 101 has more than one new run above 87; 89 may belong to another start"]


async def test_several_new_runs_are_an_error_when_the_policy_says_so() -> None:
    """Smallest id first; even before any of them is finished."""
    groups = over([run_row(90), run_row(89)])
    with pytest.raises(AmbiguousRunError, match=r"more than one new run: 89, 90") as caught:
        await groups.runs.wait(STARTED, policy=PollPolicy(on_ambiguous="raise"))

    assert [run.id for run in caught.value.runs] == [89, 90]
    assert (caught.value.started, caught.value.last.id) == (STARTED, 89)


async def test_one_new_run_is_not_ambiguous_under_the_strict_policy() -> None:
    """Old runs do not count."""
    groups = over([run_row(88, finished=True), run_row(87), run_row(86)])

    assert (await groups.runs.wait(STARTED, policy=PollPolicy(on_ambiguous="raise"))).id == 88


async def test_a_finished_run_without_files_is_a_result() -> None:
    """Case 45: zero pages is an empty success."""
    run = await over([run_row(88, finished=True, pages=0)]).runs.wait(STARTED)

    assert run.is_empty
    assert run.download_links.pages == ()


@pytest.mark.parametrize("word", ["false", "true", 0, 1, None])
async def test_a_finished_that_is_no_truth_value_is_not_believed(word: Any) -> None:
    """Case 23: a row like that is an invalid answer. It ends the wait as itself when it stays, and not at the deadline."""
    groups = over([{**run_row(88), "is_download_generated": word}])

    with pytest.raises(InvalidResponseError, match="is_download_generated"):
        await groups.runs.wait(STARTED, policy=STEADY)
    assert groups.clock.now() == 20


async def test_watch_tells_each_change_once_and_the_finished_run_last() -> None:
    """No row, the row, another status, the end; looks without a change are silent. Events tell the same."""
    old = run_row(87, finished=True)
    at_work = [run_row(88), old]
    groups = over([old], [old], at_work, at_work, [run_row(88, finished=True), old])
    groups.transport.answers[GET] = in_turn(*[collection_row(status=word) for word in ("Pending", "Processing")])
    states = [state async for state in groups.runs.watch(STARTED, policy=STEADY)]

    seen = [(state.run and state.run.id, state.schedule_status, state.waited, state.finished) for state in states]
    wanted = [
        (None, "Pending", 0, False),
        (None, "Processing", 10, False),
        (88, "Processing", 20, False),
        (88, "Processing", 40, True),
    ]
    assert wanted == seen
    told = [(e.run_id, e.status, e.waited, e.finished) for e in groups.events if isinstance(e, RunProgress)]
    assert wanted == told


async def test_watch_of_an_unknown_status_goes_on() -> None:
    """Case 60: a word that nobody documents is told as it is."""
    groups = over([], [run_row(88, finished=True)], collection=in_turn(collection_row(status="Queued")))
    states = [state async for state in groups.runs.watch(STARTED)]

    assert [state.schedule_status for state in states] == ["Queued", "Queued"]


async def test_another_client_goes_on_with_two_integers() -> None:
    """What `start` gave survives JSON; nothing else is needed."""
    started = StartedRun(**json.loads(json.dumps(attrs.asdict(STARTED))))
    groups = over([run_row(88, finished=True), run_row(87, finished=True)])

    assert (await groups.runs.wait(started)).id == 88


async def test_start_and_wait_is_both() -> None:
    """Over one service: the run that it starts is the one that comes back."""
    rows = [run_row(87, finished=True)]

    def run(_: dict[str, Any]) -> Response:
        rows.append(run_row(88, finished=True))
        return ok("Scraping Processing Queued!")

    groups = groups_over(ByPath({RUN: run, RUNS: pages_of(rows), GET: in_turn(collection_row())}))
    assert (await groups.runs.start_and_wait(101)).id == 88


async def test_a_wait_timeout_holds_the_start_and_the_last_state() -> None:
    """Trap 21: a WaitTimeoutError has the StartedRun, which can be waited for again, and the last state."""
    groups = over([run_row(88)])
    policy = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=25)
    with pytest.raises(WaitTimeoutError, match=r"no finished run of collection 101 above 87 in 25 s") as caught:
        await groups.runs.wait(STARTED, policy=policy)

    assert caught.value.started == STARTED
    assert isinstance(caught.value, TimeoutError)
    assert (
        caught.value.last.run.id,
        caught.value.last.schedule_status,
        caught.value.last.waited,
    ) == (88, "Processing", 25)
    assert groups.clock.slept == [10, 10, 5]
    groups.transport.answers[RUNS] = in_turn([run_row(88, finished=True)])
    assert (await groups.runs.wait(caught.value.started)).id == 88


async def test_a_deadline_of_zero_looks_once() -> None:
    """A run that is finished already is found."""
    groups = over([run_row(88, finished=True)])

    assert (await groups.runs.wait(STARTED, policy=PollPolicy(wait_timeout=0))).id == 88


async def test_without_a_deadline_it_waits_for_ever() -> None:
    """Half a year of virtual time, and not one poll too many."""
    looks = itertools.count()

    def answer(fields: dict[str, Any]) -> Response:
        return ok([] if fields["skip"] else [run_row(88, finished=next(looks) == 2_000)])

    groups = groups_over(ByPath({RUNS: answer, GET: in_turn(collection_row())}))
    policy = PollPolicy(poll_interval=7200, growth=1, max_poll_interval=7200, wait_timeout=None)

    assert (await groups.runs.wait(STARTED, policy=policy)).id == 88
    assert groups.clock.now() > 100 * 24 * 3600


@pytest.mark.parametrize(
    "failure",
    [
        lost(),
        *[refused(code) for code in (500, 429, 408, 421, 425, 499)],
        *[Response(code, b"<html>") for code in (408, 421, 425, 499, 503)],
    ],
)
async def test_a_passing_failure_is_not_the_end(failure: Any) -> None:
    """T2: what is transient counts against the deadline, not against the wait, in an envelope or not."""
    groups = over(*[failure] * 30, [run_row(88, finished=True)])

    assert (await groups.runs.wait(STARTED)).id == 88


ACCIDENTS = [Response(200, b"<html>"), ok("text"), *[Response(code, b"<html>") for code in (400, 401, 403, 404, 409)]]


@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda answer: f"{answer.status} {answer.payload!r}")
async def test_an_accident_that_stays_ends_the_wait_as_itself(accident: Response) -> None:
    """T2, T4: nonsense, or a refusal of a proxy: two in a row are no end, the third one is told."""
    old, new = [run_row(87, finished=True)], [run_row(88, finished=True)]
    groups = over(*[accident] * 2, old, *[accident] * 2, new)
    assert (await groups.runs.wait(STARTED, policy=STEADY)).id == 88

    groups = over(old, accident)
    with pytest.raises(APIError if accident.status > 200 else InvalidResponseError):
        await groups.runs.wait(STARTED, policy=STEADY)
    assert groups.clock.now() == 30


async def test_the_last_passing_failure_is_the_cause_of_the_deadline() -> None:
    """Nobody has to guess why nothing was seen."""
    with pytest.raises(WaitTimeoutError) as caught:
        await over(lost()).runs.wait(STARTED, policy=PollPolicy(wait_timeout=10))

    assert isinstance(caught.value.__cause__, APIConnectionError)
    assert caught.value.last is None


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refused(400), APIError),
        (refused(401), AuthenticationError),
        (refused(402), InsufficientCreditsError),
        (refused(403), PermissionDeniedError),
        (ResponseTooLargeError(RUNS, "more than 1 byte"), ResponseTooLargeError),
    ],
)
async def test_what_does_not_pass_ends_the_wait_at_once(failure: Any, error: type[Exception]) -> None:
    """No patience helps."""
    groups = over(failure)

    with pytest.raises(error):
        await groups.runs.wait(STARTED)
    assert groups.clock.slept == []


@pytest.mark.parametrize("path", [RUNS, GET])
async def test_three_not_founds_in_a_row_end_the_wait(path: str) -> None:
    """Two are a hiccup, wherever they come from; a good look in between starts the count anew."""
    gone, good = refused(404), [run_row(88)] if path == RUNS else collection_row()
    groups = over([run_row(88)])
    in_order: Any = each_look if path == RUNS else in_turn
    groups.transport.answers[path] = in_order(gone, gone, good, gone, gone, gone)

    with pytest.raises(NotFoundError):
        await groups.runs.wait(STARTED, policy=STEADY)
    assert groups.clock.now() == 50


async def everything(rows: Any) -> None:
    """Reads a generator to its end."""
    async for _ in rows:
        pass


BAD_STARTED: list[Any] = [
    101,
    None,
    UNSET,
    (101, 87),
    {"collection_id": 101, "after": 87},
    *[StartedRun(bad, 87) for bad in (0, True, "101", None)],
    *[StartedRun(101, bad) for bad in (-1, True, "87", None)],
]


@pytest.mark.parametrize("started", BAD_STARTED)
async def test_a_wrong_started_run_is_rejected_before_any_request(started: Any) -> None:
    """A StartedRun of wrong values, such as strings from elsewhere, is rejected before any request."""
    groups = groups_over(ByPath({}))
    with pytest.raises(ArgumentError, match=r"^started: "):
        await groups.runs.wait(started)
    with pytest.raises(ArgumentError, match=r"^started: "):
        await everything(groups.runs.watch(started))

    assert groups.transport.sent == []


async def test_latest_is_the_newest_finished_run_by_id() -> None:
    """Wherever it stands; one that is not finished is none."""
    rows = [run_row(7), run_row(3, finished=True), run_row(6, finished=True), run_row(5, finished=True)]
    groups = groups_over(ByPath({RUNS: pages_of(rows)}))

    assert (await groups.runs.latest(101)).id == 6
    assert None is await groups_over(ByPath({RUNS: in_turn([run_row(7)])})).runs.latest(101)


async def test_list_and_iterate_send_their_bounds() -> None:
    """50 rows a page, as the dashboard, which begins with the last row of the page before; each row once."""
    rows = [run_row(number) for number in range(120, 0, -1)]
    groups = groups_over(ByPath({RUNS: pages_of(rows)}))
    assert [run.id for run in await groups.runs.list(101, limit=2)] == [120, 119]
    assert list(range(120, 0, -1)) == [run.id async for run in groups.runs.iterate(101)]

    bounds = [(fields["skip"], fields["limit"]) for _, fields in groups.transport.sent]
    assert bounds == [(0, 2), (0, 50), (49, 51), (99, 51), (120, 50)]


@pytest.mark.parametrize("bad", [True, -1, 1.0, "1", None])
async def test_bounds_that_cannot_be_right_are_refused(bad: Any) -> None:
    """And ids; a page of no rows too."""
    groups = groups_over(ByPath({}))
    for argument, call in (
        ("collection_id", lambda: groups.runs.list(bad)),
        ("collection_id", lambda: groups.runs.latest(bad)),
        ("collection_id", lambda: everything(groups.runs.iterate(bad))),
        ("skip", lambda: groups.runs.list(101, skip=bad)),
        ("limit", lambda: groups.runs.list(101, limit=bad)),
        ("limit", lambda: groups.runs.list(101, limit=0)),
    ):
        with pytest.raises(ArgumentError, match=f"^{argument}: "):
            await call()

    assert groups.transport.sent == []


def test_a_state_without_a_run_is_not_finished() -> None:
    """Nor is one whose run is at work."""
    run = Run(id=88, collection=101, is_download_generated=False)

    assert not RunState(run=None, schedule_status="Completed", waited=0).finished
    assert not RunState(run=run, schedule_status="Completed", waited=0).finished
