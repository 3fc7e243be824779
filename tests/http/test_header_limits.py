"""Large headers are read, on any session; those above the limits are named as such."""

from __future__ import annotations

from contextlib import asynccontextmanager

import aiohttp
import pytest
from support.fake_transports import FILE, FINE, read_file, transport_to
from support.raw_server import Exchange, RawServer

from multicart_async._http import NetworkOptions
from multicart_async.errors import InvalidResponseError, MultiCartError

PATH = "/schedules/get/"
END = b"Content-Length: %d\r\n\r\n" % len(FINE) + FINE


def head(*lines: bytes, reason: bytes = b"OK") -> bytes:
    """An answer with these headers besides."""
    return b"\r\n".join([b"HTTP/1.1 200 " + reason, *lines, END])


def many(count: int) -> list[bytes]:
    return [b"X-%d: a" % number for number in range(count)]


GOOD = {
    "a header of 60 KB": head(b"X: " + b"a" * 60_000),
    "a cookie of 9 KB": head(b"Set-Cookie: a=" + b"b" * 9_000),
    "a name of 9 KB": head(b"a" * 9_000 + b": 1"),
    "a reason of 9 KB": head(reason=b"x" * 9_000),
    "400 headers": head(*many(400)),
}
BAD = {
    "a header of 70 KB": (head(b"X: " + b"a" * 70_000), "one of its headers is longer than 65536 bytes"),
    "a header without an end": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, "one of its headers is longer than 65536"),
    "600 headers": (head(*many(600)), "it has more than 500 headers"),
}


@asynccontextmanager
async def over(way: str, server: RawServer):
    """A transport on a session of its own, or on a borrowed one whose limits are smaller."""
    if way == "own":
        async with transport_to(server) as transport:
            yield transport
        return
    small = {"max_line_size": 100, "max_field_size": 100, "max_headers": 5}
    async with (
        aiohttp.ClientSession(**small) as session,
        transport_to(server, network=NetworkOptions(session=session)) as transport,
    ):
        yield transport


async def ask(verb: str, transport, url: str) -> bytes:
    """The body of a call's answer, or of a file."""
    if verb == "stream":
        return await read_file(transport, url + FILE)
    return (await (transport.post(PATH, b"{}") if verb == "post" else transport.get(PATH))).payload


WAYS = pytest.mark.parametrize("way", ["own", "borrowed"])
VERBS = pytest.mark.parametrize("verb", ["post", "get", "stream"])


@WAYS
@VERBS
@pytest.mark.parametrize("case", GOOD)
async def test_a_large_head_is_read(verb, way, case) -> None:
    """Up to 64 KiB in a line, and 500 headers."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(GOOD[case])

    async with RawServer(answer) as server, over(way, server) as transport:
        assert await ask(verb, transport, server.url) == FINE


@WAYS
@VERBS
@pytest.mark.parametrize("case", BAD)
async def test_a_head_above_the_limits_names_the_limit(verb, way, case) -> None:
    """It is no response that can be read; the call may have taken effect."""
    data, text = BAD[case]

    async def answer(exchange: Exchange) -> None:
        await exchange.send(data)

    async with RawServer(answer) as server, over(way, server) as transport:
        with pytest.raises(MultiCartError) as caught:
            await ask(verb, transport, server.url)

    assert type(caught.value) is InvalidResponseError
    assert f"the response is rejected: {text}" in str(caught.value)
