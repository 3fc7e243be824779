"""What each time limit ends, and what none of them does."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from support.clock import hasten, hasten_when
from support.fake_transports import FILE, FINE, LABEL, read_file, transport_to, trusting
from support.mocked_aiohttp import MockedResponse, aioresponses
from support.raw_server import Exchange, RawServer

from multicart_async import Timeouts
from multicart_async.errors import APITimeoutError, StalledDownloadError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n"
LIMIT = 5.0
MORE = 6.0


async def drip(exchange: Exchange, piece: bytes) -> None:
    """The same few bytes again and again, for three times as long as the limit."""
    for _ in range(30):
        await exchange.send(piece)
        hasten(0.5)
        await asyncio.sleep(0)


async def no_head(exchange: Exchange) -> None:
    hasten(MORE)
    await exchange.hang()


async def header_drip(exchange: Exchange) -> None:
    await exchange.send(HEAD)
    await drip(exchange, b"X-Drip: 1\r\n")


async def letter_drip(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"X-Drip: ")
    await drip(exchange, b"a")


async def flood_of_1xx(exchange: Exchange) -> None:
    await drip(exchange, b"HTTP/1.1 103 Early Hints\r\n\r\n")


async def body_stall(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"\r\n" + FINE[:7])
    hasten(MORE)
    await exchange.hang()


async def body_drip(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
    await drip(exchange, b" ")


@pytest.mark.parametrize("stall", [no_head, header_drip, letter_drip, flood_of_1xx, body_stall, body_drip])
async def test_request_bounds_a_whole_call(stall) -> None:
    """However a server spends the time, ``Timeouts.request`` ends it; the call may have arrived."""
    async with RawServer(stall) as server, transport_to(server, timeouts=Timeouts(request=LIMIT)) as transport:
        with anyio.fail_after(20), pytest.raises(APITimeoutError, match=r"Timeouts\.request") as caught:
            await transport.post("/schedules/get/", b"{}")

        assert len(server.requests) == 1
    assert caught.value.sent


@pytest.mark.parametrize("stall", [no_head, header_drip, letter_drip, flood_of_1xx])
async def test_request_bounds_the_headers_of_a_file(stall) -> None:
    """A file that never begins is given up like a call, whatever silence its body may keep."""
    async with RawServer(stall) as server, transport_to(server, timeouts=Timeouts(request=LIMIT)) as transport:
        with anyio.fail_after(20), pytest.raises(APITimeoutError, match=f"^{LABEL}: "):
            await read_file(transport, server.url + FILE)


@pytest.mark.parametrize("verb", ["post", "stream"])
async def test_connect_bounds_the_handshake(verb) -> None:
    """Somebody accepts and says nothing: no TLS, no request, and the error knows that."""

    async with RawServer(no_head) as server:
        base = f"https://localhost:{server.port}/api/v1"
        async with (
            transport_to(base, timeouts=Timeouts(connect=LIMIT), network=trusting()) as transport,
            anyio.create_task_group() as group,
        ):
            group.start_soon(hasten_when, lambda: server.connections, MORE)
            with anyio.fail_after(20), pytest.raises(APITimeoutError, match=r"Timeouts\.connect") as caught:
                await (transport.post("/x/", b"{}") if verb == "post" else read_file(transport, base + FILE))

        assert server.requests == []

    assert not caught.value.sent


@pytest.mark.parametrize("head", [HEAD, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"])
async def test_silence_in_a_body_is_a_stall(head) -> None:
    """``Timeouts.read`` is the longest silence, in each framing; the error says how far it came."""

    async def stall(exchange: Exchange) -> None:
        await exchange.send(head + b"\r\n" + (b"7\r\n[1, 2, \r\n" if b"chunked" in head else b"[1, 2, "))
        await hasten_when(lambda: pieces, MORE)
        await exchange.hang()

    pieces: list[bytes] = []
    async with (
        RawServer(stall) as server,
        transport_to(server, timeouts=Timeouts(read=LIMIT)) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        with anyio.fail_after(20), pytest.raises(StalledDownloadError, match=f"^{LABEL}: no data for 5 s after 7"):
            async for piece in stream:
                pieces.append(piece)  # noqa: PERF401 -- what came before the stall counts


class Pacemaker:
    """A clock that moves each time it is read, as if the network took that long for each piece."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.time = 0.0

    def __call__(self) -> float:
        self.time += self._seconds
        return self.time


