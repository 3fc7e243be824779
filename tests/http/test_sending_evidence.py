"""``sent`` tells whether a byte of the request left, whatever the exception is, and on any session."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest
from aiohttp.abc import AbstractResolver
from support.eventually import until
from support.fake_transports import FILE, FINE, LABEL, client_tls, fine, read_file, server_tls, transport_to
from support.raw_server import Exchange, RawServer
from support.tunnels import Tunnels

from multicart_async import RetryPolicy, Timeouts
from multicart_async._http import MultipartForm, NetworkOptions
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    MultiCartError,
)

PATH = "/schedules/get/"
FORM = MultipartForm({"collection_id": "101"}, "csv", "asins.csv", b"ASIN\r\nB0DJQQ38TG\r\n")
QUICK = Timeouts(connect=30, request=0.1)
CREATE = {"notification_email": "ops@example.com"}
ONCE = RetryPolicy(attempts=1)


async def close(exchange: Exchange) -> None:
    """Say nothing, and end."""


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def garbage(exchange: Exchange) -> None:
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def half_a_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def half_a_body(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + FINE[:20])


async def refuse(exchange: Exchange) -> None:
    await exchange.answer(b"", status="502 Bad Gateway")


HANG = Exchange.hang


class Resolver(AbstractResolver):
    """Names that are never found, or only with an error."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def resolve(self, *_: object) -> list:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        return []

    async def close(self) -> None:
        """Nothing is open."""


def tracing(hook: str) -> aiohttp.TraceConfig:
    """A trace that fails at that moment."""

    async def fail(*_: object) -> None:
        raise LookupError("a span is missing")

    trace = aiohttp.TraceConfig()
    getattr(trace, hook).append(fail)
    return trace


async def raising(request: aiohttp.ClientRequest, handler: object) -> aiohttp.ClientResponse:
    """A middleware that fails before it asks."""
    raise KeyError("no signature")


