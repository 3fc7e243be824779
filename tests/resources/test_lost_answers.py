"""Answers that get lost on real sockets: how many requests the server saw for one call (acceptance cases 30 to 35).

Every endpoint under every passing fault is in ``tests/integration/test_every_endpoint_fails.py``.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from support.clock import hasten_when
from support.eventually import until
from support.fakes import FakeClock, ok, refused
from support.raw_server import Exchange, RawServer
from support.wire_rows import RUN, RUNS, run_row

from multicart_async import AsyncMultiCart, RetryPolicy, Timeouts
from multicart_async.errors import APIConnectionError, APIError, OutcomeUnknownError
from multicart_async.events import Event
from multicart_async.models import StartedRun
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import DropAfter, Envelope, Stall

CREATE = "/schedules/add_schedule/"
SUBMIT = "/schedules/amazon/category/add_schedule/"
DELETE = "/schedules/delete_schedule/"
DELETE_MANY = "/schedules/delete_multiple/"
MULTIPLE = "/schedules/amazon/asin/create/multiple/"
GET = "/schedules/get/"

NAMES = {"domain": "amazon.com.au", "postcode": "4500"}
URL = "https://www.amazon.com.au/b?node=5130777051"
Call = Callable[[AsyncMultiCart], Awaitable[Any]]


def create(client: AsyncMultiCart) -> Awaitable[Any]:
    """A new collection."""
    return client.collections.create("AU Laptops", notification_email="ops@example.com")


UNSAFE: dict[str, Call] = {CREATE: create, SUBMIT: lambda client: client.categories.submit(URL, **NAMES)}


class Script:
    """Answers each path from a script; ``None`` drops the connection after the request was read, at the end always."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.seen: Counter[str] = Counter()

    def add(self, path: str, *answers: Any) -> Script:
        """Appends to the script of a path."""
        self.answers.setdefault(path, []).extend(answers)
        return self

    async def __call__(self, exchange: Exchange) -> bool:
        """One request."""
        path = exchange.path.removeprefix("/api/v1")
        self.seen[path] += 1
        left = self.answers.get(path, [])
        answer = left.pop(0) if left else None
        if answer is None:
            return False
        await exchange.answer(answer.payload, Content_Type="application/json")
        return True


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_what_creates_is_sent_once_when_its_answer_is_lost(path: str, how: str) -> None:
    """Case 30: the server reads the request and drops the connection; it saw exactly one request."""

    async def drop(exchange: Exchange) -> None:
        if how == "RST":
            exchange.reset()

    async with RawServer(drop) as server, AsyncMultiCart("key", base_url=server.url) as client:
        with pytest.raises(OutcomeUnknownError, match="may have taken effect"):
            await UNSAFE[path](client)

    assert [request.line for request in server.requests] == [f"POST /api/v1{path} HTTP/1.1"]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
async def test_half_an_answer_is_a_lost_answer(head: bytes) -> None:
    """Case 30: cut in its head or in its body."""

    async def cut(exchange: Exchange) -> None:
        await exchange.send(head)

    async with RawServer(cut) as server, AsyncMultiCart("key", base_url=server.url) as client:
        with pytest.raises(OutcomeUnknownError):
            await create(client)

    assert len(server.requests) == 1


@pytest.mark.parametrize("appears", [True, False])
async def test_a_run_is_sent_once_when_its_answer_is_lost(appears: bool) -> None:
    """Case 30: with a new run in the list it is success, without one an unknown outcome; one request either way."""
    async with Sandbox(clock="manual", row_delay=0 if appears else 60) as sandbox, sandbox.client() as client:
        (collection,) = sandbox.add_collections(1, runs=3)
        older = max(run.id for run in await client.runs.list(collection))
        client.runs._starter._clock = FakeClock().clock
        sandbox.faults.add(RUN, DropAfter())
        if appears:
            started = await client.runs.start(collection)
        else:
            with pytest.raises(OutcomeUnknownError, match="no new run appeared") as caught:
                await client.runs.start(collection)
            started = caught.value.started

    assert StartedRun(collection, older) == started
    assert sandbox.counts[RUN] == 1
    assert sandbox.faults.pending == 0


@pytest.mark.parametrize("call", [*UNSAFE.values(), lambda client: client.collections.delete(1)])
async def test_refused_connections_are_retried_in_every_class(call: Call) -> None:
    """Case 31: a refused connection sent nothing, so calls of each class are retried, and the error is no unknown outcome."""
    with socket.socket() as port:  # bound, and nobody listens
        port.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{port.getsockname()[1]}/api/v1"
        async with AsyncMultiCart("key", base_url=url, retry=RetryPolicy(attempts=4)) as client:
            with pytest.raises(APIConnectionError, match=r"cannot connect.*after 4 attempts") as caught:
                await call(client)

    assert caught.value.attempts == 4
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_a_call_succeeds_after_refused_connections() -> None:
    """Case 31: if the server starts after two refused connections, the call succeeds with one request."""
    script = Script().add(CREATE, ok({"id": 1, "name": "AU Laptops"}))
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        refusals: list[Event] = []

        def come_up(event: Event) -> None:
            refusals.append(event)
            if len(refusals) == 2:
                port.listen()

        url = f"http://127.0.0.1:{port.getsockname()[1]}/api/v1"
        async with AsyncMultiCart("key", base_url=url, on_event=come_up) as client:
            made = asyncio.ensure_future(create(client))
            await until(lambda: len(refusals) == 2)
            async with await asyncio.start_server(RawServer(script)._serve, sock=port):
                assert (await made).id == 1

    assert len(refusals) == 2
    assert script.seen[CREATE] == 1


