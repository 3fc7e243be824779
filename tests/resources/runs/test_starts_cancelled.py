"""Calls that are cut short: what may have been charged is named in a note, and how to go on."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.eventually import until
from support.fakes import ok
from support.groups import Groups, groups_over
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

from multicart_async._core.clock import Clock
from multicart_async._http import MultipartForm, Response
from multicart_async.config import PollPolicy
from multicart_async.errors import ClientClosedError
from multicart_async.models import CategoryRequest, StartedCategory, StartedRun
from multicart_async.resources.runs._start import RunStarter

SUBMIT = "/schedules/amazon/category/add_schedule/"
URL = "https://www.amazon.com.au/b?node=5130777051"
NAMES = {"domain": "amazon.com.au", "postcode": "4500"}
REQUEST = CategoryRequest(URL, **NAMES)
STARTED = StartedRun(101, 88)
ENDLESS = PollPolicy(wait_timeout=None)  # the fake clock passes hours while a journal is written


class Hanging(ByPath):
    """Does not answer one path for the collections *stuck*; tells, as the transport does, whether its request had begun."""

    def __init__(self, path: str, *, sent: bool = True, stuck: tuple[int, ...] = (101,), **answers: Any) -> None:
        rows = {number: [run_row(88, collection=number)] for number in range(100, 200)}
        given: dict[str, Any] = {
            RUN: in_turn(ok("Queued!")),
            RUNS: lambda fields: pages_of(rows[fields["collection_id"]])(fields),
            GET: lambda fields: ok(collection_row(fields["schedule_id"])),
            SUBMIT: in_turn(ok({"id": 20326, "runner_id": 412})),
            RESULT: in_turn([category_row()]),
        }
        super().__init__({**given, **answers})
        self.path = path
        self.begun = sent
        self.stuck = stuck
        self.hanging = 0
        self.answered = 0
        """Of that path, for other collections."""

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The answer, or none."""
        assert isinstance(body, bytes)
        fields = json.loads(body)
        if path != self.path or fields.get("collection_id", 101) not in self.stuck:
            response = await super().post(path, body, new_connection=new_connection, public=public)
            self.answered += path == self.path
            return response
        self.hanging += 1
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError as error:
            error.request_sent = self.begun  # type: ignore[attr-defined]
            raise
        raise AssertionError


async def notes_of(
    work: Awaitable[Any], service: Hanging, *, hanging: int = 1, answered: int | None = None
) -> list[str]:
    """The notes of the error that comes out, when *work* is cancelled while so many requests hang, and others have ended."""
    task = asyncio.ensure_future(work)
    await until(lambda: service.hanging == hanging and answered in (None, service.answered))
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return getattr(caught.value, "__notes__", [])


async def drain(rows: Any) -> None:
    """Read it to its end."""
    async for _ in rows:
        pass


async def test_a_start_that_may_have_been_sent_says_so() -> None:
    """With all that is needed to wait for the run."""
    service = Hanging(RUN)

    (note,) = await notes_of(groups_over(service).runs.start(101), service)

    assert "may have been started and charged" in note
    assert repr(STARTED) in note
    assert "runs.wait" in note


@pytest.mark.parametrize("path", [RUN, RUNS, GET])
async def test_a_start_that_was_not_sent_has_no_note(path: str) -> None:
    """Where the request had not begun; and before it, when the baseline is read."""
    service = Hanging(path, sent=path != RUN)

    assert await notes_of(groups_over(service).runs.start(101), service) == []


async def test_a_start_cancelled_during_the_search_has_a_note() -> None:
    """A start that is cancelled while it looks for the run of a lost answer has a note about it."""
    service = Hanging("none", **{RUN: in_turn(lost())})

    async def sleep(_: float) -> None:
        service.hanging += 1
        await anyio.sleep_forever()

    groups = groups_over(service)
    groups.runs._starter = RunStarter(groups.runs._api, groups.collections, Clock(now=lambda: 0.0, sleep=sleep))

    (note,) = await notes_of(groups.runs.start(101), service)

    assert repr(STARTED) in note


async def test_a_timeout_around_a_start_has_the_note_in_its_cause() -> None:
    """`asyncio.timeout` and `asyncio.wait_for` turn the cancellation into a `TimeoutError`."""
    service = Hanging(RUN)

    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(groups_over(service).runs.start(101), 0.05)

    cause = caught.value.__cause__
    assert isinstance(cause, asyncio.CancelledError)
    assert repr(STARTED) in cause.__notes__[0]


