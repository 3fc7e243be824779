"""A response without a request is not taken for that of the next request."""

from __future__ import annotations

import json

import anyio
import pytest
from support.eventually import until
from support.fake_transports import KEY
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import InvalidResponseError

STRAY = 999


def response(body: object) -> bytes:
    """A whole response of the service."""
    content = json.dumps({"code": 200, "data": body, "status": 1}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def right(exchange: Exchange) -> bytes:
    """What the service should say."""
    fields = json.loads(exchange.body)
    return response([{"id": 1}] if not fields else {"id": fields["schedule_id"], "revoked": True})


def idle(client: AsyncMultiCart) -> list[bool]:
    """The idle connections of its calls that read: whether something has come over them."""
    connector = client._transport._sessions["calls"].connector
    assert connector is not None
    return [protocol.should_close for waiting in connector._conns.values() for protocol, _ in waiting]


def connected(server: RawServer, **given) -> AsyncMultiCart:
    return AsyncMultiCart(KEY, base_url=server.url, retry=RetryPolicy(attempts=1), **given)


@pytest.mark.parametrize("stray", [response({"id": STRAY}), response([{"id": STRAY}]), b"\0"])
async def test_what_came_over_an_idle_connection_is_not_read(stray) -> None:
    """The connection is closed and a new one is used, also for a list, which has no id to compare."""
    quiet = True

    async def handler(exchange: Exchange) -> bool:
        await exchange.send(right(exchange))
        if exchange.number == 1:
            await until(lambda: not quiet)
            await exchange.send(stray)
        return True

    async with RawServer(handler) as server, connected(server) as client:
        assert (await client.collections.get(101)).id == 101
        quiet = False
        await until(lambda: idle(client) != [False])
        assert [row.id for row in await client.collections.list()] == [1]
        assert (await client.collections.get(102)).id == 102

        assert (server.connections, len(server.requests)) == (2, 3)


async def test_no_idle_connection_over_which_something_came_is_used() -> None:
    """All of them are closed, one after the other."""
    quiet = True

    async def handler(exchange: Exchange) -> bool:
        if exchange.number <= 2:
            await until(lambda: len(server.requests) >= 2)
        await exchange.send(right(exchange))
        if exchange.number <= 2:
            await until(lambda: not quiet)
            await exchange.send(response([{"id": STRAY}]))
        return True

    async with RawServer(handler) as server, connected(server) as client:
        async with anyio.create_task_group() as group:
            for number in (101, 102):
                group.start_soon(client.collections.get, number)
        quiet = False
        await until(lambda: idle(client) == [True, True])
        assert [row.id for row in await client.collections.list()] == [1]

        assert (server.connections, len(server.requests)) == (3, 3)


async def test_a_stray_response_after_a_request_is_noticed_by_its_id() -> None:
    """The read is repeated on a new connection, and the late response of the old one is not read."""

    async def handler(exchange: Exchange) -> bool:
        stray = response({"id": STRAY}) if exchange.number == 2 else b""
        await exchange.send(stray + right(exchange))
        return True

    async with RawServer(handler) as server, connected(server) as client:
        ids = [(await client.collections.get(number)).id for number in (101, 102, 103)]

        assert (ids, len(server.requests)) == ([101, 102, 103], 4)


async def answering_stray(exchange: Exchange) -> bool:
    """Each response belongs to something else."""
    row = {"id": STRAY, "collection": STRAY, "asin": "B0", "sku": "S", "revoked": True}
    await exchange.send(response(row))
    return True


async def answering_stray_rows(exchange: Exchange) -> bool:
    """The same for lists."""
    row = {"id": 7, "collection": STRAY, "is_download_generated": False}
    await exchange.send(response([{**row, "collection": 101}, row]))
    return True


READS = {
    "collection": (answering_stray, lambda client: client.collections.get(101), "expected id 101"),
    "asin": (answering_stray, lambda client: client.asins.get(101), "expected id 101"),
    "output": (answering_stray, lambda client: client.outputs.get(101), "expected id 101"),
    "runs": (answering_stray_rows, lambda client: client.runs.list(101), "expected collection 101"),
    "outputs": (
        answering_stray_rows,
        lambda client: client.outputs.list(101),
        "expected collection 101",
    ),
    "category": (
        answering_stray_rows,
        lambda client: client.categories.result(101),
        "expected collection 101",
    ),
}


@pytest.mark.parametrize("case", READS)
async def test_a_read_that_gets_another_id_twice_is_an_error(case) -> None:
    """The read is made twice at most; the error says which id was expected and which came."""
    handler, read, expected = READS[case]
    async with RawServer(handler) as server, connected(server) as client:
        with pytest.raises(InvalidResponseError) as caught:
            await read(client)

        assert len(server.requests) == 2
    assert f"the response belongs to another request: {expected}, got {STRAY}" in str(caught.value)


CHANGES = {
    "collection": lambda client: client.collections.update(101, name="A"),
    "asin": lambda client: client.asins.update(101, include_raw_html=True),
    "category": lambda client: client.categories.cancel(101),
    "new asin": lambda client: client.asins.create(101, "B0", domain_id=1, zipcode_id=15),
    "new sku": lambda client: client.skus.create(101, "S", store_id="W411", postcode="4152"),
}


@pytest.mark.parametrize("case", CHANGES)
async def test_a_change_that_gets_another_id_is_not_made_again(case) -> None:
    """The call is not repeated, because it may have taken effect."""
    async with RawServer(answering_stray) as server, connected(server) as client:
        with pytest.raises(InvalidResponseError, match=f"belongs to another request: .* 101, got {STRAY}$"):
            await CHANGES[case](client)

        assert len(server.requests) == 1
