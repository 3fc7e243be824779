"""A cancellation leaves the transport without the frames of the request, and ends what it is meant to end all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import anyio
import pytest
from support.fake_transports import FILE, LABEL, transport_to
from support.leaks import chain_of, frames_of
from support.raw_server import Exchange, RawServer

from multicart_async._http import AiohttpTransport, NetworkOptions
from multicart_async._http.aiohttp_errors import forget_request
from multicart_async.errors import InvalidResponseError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{}, "


async def nothing(exchange: Exchange) -> None:
    await exchange.hang()


async def half(exchange: Exchange) -> None:
    await exchange.send(HEAD)
    await exchange.hang()


async def post(transport: AiohttpTransport, url: str) -> None:
    await transport.post("/p/", b"{}")


async def get(transport: AiohttpTransport, url: str) -> None:
    await transport.get("/p/")


async def stream(transport: AiohttpTransport, url: str) -> None:
    async with transport.stream(url + FILE, label=LABEL) as pieces:
        async for _ in pieces:
            pass


async def by_task(work: Callable[[], Any]) -> BaseException:
    """Cancelled from outside."""
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert task.cancelled()
    return caught.value


async def by_timeout(work: Callable[[], Any]) -> BaseException:
    """Whose error has the cancellation as its cause."""
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await work()
    assert asyncio.current_task().cancelling() == 0
    return caught.value


async def by_wait_for(work: Callable[[], Any]) -> BaseException:
    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(work(), 0.1)
    return caught.value


async def by_scope(work: Callable[[], Any]) -> BaseException:
    with pytest.raises(TimeoutError) as caught, anyio.fail_after(0.1):
        await work()
    return caught.value


async def by_sibling(work: Callable[[], Any]) -> BaseException:
    """A task group cancels the others and reports the one that failed."""

    async def fail() -> None:
        await asyncio.sleep(0.1)
        raise ValueError("sibling")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [ValueError]
    return caught.value


@pytest.mark.parametrize("session", ["own", "borrowed"])
@pytest.mark.parametrize("end", [by_task, by_timeout, by_wait_for, by_scope, by_sibling])
@pytest.mark.parametrize("verb", [post, get, stream])
@pytest.mark.parametrize("handler", [nothing, half])
async def test_every_cancellation_ends_its_scope(handler: Any, verb: Any, end: Any, session: str) -> None:
    """Each cancellation ends its scope, and has no frame of aiohttp or of the functions that send."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RawServer(handler))
        own = None if session == "own" else await stack.enter_async_context(aiohttp.ClientSession())
        transport = await stack.enter_async_context(transport_to(server, network=NetworkOptions(session=own)))
        error = await end(lambda: verb(transport, server.url))

    files = [file for each in chain_of(error) for file in frames_of(each.__traceback__)]
    assert files
    assert [file for file in files if "aiohttp/" in file] == []


def test_an_error_of_the_callers_that_was_being_handled_is_kept() -> None:
    """The caller's own error stays the context, and aiohttp's, which holds the request, does not."""
    theirs = ValueError("theirs")
    error = asyncio.CancelledError()
    error.__context__ = theirs
    theirs.__context__ = aiohttp.ClientPayloadError("no")
    theirs.__cause__ = aiohttp.ClientPayloadError("no")

    forget_request(error)

    assert error.__context__ is theirs
    assert (theirs.__context__, theirs.__cause__) == (None, None)


def test_an_error_that_came_through_aiohttp_is_not_kept() -> None:
    """An error of another class that passed through aiohttp is not kept either."""
    error = InvalidResponseError("/p/", "no")
    try:
        aiohttp.helpers.BasicAuth.decode("\ud800")
    except ValueError as inner:
        error.__cause__ = error.__context__ = inner

    forget_request(error)

    assert (error.__cause__, error.__context__) == (None, None)