async def raising_late(request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
    """A middleware that fails after it has asked."""
    (await handler(request)).close()
    raise KeyError("no signature")


async def reading(request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
    """A middleware that looks at the body, as one that signs it."""
    assert (await request.body.as_bytes()).decode() == request.body.decode() == "{}"
    raise KeyError("no signature")


async def insisting(request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
    """A middleware that asks again where there was no connection."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        return await handler(request)


async def replacing(request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
    """A middleware that sends another body."""
    await request.update_body(b'{"signed": true}')
    return await handler(request)


@asynccontextmanager
async def over(way: str, url: str, *, proxy: str | None = None, timeouts: Timeouts | None = None, **session):
    """A transport on a session of its own, or on a borrowed one."""
    timeouts = timeouts or Timeouts()
    if way == "own":
        network = NetworkOptions(proxy=proxy, ssl_context=client_tls())
        async with transport_to(url, network=network, timeouts=timeouts) as transport:
            yield transport
        return
    connector = session.pop("connector", None) or aiohttp.TCPConnector(ssl=client_tls())
    async with (
        aiohttp.ClientSession(connector=connector, **session) as borrowed,
        transport_to(url, network=NetworkOptions(session=borrowed, proxy=proxy), timeouts=timeouts) as transport,
    ):
        yield transport


async def failure(transport, body=b"{}") -> MultiCartError:
    """The error of a call with that body, of a GET where it is None."""
    with anyio.fail_after(20), pytest.raises(MultiCartError) as caught:
        await (transport.get(PATH) if body is None else transport.post(PATH, body))
    return caught.value


REPEATED = {close, reset, half_a_head}  # after which aiohttp asks again, if it was a GET

BODIES = pytest.mark.parametrize("body", [b"{}", FORM, None], ids=["json", "form", "get"])
WAYS = pytest.mark.parametrize("way", ["own", "borrowed"])


@BODIES
@WAYS
@pytest.mark.parametrize("instead", [close, reset, garbage, half_a_head, refuse, HANG])
async def test_a_connect_that_fails_sends_nothing(way, body, instead) -> None:
    """The service is behind a tunnel that never comes to be: the error says so, and may pass."""
    timeouts = QUICK if instead is HANG else Timeouts()
    async with (
        RawServer(Tunnels(1, instead)) as proxy,
        over(way, "https://service.invalid/api/v1", proxy=proxy.origin, timeouts=timeouts) as transport,
    ):
        fault = await failure(transport, body)

    kind = APITimeoutError if instead is HANG else APIConnectionError
    unknown = way == "borrowed" and body is None and instead in REPEATED  # nothing tells of the first attempt
    assert (type(fault), fault.sent, fault.retryable) == (kind, unknown, True)
    assert f"127.0.0.1:{proxy.port}" in str(fault)


@BODIES
@WAYS
async def test_a_handshake_above_the_time_of_a_call_sends_nothing(way, body) -> None:
    """``Timeouts.request`` below ``connect`` ends it: that is a time-out in which nothing was sent."""
    async with RawServer(HANG) as server, over(way, f"https://localhost:{server.port}", timeouts=QUICK) as transport:
        fault = await failure(transport, body)

    assert (type(fault), fault.sent) == (APITimeoutError, False)
    assert f"connecting to localhost:{server.port} timed out (Timeouts.request)" in str(fault)


async def occupy(session: aiohttp.ClientSession, url: str) -> None:
    """Use a connection of the session until the end."""
    async with session.get(url):
        pass


@BODIES
async def test_a_queue_above_the_time_of_a_call_sends_nothing(body) -> None:
    """All connections of a borrowed session are in use."""
    connector = aiohttp.TCPConnector(limit=1)
    async with (
        RawServer(HANG) as server,
        over("borrowed", server.url, timeouts=QUICK, connector=connector) as transport,
        anyio.create_task_group() as group,
    ):
        group.start_soon(occupy, transport._network.session, server.origin)
        await until(lambda: server.requests)
        fault = await failure(transport, body)
        group.cancel_scope.cancel()

    assert (type(fault), fault.sent) == (APITimeoutError, False)


@BODIES
async def test_another_certificate_than_expected_sends_nothing(body) -> None:
    """A fingerprint that does not fit stays so: it is not tried again."""
    connector = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes(32)))
    async with (
        RawServer(fine, tls=server_tls()) as server,
        over("borrowed", server.url, connector=connector) as transport,
    ):
        fault = await failure(transport, body)

        assert server.requests == []
    assert (type(fault), fault.sent, fault.retryable) == (APIConnectionError, False, False)
    assert f"the certificate of localhost:{server.port} is not the one whose fingerprint was given" in str(fault)


@BODIES
@WAYS
@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".com"])
async def test_a_host_that_cannot_be_is_a_wrong_setting(way, body, host) -> None:
    """Python refuses to look it up: no answer is to blame, and nothing was sent."""
    async with over(way, f"http://{host}/api/v1") as transport:
        fault = await failure(transport, body)

    assert type(fault) is ConfigurationError
    assert f"cannot make a request to {host}:80: " in str(fault)
    assert "label" in str(fault).rpartition(": ")[2]


@BODIES
@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("can't start new thread"), LookupError("x"), None])
async def test_names_that_are_not_found_send_nothing(body, error) -> None:
    """Whatever a resolver raises, and however long it takes."""
    connector = aiohttp.TCPConnector(resolver=Resolver(error))
    async with over("borrowed", "http://service.test/api/v1", connector=connector, timeouts=QUICK) as transport:
        fault = await failure(transport, body)

    assert (isinstance(fault, APIConnectionError), fault.sent, fault.retryable) == (True, False, True)


EARLY = ["on_request_start", "on_connection_create_start", "on_connection_create_end", "on_request_headers_sent"]


@BODIES
@pytest.mark.parametrize("hook", EARLY)
async def test_a_trace_that_fails_before_sending_sends_nothing(body, hook) -> None:
    """It may be one for the client's own sessions."""
    async with (
        RawServer(fine) as server,
        transport_to(server, network=NetworkOptions(trace_configs=[tracing(hook)])) as transport,
    ):
        fault = await failure(transport, body)

        assert server.requests == []
    assert (type(fault), fault.sent, fault.retryable) == (APIConnectionError, False, True)
    assert "LookupError: a span is missing" in str(fault)


async def test_a_trace_that_fails_at_the_first_bytes_sends_nothing() -> None:
    """aiohttp tells it of the body before it is written."""
    network = NetworkOptions(trace_configs=[tracing("on_request_chunk_sent")])
    async with RawServer(fine) as server, transport_to(server, network=network) as transport:
        fault = await failure(transport)

        assert server.requests == []
    assert (type(fault), fault.sent) == (APIConnectionError, False)


@BODIES
async def test_a_middleware_that_fails_before_it_asks_sends_nothing(body) -> None:
    """Its error is told by name and text."""
    async with RawServer(fine) as server, over("borrowed", server.url, middlewares=[raising]) as transport:
        fault = await failure(transport, body)

        assert server.requests == []
    assert (type(fault), fault.sent) == (APIConnectionError, False)
    assert "KeyError: 'no signature'" in str(fault)


@BODIES
@WAYS
@pytest.mark.parametrize("how", [close, reset, half_a_head, half_a_body, HANG])
async def test_what_the_service_has_read_was_sent(way, body, how) -> None:
    """The same exceptions as before, and the other verdict."""
    timeouts = QUICK if how is HANG else Timeouts()
    async with RawServer(how) as server, over(way, server.url, timeouts=timeouts) as transport:
        fault = await failure(transport, body)

        assert server.requests
    assert (type(fault), fault.sent) == (APITimeoutError if how is HANG else APIConnectionError, True)
    assert f"127.0.0.1:{server.port}" in str(fault)


@BODIES
async def test_a_middleware_that_fails_after_it_has_asked_has_sent(body) -> None:
    """The answer is lost, and the request is not."""
    async with RawServer(fine) as server, over("borrowed", server.url, middlewares=[raising_late]) as transport:
        fault = await failure(transport, body)

    assert (type(fault), fault.sent) == (APIConnectionError, True)


async def test_a_body_that_a_middleware_has_read_was_not_sent() -> None:
    """Reading is no writing."""
    async with RawServer(fine) as server, over("borrowed", server.url, middlewares=[reading]) as transport:
        fault = await failure(transport)

    assert (type(fault), fault.sent) == (APIConnectionError, False)


async def test_a_second_attempt_of_a_middleware_sends_nothing_either() -> None:
    """There is no connection for the first nor for the second: no byte of the body was written."""
    async with RawServer(fine) as server:
        url = server.url

    async with over("borrowed", url, middlewares=[insisting]) as transport:
        error = await failure(transport)

    assert isinstance(error, APIConnectionError)
    assert error.sent is False


async def test_a_body_that_a_middleware_has_replaced_was_sent() -> None:
    """Ours was never written, but the request went out."""
    async with RawServer(close) as server, over("borrowed", server.url, middlewares=[replacing]) as transport:
        fault = await failure(transport)

        assert server.requests[0].body == b'{"signed": true}'
    assert (type(fault), fault.sent) == (APIConnectionError, True)


async def test_half_a_body_was_sent() -> None:
    """A peer that does not read holds a large upload up in the middle."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        large = MultipartForm({}, "csv", "asins.csv", bytes(8 << 20))
        async with over("own", f"http://127.0.0.1:{port}", timeouts=QUICK) as transport:
            fault = await failure(transport, large)

    assert (type(fault), fault.sent) == (APITimeoutError, True)


async def test_a_get_that_was_lost_and_cannot_be_repeated_was_sent() -> None:
    """aiohttp asks again by itself; that the second connection is refused does not undo the first request."""

    async def once(exchange: Exchange) -> None:
        server.refuse()

    async with RawServer(once) as server, transport_to(server) as transport:
        fault = await failure(transport, None)

        assert len(server.requests) == 1
    assert (type(fault), fault.sent) == (APIConnectionError, True)


@WAYS
async def test_a_file_whose_tunnel_fails_was_not_asked_for(way) -> None:
    """Opening a file has the same evidence."""
    url = "https://service.invalid/api/v1"
    async with RawServer(Tunnels(1, refuse)) as proxy, over(way, url, proxy=proxy.origin) as transport:
        with pytest.raises(APIConnectionError, match=LABEL) as caught:
            await read_file(transport, "https://service.invalid" + FILE)

    assert not caught.value.sent


async def test_a_large_body_is_sent_whole() -> None:
    """It is written piece by piece; aiohttp's warning of large bodies does not come."""
    content = bytes(range(256)) * 8192
    async with RawServer(fine) as server, transport_to(server) as transport:
        await transport.post(PATH, content)
        await transport.post(PATH, MultipartForm({}, "csv", "asins.csv", content))
        plain, form = server.requests

    assert plain.body == content
    assert content in form.body


async def test_the_header_of_a_session_does_not_rename_the_body() -> None:
    """What a borrowed session says of its bodies by default is not true of ours."""
    async with RawServer(fine) as server, over("borrowed", server.url, headers={"Content-Type": "text/x"}) as transport:
        await transport.post(PATH, b"{}")
        await transport.post(PATH, FORM)
        kinds = [request.headers["content-type"].partition(";")[0] for request in server.requests]

    assert kinds == ["application/json", "multipart/form-data"]