def in_pieces(*sizes: int):
    """Answer with pieces of these sizes; the next one is sent when somebody asks at ``/next``."""
    turn = asyncio.Semaphore(1)

    async def handler(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % sum(sizes))
        for size in sizes:
            await turn.acquire()
            await exchange.send(b" " * size)

    return handler, turn


async def read_in_turns(sizes, clock, *, consumer=lambda: None) -> int:
    """Read a file of which one piece comes for each piece that was taken; returns how many bytes came."""
    handler, turn = in_pieces(*sizes)
    received = 0
    async with (
        RawServer(handler) as server,
        transport_to(server, now=clock) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        with anyio.fail_after(20):
            async for piece in stream:
                received += len(piece)
                consumer()
                turn.release()
    return received


async def test_a_drip_is_a_stall() -> None:
    """Less than 1 KiB/s for ``Timeouts.read`` seconds ends the transfer, though it was never silent that long."""
    with pytest.raises(
        StalledDownloadError, match=f"^{LABEL}: expected at least 1024 bytes per second, got 4 bytes in 60 s"
    ):
        await read_in_turns([1] * 20, Pacemaker(15.0))


async def test_a_drip_after_a_good_start_is_a_stall() -> None:
    """What came quickly before is no credit for later."""
    with pytest.raises(StalledDownloadError, match="expected at least 1024 bytes per second, got 4 bytes in 60 s"):
        await read_in_turns([60_000] * 8 + [1] * 20, Pacemaker(15.0))


async def test_slow_but_above_the_bound_goes_on() -> None:
    """1 KiB/s is enough, for hours."""
    clock = Pacemaker(15.0)

    assert await read_in_turns([15 * 1024] * 60, clock) == 15 * 1024 * 60
    assert clock.time > 15 * 60


async def test_a_slow_consumer_is_no_stall() -> None:
    """Time between two pieces that the consumer takes is not the network's."""
    clock = Pacemaker(0.0)

    def think() -> None:
        clock.time += 1000.0

    assert await read_in_turns([1] * 5, clock, consumer=think) == 5


async def test_a_consumer_may_pause_longer_than_the_longest_silence() -> None:
    """While it does not read, the connection is held, and no clock of aiohttp's runs."""

    async def much(exchange: Exchange) -> None:
        await exchange.answer(bytes(8_000_000))

    received = 0
    async with (
        RawServer(much) as server,
        transport_to(server, timeouts=Timeouts(read=LIMIT)) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        async for piece in stream:
            if not received:
                await asyncio.sleep(0.05)  # as much has come as there is room for
                hasten(10 * LIMIT)
                await asyncio.sleep(0.05)
            received += len(piece)

    assert received == 8_000_000


async def test_a_download_may_take_longer_than_every_limit() -> None:
    """Connecting, headers and silence are bounded; the whole is not."""

    async def steady(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64000\r\n\r\n")
        for _ in range(32):
            await exchange.send(bytes(2000))
            await asyncio.sleep(0.002)
            hasten(1)

    limits = Timeouts(connect=LIMIT, request=LIMIT, read=LIMIT)
    async with RawServer(steady) as server, transport_to(server, timeouts=limits) as transport:
        assert len(await read_file(transport, server.url + FILE)) == 64_000


async def test_a_download_has_no_total() -> None:
    """aiohttp's own total of five minutes is switched off, for it would end big files; its clock of silence is not used."""
    with aioresponses() as service:
        service.get("http://127.0.0.1/api/v1" + FILE, body=b"[]", response_class=MockedResponse)
        async with transport_to("http://127.0.0.1/api/v1") as transport:
            await read_file(transport, "http://127.0.0.1/api/v1" + FILE)
        ((request,),) = service.requests.values()

    timeout = request.kwargs["timeout"]
    assert (timeout.total, timeout.connect, timeout.sock_read) == (None, 10.0, None)
