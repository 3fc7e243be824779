"""How a body ends, and whether its end can be told from a cut: each framing, ended in each way, at each byte."""

from __future__ import annotations

import pytest
from support.fake_transports import FILE, LABEL, server_tls, transport_to, trusting
from support.raw_server import Exchange, RawServer

from multicart_async.errors import IncompleteDownloadError

BODY = b'[{"asin": "B0DJQQ38TG", "price": 1299}, {"asin": "B0ABC12345"}]'
HALF = len(BODY) // 2


def head(*lines: str, version: str = "1.1") -> bytes:
    """The head of a good answer."""
    return "\r\n".join([f"HTTP/{version} 200 OK", *lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    """One chunk, without what ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LENGTH = head(f"Content-Length: {len(BODY)}") + BODY
CHUNKED = head("Transfer-Encoding: chunked") + chunk(BODY[:HALF]) + chunk(BODY[HALF:]) + b"0\r\n\r\n"
CLOSED_1_1 = head() + BODY
CLOSED_1_0 = head(version="1.0") + BODY
FRAMINGS = {"length": LENGTH, "chunked": CHUNKED, "close-delimited": CLOSED_1_1, "HTTP/1.0": CLOSED_1_0}
PROVED = {"length", "chunked"}
ENDS = ["FIN", "RST", "TLS"]


def answering(data: bytes, end: str = "FIN"):
    """Send bytes and end the connection that way."""

    async def handler(exchange: Exchange) -> bool | None:
        await exchange.send(data)
        if end == "kept":
            return True
        if end == "RST":
            exchange.reset()
        else:
            exchange.cut()
        return None

    return handler


async def read(data: bytes, end: str = "FIN") -> tuple[bytes, Exception | None, bool, int | None]:
    """What came, the error at the end, whether the end is proved, and the length that was promised."""
    received = bytearray()
    tls = {"tls": server_tls()} if end == "TLS" else {}
    network = {"network": trusting()} if end == "TLS" else {}
    async with (
        RawServer(answering(data, end), **tls) as server,
        transport_to(server, **network) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        error = None
        try:
            async for piece in stream:
                received += piece
        except IncompleteDownloadError as caught:
            error = caught
    return bytes(received), error, stream.self_delimited, stream.length


@pytest.mark.parametrize(
    ("framing", "end"),
    [(framing, end) for framing in FRAMINGS for end in ("FIN", "TLS", "kept") if end != "kept" or framing in PROVED],
)
async def test_a_whole_body_comes_whole(framing, end) -> None:
    """All of it, without an error; ``length`` and ``proved`` say what the framing promises."""
    promised = len(BODY) if framing == "length" else None

    assert await read(FRAMINGS[framing], end) == (BODY, None, framing in PROVED, promised)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", sorted(PROVED))
async def test_a_cut_is_an_error_where_the_framing_proves_the_end(framing, end) -> None:
    """What came before the cut is given, and then the error, with how much that was."""
    data = FRAMINGS[framing]
    received, error, _, _ = await read(data[: data.index(BODY[:HALF]) + HALF], end)

    assert isinstance(error, IncompleteDownloadError)
    assert str(error).startswith(f"{LABEL}: the transfer broke off after {len(received)} bytes (")
    assert BODY.startswith(received)


@pytest.mark.parametrize("framing", sorted(PROVED))
async def test_a_cut_at_any_byte_is_noticed(framing) -> None:
    """There is no byte of the body, nor of what frames it, behind which the connection can end unnoticed."""
    data = FRAMINGS[framing]
    start = data.index(b"\r\n\r\n") + 4
    unnoticed = [end for end in range(start, len(data)) if (await read(data[:end]))[1] is None]

    assert unnoticed == []


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", sorted(FRAMINGS.keys() - PROVED))
async def test_a_cut_passes_for_the_end_where_nothing_proves_it(framing, end) -> None:
    """That is why such a stream says that it is not proved: here, only the content can tell."""
    data = FRAMINGS[framing]
    received, error, proved, length = await read(data[:-HALF], end)

    assert (BODY[:-HALF], None, False, None) == (received, error, proved, length)


@pytest.mark.parametrize(
    ("coding", "proved"),
    [
        ("chunked", True),
        ("Chunked", True),
        ("gzip, chunked", True),
        ("gzip\r\nTransfer-Encoding: chunked", True),
        ("chunked, gzip", False),
        ("chunked\r\nTransfer-Encoding: gzip", False),
        ("xchunked", False),
    ],
)
async def test_only_chunks_at_the_outside_prove_the_end(coding, proved) -> None:
    """Any other transfer coding ends with the connection, whatever its name looks like."""
    body = chunk(BODY) + b"0\r\n\r\n" if proved else BODY
    received, error, says, _ = await read(head(f"Transfer-Encoding: {coding}") + body)

    assert (BODY, None, proved) == (received, error, says)


async def test_early_but_correct_chunks_end_a_body() -> None:
    """A server that ends a body properly ends it: what is missing then is for the content to show."""
    received, error, proved, _ = await read(head("Transfer-Encoding: chunked") + chunk(BODY[:HALF]) + b"0\r\n\r\n")

    assert (BODY[:HALF], None, True) == (received, error, proved)


async def test_headers_have_lower_case_names_and_their_first_value() -> None:
    """A repeated header does not change what was said first."""
    data = head("Content-Length: 2", "ETag: first", "ETAG: second") + b"[]"
    async with (
        RawServer(answering(data)) as server,
        transport_to(server) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        assert stream.headers == {"content-length": "2", "etag": "first"}


async def test_no_body_at_all() -> None:
    """A length of nought is whole, and has no pieces."""
    assert await read(head("Content-Length: 0")) == (b"", None, True, 0)


async def test_a_status_that_allows_no_body_cannot_promise_one() -> None:
    """aiohttp reads nothing then, and the promised length is missed."""
    async with (
        RawServer(answering(b"HTTP/1.1 101 Odd\r\nContent-Length: 2\r\n\r\n{}")) as server,
        transport_to(server) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        with pytest.raises(IncompleteDownloadError, match="expected 2 bytes, got 0"):
            [piece async for piece in stream]
