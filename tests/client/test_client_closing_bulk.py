"""Closing a client under bulk calls, and in the middle of a cancellation: nothing hangs, leaks or complains."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, PollPolicy
from multicart_async.errors import ClientClosedError
from multicart_async.models import StartedRun

PATIENCE = 20
SOON = PollPolicy(poll_interval=0.01)


async def hang(exchange: Exchange) -> None:
    """Says nothing."""
    await exchange.hang()


async def refuse(exchange: Exchange) -> bool:
    """Says no."""
    await exchange.answer(b'{"code": 404, "data": "Schedule not found.", "status": 0}')
    return True


async def nothing_comes() -> AsyncIterator[Any]:
    """An iterable of a caller who has nothing yet, and may never have."""
    await asyncio.Event().wait()
    yield None


BULK: dict[str, Callable[[AsyncMultiCart, Any], Any]] = {
    "start_many": lambda client, items: client.runs.start_many(items),
    "wait_many": lambda client, items: client.runs.wait_many(items),
    "run_many": lambda client, items: client.runs.run_many(items),
    "submit_many": lambda client, items: client.categories.submit_many(items),
    "run_many that counts credits": lambda client, items: client.runs.run_many(items, check_credits=True),
}


@pytest.mark.parametrize("bulk", BULK.values(), ids=BULK)
async def test_a_bulk_call_that_waits_for_its_caller_ends(bulk) -> None:
    """The next item may never come; the call ends all the same."""
    async with RawServer(hang) as server:
        client = AsyncMultiCart("key", base_url=server.url)
        work = asyncio.ensure_future(anext(bulk(client, nothing_comes())))
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(PATIENCE):
            await client.aclose()
            with pytest.raises(ClientClosedError):
                await work


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture):
    """What asyncio has to say about tasks whose error nobody has seen."""
    caplog.set_level(logging.ERROR, "asyncio")

    def found() -> list[str]:
        gc.collect()
        return [record.getMessage() for record in caplog.records]

    return found


async def all_of(outcomes: Any) -> list[Any]:
    """The outcomes, or the error."""
    async with aclosing(outcomes):
        return [outcome async for outcome in outcomes]


STARTS = {
    "start_many": lambda client: client.runs.start_many(range(1, 9)),
    "wait_many": lambda client: client.runs.wait_many([StartedRun(number, 0) for number in (1, 2)], policy=SOON),
}


@pytest.mark.parametrize("bulk", STARTS.values(), ids=STARTS)
async def test_what_ends_together_by_a_closed_client_is_seen(bulk, complaints) -> None:
    """One error is raised; the others are no mystery to asyncio."""
    async with RawServer(hang) as server:
        client = AsyncMultiCart("key", base_url=server.url)
        work = asyncio.ensure_future(all_of(bulk(client)))
        while len(server.requests) < 2:  # noqa: ASYNC110 -- a socket is between
            await asyncio.sleep(0.01)
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await work
        del work

        assert complaints() == []


async def test_leaving_at_one_of_several_failures_is_silent(complaints) -> None:
    """A caller may leave start_many at the first of several failures: none of the others is reported as unhandled."""
    async with RawServer(refuse) as server, AsyncMultiCart("key", base_url=server.url) as client:
        async with aclosing(client.runs.start_many(range(1, 9))) as outcomes:
            async for outcome in outcomes:
                assert not outcome.ok
                await anyio.wait_all_tasks_blocked()
                break

        assert complaints() == []


async def test_a_cancelled_client_closes_all_its_connections() -> None:
    """A client that is left by a cancellation closes the connections of calls, of changes and of files."""

    async def answer(exchange: Exchange) -> bool:
        file = exchange.line.startswith("GET")
        await exchange.answer(b"[{}]" if file else b'{"code": 200, "data": [], "status": 1}')
        return True

    async with RawServer(answer) as server:
        with anyio.CancelScope() as scope:
            async with AsyncMultiCart("key", base_url=server.url, limits=Limits(requests=2)) as client:
                await client.collections.list()
                await client.runs.start(101)
                async with client.stream(f"{server.url}/results/101/88/AU_88_Results_Page_1.json") as parts:
                    assert (b"".join([part async for part in parts])) == b"[{}]"
                sessions = list(client._transport._sessions.values())
                scope.cancel()

        assert len(sessions) == 3
        assert all(session.closed for session in sessions)
        assert client._transport._sessions == {}