async def test_not_found_at_the_second_deletion_is_success() -> None:
    """Case 32: a deletion whose answer was lost succeeds with two requests when the second finds nothing."""
    script = Script().add(DELETE, None, refused(404))
    async with RawServer(script) as server, AsyncMultiCart("key", base_url=server.url) as client:
        assert await client.collections.delete(1) is None

    assert script.seen[DELETE] == 2


async def test_duplicates_at_the_second_attempt_are_success() -> None:
    """Case 33: items that a dropped connection had added already count as added at the second attempt."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        made = await create(client)
        sandbox.faults.add(MULTIPLE, DropAfter())
        added = await client.asins.create_many(made.id, ["B1", "B2", "B3"], **NAMES)
        count = await client.asins.count(made.id)

    assert (added.success_count, added.error_rows) == (3, ())
    assert count == 3
    assert sandbox.counts[MULTIPLE] == 2


async def test_one_duplicate_at_the_second_attempt_is_success() -> None:
    """Case 33: a single item that the lost attempt added is found in the list and returned."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        made = await create(client)
        sandbox.faults.add("/schedules/amazon/asin/create/", DropAfter(reset=True))
        row = await client.asins.create(made.id, "B1", domain_id=1, zipcode_id=15)
        assert row.id == (await client.asins.get(row.id)).id

    assert sandbox.counts["/schedules/amazon/asin/create/"] == 2


async def test_many_deletions_say_what_is_gone_and_what_is_not_known() -> None:
    """Case 34: 120 ids; call 2 fails for good: 50 are gone, 50 not known, 20 were not asked for, and not a call more."""
    async with Sandbox() as sandbox, sandbox.client() as client:
        numbers = tuple(sandbox.add_collections(120))
        sandbox.faults.add(DELETE_MANY, Envelope(500), after=1, times=None)
        with pytest.raises(APIError) as caught:
            await client.collections.delete_many(numbers)

    report = caught.value.report
    assert (numbers[:50], numbers[50:100], numbers[100:]) == (report.deleted, report.uncertain, report.untouched)
    assert sandbox.counts[DELETE_MANY] == 1 + 5


async def test_many_deletions_are_finished_after_a_lost_answer() -> None:
    """Case 34: half a batch was gone when the connection broke; the rest goes one by one, and all three calls are made."""
    async with Sandbox() as sandbox, sandbox.client() as client:
        numbers = tuple(sandbox.add_collections(120))
        sandbox.faults.add(DELETE_MANY, DropAfter(commits=20), after=1)
        report = await client.collections.delete_many(numbers)
        left = await client.collections.list()

    assert numbers == report.deleted
    assert left == ()
    assert sandbox.counts[DELETE_MANY] == 4


@pytest.mark.parametrize("path", [GET, DELETE])
async def test_a_post_on_a_dropped_connection_is_sent_once_by_aiohttp(path: str) -> None:
    """Case 35: a guard for upgrades. Without attempts of ours the server sees one request, also on a used connection."""
    row = ok({"id": 1, "name": "AU Laptops"})
    script = Script().add(GET, row).add(DELETE, row)
    server = RawServer(script)
    async with server, AsyncMultiCart("key", base_url=server.url, retry=RetryPolicy(attempts=1)) as client:
        calls = {GET: client.collections.get, DELETE: client.collections.delete}
        await calls[path](1)
        with pytest.raises(APIConnectionError):
            await calls[path](1)

    assert script.seen[path] == 2
    assert (1 if path == GET else 2) == server.connections


async def test_aiohttp_sends_a_get_at_most_twice() -> None:
    """Case 35: aiohttp repeats a GET on a dropped connection once, which future versions must not exceed."""
    served = 0

    async def serve(exchange: Exchange) -> bool:
        nonlocal served
        served += 1
        if served > 1:
            return False
        await exchange.answer(b'[{"asin": "B1"}]')
        return True

    server = RawServer(serve)
    async with server, AsyncMultiCart("key", base_url=server.url, retry=RetryPolicy(attempts=1)) as client:
        place = f"{server.url}/results/101/88/A_88_Results_Page_1.json"
        async with client.stream(place) as stream:
            assert b"".join([piece async for piece in stream]) == b'[{"asin": "B1"}]'
        with pytest.raises(APIConnectionError):
            async with client.stream(place):
                pass

    assert 2 <= served <= 3


async def test_a_read_is_asked_for_again_on_a_new_connection() -> None:
    """What may be repeated is: three requests for the third answer."""
    script = Script().add(RUNS, None, None, ok([run_row(88)]))
    async with RawServer(script) as server, AsyncMultiCart("key", base_url=server.url) as client:
        assert [run.id for run in await client.runs.list(101)] == [88]

    assert 3 == script.seen[RUNS] == server.connections


async def test_an_answer_that_never_comes_is_a_lost_answer() -> None:
    """Case 30: the time limit of a call ends it; what creates is not sent again."""
    async with Sandbox() as sandbox, sandbox.client() as client, anyio.create_task_group() as group:
        sandbox.faults.add(CREATE, Stall())
        group.start_soon(hasten_when, lambda: sandbox.counts[CREATE], 1 + Timeouts().request)
        with pytest.raises(OutcomeUnknownError, match="no response in time"):
            await create(client)

    assert sandbox.counts[CREATE] == 1
