"""A credential that is looked for everywhere: it must be in the header of each request, and in nothing else."""

from __future__ import annotations

import asyncio
import io
import logging
import zipfile

import anyio
import attrs
import pytest
from support.fake_transports import server_tls
from support.leaks import Haul, forms, tracing_everything
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts
from multicart_async.errors import MultiCartError
from multicart_async.models import DownloadLinks, Run

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"
SIGNATURE = "s1gn4ture%2Fd0d0%3D"
CREDENTIALS = {"api_key": f"mc_live_abc.{SECRET}", "token": SECRET}
HEADERS = {"api_key": "x-api-key", "token": "authorization"}
PAGE = b'[{"asin": "B0DJQQ38TG"}]'
LINK = f"/api/v1/results/101/88/AU_88_Results_Page_1.json?X-Sig={SIGNATURE}"
ROWS = b"domain,customer_postcode,asin,include_raw_html\r\namazon.com.au,4500,B0DJQQ38TG,0\r\n"
ENVELOPE_401 = b'{"code": 401, "data": "Invalid key", "status": 0}'


def _archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("AU_88_Results_Page_1.json", PAGE)
    return target.getvalue()


async def refused(exchange: Exchange) -> None:
    """Never asked: the server is closed before the client comes."""


async def closed(exchange: Exchange) -> None:
    """Say nothing, and end."""


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def half_a_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def half_a_body(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{}, {}, ")


async def no_end_of_chunks(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n[1, 2, \r\n")


async def malformed(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")


async def bad_coding(exchange: Exchange) -> None:
    await exchange.answer(b"not gzip", Content_Encoding="gzip")


async def refused_in_the_envelope(exchange: Exchange) -> None:
    await exchange.answer(ENVELOPE_401, Content_Type="application/json")


async def refused_by_http(exchange: Exchange) -> None:
    await exchange.answer(b"<html>no</html>", status="401 Unauthorized", Content_Type="text/html")


async def limited(exchange: Exchange) -> None:
    await exchange.answer(b"slow down", status="429 Too Many", Retry_After="0")


async def failed(exchange: Exchange) -> None:
    await exchange.answer(b"oops", status="500 Oops")


async def no_envelope(exchange: Exchange) -> None:
    await exchange.answer(b"12", Content_Type="application/json")


async def empty(exchange: Exchange) -> None:
    await exchange.answer(b"")


async def too_large(exchange: Exchange) -> None:
    await exchange.answer(b"[" + b" " * 200_000)


async def redirect_abroad(exchange: Exchange) -> None:
    await exchange.answer(b"", status="302 Found", Location="http://localhost:1/f.json")


async def redirect_to_nowhere(exchange: Exchange) -> None:
    await exchange.answer(b"", status="307 There", Location="http://127.0.0.1:99999/")


async def redirect_loop(exchange: Exchange) -> None:
    await exchange.answer(b"", status="302 Found", Location=exchange.path)


async def silent(exchange: Exchange) -> None:
    await exchange.hang()


async def stalled(exchange: Exchange) -> None:
    await half_a_body(exchange)
    await exchange.hang()


FAULTS = [
    refused, closed, reset, half_a_head, half_a_body, no_end_of_chunks, malformed, bad_coding,
    refused_in_the_envelope, refused_by_http, limited, failed, no_envelope, empty, too_large,
    redirect_abroad, redirect_to_nowhere, redirect_loop, silent, stalled,
]  # fmt: skip


async def read(client: AsyncMultiCart, folder) -> None:
    await client.collections.get(101)


async def change(client: AsyncMultiCart, folder) -> None:
    await client.collections.create("AU Laptops", notification_email="ops@example.com")


async def start(client: AsyncMultiCart, folder) -> None:
    await client.runs.start(101)


async def upload(client: AsyncMultiCart, folder) -> None:
    await client.asins.import_csv(101, ROWS)


async def stream(client: AsyncMultiCart, folder) -> None:
    async with client.stream(LINK) as parts:
        async for _ in parts:
            pass


async def download(client: AsyncMultiCart, folder) -> None:
    await client.runs.download(a_run(), folder)


async def records(client: AsyncMultiCart, folder) -> None:
    async for _ in client.runs.records(a_run()):
        pass


SILENCES = [silent, stalled]
SHORT = Timeouts(request=0.05, read=0.05)  # for these alone: the others must end a call before any limit does
VERBS = [read, change, start, upload, stream, download, records]


def a_run() -> Run:
    """A finished run with one page, behind a signed link."""
    return Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(LINK,)))


class Watch:
    """A client with a secret credential, and everything that can be seen of it."""

    def __init__(self, kind: str, caplog: pytest.LogCaptureFixture, folder) -> None:
        caplog.set_level(logging.DEBUG)
        self.haul = Haul()
        self.folder = folder
        self._kind = kind
        self._log = caplog

    def client(self, server: RawServer, **given) -> AsyncMultiCart:
        """A client that shows all that it can show."""
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0
        settings = {
            "base_url": server.url,
            "retry": RetryPolicy(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0),
            "limits": Limits(response_bytes=100_000),
            "trace_configs": [tracing_everything(self.haul)],
            "on_event": lambda event: self.haul.add("event", event),
            **given,
        }
        return AsyncMultiCart(**{self._kind: CREDENTIALS[self._kind]}, **settings)

    def look_at(self, client: AsyncMultiCart, server: RawServer) -> None:
        """Collect what is left to be seen in the end, and make sure that the credential was used where it belongs."""
        transport = client._transport
        for thing in (client, vars(client), transport, vars(transport), client._settings, transport._network):
            self.haul.add("repr", thing)
        for session in transport._sessions.values():
            self.haul.add("session", vars(session))
        self.haul.add("settings as a dict", attrs.asdict(client._settings))
        self.haul.add_log(self._log.records)
        self.haul.add_folder(self.folder)
        for request in server.requests:
            header = request.headers.pop(HEADERS[self._kind])
            assert header.removeprefix("Token ") == CREDENTIALS[self._kind]
            self.haul.add("request line", request.line)
            self.haul.add("other headers", request.headers)
            self.haul.add("body", request.body)

    async def fails(self, verb, client: AsyncMultiCart) -> BaseException | None:
        """Do something, and collect the error that comes of it."""
        try:
            await verb(client, self.folder)
        except MultiCartError as error:
            self.haul.add_error(error)
            return error
        return None


@pytest.fixture(params=sorted(CREDENTIALS))
def watch(request, caplog, tmp_path) -> Watch:
    """A watch on a key, and one on a token."""
    return Watch(request.param, caplog, tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_failure_shows_the_credential(watch, fault, capfd) -> None:
    """Not in logs, errors, tracebacks with local variables, pickles, events, traces, files, nor in the URL."""
    async with RawServer(fault) as server:
        if fault is refused:
            server.refuse()
        async with watch.client(server, timeouts=SHORT if fault in SILENCES else Timeouts()) as client:
            errors = [await watch.fails(verb, client) for verb in VERBS]
            watch.look_at(client, server)
    watch.haul.add("output", "".join(capfd.readouterr()))

    assert all(errors)
    assert watch.haul.where(SECRET) == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", SILENCES)
@pytest.mark.heavy
async def test_no_cancellation_shows_the_credential(watch, fault, verb) -> None:
    """A cancelled call has a traceback through the frames of aiohttp, which hold the request."""
    asked = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        asked.set()
        await fault(exchange)

    async with RawServer(handler) as server, watch.client(server) as client:
        task = asyncio.create_task(verb(client, watch.folder))
        with anyio.fail_after(20):
            await asked.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        watch.haul.add_error(caught.value)
        watch.look_at(client, server)

    assert watch.haul.where(SECRET) == []


@pytest.mark.parametrize("verb", VERBS)
async def test_no_closing_shows_the_credential(watch, verb) -> None:
    """What was under way when the client was closed, and what comes after it."""
    asked = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        asked.set()
        await stalled(exchange)

    async with RawServer(handler) as server:
        client = watch.client(server)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(watch.fails, verb, client)
                await asked.wait()
                await client.aclose()
        assert await watch.fails(verb, client)
        watch.look_at(client, server)

    assert watch.haul.where(SECRET) == []


async def test_no_certificate_trouble_shows_the_credential(watch) -> None:
    """TLS fails before anything is sent, with the request in hand."""
    async with RawServer(silent, tls=server_tls()) as server, watch.client(server) as client:
        assert await watch.fails(read, client)
        watch.look_at(client, server)

    assert watch.haul.where(SECRET) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_proxy_shows_the_credential_or_its_own_password(watch, scheme) -> None:
    """A proxy that refuses; its URL holds a password, which is nobody's business either."""
    async with RawServer(refused_by_http) as server:
        proxy = f"http://user:pr0xyp4ss@127.0.0.1:{server.port}"
        base = f"{scheme}://service.invalid/api/v1"
        async with watch.client(server, proxy=proxy, base_url=base, allow_http=True) as client:
            error = await watch.fails(read, client)
            watch.haul.add("repr", client._transport._network)

    assert error is not None
    assert "pr0xyp4ss" not in repr(client._transport._network) + str(error) + repr(error)
    assert watch.haul.where(SECRET) == []


async def test_no_success_shows_the_credential(watch) -> None:
    """Calls that work, files that come whole, and the manifest that is written of them."""

    async def handler(exchange: Exchange) -> bool:
        if exchange.line.startswith("GET"):
            await exchange.answer(PAGE)
        else:
            await exchange.answer(b'{"code": 200, "data": {"id": 101, "name": "AU"}, "status": 1}')
        return True

    async with RawServer(handler) as server, watch.client(server) as client:
        for verb in (read, change, stream, download, records):
            await verb(client, watch.folder)
        watch.look_at(client, server)

    assert (watch.folder / "101" / "88" / "manifest.json").exists()
    assert watch.haul.where(SECRET) == []


@pytest.mark.parametrize("watch", ["api_key"], indirect=True)
@pytest.mark.parametrize("fault", [*FAULTS, None])
@pytest.mark.heavy
async def test_signatures_of_links_are_secrets_too(watch, fault) -> None:
    """Errors, events, logs and manifests name a file by its numbers; the query of its link is in none of them."""

    async def page(exchange: Exchange) -> None:
        await exchange.answer(PAGE)

    given = {"trace_configs": (), "timeouts": SHORT if fault in SILENCES else Timeouts()}
    async with RawServer(fault or page) as server, watch.client(server, **given) as client:
        for verb in (stream, download, records):
            await watch.fails(verb, client)
        watch.haul.add_log(watch._log.records)
        watch.haul.add_folder(watch.folder)

    # local variables hold the link, as the caller's own do
    assert [place for place in watch.haul.where(SIGNATURE) if not place.startswith("traceback")] == []


@pytest.mark.parametrize("form", sorted(forms(SECRET)))
def test_the_search_finds_what_it_looks_for(form) -> None:
    """A leak would be seen in each form, in the local variables of a frame."""

    def leak(local: str) -> None:
        1 / 0  # noqa: B018 -- any error will do

    haul = Haul()
    with pytest.raises(ZeroDivisionError) as caught:
        leak(f"<{form}>")
    haul.add_error(caught.value)

    assert haul.where(SECRET) == ["traceback of ZeroDivisionError", "traceback with locals"]
