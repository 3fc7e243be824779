"""No answer takes more memory than ``Limits.response_bytes`` allows, whatever the server sends."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from contextlib import contextmanager

import anyio
import pytest
from support.fake_transports import FILE, FINE, LABEL, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async import Limits
from multicart_async.errors import ResponseTooLargeError

MIB = 1 << 20
LIMITS = Limits(response_bytes=MIB)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@contextmanager
def memory_below(most: int):
    """The block takes at most that many bytes of memory at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < most


async def refused(server: RawServer, *, new_connection: bool = False) -> ResponseTooLargeError:
    """The error of a call whose answer is too large."""
    async with transport_to(server, limits=LIMITS) as transport:
        with anyio.fail_after(30), pytest.raises(ResponseTooLargeError) as caught:
            await transport.post("/schedules/get/", b"{}", new_connection=new_connection)
    return caught.value


async def test_a_length_above_the_limit_is_refused_unread() -> None:
    """The head has said enough: the body is not waited for."""

    async def boast(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MIB + 1))
        await exchange.hang()

    async with RawServer(boast) as server:
        fault = await refused(server)

    assert (
        f"/schedules/get/: expected at most {MIB} bytes (Limits.response_bytes), got more; raise the limit to read it"
        == str(fault)
    )


@pytest.mark.parametrize("head", [CHUNKED, b"HTTP/1.1 200 OK\r\n"], ids=["chunked", "close-delimited"])
async def test_an_endless_answer_is_cut_off(head) -> None:
    """It is read up to the limit, and then the connection is gone: the server cannot go on sending."""
    ended = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        piece = b" " * 65_536
        await exchange.send(head + b"\r\n")
        try:
            while True:
                await exchange.send(b"10000\r\n" + piece + b"\r\n" if head is CHUNKED else piece)
        finally:
            ended.set()

    with memory_below(16 * MIB):
        async with RawServer(endless) as server:
            await refused(server)
            with anyio.fail_after(10):
                await ended.wait()


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_answer_of_just_the_limit_is_read(framing) -> None:
    """The limit is the most that is allowed."""

    async def just(exchange: Exchange) -> None:
        if framing == "length":
            await exchange.answer(b" " * MIB)
        else:
            await exchange.send(CHUNKED + b"\r\n%x\r\n" % MIB + b" " * MIB + b"\r\n0\r\n\r\n")

    async with RawServer(just) as server, transport_to(server, limits=LIMITS) as transport:
        answer = await transport.post("/x/", b"{}")

    assert len(answer.payload) == MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_bomb_is_not_unpacked(framing) -> None:
    """100 MB of zeros fit in 100 kB of gzip; no more of them than the limit is ever in memory."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join([packer.compress(bytes(MIB)) for _ in range(100)]) + packer.flush()

    async def bomb(exchange: Exchange) -> None:
        if framing == "length":
            await exchange.answer(packed, Content_Encoding="gzip")
        else:
            head = CHUNKED + b"Content-Encoding: gzip\r\n\r\n%x\r\n" % len(packed)
            await exchange.send(head + packed + b"\r\n0\r\n\r\n")

    async with RawServer(bomb) as server:
        with memory_below(16 * MIB):
            await refused(server)


async def test_a_refused_answer_leaves_no_connection_behind() -> None:
    """The next call gets its answer from a new connection, and not the rest of the old one."""

    async def handler(exchange: Exchange) -> bool:
        await exchange.answer(b" " * (MIB + 1) if exchange.number == 1 else FINE)
        return True

    async with RawServer(handler) as server, transport_to(server, limits=LIMITS) as transport:
        with pytest.raises(ResponseTooLargeError):
            await transport.post("/x/", b"{}")
        answer = await transport.post("/x/", b"{}")

        assert server.connections == 2
    assert answer.payload == FINE


async def test_an_answer_may_come_coded() -> None:
    """gzip is offered for calls, and unpacked."""

    async def packed(exchange: Exchange) -> None:
        await exchange.answer(gzip.compress(FINE), Content_Encoding="gzip")

    async with RawServer(packed) as server, transport_to(server, limits=LIMITS) as transport:
        answer = await transport.post("/x/", b"{}")

        assert "gzip" in server.requests[0].headers["accept-encoding"]
    assert answer.payload == FINE


async def test_files_have_no_such_limit_and_need_no_memory() -> None:
    """64 MiB pass through, a piece at a time."""
    piece = bytes(MIB)

    async def large(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        for _ in range(64):
            await exchange.send(piece)

    received = 0
    with memory_below(32 * MIB):
        async with (
            RawServer(large) as server,
            transport_to(server, limits=LIMITS) as transport,
            transport.stream(server.url + FILE, label=LABEL) as stream,
        ):
            async for part in stream:
                received += len(part)

    assert received == 64 * MIB
