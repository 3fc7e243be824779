"""``Limits.file_bytes`` and ``Timeouts.transfer``: how large a file may be, and how long the network may take to bring it."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib

import anyio
import attrs
import pytest
from support.clock import hasten
from support.download_kit import files_below, page_bytes, run_of, temporaries_below
from support.fake_transports import FILE, KEY, LABEL, read_file, transport_to
from support.raw_server import Exchange, RawServer, framed

from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts
from multicart_async.errors import IncompleteDownloadError, IntegrityError, PermissionDeniedError, StalledDownloadError
from multicart_async.sandbox import Sandbox

PAGE = page_bytes(30)
SMALL = Limits(file_bytes=len(PAGE) - 1)
EXACT = Limits(file_bytes=len(PAGE))
REASON = (
    rf"^{LABEL}: expected at most \d+ bytes \(Limits\.file_bytes\), got a larger file; raise the limit to download it$"
)
GZIP = "Content-Encoding: gzip"
BODIES = {
    "length": framed(PAGE, "length"),
    "chunked": framed(PAGE, "chunked"),
    "end of the connection": framed(PAGE, "end"),
    "gzip with a length": framed(gzip.compress(PAGE), "length", GZIP),
    "gzip in chunks": framed(gzip.compress(PAGE), "chunked", GZIP),
}


def answering(content: bytes):
    """Send *content* for each request."""

    async def handler(exchange: Exchange) -> None:
        await exchange.send(content)

    return handler


@pytest.mark.parametrize("case", BODIES)
async def test_a_file_above_the_limit_is_refused(tmp_path, case) -> None:
    """A file above the limit is rejected in each framing and coding, is requested once, and leaves nothing behind."""
    async with RawServer(answering(BODIES[case])) as server:
        async with AsyncMultiCart(KEY, base_url=server.url, limits=SMALL) as client:
            with pytest.raises(IntegrityError, match=r"Limits\.file_bytes"):
                await client.runs.download(run_of(1, base=server.url), tmp_path)
        assert len(server.requests) == 1
        assert [name for name in files_below(tmp_path) if "page" in name] == temporaries_below(tmp_path) == []

        async with AsyncMultiCart(KEY, base_url=server.url, limits=EXACT) as client:
            await client.runs.download(run_of(1, base=server.url), tmp_path)

    assert files_below(tmp_path)["101/88/page-0001.json"] == PAGE


async def test_a_length_above_the_limit_is_refused_at_once(tmp_path) -> None:
    """If the headers announce too many bytes, no byte of the body is read and no file is begun."""
    seen: list[object] = []

    async def handler(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        await exchange.hang()

    async with (
        RawServer(handler) as server,
        AsyncMultiCart(KEY, base_url=server.url, limits=SMALL, on_event=seen.append) as client,
    ):
        with anyio.fail_after(30), pytest.raises(IntegrityError, match=r"Limits\.file_bytes"):
            await client.runs.download(run_of(1, base=server.url), tmp_path)

    assert seen == []


async def test_a_bomb_ends_at_the_limit() -> None:
    """Of gzip that unpacks to a thousand times its size, no more bytes are unpacked than are allowed."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    received = 0

    async with (
        RawServer(answering(framed(bomb, "length", GZIP))) as server,
        transport_to(server, limits=Limits(file_bytes=1 << 20)) as transport,
    ):
        with pytest.raises(IntegrityError, match=REASON):
            async with transport.stream(server.url + FILE, label=LABEL) as stream:
                async for piece in stream:
                    received += len(piece)

    assert received <= 1 << 20


