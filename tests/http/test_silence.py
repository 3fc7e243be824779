"""Silence on a file is timed from one piece of the body to the next, and by nothing that stays with the connection."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from support.clock import hasten
from support.fake_transports import FILE, LABEL, fine, read_file, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async import RetryPolicy, Timeouts
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async._http.retries import Retrier
from multicart_async.errors import APITimeoutError, StalledDownloadError

LIMIT = 5.0
PARTS = 64
PART = bytes(1 << 16)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "chunk extension": (CHUNKED + b"5\r\n[1, 2\r\n5;", b"a"),
    "zeros of a chunk size": (CHUNKED + b"5\r\n[1, 2\r\n", b"0"),
    "trailers": (CHUNKED + b"5\r\n[1, 2\r\n0\r\n", b"X: 1\r\n"),
    "a trailer": (CHUNKED + b"5\r\n[1, 2\r\n0\r\nX: ", b"a"),
}


async def test_a_pooled_connection_is_not_poisoned() -> None:
    """A large file is read with pauses, and its connection idles for longer than the limit: the next file comes over it."""

    async def large(exchange: Exchange) -> bool:
        await exchange.send(CHUNKED)
        for _ in range(PARTS):  # more than is held in memory, so that reading pauses
            await exchange.send(b"10000\r\n" + PART + b"\r\n")
        await exchange.send(b"0\r\n\r\n")
        return True

    async with RawServer(large) as server, transport_to(server, timeouts=Timeouts(read=LIMIT)) as transport:
        received = 0
        async with transport.stream(server.url + FILE, label=LABEL) as stream:
            async for piece in stream:
                received += len(piece)
                await asyncio.sleep(0.01)  # the rest comes meanwhile
        hasten(LIMIT + 1)
        await asyncio.sleep(0.01)  # what was due has happened
        async with transport.stream(server.url + FILE, label=LABEL) as stream:
            again = [piece async for piece in stream]

        assert server.connections == 1
    assert (PARTS * len(PART),) * 2 == (received, sum(map(len, again)))


@pytest.mark.parametrize("case", DRIPS)
async def test_bytes_that_are_no_body_are_silence(case) -> None:
    """They come one by one, and prove that the server is alive; the file does not come."""
    head, drop = DRIPS[case]

    async def drip(exchange: Exchange) -> None:
        await exchange.send(head)
        while True:
            await exchange.send(drop)
            hasten(0.5)
            await asyncio.sleep(0.001)  # it is read

    async with RawServer(drip) as server, transport_to(server, timeouts=Timeouts(read=LIMIT)) as transport:
        with (
            anyio.fail_after(60),
            pytest.raises(StalledDownloadError, match=f"^{LABEL}: no data for 5 s after 5 bytes"),
        ):
            await read_file(transport, server.url + FILE)


@pytest.mark.parametrize("case", DRIPS)
async def test_eight_endless_files_do_not_hold_all_slots(case) -> None:
    """Each of them ends, and its slot is free again."""
    head, drop = DRIPS[case]

    async def drip(exchange: Exchange) -> None:
        await exchange.send(head)
        while True:
            await exchange.send(drop)
            hasten(0.5)
            await asyncio.sleep(0.001)  # it is read

    async def stalls(transport, url: str) -> None:
        with pytest.raises(StalledDownloadError):
            await read_file(transport, url)

    async with RawServer(drip) as server, transport_to(server, timeouts=Timeouts(read=LIMIT)) as transport:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(stalls, transport, server.url + FILE)

        assert len(server.requests) == 8


@pytest.mark.parametrize("case", DRIPS)
async def test_eight_endless_responses_do_not_hold_all_calls(case) -> None:
    """``Timeouts.request`` ends each endless response, so the next call gets a place."""
    head, drop = DRIPS[case]

    async def drip(exchange: Exchange) -> bool:
        if exchange.number > 8:
            return await fine(exchange)
        await exchange.send(head)
        while True:
            await exchange.send(drop)
            hasten(0.5)
            await asyncio.sleep(0.001)  # it is read

    async def ends(call: ApiCaller) -> None:
        with pytest.raises(APITimeoutError, match=r"Timeouts\.request"):
            await call.call(Endpoint("/slow/", ANYTHING, safety="safe"))

    async with RawServer(drip) as server, transport_to(server, timeouts=Timeouts(request=LIMIT)) as transport:
        call = ApiCaller(transport, retrier=Retrier(RetryPolicy(attempts=1)))
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(ends, call)

        assert await call.call(Endpoint("/fine/", ANYTHING, safety="safe")) == 1
