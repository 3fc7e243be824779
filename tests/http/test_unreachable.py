"""Errors on the way to the service name the place, say what can be done, and are repeated only if that can help."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from support.fake_transports import (
    FILE,
    client_tls,
    fine,
    read_file,
    server_certificate,
    server_tls,
    transport_to,
    trusting,
)
from support.raw_server import Exchange, RawServer

from multicart_async._http import NetworkOptions
from multicart_async.errors import APIConnectionError, InvalidResponseError, MultiCartError

PATH = "/schedules/get/"
VERBS = pytest.mark.parametrize("verb", ["post", "stream"])


async def failure(verb: str, transport, url: str) -> MultiCartError:
    """The error of a call or of opening a file."""
    with pytest.raises(MultiCartError) as caught:
        await (transport.post(PATH, b"{}") if verb == "post" else read_file(transport, url + FILE))
    return caught.value


@asynccontextmanager
async def speaking(first: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]):
    """A server on localhost that does that with each connection, and ends it; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        await first(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(data: bytes):
    """Send that, whatever was said."""

    async def first(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return first


def alert(code: int) -> bytes:
    """A fatal alert of TLS."""
    return b"\x15\x03\x01\x00\x02\x02" + bytes([code])


LASTING = {
    "plain HTTP": (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "the server may not use TLS there: check whether base_url must begin with http://",
    ),
    "protocol version": (
        alert(70),
        "client and server support no common TLS version; this client offers TLSv1.2 to MAXIMUM.SUPPORTED",
    ),
    "handshake failure": (alert(40), "see ssl_context="),
    "certificate required": (alert(116), "see ssl_context="),
    "insufficient security": (alert(71), "insufficient security"),
    "unknown authority": (alert(48), "unknown ca"),
    "unrecognized name": (alert(112), "unrecognized name"),
}
PASSING = {
    "internal error": (alert(80), "internal error"),
    "nothing at all": (b"", "the peer closed the connection during the handshake, without giving a reason"),
    "half a record": (b"\x16\x03\x03", "the peer closed the connection during the handshake, without giving a reason"),
    "nonsense": (b"\x16\x03\x03\xff\xff" + b"a" * 20, "TLS with localhost"),
}


@VERBS
@pytest.mark.parametrize("case", [*LASTING, *PASSING])
async def test_a_failed_handshake_says_why(verb, case) -> None:
    """What both sides will find again next time is not repeated; nothing was sent in any case."""
    data, text = {**LASTING, **PASSING}[case]
    context = client_tls()
    async with speaking(saying(data)) as port:
        url = f"https://localhost:{port}/api/v1"
        async with transport_to(url, network=NetworkOptions(ssl_context=context)) as transport:
            fault = await failure(verb, transport, url)

    assert (type(fault), fault.sent, fault.retryable) == (APIConnectionError, False, case in PASSING)
    assert f"TLS with localhost:{port} failed: " in str(fault)
    assert text in str(fault)


def want_a_certificate(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Refuse whoever comes, until the end; asyncio's own servers end the connection without a word."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection.dup() as raw, connection:
            with suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)
            while raw.recv(65_536):  # what is not read would make a RST of the end, which overtakes the alert
                pass


@VERBS
async def test_a_certificate_that_is_missed_later_is_named_too(verb) -> None:
    """With TLS 1.3 the server says so when the request is on its way: it counts as sent, and is not repeated."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_certificate(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=want_a_certificate, args=(listener, context), daemon=True)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}"
        async with transport_to(url, network=trusting()) as transport:
            fault = await failure(verb, transport, url)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert (type(fault), fault.retryable) == (APIConnectionError, False)
    assert "CERTIFICATE_REQUIRED" in str(fault)


async def test_the_versions_of_a_borrowed_session_are_not_known() -> None:
    """The text says no more than that none suits."""
    async with (
        speaking(saying(alert(70))) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client_tls())) as session,
        transport_to(f"https://localhost:{port}", network=NetworkOptions(session=session)) as transport,
    ):
        fault = await failure("post", transport, "")

    assert str(fault).endswith("client and server support no common TLS version")


async def test_a_context_with_a_minimum_of_its_own_is_named() -> None:
    """Both bounds are told as they were set."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with (
        speaking(saying(alert(70))) as port,
        transport_to(f"https://localhost:{port}", network=NetworkOptions(ssl_context=context)) as transport,
    ):
        fault = await failure("post", transport, "")

    assert "this client offers TLSv1.3 to " in str(fault)


@VERBS
async def test_tls_in_answer_to_plain_http_is_named(verb) -> None:
    """The scheme of the base URL is likely to be wrong."""
    async with speaking(saying(alert(70))) as port:
        url = f"http://localhost:{port}/api/v1"
        async with transport_to(url) as transport:
            fault = await failure(verb, transport, url)

    assert type(fault) is InvalidResponseError
    assert "check whether base_url must begin with https://" in str(fault)


@VERBS
async def test_a_refused_connection_names_the_place(verb) -> None:
    """Host and port are those of the base URL."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        server.refuse()
        fault = await failure(verb, transport, server.url)

    assert f"cannot connect to 127.0.0.1:{server.port}: Connection refused" in str(fault)


@VERBS
async def test_a_refused_proxy_names_the_proxy(verb) -> None:
    """Without its credentials."""
    base = "https://service.invalid/api/v1"
    async with RawServer(fine) as server:
        server.refuse()
        network = NetworkOptions(proxy=f"http://user:pr0xyp4ss@127.0.0.1:{server.port}")
        async with transport_to(base, network=network) as transport:
            fault = await failure(verb, transport, "https://service.invalid")

    assert f"cannot connect to the proxy 127.0.0.1:{server.port}: " in str(fault)
    assert "pr0xyp4ss" not in str(fault)


@VERBS
async def test_an_untrusted_certificate_names_the_place(verb) -> None:
    """And its cause is the verdict of the ssl module."""
    async with RawServer(fine, tls=server_tls()) as server, transport_to(server) as transport:
        fault = await failure(verb, transport, server.origin)

    assert f"the certificate of localhost:{server.port} is not trusted: " in str(fault)
    assert isinstance(fault.__cause__, ssl.SSLCertVerificationError)


async def test_an_address_of_ipv6_has_brackets() -> None:
    """As in a URL."""
    async with transport_to("http://[::1]:9") as transport:
        fault = await failure("post", transport, "")

    assert "cannot connect to [::1]:9: " in str(fault)


async def test_a_lost_answer_names_the_proxy_too() -> None:
    """It may be the one that has broken off."""

    async def drop(exchange: Exchange) -> None:
        """Say nothing, and end."""

    async with RawServer(drop) as server:
        network = NetworkOptions(proxy=f"http://user:word@127.0.0.1:{server.port}")
        async with transport_to("http://service.invalid/api/v1", network=network) as transport:
            fault = await failure("post", transport, "")

    assert f"the connection to service.invalid:80 through the proxy 127.0.0.1:{server.port} broke" in str(fault)


async def test_a_trusted_server_is_reached() -> None:
    """In contrast to all of these."""
    async with RawServer(fine, tls=server_tls()) as server, transport_to(server, network=trusting()) as transport:
        assert (await transport.post(PATH, b"{}")).status == 200