async def test_a_start_that_is_shielded_goes_on() -> None:
    """As docs/waiting.md shows: it ends in its own time, and what it gives is not lost."""
    service = Hanging("none")
    starting = asyncio.ensure_future(groups_over(service).runs.start(101))

    async def shielded() -> None:
        await asyncio.shield(starting)

    task = asyncio.ensure_future(shielded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await starting == STARTED


async def test_a_client_that_closes_under_a_start_names_it_too() -> None:
    """The transport cannot tell whether it was sent, so it may have been; the note survives pickling."""

    def closed(_: dict[str, Any]) -> Exception:
        return ClientClosedError("the client was closed during the call")

    with pytest.raises(ClientClosedError) as caught:
        await groups_over(Hanging("none", **{RUN: closed})).runs.start(101)

    assert repr(STARTED) in caught.value.__notes__[0]
    assert pickle.loads(pickle.dumps(caught.value)).__notes__ == caught.value.__notes__


async def test_a_wait_after_a_start_names_the_run_that_goes_on() -> None:
    """`start_and_wait` is cancelled when it is paid."""
    looks: list[int] = []
    service = Hanging(GET, stuck=())

    def runs(fields: dict[str, Any]) -> Any:
        if service.count(RUN):
            looks.append(1)
            service.stuck = (101,)
        return pages_of([run_row(88)])(fields)

    service.answers[RUNS] = runs

    (note,) = await notes_of(groups_over(service).runs.start_and_wait(101), service)

    assert note == f"the run continues: {STARTED!r}; wait for it again with runs.wait"


async def test_start_and_wait_cancelled_before_sending_has_no_note() -> None:
    """A start_and_wait that is cancelled before its request was sent has no note, since there is nothing to wait for."""
    service = Hanging(RUNS)

    assert await notes_of(groups_over(service).runs.start_and_wait(101), service) == []


async def test_many_starts_name_what_was_not_handed_over() -> None:
    """What may have been sent; nothing of what was yielded, nothing of what was only about to be."""
    service = Hanging(RUN, stuck=(102, 103))
    handed: list[int] = []

    async def consume() -> None:
        async for outcome in groups_over(service).runs.start_many([101, 102, 103]):
            handed.append(outcome.key)  # noqa: PERF401 -- as they come

    notes = await notes_of(consume(), service, hanging=2)

    assert handed == [101]
    (note,) = notes
    assert repr(StartedRun(102, 88)) in note
    assert repr(StartedRun(103, 88)) in note
    assert "collection_id=101" not in note
    assert "wait for them with runs.wait_many" in note


async def test_many_starts_that_were_not_sent_have_no_note() -> None:
    """Their baselines are being read."""
    service = Hanging(RUNS, stuck=(101, 102))

    assert await notes_of(drain(groups_over(service).runs.start_many([101, 102])), service, hanging=2) == []


async def test_many_starts_name_the_one_that_is_looked_for() -> None:
    """Its answer was lost, so it was sent; what is cancelled then is a request that reads."""
    service = Hanging("none", **{RUN: in_turn(lost())})

    def runs(fields: dict[str, Any]) -> Any:
        if service.count(RUN):
            service.path = RUNS
        return pages_of([run_row(88)])(fields)

    service.answers[RUNS] = runs
    service.begun = False

    (note,) = await notes_of(drain(groups_over(service).runs.start_many([101])), service)

    assert note.startswith("started and charged, or possibly so: StartedRun(collection_id=101")


async def test_many_starts_whose_requests_had_not_begun_have_no_note() -> None:
    """They were about to be sent: nothing of it has reached the service."""
    service = Hanging(RUN, sent=False, stuck=(101, 102))

    assert await notes_of(drain(groups_over(service).runs.start_many([101, 102])), service, hanging=2) == []


async def test_many_starts_that_are_closed_early_are_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Who leaves the loop gets no error that could have a note."""
    service = Hanging(RUN, stuck=(102,))
    starts = groups_over(service).runs.start_many([101, 102])
    await anext(starts)
    await until(lambda: service.hanging)
    await starts.aclose()

    (message,) = caplog.messages
    assert message.startswith(
        "a loop over outcomes was left early; started and charged, or possibly so: StartedRun(collection_id=102"
    )


async def test_start_many_closed_without_open_starts_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """Closing start_many logs nothing if all that was started was yielded."""
    starts = groups_over(Hanging("none")).runs.start_many(iter([101]))
    await anext(starts)
    await starts.aclose()

    assert caplog.messages == []


@pytest.mark.parametrize("journal", [False, True])
async def test_a_pipeline_names_all_runs_that_go_on(tmp_path: Path, journal: bool) -> None:
    """Those under wait, and the one whose start is under way; with a journal, the next call waits for them."""
    service = Hanging(RUN, stuck=(103,))
    path = tmp_path / "journal.jsonl" if journal else None

    def ids() -> Iterator[int]:
        yield from (101, 102, 103)

    outcomes = groups_over(service).runs.run_many(ids(), journal=path, policy=ENDLESS)
    (note,) = await notes_of(drain(outcomes), service, answered=2)

    assert all(repr(StartedRun(number, 88)) in note for number in (101, 102, 103))
    assert ("the same call with the same journal" in note) is journal
    assert ("runs.wait_many" in note) is not journal


async def test_a_pipeline_names_no_run_that_it_has_handed_over() -> None:
    """Its outcome is with the caller; the start of the other is under way."""
    service = Hanging(RUN, stuck=(102,))
    handed: list[int] = []

    def runs(fields: dict[str, Any]) -> Response:
        number = fields["collection_id"]
        rows = [run_row(88, collection=number)]
        if number == 101 and service.answered:
            rows.insert(0, run_row(89, collection=number, finished=True))
        return pages_of(rows)(fields)

    service.answers[RUNS] = runs

    async def consume() -> None:
        async for outcome in groups_over(service).runs.run_many([101, 102], policy=ENDLESS):
            handed.append(outcome.key)  # noqa: PERF401 -- as they come

    task = asyncio.ensure_future(consume())
    await until(lambda: bool(handed) and service.hanging == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert handed == [101]
    (note,) = caught.value.__notes__
    assert repr(StartedRun(102, 88)) in note
    assert "collection_id=101" not in note


async def test_a_pipeline_names_so_many_and_counts_the_rest() -> None:
    """A note of five hundred runs would be read by nobody."""
    service = Hanging(RUN, stuck=(125,))

    outcomes = groups_over(service).runs.run_many(list(range(101, 126)), policy=ENDLESS)
    (note,) = await notes_of(drain(outcomes), service, answered=24)

    assert note.count("StartedRun(") == 20
    assert " and 5 more; " in note


async def test_a_pipeline_that_names_all_counts_no_rest() -> None:
    """Twenty are named, and there are no more."""
    service = Hanging(RUN, stuck=(120,))

    outcomes = groups_over(service).runs.run_many(list(range(101, 121)), policy=ENDLESS)
    (note,) = await notes_of(drain(outcomes), service, answered=19)

    assert note.count("StartedRun(") == 20
    assert " more; " not in note


def submitted(groups: Groups) -> Awaitable[Any]:
    """A category scrape, submitted and waited for."""
    return groups.categories.submit_and_wait(URL, **NAMES)


SUBMISSIONS: dict[str, Callable[[Groups], Awaitable[Any]]] = {
    "submit": lambda groups: groups.categories.submit(URL, **NAMES),
    "submit_and_wait": submitted,
}


@pytest.mark.parametrize("call", SUBMISSIONS.values(), ids=SUBMISSIONS)
async def test_a_submission_that_may_have_been_sent_says_so(call: Callable[[Groups], Awaitable[Any]]) -> None:
    """The service has not said what its collection is."""
    service = Hanging(SUBMIT)
    (note,) = await notes_of(call(groups_over(service)), service)
    assert "may have been submitted and charged" in note

    service = Hanging(SUBMIT, sent=False)
    assert await notes_of(call(groups_over(service)), service) == []


async def test_a_cancelled_submit_and_wait_names_its_scrape() -> None:
    """A submit_and_wait that is cancelled while it waits names the scrape, which can be waited for again."""
    service = Hanging(RESULT, stuck=(20326,))

    (note,) = await notes_of(submitted(groups_over(service)), service)

    started = StartedCategory(20326, 412)
    assert note == f"the category scrape continues: {started!r}; wait for it again with categories.wait"


@pytest.mark.parametrize(("path", "stuck", "named"), [(SUBMIT, 101, URL), (RESULT, 20326, "StartedCategory(")])
async def test_many_submissions_name_what_goes_on(path: str, stuck: int, named: str) -> None:
    """By its URL where the service has not said what its collection is."""
    service = Hanging(path, stuck=(stuck,))

    (note,) = await notes_of(drain(groups_over(service).categories.submit_many([REQUEST])), service)

    assert named in note
    assert "categories.wait" in note


async def test_a_submission_of_many_that_was_not_sent_has_no_note() -> None:
    """Nothing was charged."""
    service = Hanging(SUBMIT, sent=False)

    assert await notes_of(drain(groups_over(service).categories.submit_many([REQUEST])), service) == []
