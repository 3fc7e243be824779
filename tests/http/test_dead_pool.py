"""Connections of the pool die together, after a suspend or when a NAT forgets them: one attempt is lost, and no more."""

from __future__ import annotations

import aiohttp
import anyio
import pytest
from support.clock import hasten_when
from support.eventually import until
from support.fake_transports import FILE, FINE, KEY, fine, read_file, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy, Timeouts
from multicart_async._http import NetworkOptions
from multicart_async._http.retries import Retrier
from multicart_async.errors import APIConnectionError, APITimeoutError
from multicart_async.models import DownloadLinks, Run

ROW = b'{"code": 200, "data": {"id": 101, "name": "AU"}, "status": 1}'
PAGE = b'[{"asin": "B0DJQQ38TG"}]'
LINK = "/api/v1/results/101/88/AU_88_Results_Page_1.json"
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(LINK,)))
LIMITS = Timeouts(request=30)


class Dying:
    """Answers; from `die` on, a connection that has answered before is dead: with a RST, or in silence."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._dead: set[object] = set()
        self._known: set[object] = set()
        self.lost = 0

    def die(self) -> None:
        """All connections there are die."""
        self._dead |= self._known

    async def __call__(self, exchange: Exchange) -> bool:
        """One request."""
        self._known.add(exchange.writer)
        if exchange.writer in self._dead:
            self.lost += 1
            if self._how == "RST":
                exchange.reset()
                return False
            await exchange.hang()
        await exchange.answer(PAGE if exchange.line.startswith("GET") else ROW)
        return True


async def read(client: AsyncMultiCart, folder) -> None:
    await client.collections.get(101)


async def download(client: AsyncMultiCart, folder) -> None:
    await client.runs.download(RUN, folder / str(len(list(folder.iterdir()))))


async def records(client: AsyncMultiCart, folder) -> None:
    assert [record async for record in client.runs.records(RUN)]


@pytest.fixture
def rests(monkeypatch) -> list[int]:
    """The attempts after which there was a pause of ours."""
    seen: list[int] = []

    async def rest(_: Retrier, number: int) -> None:
        seen.append(number)

    monkeypatch.setattr(Retrier, "_rest", rest)
    return seen


@pytest.mark.parametrize("how", ["RST", "silence"])
@pytest.mark.parametrize("verb", [read, download, records])
async def test_the_second_attempt_has_a_new_connection(tmp_path, rests, verb, how) -> None:
    """It comes without a pause, and it is the last one; the file of a GET is asked for by aiohttp twice in the first."""
    dying = Dying(how)
    async with (
        RawServer(dying) as server,
        AsyncMultiCart(KEY, base_url=server.url, timeouts=LIMITS) as client,
        anyio.create_task_group() as group,
    ):
        async with anyio.create_task_group() as several:
            for _ in range(4):
                several.start_soon(verb, client, tmp_path)
        dying.die()
        group.start_soon(hasten_when, lambda: dying.lost, 31 if how == "silence" else 0)
        with anyio.fail_after(60):
            await verb(client, tmp_path)

    assert 1 <= dying.lost <= 2
    assert rests == []


async def test_a_new_connection_that_fails_is_followed_by_a_pause(rests) -> None:
    """Then it is the service that does not answer, and more attempts at once would not help it."""

    async def drop(exchange: Exchange) -> None:
        """Say nothing, and end."""

    async with (
        RawServer(drop) as server,
        AsyncMultiCart(KEY, base_url=server.url, retry=RetryPolicy(attempts=3)) as client,
    ):
        with pytest.raises(APIConnectionError) as caught:
            await client.collections.get(101)

    assert not caught.value.reused
    assert rests == [1, 2]


async def lost_on(server: RawServer, transport) -> APIConnectionError:
    """The error of the second call of a transport, which the server does not answer."""
    await transport.post("/x/", b"{}")
    with pytest.raises(APIConnectionError) as caught:
        await transport.post("/x/", b"{}")
    return caught.value


async def first_only(exchange: Exchange) -> bool:
    """Answer the first request of all."""
    return exchange.number == 1 and await fine(exchange)


async def test_a_call_tells_that_its_connection_was_used_before() -> None:
    """It may have died while it was idle."""
    async with RawServer(first_only) as server, transport_to(server) as transport:
        error = await lost_on(server, transport)

    assert (error.reused, error.sent) == (True, True)


async def test_a_time_out_tells_it_too() -> None:
    """Nothing but silence comes from a connection that a NAT has forgotten."""

    async def silent(exchange: Exchange) -> bool:
        return await first_only(exchange) or await exchange.hang()

    async with RawServer(silent) as server, transport_to(server, timeouts=Timeouts(request=0.1)) as transport:
        error = await lost_on(server, transport)

    assert (type(error), error.reused) == (APITimeoutError, True)


async def test_an_answer_proves_that_the_connection_was_alive() -> None:
    """One that breaks off in its body is the service's fault, or that of the network now."""

    async def half(exchange: Exchange) -> bool:
        if exchange.number == 1:
            return await fine(exchange)
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + FINE[:20])
        return False

    async with RawServer(half) as server, transport_to(server) as transport:
        error = await lost_on(server, transport)

    assert not error.reused


async def test_a_file_tells_it_too() -> None:
    """Its connections are of another pool. aiohttp asks again by itself, over the next dead one."""

    async def two_at_a_time(exchange: Exchange) -> bool:
        if exchange.number > 2:
            return False
        await until(lambda: len(server.requests) >= 2)
        return await fine(exchange)

    async with RawServer(two_at_a_time) as server, transport_to(server) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(read_file, transport, server.url + FILE)
        with pytest.raises(APIConnectionError) as caught:
            await read_file(transport, server.url + FILE)

        assert (len(server.requests), server.connections) == (4, 2)
    assert caught.value.reused


async def test_a_borrowed_session_does_not_tell() -> None:
    """Its pool is its owner's."""
    async with (
        RawServer(first_only) as server,
        aiohttp.ClientSession() as session,
        transport_to(server, network=NetworkOptions(session=session)) as transport,
    ):
        error = await lost_on(server, transport)

    assert not error.reused


async def test_who_else_uses_a_session_is_not_noted() -> None:
    """A trace may ask for something of its own, over the session that it is given."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        await transport.post("/x/", b"{}")
        async with transport._session("calls").get(server.origin) as answer:
            assert answer.status == 200
