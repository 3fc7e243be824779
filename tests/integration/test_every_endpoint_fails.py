"""Each of the 40 endpoints when the network, a proxy or the service fails: an error of ours or success, promptly, done once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
import pytest_asyncio
from support.every_endpoint import CALLS, Act, Call, Place
from support.fakes import FakeClock

from multicart_async import Limits, RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    IncompleteDownloadError,
    MultiCartError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    StalledDownloadError,
)
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox._api.routes import ROUTES
from multicart_async.sandbox.faults import (
    Content,
    Cut,
    Delay,
    DropAfter,
    DropBefore,
    Envelope,
    Fault,
    RetryLater,
    Status,
)

ATTEMPTS = 3
SOON = 20  # seconds that no call here may take
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@attrs.frozen
class Trouble:
    """A fault that another attempt may survive: what a call that is sent once says of it, and whether its work is done."""

    fault: Fault
    kind: type[MultiCartError]
    done: bool = False


LOST = {
    "dropped": Trouble(DropBefore(), OutcomeUnknownError),
    "reset": Trouble(DropBefore(reset=True), OutcomeUnknownError),
    "dropped after the work": Trouble(DropAfter(), OutcomeUnknownError, done=True),
    "reset after the work": Trouble(DropAfter(reset=True), OutcomeUnknownError, done=True),
    "headers alone": Trouble(Cut(0), OutcomeUnknownError, done=True),
    "cut": Trouble(Cut(5), OutcomeUnknownError, done=True),
    "cut in chunks": Trouble(Cut(5, framing="chunked"), OutcomeUnknownError, done=True),
}
ANSWERED = {
    "500 in HTML": Trouble(Status(500), ServerError),
    "502 in HTML": Trouble(Status(502), ServerError),
    "502 after the work": Trouble(Status(502, work=True), ServerError, done=True),
    "504 without a body": Trouble(Status(504, b""), ServerError),
    "code 500": Trouble(Envelope(500), ServerError),
    "code 500 after the work": Trouble(Envelope(500, work=True), ServerError, done=True),
    "code 503 without a word": Trouble(Envelope(503, None), ServerError),
    "429 with a pause": Trouble(RetryLater(), RateLimitError),
    "429 without a pause": Trouble(RetryLater(retry_after=None), RateLimitError),
    "503 with a pause": Trouble(RetryLater(503), ServerError),
}
SENSELESS: dict[str, Fault] = {
    "nothing": Status(204, b""),
    "redirect": Status(301, b""),
    "401": Status(401),
    "404 in HTML": Status(404),
    "code 400": Envelope(400),
    "code 401": Envelope(401),
    "code 404": Envelope(404),
    "code that nobody documents": Envelope(418, {"short": "and stout"}),
    "no code": Content(b'{"code": 200, "data": "no", "status": 0}', "application/json"),
    "empty body": Content(b"", "application/json"),
    "page after the work": Content(b"<html><body>Maintenance</body></html>", "text/html"),
    "null": Content(b"null", "application/json"),
    "no number": Content(b'{"code": 200, "data": NaN, "status": 1}', "application/json"),
    "no text": Content(b"\xff\xfe{", "application/json"),
    "depth": Content(b"[" * 100_000, "application/json"),
}
LASTING = {name: trouble for name, trouble in (LOST | ANSWERED).items() if trouble.done or name == "429 with a pause"}


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Runs and scrapes stay under way; whoever looks for a run that does not appear has done so at once."""
    async with (
        Sandbox(clock="manual", scrape_seconds_per_item=1, row_delay=0) as sandbox,
        sandbox.client(retry=RetryPolicy(attempts=ATTEMPTS)) as client,
    ):
        clock = FakeClock()
        client._downloads.context.retrier._clock = clock.clock
        client.runs._starter._clock = clock.clock
        yield await Place.furnished(sandbox, client, tmp_path)
        assert sandbox.ignored_fields == []


@attrs.frozen
class Seen:
    """How a call ended, and what it did meanwhile."""

    error: MultiCartError | None
    shown: object
    requests: int
    grown: Mapping[str, int]
    brought: int = 0


async def ending(call: Call, act: Act) -> tuple[MultiCartError | None, object]:
    """The error of ours that it ends with, or what it shows; any other error fails the test, and so does waiting."""
    with anyio.fail_after(SOON):
        try:
            return None, call.shows(await act())
        except MultiCartError as error:
            return error, None


async def seen(place: Place, call: Call, fault: Fault | None, *, times: int | None = 1) -> Seen:
    """The call, once, with that fault at its endpoint."""
    act = await call.prepare(place)
    requests, before, files = place.sandbox.counts[call.path], place.rows(), place.files()
    if fault is not None:
        place.sandbox.faults.add(call.path, fault, times=times)
    error, shown = await ending(call, act)
    place.sandbox.faults.clear()
    sent = place.sandbox.counts[call.path] - requests
    return Seen(error, shown, sent, place.grown(before), len(place.files() - files))


def found_by_its_effect(call: Call, trouble: Trouble) -> bool:
    """A run that was started is found, unless the service itself has said that it failed."""
    return call.safety == "verifiable" and trouble.done and not isinstance(trouble.fault, Envelope)


