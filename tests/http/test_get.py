"""Calls by GET, and calls without a credential."""

from __future__ import annotations

import pytest
from support.fake_transports import FINE, KEY, fine, settings, transport_to
from support.fakes import FakeTransport, ok
from support.raw_server import Exchange, RawServer

from multicart_async import Limits, Timeouts
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    InvalidResponseError,
    ResponseTooLargeError,
)

PATH = "/plans/public/"


async def test_a_get_has_no_body_and_the_key_in_its_header() -> None:
    """To the path below the base URL, and nothing that says what a body would be."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        answer = await transport.get(PATH)

    (request,) = server.requests
    assert f"GET /api/v1{PATH} HTTP/1.1" == request.line
    assert (request.body, request.headers["x-api-key"], request.headers["accept"]) == (b"", KEY, "application/json")
    assert not {"content-type", "content-length"} & request.headers.keys()
    assert (answer.status, answer.payload) == (200, FINE)


@pytest.mark.parametrize("credential", [(KEY, None), (None, "session-token"), (None, None)])
async def test_what_is_public_is_asked_for_without_a_credential(credential) -> None:
    """By GET and by POST, even where there is one: the fewer places it goes, the better."""
    async with RawServer(fine) as server, transport_to(server, settings=settings(server.url, *credential)) as transport:
        await transport.get(PATH, public=True)
        await transport.post("/users/login", b"{}", public=True)

    assert len(server.requests) == 2
    assert not [request for request in server.requests if {"x-api-key", "authorization"} & request.headers.keys()]


async def test_a_get_that_is_not_public_needs_a_credential() -> None:
    """It says so before anything is sent."""
    async with RawServer(fine) as server, transport_to(server, settings=settings(server.url, None)) as transport:
        with pytest.raises(ConfigurationError, match="needs a credential"):
            await transport.get(PATH)

    assert server.requests == []


async def test_gets_and_reading_posts_share_their_connections() -> None:
    """Both ask, and change nothing."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        await transport.post(PATH, b"{}")
        await transport.get(PATH)

    assert (server.connections, len(server.requests)) == (1, 2)


async def test_a_get_is_bounded_in_size() -> None:
    """As a POST is."""

    async def large(exchange: Exchange) -> None:
        await exchange.answer(b"x" * 1001)

    async with RawServer(large) as server, transport_to(server, limits=Limits(response_bytes=1000)) as transport:
        with pytest.raises(ResponseTooLargeError, match="expected at most 1000 bytes"):
            await transport.get(PATH)


async def test_a_get_is_bounded_in_time() -> None:
    """As a POST is."""
    async with RawServer(Exchange.hang) as server, transport_to(server, timeouts=Timeouts(request=0.05)) as transport:
        with pytest.raises(APITimeoutError):
            await transport.get(PATH)


async def test_a_get_is_not_redirected() -> None:
    """The redirect is the answer."""

    async def elsewhere(exchange: Exchange) -> None:
        await exchange.answer(b"", status="302 Found", Location="/elsewhere/")

    async with RawServer(elsewhere) as server, transport_to(server) as transport:
        answer = await transport.get(PATH)

    assert (answer.status, len(server.requests)) == (302, 1)


async def test_a_get_fails_as_a_post_does() -> None:
    """With our errors."""

    async def nonsense(exchange: Exchange) -> None:
        await exchange.send(b"nonsense\r\n\r\n")

    async def nothing(exchange: Exchange) -> None:
        """Say nothing, and end."""

    for handler, error in ((nonsense, InvalidResponseError), (nothing, APIConnectionError)):
        async with RawServer(handler) as server, transport_to(server) as transport:
            with pytest.raises(error):
                await transport.get(PATH)


async def test_a_fake_transport_tells_how_it_was_asked() -> None:
    """Method, kind of connection and openness, beside what was sent."""
    transport = FakeTransport(ok(1), ok(2))
    await transport.get(PATH, public=True)
    await transport.post("/schedules/get/", b'{"schedule_id": 1}', new_connection=True)

    assert transport.sent == [(PATH, {}), ("/schedules/get/", {"schedule_id": 1})]
    assert (transport.methods, transport.fresh, transport.public) == (["GET", "POST"], [False, True], [True, False])
