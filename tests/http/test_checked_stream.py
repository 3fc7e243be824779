"""``client.stream``: the whole file, and then its end; in every other case an error instead of the end."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile

import anyio
import pytest
from support.fake_transports import KEY, client_tls, server_tls
from support.raw_server import Exchange, RawServer, framed

from multicart_async import AsyncMultiCart, Limits
from multicart_async._downloads.verifier import StreamVerifier
from multicart_async.errors import (
    ClientClosedError,
    DownloadError,
    IncompleteDownloadError,
    IntegrityError,
    MultiCartError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UnreachableResultError,
)


def _archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("AU_88_Results_Page_1.json", b'[{"asin": "B0DJQQ38TG"}]' * 3)
    return target.getvalue()


FILES = {
    "AU_88_Results_Page_1.json": b'[{"asin": "B0DJQQ38TG", "price": 1299}, {}]',
    "AU_88_Results_All_Pages.zip": _archive(),
    "category_asins.csv": b"asin,title\r\nB0DJQQ38TG,Laptop\r\n",
}
PAGE, ZIP, CSV = FILES
FOLDER = "/api/v1/results/101/88/"
FRAMINGS = ["length", "chunked", "close-delimited"]
ENDS = ["FIN", "RST", "TLS"]
ENVELOPE = b'{"code": 403, "data": "Not yours", "status": 0}'


async def fetch(data: bytes, name: str, end: str = "FIN") -> bytes:
    """What a client reads of a file of that name, when the server sends these bytes and ends the connection so."""

    async def handler(exchange: Exchange) -> None:
        await exchange.send(data)
        if end == "RST":
            exchange.reset()
        else:
            exchange.cut()

    tls = {"tls": server_tls()} if end == "TLS" else {}
    trust = {"ssl_context": client_tls()} if end == "TLS" else {}
    async with (
        RawServer(handler, **tls) as server,
        AsyncMultiCart(KEY, base_url=server.url, **trust) as client,
        client.stream(FOLDER + name) as stream,
    ):
        return b"".join([piece async for piece in stream])


@pytest.mark.parametrize("end", ["FIN", "TLS"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", [PAGE, ZIP])
async def test_a_whole_file_comes_whole(name, framing, end) -> None:
    """Whatever the framing: where it proves no end, the content does."""
    assert FILES[name] == await fetch(framed(FILES[name], framing), name, end)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", FILES)
async def test_a_cut_file_is_an_error(name, framing, end) -> None:
    """Half of a file never ends like a whole one, whoever cut it and however."""
    body = FILES[name]
    half = framed(body, framing).partition(body)[0] + body[: len(body) // 2]
    with pytest.raises(IncompleteDownloadError):
        await fetch(half, name, end)


@pytest.mark.parametrize("name", [PAGE, ZIP])
async def test_a_file_without_framing_may_be_cut_nowhere(name) -> None:
    """No byte of its content can be the last one but the last."""
    whole = framed(FILES[name], "close-delimited")
    unnoticed = []
    for end in range(whole.index(b"\r\n\r\n") + 4, len(whole)):
        try:
            await fetch(whole[:end], name)
        except IncompleteDownloadError:
            continue
        unnoticed.append(end)

    assert unnoticed == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_file_of_another_kind_is_taken_by_its_framing(framing) -> None:
    """Nothing in a CSV shows where it ends, but length and chunks do."""
    assert FILES[CSV] == await fetch(framed(FILES[CSV], framing), CSV)


async def test_a_long_file_of_another_kind() -> None:
    """Its size makes no difference."""
    long = FILES[CSV] * 10_000

    assert long == await fetch(framed(long, "length"), CSV)


async def test_a_file_of_another_kind_without_framing_is_not_believed() -> None:
    """Neither the transfer nor the content proves that a CSV is whole when the connection just ends."""
    with pytest.raises(IncompleteDownloadError, match="nothing proves"):
        await fetch(framed(FILES[CSV], "close-delimited"), CSV)


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", FILES)
async def test_an_error_of_the_service_is_that_error(name, framing, kind) -> None:
    """It comes with HTTP 200 in place of the file, and must not be taken for it."""
    with pytest.raises(PermissionDeniedError, match="Not yours"):
        await fetch(framed(ENVELOPE, framing, f"Content-Type: {kind}"), name)


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json", "text/html; charset=utf-8"])
@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html><html></html>", b"<html>"], ids=["empty", "HTML", "html"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_file_at_all(name, framing, body, kind) -> None:
    """An empty body and a page for people are errors, whatever they are called."""
    with pytest.raises((IntegrityError, IncompleteDownloadError)):
        await fetch(framed(body, framing, f"Content-Type: {kind}"), name)


@pytest.mark.parametrize("body", [b"null", b"12", b'"abc"', b"true", b"PK", b"[1", b"[1}", b"[1]["])
@pytest.mark.parametrize("name", [PAGE, ZIP])
async def test_what_is_json_and_no_page(name, body) -> None:
    """All of it came, as the length proves, and it is not the promised file."""
    with pytest.raises(IntegrityError):
        await fetch(framed(body, "length"), name)


@pytest.mark.parametrize(
    ("status", "error"),
    [("404 Not Found", NotFoundError), ("502 Bad Gateway", ServerError), ("206 Some", MultiCartError)],
)
async def test_another_status_is_that_error(status, error) -> None:
    """Only 200 is a file, and what stands in the body of others is for people."""
    with pytest.raises(error, match="code "):
        await fetch(framed(FILES[PAGE], "length").replace(b"200 OK", status.encode()), PAGE)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}" + FOLDER + PAGE,
        "http://user:pw@127.0.0.1:{port}" + FOLDER + PAGE,
        "https://127.0.0.1:{port}" + FOLDER + PAGE,
        "//127.0.0.1:{port}" + FOLDER + PAGE,
        "http://127.0.0.1:{port}/api/v1/schedules/get/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_another_place_is_refused_before_any_request(url) -> None:
    """A link that does not lead to a result of this service is not followed at all."""
    async with RawServer(lambda exchange: exchange.answer(b"[]")) as server:
        async with AsyncMultiCart(KEY, base_url=server.url) as client:
            with pytest.raises(UnreachableResultError):
                async with client.stream(url.replace("{port}", str(server.port))):
                    pass

        assert server.connections == 0


async def test_status_length_and_headers_are_those_of_the_answer() -> None:
    """A caller can show how far it is, and what the service said of the file."""
    body = FILES[PAGE]
    async with (
        RawServer(lambda exchange: exchange.answer(body, ETag='"1"')) as server,
        AsyncMultiCart(KEY, base_url=server.url) as client,
        client.stream(FOLDER + PAGE) as stream,
    ):
        told = (stream.status, stream.length, stream.self_delimited, stream.headers["etag"])

    assert told == (200, len(body), True, '"1"')


async def read_and(client: AsyncMultiCart, do) -> None:
    """Read a file, and do something at each piece."""
    async with client.stream(FOLDER + PAGE) as stream:
        async for _ in stream:
            do()


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_client_that_is_closed_ends_a_file_with_an_error(framing) -> None:
    """A reader in the middle of a file hears that it was closed: no hanging, and no end that is not one."""
    begun = framed(b"[" + b"1," * 500 + b"1]", framing)[:500]

    async def stall(exchange: Exchange) -> None:
        await exchange.send(begun)
        await exchange.hang()

    async with RawServer(stall) as server:
        client = AsyncMultiCart(KEY, base_url=server.url)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                with pytest.raises(ClientClosedError):
                    await read_and(client, lambda: group.start_soon(client.aclose))
        with pytest.raises(ClientClosedError):
            async with client.stream(FOLDER + PAGE):
                pass

        assert len(server.requests) == 1


def test_a_client_of_another_loop_is_told_so() -> None:
    """Its connections cannot be used there: a plain RuntimeError, and not one about a closed client."""

    async def begin() -> AsyncMultiCart:
        async with RawServer(lambda exchange: exchange.answer(FILES[PAGE])) as server:
            client = AsyncMultiCart(KEY, base_url=server.url)
            await read_and(client, lambda: None)
        return client

    with asyncio.Runner() as first:
        client = first.run(begin())
        with pytest.raises(RuntimeError, match="another event loop") as caught:
            asyncio.run(read_and(client, lambda: None))
        first.run(client.aclose())

    assert RuntimeError is type(caught.value)


async def test_streams_count_as_downloads() -> None:
    """They wait for a free place, and give it back, to their end or not."""

    async def page(exchange: Exchange) -> bool:
        await exchange.answer(FILES[PAGE])
        return True

    async with RawServer(page) as server:
        async with AsyncMultiCart(KEY, base_url=server.url, limits=Limits(downloads=1)) as client:
            async with client.stream(FOLDER + PAGE):
                with anyio.move_on_after(0.2) as waiting:
                    async with client.stream(FOLDER + PAGE):
                        pass
            async with client.stream(FOLDER + PAGE) as stream:
                assert FILES[PAGE] == b"".join([piece async for piece in stream])

        assert waiting.cancelled_caught
        assert len(server.requests) == 2


async def test_an_error_of_the_consumer_passes_as_itself() -> None:
    """What is raised in the block is the caller's: nothing is made of it."""
    async with (
        RawServer(lambda exchange: exchange.answer(FILES[PAGE])) as server,
        AsyncMultiCart(KEY, base_url=server.url) as client,
    ):
        with pytest.raises(ZeroDivisionError):
            async with client.stream(FOLDER + PAGE):
                1 / 0  # noqa: B018 -- any error will do


async def test_nothing_is_tried_again() -> None:
    """A stream hands bytes on as they come, so it cannot take them back: one request, one error."""

    async def cut(exchange: Exchange) -> None:
        await exchange.send(framed(FILES[PAGE], "length")[:-5])

    async with RawServer(cut) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(DownloadError):
            async with client.stream(FOLDER + PAGE) as stream:
                [piece async for piece in stream]

        assert len(server.requests) == 1


async def test_who_leaves_early_leaves_no_thread_at_work(monkeypatch) -> None:
    """What is looked at in a thread has ended when the stream is closed, and what it found is nobody's."""
    gate = threading.Event()
    looked: list[int] = []

    def look(self, pieces) -> None:
        gate.wait()
        looked.append(sum(map(len, pieces)))
        raise IntegrityError("somewhere", "what it found")

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(b"[" + b" " * (3 << 20))

    monkeypatch.setattr(StreamVerifier, "_check_pieces", look)
    async with (
        RawServer(handler) as server,
        AsyncMultiCart(KEY, base_url=server.url) as client,
        client.stream(FOLDER + PAGE) as stream,
    ):
        size = 0
        async for piece in stream:
            size += len(piece)
            if size > 1 << 20:
                break
        gate.set()

    assert len(looked) == 1
