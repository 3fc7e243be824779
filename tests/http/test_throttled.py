"""Files that come no faster than `Limits.bytes_per_second`: held back between readings, and never mistaken for a stall."""

from __future__ import annotations

import asyncio
import gzip

import anyio
import pytest
from support.clock import hasten
from support.eventually import until
from support.fake_transports import FILE, FINE, LABEL, read_file, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async import Limits, Timeouts
from multicart_async._core.lifetime import ClientLifetime
from multicart_async.errors import ClientClosedError, IncompleteDownloadError

RATE = 1000
HEADS = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\nX-Length: %d\r\n\r\n",
}


class Hasty(ClientLifetime):
    """Puts the loop's clock forward in place of sleeping: what is due meanwhile happens."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.ensure_open()
        self.slept += seconds
        hasten(seconds)
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("size", [1, 40_000, 3_000_000])
async def test_a_pause_of_ours_is_no_silence_of_the_network(size: int, head: bytes) -> None:
    """The file is whole after as long as the limit says, far longer than ``Timeouts.read``, small or larger than a buffer."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(head % size, bytes(size))

    lifetime = Hasty()
    async with (
        RawServer(send) as server,
        transport_to(
            server,
            timeouts=Timeouts(read=5),
            limits=Limits(bytes_per_second=RATE),
            lifetime=lifetime,
            now=anyio.current_time,
        ) as transport,
    ):
        with anyio.fail_after(1e9):
            assert len(await read_file(transport, server.url + FILE)) == size

    assert lifetime.slept == pytest.approx(size / RATE, rel=0.01, abs=0.2)


async def test_a_file_behind_the_limit_is_the_same_file() -> None:
    """Status, headers, length and framing are told as without a limit, and so is a cut."""

    async def cut(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nX-A: b\r\n\r\n[1, 2, ")

    async with RawServer(cut) as server:
        for limits in (Limits(), Limits(bytes_per_second=1e9)):
            async with (
                transport_to(server, limits=limits) as transport,
                transport.stream(server.url + FILE, label=LABEL) as file,
            ):
                assert (file.status, file.headers["x-a"], file.length, file.self_delimited) == (200, "b", 40, True)
                with pytest.raises(IncompleteDownloadError, match=f"^{LABEL}: 7 of 40 bytes|broke off after 7 bytes"):
                    assert not [piece async for piece in file if piece != b"[1, 2, "]


async def test_gzip_behind_the_limit_proves_its_end_too() -> None:
    """Where only the end of the gzip shows that nothing is missing, that is known when it has come, and not before."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"asin,title\r\n"))

    async with RawServer(send) as server:
        for limits in (Limits(), Limits(bytes_per_second=1e9)):
            async with (
                transport_to(server, limits=limits) as transport,
                transport.stream(server.url + FILE, label=LABEL) as file,
            ):
                proved_before = file.self_delimited
                assert b"".join([piece async for piece in file]) == b"asin,title\r\n"
                assert (proved_before, file.self_delimited) == (False, True)


class Noted(ClientLifetime):
    """Tells when it is slept on."""

    asleep = False

    async def sleep(self, seconds: float) -> None:
        self.asleep = True
        await super().sleep(seconds)


async def test_a_wait_for_bytes_ends_with_the_client() -> None:
    """However long it would be."""

    async def send(exchange: Exchange) -> None:
        await exchange.answer(bytes(1_000_000))

    lifetime = Noted()
    async with (
        RawServer(send) as server,
        transport_to(server, limits=Limits(bytes_per_second=1), lifetime=lifetime) as transport,
        transport.stream(server.url + FILE, label=LABEL) as file,
        anyio.create_task_group() as group,
    ):

        async def read() -> None:
            with pytest.raises(ClientClosedError):
                await anext(aiter(file))

        group.start_soon(read)
        await until(lambda: lifetime.asleep)
        await lifetime.shutdown()


async def test_calls_are_not_held_back() -> None:
    """The limit is for files."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(FINE)

    lifetime = Hasty()
    async with (
        RawServer(answer) as server,
        transport_to(server, limits=Limits(bytes_per_second=1), lifetime=lifetime) as transport,
    ):
        assert (await transport.post("/x/", b"{}")).payload == FINE

    assert lifetime.slept == 0.0