async def test_bytes_that_decode_to_nothing_count() -> None:
    """Empty members of gzip count as received bytes, because the file itself would never grow."""

    async def endless(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            await exchange.send(gzip.compress(b"") * 100)

    async with RawServer(endless) as server, transport_to(server, limits=Limits(file_bytes=100_000)) as transport:
        with anyio.fail_after(30), pytest.raises(IntegrityError, match=REASON):
            await read_file(transport, server.url + FILE)


async def test_the_rest_of_a_file_is_added_to_its_beginning(tmp_path) -> None:
    """A transfer that is continued in the middle may receive no more bytes than one that is not."""
    half = len(PAGE) // 2

    async def handler(exchange: Exchange) -> None:
        if exchange.number == 1:
            head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\nETag: "1"\r\nAccept-Ranges: bytes\r\n\r\n'
            await exchange.send(head.encode() + PAGE[:half])
        else:
            span = f"bytes {half}-{len(PAGE) - 1}/{len(PAGE)}"
            await exchange.answer(PAGE[half:], status="206 Partial", ETag='"1"', Content_Range=span)

    retry = RetryPolicy(wait_initial=0, wait_max=0)
    async with RawServer(handler) as server:
        async with AsyncMultiCart(KEY, base_url=server.url, limits=EXACT, retry=retry) as client:
            await client.runs.download(run_of(1, base=server.url), tmp_path)
        assert len(server.requests) == 2
        more = {"Range": f"bytes={half}-"}
        async with transport_to(server, limits=SMALL) as transport:
            with pytest.raises(IntegrityError, match=REASON):
                async with transport.stream(server.url + FILE, label=LABEL, headers=more):
                    pass  # pragma: no cover -- it is refused before

    assert files_below(tmp_path)["101/88/page-0001.json"] == PAGE


async def test_a_file_that_comes_whole_is_counted_from_its_beginning() -> None:
    """Though its end alone was asked for: not every server knows of ranges."""
    async with (
        RawServer(answering(BODIES["length"])) as server,
        transport_to(server, limits=EXACT) as transport,
        transport.stream(server.url + FILE, label=LABEL, headers={"Range": "bytes=100-"}) as stream,
    ):
        content = b"".join([piece async for piece in stream])

    assert content == PAGE


async def test_a_refusal_is_not_measured(tmp_path) -> None:
    """The body of an error explains why there is no file, so its length is not checked."""

    async def handler(exchange: Exchange) -> None:
        await exchange.answer(b'{"code": 403, "data": "No.", "status": 0}' + b" " * 500, status="403 Forbidden")

    async with (
        RawServer(handler) as server,
        AsyncMultiCart(KEY, base_url=server.url, limits=Limits(file_bytes=100)) as client,
    ):
        with pytest.raises(PermissionDeniedError, match=r"code 403: No\.$"):
            await client.runs.download(run_of(1, base=server.url), tmp_path)


async def test_every_kind_of_file_has_the_limit(tmp_path) -> None:
    """Pages, archives, invoices, records and raw bytes are bounded."""
    async with Sandbox(instant=True) as sandbox, sandbox.client(limits=Limits(file_bytes=100)) as client:
        (collection,) = sandbox.add_collections(1, items=20)
        run = await client.runs.latest(collection)
        assert run is not None
        before = len(sandbox.requests)

        async def records() -> None:
            async for _ in client.runs.records(run):
                pass  # pragma: no cover -- none comes

        async def raw() -> None:
            async with client.stream(run.download_links.pages[0]):
                pass  # pragma: no cover -- it is refused before

        for read in (
            lambda: client.runs.download(run, tmp_path),
            lambda: client.runs.download(run, tmp_path, files="zip"),
            lambda: client.billing.download_invoice(1, tmp_path),
            records,
            raw,
        ):
            with pytest.raises(IntegrityError, match=r"at most 100 bytes \(Limits\.file_bytes\)"):
                await read()
        assert len(sandbox.requests) - before == 5

    assert [name for name in files_below(tmp_path) if not name.endswith("manifest.json")] == []


async def test_an_old_copy_stays(tmp_path) -> None:
    """A rejected file does not change the file that it was to replace."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        (collection,) = sandbox.add_collections(1, items=20)
        run = await client.runs.latest(collection)
        assert run is not None
        await client.runs.download(run, tmp_path)
        before = files_below(tmp_path)

        async with sandbox.client(limits=Limits(file_bytes=100)) as narrow:
            with pytest.raises(IntegrityError, match=r"Limits\.file_bytes"):
                await narrow.runs.download(run, tmp_path, overwrite=True)

    assert files_below(tmp_path) == before


async def test_a_mirror_goes_on_after_a_file_above_the_limit(tmp_path) -> None:
    """The file is a failure of its run; other runs are mirrored."""
    async with Sandbox(instant=True) as sandbox, sandbox.client(limits=Limits(file_bytes=30_000)) as client:
        (large,) = sandbox.add_collections(1, items=100)
        (small,) = sandbox.add_collections(1, items=5)
        report = await client.sync(tmp_path, collections=[large, small])

    assert [(failure.collection, type(failure.error)) for failure in report.failures] == [(large, IntegrityError)]
    assert any(name.startswith(f"{small}/") for name in files_below(tmp_path))


async def test_a_slow_transfer_ends_at_its_limit() -> None:
    """A transfer that never stalls but is too slow ends, and is not retried, because it would take as long again."""

    async def drip(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await exchange.send(bytes(5000))
            hasten(1)
            await asyncio.sleep(0.001)  # it is read

    clock = LoopClock()
    timeouts = Timeouts(read=5, transfer=20)
    async with RawServer(drip) as server, transport_to(server, timeouts=timeouts, now=clock) as transport:
        with anyio.fail_after(600), pytest.raises(StalledDownloadError) as caught:
            await read_file(transport, server.url + FILE)

    text = str(caught.value)
    assert text.startswith(f"{LABEL}: not complete within 20 s (Timeouts.transfer), ")
    assert re.search(r", got \d+ bytes$", text)
    assert caught.value.retryable is False


async def test_silence_after_a_slow_beginning_ends_at_the_limit() -> None:
    """What has passed before counts."""

    async def slow(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await asyncio.sleep(0.01)  # it is waited for
        hasten(15)
        await exchange.send(b"[1, ")
        await asyncio.sleep(0.01)
        hasten(6)
        await exchange.hang()

    clock = LoopClock()
    async with (
        RawServer(slow) as server,
        transport_to(server, timeouts=Timeouts(read=60, transfer=20), now=clock) as transport,
    ):
        began = clock()
        with pytest.raises(StalledDownloadError, match=r"within 20 s \(Timeouts\.transfer\), got 4 bytes"):
            await read_file(transport, server.url + FILE)

    assert clock() - began < 25


async def test_a_connection_that_breaks_is_no_slow_transfer() -> None:
    """Though less time was left for the transfer than for a silence."""
    cut = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1, ")
    async with RawServer(cut) as server, transport_to(server, timeouts=Timeouts(read=60, transfer=20)) as transport:
        with pytest.raises(IncompleteDownloadError):
            await read_file(transport, server.url + FILE)


class LoopClock:
    """The time of the running loop, which a test can put forward."""

    def __call__(self) -> float:
        return asyncio.get_running_loop().time()


async def test_silence_ends_at_the_nearer_limit(tmp_path) -> None:
    """If the limit of the whole transfer is nearer, the file is not requested again, not even its rest."""

    for timeouts, version, reason, requests in (
        (Timeouts(read=60, transfer=0.2), b'"1"', "within 0.2 s (Timeouts.transfer), got 4 bytes", 1),
        (Timeouts(read=0.2, transfer=60), b"none", "no data for 0.2 s after 4 bytes", 2),
    ):

        async def silent(exchange: Exchange, version: bytes = version) -> None:
            lines = b"Content-Length: 10\r\nAccept-Ranges: bytes\r\nETag: " + version
            await exchange.send(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n[1, ")
            await exchange.hang()

        retry = RetryPolicy(attempts=2, wait_initial=0, wait_max=0)
        async with (
            RawServer(silent) as server,
            AsyncMultiCart(KEY, base_url=server.url, timeouts=timeouts, retry=retry) as client,
        ):
            with pytest.raises(StalledDownloadError) as caught:
                await client.runs.download(run_of(1, base=server.url), tmp_path)
            assert (reason in str(caught.value), len(server.requests)) == (True, requests)


async def test_time_of_the_consumer_is_none_of_the_transfer() -> None:
    """Time that the disk or the throttle takes does not count as time of the transfer."""
    clock = Clock()
    content = b"x" * (1 << 20)

    async with (
        RawServer(answering(framed(content, "length"))) as server,
        transport_to(server, timeouts=Timeouts(transfer=5), now=clock) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        received = 0
        async for piece in stream:
            received += len(piece)
            clock.time += 3600

    assert received == len(content)


@attrs.define
class Clock:
    """A clock that stands still until it is put forward."""

    time: float = 0.0

    def __call__(self) -> float:
        return self.time
