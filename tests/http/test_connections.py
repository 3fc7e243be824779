"""Which connections are used and kept, and what goes over them besides the request itself."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import aiohttp
import anyio
import pytest
from support.fake_transports import FILE, FINE, KEY, LABEL, fine, read_file, settings, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async import Limits, __version__
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http import AiohttpTransport, MultipartForm, NetworkOptions
from multicart_async.errors import ClientClosedError

PATH = "/schedules/get/"


async def test_reads_keep_their_connection() -> None:
    """One connection serves all the polls."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        for _ in range(4):
            await transport.post(PATH, b"{}")

        assert (len(server.requests), server.connections) == (4, 1)


async def test_each_change_has_a_connection_of_its_own() -> None:
    """A call that must not be lost never meets a connection that has gone stale."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        for _ in range(4):
            await transport.post(PATH, b"{}", new_connection=True)

        assert (len(server.requests), server.connections) == (4, 4)


async def test_files_keep_their_connection() -> None:
    """A file that was read to its end gives its connection to the next one."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        for _ in range(4):
            assert await read_file(transport, server.url + FILE) == FINE

        assert server.connections == 1


async def test_a_file_that_is_left_early_gives_its_connection_up() -> None:
    """Who breaks out does not block the pool, and the rest of the file is in nobody's way."""
    gone = asyncio.Event()

    async def long(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        await exchange.reader.read()
        gone.set()

    async with RawServer(long) as server, transport_to(server, limits=Limits(downloads=1)) as transport:
        for _ in range(3):
            gone.clear()
            async with transport.stream(server.url + FILE, label=LABEL) as stream:
                async for _ in stream:
                    break
            with anyio.fail_after(10):
                await gone.wait()


async def test_downloads_leave_room_for_calls() -> None:
    """With every download connection in use, reads and changes go out at once."""

    async def handler(exchange: Exchange) -> bool:
        if exchange.line.startswith("GET"):
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            await exchange.hang()
        return await fine(exchange)

    limits = Limits(requests=1, downloads=1)
    async with (
        RawServer(handler) as server,
        transport_to(server, limits=limits) as transport,
        transport.stream(server.url + FILE, label=LABEL),
    ):
        with anyio.fail_after(10):
            answers = [await transport.post(PATH, b"{}", new_connection=fresh) for fresh in (False, True)]

    assert [answer.payload for answer in answers] == [FINE, FINE]


async def test_each_kind_has_as_many_connections_as_its_limit() -> None:
    """Files those of downloads, calls those of requests."""
    async with transport_to("http://127.0.0.1:9/api/v1", limits=Limits(requests=7, downloads=3)) as transport:
        kinds: tuple[Any, ...] = ("calls", "new calls", "files", "new files")
        connectors = [transport._session(kind).connector for kind in kinds]

        assert [connector.limit for connector in connectors if connector is not None] == [7, 7, 3, 3]


async def test_two_clients_share_nothing() -> None:
    """Neither the key nor a cookie of one is ever in a request of the other; cookies are not even kept."""

    async def sticky(exchange: Exchange) -> bool:
        await exchange.answer(FINE, Set_Cookie=f"session={exchange.headers['x-api-key']}; Path=/")
        return True

    keys = ["alice.1111", "bob.2222"]
    async with RawServer(sticky) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # of an address aiohttp keeps no cookies anyway
        for _ in range(2):
            for key in keys:
                async with transport_to(url, settings=settings(url, key)) as transport:
                    for _ in range(2):
                        await transport.post(PATH, b"{}")
                        await transport.post(PATH, b"{}", new_connection=True)
                        await read_file(transport, url + FILE)

        assert [key for key in keys * 2 for _ in range(6)] == [each.headers["x-api-key"] for each in server.requests]
        assert not any("cookie" in each.headers for each in server.requests)


async def test_who_is_asking() -> None:
    """Calls and files carry the versions of the library and of aiohttp."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        await transport.post(PATH, b"{}")
        await read_file(transport, server.url + FILE)

        expected = f"multicart_async/{__version__} aiohttp/{aiohttp.__version__}"
        assert [expected] * 2 == [each.headers["user-agent"] for each in server.requests]


async def test_files_are_asked_for_as_they_are() -> None:
    """``Accept-Encoding: identity``, the caller's headers, no body, and the key."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        async with transport.stream(server.url + FILE, label=LABEL, headers={"Range": "bytes=7-"}):
            pass
        (request,) = server.requests

    assert f"GET /api/v1{FILE} HTTP/1.1" == request.line
    assert tuple(request.headers[name] for name in ("accept-encoding", "range", "x-api-key")) == (
        "identity",
        "bytes=7-",
        KEY,
    )


async def test_a_form_arrives_as_multipart() -> None:
    """Fields first, then the file with its name and type."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        await transport.post(
            PATH, MultipartForm({"schedule_id": "101"}, "file", "asins.csv", b"ASIN\r\nB0DJQQ38TG\r\n")
        )
        (request,) = server.requests

    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    first, second = request.body.split(b"--" + boundary)[1:-1]
    assert b'name="schedule_id"' in first
    assert first.endswith(b"\r\n\r\n101\r\n")
    assert b'name="file"; filename="asins.csv"' in second
    assert b"Content-Type: text/csv\r\n" in second
    assert second.endswith(b"\r\n\r\nASIN\r\nB0DJQQ38TG\r\n\r\n")


async def test_a_borrowed_session_is_used_for_all_and_never_closed() -> None:
    """Calls, changes and files go over the borrowed session, whose connections belong to its owner."""
    async with RawServer(fine) as server, aiohttp.ClientSession() as session:
        async with transport_to(server, network=NetworkOptions(session=session)) as transport:
            await transport.post(PATH, b"{}")
            await transport.post(PATH, b"{}", new_connection=True)
            await read_file(transport, server.url + FILE)

        assert not session.closed
        assert (len(server.requests), server.connections) == (3, 1)


async def test_a_borrowed_session_may_have_other_habits() -> None:
    """What a session is told to do with answers does not reach ours: no raising, no redirects, answers unpacked."""

    async def handler(exchange: Exchange) -> bool:
        if exchange.number == 1:
            await exchange.answer(gzip.compress(FINE), status="503 Busy", Content_Encoding="gzip")
        else:
            await exchange.answer(FINE, status="404 Not Found")
        return True

    habits = {"raise_for_status": True, "auto_decompress": False, "timeout": aiohttp.ClientTimeout(total=1e-9)}
    async with (
        RawServer(handler) as server,
        aiohttp.ClientSession(**habits) as session,
        transport_to(server, network=NetworkOptions(session=session)) as transport,
    ):
        answer = await transport.post(PATH, b"{}")
        async with transport.stream(server.url + FILE, label=LABEL) as stream:
            status = stream.status

    assert (answer.status, answer.payload, status) == (503, FINE, 404)


async def test_a_borrowed_session_that_its_owner_closed() -> None:
    """It is an error of ours, for calls and files."""
    async with RawServer(fine) as server:
        async with aiohttp.ClientSession() as session:
            pass
        async with transport_to(server, network=NetworkOptions(session=session)) as transport:
            with pytest.raises(ClientClosedError, match="session is closed"):
                await transport.post(PATH, b"{}")
            with pytest.raises(ClientClosedError, match="session is closed"):
                await read_file(transport, server.url + FILE)

        assert server.connections == 0


def test_a_borrowed_session_of_another_loop() -> None:
    """aiohttp cannot use it there, and the error does not blame the network."""

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(session: aiohttp.ClientSession) -> None:
        async with (
            RawServer(fine) as server,
            transport_to(server, network=NetworkOptions(session=session)) as transport,
        ):
            with pytest.raises(ClientClosedError, match="another event loop"):
                await transport.post(PATH, b"{}")

    with asyncio.Runner() as first:
        session = first.run(make())
        asyncio.run(use(session))
        first.run(session.close())


async def test_trace_configs_see_calls_changes_and_files() -> None:
    """They are handed to every session that is opened here."""
    seen: list[str] = []

    async def note(session, context, params) -> None:
        seen.append(f"{params.method} {params.url.path}")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    async with (
        RawServer(fine) as server,
        transport_to(server, network=NetworkOptions(trace_configs=[trace])) as transport,
    ):
        await transport.post("/a/", b"{}")
        await transport.post("/b/", b"{}", new_connection=True)
        await read_file(transport, server.url + "/c")

    assert seen == ["POST /api/v1/a/", "POST /api/v1/b/", "GET /api/v1/c"]


async def test_without_a_credential_no_header_names_one() -> None:
    """Public calls, and files, go out without any."""
    async with RawServer(fine) as server, transport_to(server, settings=settings(server.url, None)) as transport:
        await transport.post("/settings/domains/", b"{}", public=True)
        await read_file(transport, server.url + FILE)

        assert not any({"x-api-key", "authorization"} & set(each.headers) for each in server.requests)
        assert len(server.requests) == 2


async def test_closing_closes_the_connections() -> None:
    """The server sees the end of each connection that was kept."""
    ended = asyncio.Semaphore(0)

    async def kept(exchange: Exchange) -> None:
        await fine(exchange)
        await exchange.reader.read()
        ended.release()

    async with RawServer(kept) as server:
        async with transport_to(server) as transport:
            await transport.post(PATH, b"{}")
            await read_file(transport, server.url + FILE)
        with anyio.fail_after(10):
            await ended.acquire()
            await ended.acquire()


async def closed_in_the_middle(verb) -> None:
    """End a lifeline while the server has a request and does not answer it."""
    lifetime = ClientLifetime()
    asked = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.hang()

    async def use(transport: AiohttpTransport, url: str) -> None:
        with pytest.raises(ClientClosedError, match="closed during the call"):
            await verb(transport, url)

    async with RawServer(silent) as server, transport_to(server, lifetime=lifetime) as transport:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(use, transport, server.url)
                await asked.wait()
                await lifetime.shutdown()


async def test_closing_ends_what_waits_for_an_answer() -> None:
    """A call, and a file that has not begun, end at once and with the right error."""
    await closed_in_the_middle(lambda transport, url: transport.post(PATH, b"{}"))
    await closed_in_the_middle(lambda transport, url: read_file(transport, url + FILE))


def test_a_transport_can_be_made_outside_a_loop() -> None:
    """Nothing is opened before the first request."""
    assert AiohttpTransport(settings("https://multicartapi.com/api/v1"))._sessions == {}