def test_the_table_has_every_endpoint(endpoints: dict[str, dict[str, Any]]) -> None:
    """By its documented name and path; what the sandbox serves is the same."""
    assert {name: row["path"] for name, row in endpoints.items()} == {name: call.path for name, call in CALLS.items()}
    assert {route.path for route in ROUTES} == {call.path for call in CALLS.values()}
    assert len(CALLS) == 40


async def test_a_call_without_trouble_does_its_work_by_one_request(place: Place) -> None:
    """Otherwise the other tests would say nothing."""
    for name, call in CALLS.items():
        found = await seen(place, call, None)
        assert (None, 1, call.grows) == (found.error, found.requests, found.grown), name


@every_call
async def test_a_transient_failure_never_does_the_work_twice(place: Place, call: Call) -> None:
    """A repeatable call survives a transient failure as if done once; others are sent once, and the error says what is known."""
    calm = await seen(place, call, None)
    for name, trouble in (LOST | ANSWERED).items():
        found = await seen(place, call, trouble.fault)
        assert found.error is not None or calm.shown == found.shown, name
        if call.safety in {"safe", "idempotent"} or trouble.kind is RateLimitError:
            assert (None, 2, call.grows) == (found.error, found.requests, found.grown), name
        elif found_by_its_effect(call, trouble):
            assert (None, 1, call.grows) == (found.error, found.requests, found.grown), name
        else:
            done = call.grows if trouble.done else {}
            assert (trouble.kind, 1, done) == (type(found.error), found.requests, found.grown), name


@every_call
async def test_an_answer_that_makes_no_sense_is_an_error_of_ours(place: Place, call: Call) -> None:
    """Nothing is sent again for it, except a link that is asked for anew; no part of a file is left."""
    file = call is CALLS["results.download"]
    for name, fault in SENSELESS.items():
        found = await seen(place, call, fault)
        assert found.error is not None or file or call.safety == "verifiable", name
        assert not (found.error and found.brought), name
        assert found.requests <= (2 if file else 1), name
        assert found.grown in ({}, call.grows), name


@every_call
async def test_a_trouble_that_lasts_ends_when_the_attempts_do(place: Place, call: Call) -> None:
    """As many requests as the policy allows, one for what must not be repeated; the work is done once at most.

    A 429 is a certain rejection: it is repeated in every class.
    """
    for name, trouble in LASTING.items():
        once = call.safety in {"unsafe", "verifiable"} and trouble.kind is not RateLimitError
        found = await seen(place, call, trouble.fault, times=None)
        kind = APIConnectionError if name in LOST else trouble.kind
        assert isinstance(found.error, kind | IncompleteDownloadError) or (trouble.done and call.grows), name
        assert found.grown in ({}, call.grows), name
        assert (1 if once else ATTEMPTS) <= found.requests <= (1 if once else 2 * ATTEMPTS), (
            name
        )  # aiohttp repeats a GET


async def all_at_once(place: Place, fault: Fault) -> dict[str, Seen]:
    """Every call once with that fault, together, by a client whose patience ends. What grows is that of all of them."""
    acts = {name: await call.prepare(place) for name, call in CALLS.items()}
    before, sent = place.rows(), Counter(place.sandbox.counts)
    for call in CALLS.values():
        place.sandbox.faults.add(call.path, fault)
    ends: dict[str, tuple[MultiCartError | None, object]] = {}

    async def end(name: str) -> None:
        ends[name] = await ending(CALLS[name], acts[name])

    async with (
        place.sandbox.client(limits=Limits(requests=64, downloads=64)) as place.client,
        anyio.create_task_group() as group,
    ):
        place.client.runs._starter._clock = FakeClock().clock
        for name in acts:
            group.start_soon(end, name)
        given_up = 0
        while len(ends) < len(acts):
            deadlines = place.client._lifetime._deadlines
            waiting = [operation for operation, deadline in deadlines.items() if deadline < math.inf]
            if waiting and len(waiting) == len(CALLS) - place.sandbox.faults.pending - given_up:
                given_up += len(waiting)  # all that is under way is held by the fault
                deadlines.update(dict.fromkeys(waiting, -math.inf))
                place.client._lifetime._cancel_expired()
            await anyio.sleep(0.01)
    grown = place.grown(before)
    return {
        name: Seen(*ends[name], place.sandbox.counts[call.path] - sent[call.path], grown)
        for name, call in CALLS.items()
    }


@pytest.mark.parametrize("work", ["before", "after"])
async def test_an_answer_that_is_too_late_is_a_lost_one(place: Place, work: Any) -> None:
    """Whoever may ask again does so; what creates is sent once, and says that its outcome is unknown."""
    found = await all_at_once(place, Delay(60, work=work))
    once = {name for name, call in CALLS.items() if call.safety in {"unsafe", "verifiable"}}
    grown: Counter[str] = Counter()
    for call in (call for name, call in CALLS.items() if work == "before" or name not in once):
        grown.update(call.grows)

    assert {found[name].requests for name in once} == {1}
    assert {type(found[name].error) for name in once - {"collections.run"}} == {OutcomeUnknownError}
    assert (work == "before") == (found["collections.run"].error is None)
    patient = {type(found[name].error) for name in CALLS.keys() - once}
    assert patient <= {type(None), APITimeoutError, StalledDownloadError}
    assert {name: number for name, number in grown.items() if number} == found["collections.create"].grown
