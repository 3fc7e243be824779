"""Closing a client: what is under way ends at once with `ClientClosedError`, wherever it is, and nothing starts after it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from support.eventually import until
from support.fakes import ok, refused
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, PollPolicy, RetryPolicy
from multicart_async.errors import ClientClosedError
from multicart_async.models import DownloadLinks, Run, StartedRun
from multicart_async.sandbox import Sandbox

LONG = 30.0  # what would happen without a close takes longer than any patience here
PATIENCE = 8.0
SLOW = RetryPolicy(wait_initial=LONG, wait_max=LONG, wait_jitter=0)
POLICY = PollPolicy(poll_interval=LONG)
RUNS = "/schedules/collections/results/download/"

Operation = Callable[[AsyncMultiCart, Path], Awaitable[Any]]


def run_of(server: RawServer | None) -> Run:
    """A finished run whose only page is there."""
    base = server.url if server else "https://multicartapi.com/api/v1"
    links = DownloadLinks(pages=(f"{base}/results/101/88/A_88_Results_Page_1.json",))
    return Run(id=88, collection=101, is_download_generated=True, download_links=links)


async def hang(exchange: Exchange) -> None:
    """Says nothing."""
    await exchange.hang()


async def half(exchange: Exchange) -> None:
    """Half an answer, and nothing more."""
    await exchange.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"code": 200, "data":')
    await exchange.hang()


async def half_file(exchange: Exchange) -> None:
    """Half a page, with records in it, and nothing more."""
    await exchange.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{"asin": "B1"}, {"asin":')
    await exchange.hang()


async def endless_file(exchange: Exchange) -> None:
    """A page without a length: its end would be where the connection ends."""
    await exchange.send(b'HTTP/1.1 200 OK\r\n\r\n[{"asin": "B1"}, {"asin": "B2"}]')
    await exchange.hang()


async def drop(_: Exchange) -> None:
    """Ends the connection."""


async def later(exchange: Exchange) -> None:
    """Asks for a pause."""
    await exchange.answer(refused(429).payload, status="429 Too Many Requests", Retry_After="100")


async def nothing_yet(exchange: Exchange) -> bool:
    """A service where no run ever appears, and a start loses its answer."""
    if "/run/result/" in exchange.path:
        return False
    rows: Any = [] if RUNS in exchange.path or "category" in exchange.path else {"id": 101, "name": "A"}
    await exchange.answer(ok(rows).payload)
    return True


async def read_stream(client: AsyncMultiCart, url: str) -> None:
    """Reads a file to its end."""
    async with client.stream(url) as stream:
        async for _ in stream:
            pass


async def read_records(client: AsyncMultiCart, run: Run) -> None:
    """Reads all records."""
    async for _ in client.runs.records(run):
        pass


async def watch(client: AsyncMultiCart) -> None:
    """Watches a run to its end."""
    async for _ in client.runs.watch(StartedRun(101, 87), policy=POLICY):
        pass


def files_in(folder: Path) -> set[str]:
    """Names of all files below it."""
    return {place.name for place in folder.rglob("*")}


@attrs.frozen
class Stage:
    """Where an operation is when the client is closed: how the server behaves, and how to tell that it got there."""

    handler: Callable[[Exchange], Awaitable[bool | None]]
    operation: Callable[[AsyncMultiCart, Path, RawServer], Awaitable[Any]]
    requests: int = 1
    settings: dict[str, Any] = attrs.field(factory=dict[str, Any])


def listed(client: AsyncMultiCart, _: Path, __: RawServer) -> Awaitable[Any]:
    """A read."""
    return client.collections.list()


async def queued(client: AsyncMultiCart, _: Path, __: RawServer) -> None:
    """Three calls where one may be under way."""
    await asyncio.gather(*(client.collections.get(number) for number in (1, 2, 3)))


async def queued_files(client: AsyncMultiCart, folder: Path, server: RawServer) -> None:
    """Three files where one may be under way."""
    await asyncio.gather(*(client.runs.download(run_of(server), folder / str(number)) for number in (1, 2, 3)))


async def two_starts(client: AsyncMultiCart, _: Path, __: RawServer) -> None:
    """The second one waits for the first."""
    await asyncio.gather(client.runs.start(101), client.runs.start(101))


STAGES: dict[str, Stage] = {
    "waiting for headers": Stage(hang, listed),
    "waiting for headers of a change": Stage(hang, lambda client, *_: client.collections.delete(1)),
    "in the body": Stage(half, listed),
    "queued for a slot": Stage(hang, queued, settings={"limits": Limits(requests=1)}),
    "in the pause before a repetition": Stage(drop, listed, settings={"retry": SLOW}),
    "in a pause that the service asked for": Stage(later, listed),
    "between polls": Stage(nothing_yet, lambda client, *_: client.runs.wait(StartedRun(101, 87), policy=POLICY), 2),
    "between polls of a watch": Stage(nothing_yet, lambda client, *_: watch(client), 2),
    "between polls of a category": Stage(nothing_yet, lambda client, *_: client.categories.wait(101, policy=POLICY), 2),
    "between looks for a lost start": Stage(nothing_yet, lambda client, *_: client.runs.start(101), 4),
    "in front of another start": Stage(hang, two_starts),
    "in the headers of a file": Stage(
        hang, lambda client, _, server: read_stream(client, run_of(server).download_links.pages[0])
    ),
    "in a stream": Stage(
        half_file, lambda client, _, server: read_stream(client, run_of(server).download_links.pages[0])
    ),
    "in a stream without a length": Stage(
        endless_file, lambda client, _, server: read_stream(client, run_of(server).download_links.pages[0])
    ),
    "in records": Stage(half_file, lambda client, _, server: read_records(client, run_of(server))),
    "in a download": Stage(half_file, lambda client, folder, server: client.runs.download(run_of(server), folder)),
    "in a download without a length": Stage(
        endless_file, lambda client, folder, server: client.runs.download(run_of(server), folder)
    ),
    "in the pause before a download's repetition": Stage(
        drop, lambda client, folder, server: client.runs.download(run_of(server), folder), settings={"retry": SLOW}
    ),
    "queued for a file": Stage(half_file, queued_files, settings={"limits": Limits(downloads=1)}),
}


@pytest.mark.backoff
@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
async def test_what_is_under_way_ends_with_the_client(stage: Stage, tmp_path: Path) -> None:
    """In every stage, promptly, and without a file that looks whole (hazard 62)."""
    async with RawServer(stage.handler) as server:
        client = AsyncMultiCart("key", base_url=server.url, **stage.settings)
        work = asyncio.ensure_future(stage.operation(client, tmp_path, server))
        await until(lambda: len(server.requests) >= stage.requests)
        await asyncio.sleep(0.05)  # from the request on into the stage
        assert not work.done()
        begun = time.monotonic()
        await client.aclose()
        with anyio.fail_after(PATIENCE), pytest.raises(ClientClosedError):
            await work

        assert time.monotonic() - begun < PATIENCE
        assert set() == files_in(tmp_path) & {"page-0001.json", "manifest.json"}
        seen = len(server.requests)
        await asyncio.sleep(0.02)
        assert seen == len(server.requests)


async def test_a_call_that_is_still_connecting_ends_too() -> None:
    """The other side took the connection and never answers the TLS handshake."""
    taken = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = AsyncMultiCart("key", base_url=f"https://127.0.0.1:{port}/api/v1")
        work = asyncio.ensure_future(client.collections.list())
        await taken.wait()
        await client.aclose()
        with anyio.fail_after(PATIENCE), pytest.raises(ClientClosedError):
            await work


async def test_fifty_operations_in_all_stages_end_together(tmp_path: Path) -> None:
    """Case 39: of one client, over one service that hangs here and there."""

    async def anyhow(exchange: Exchange) -> bool | None:
        if exchange.line.startswith("GET"):
            return await half_file(exchange)
        if "/schedules/get_schedules/" in exchange.path:
            return await half(exchange)
        return await nothing_yet(exchange)

    outcomes: list[str] = []

    async def one(number: int, operation: Operation) -> None:
        try:
            await operation(client, tmp_path / str(number))
        except Exception as error:  # noqa: BLE001 -- its kind is what is asserted
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("none")

    async with RawServer(anyhow) as server:
        client = AsyncMultiCart("key", base_url=server.url, limits=Limits(requests=6, downloads=4))
        operations: list[Operation] = [
            lambda client, _: client.runs.wait(StartedRun(101, 87), policy=POLICY),
            lambda client, _: client.runs.start(101),
            lambda client, folder: client.runs.download(run_of(server), folder),
            lambda client, _: read_records(client, run_of(server)),
            lambda client, _: client.collections.list(),
        ]
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(one, number, operations[number % 5])
            await until(lambda: len(server.requests) > 8)
            await asyncio.sleep(0.1)
            with anyio.fail_after(PATIENCE):
                await client.aclose()

    assert outcomes == ["ClientClosedError"] * 50


async def test_closing_waits_until_everything_has_ended() -> None:
    """After it, nothing of the client runs any more."""
    ended: list[str] = []

    async with RawServer(hang) as server:
        client = AsyncMultiCart("key", base_url=server.url)

        async def call() -> None:
            with pytest.raises(ClientClosedError):
                await client.collections.list()
            ended.append("call")

        work = asyncio.ensure_future(call())
        await until(lambda: server.requests)
        await client.aclose()
        await asyncio.sleep(0)

        assert ended == ["call"]
        await work


async def test_closing_twice_at_once_is_once() -> None:
    """Both return promptly when what is under way has ended."""
    async with RawServer(hang) as server:
        client = AsyncMultiCart("key", base_url=server.url)
        work = asyncio.ensure_future(client.collections.list())
        await until(lambda: server.requests)
        begun = time.monotonic()
        await asyncio.gather(client.aclose(), client.aclose(), client.aclose())

        assert time.monotonic() - begun < PATIENCE
        with pytest.raises(ClientClosedError):
            await work


async def test_a_cancelled_call_is_cancelled_and_not_closed() -> None:
    """A cancellation stays what it is, and the client goes on."""
    async with RawServer(nothing_yet) as server, AsyncMultiCart("key", base_url=server.url) as client:
        work = asyncio.ensure_future(client.runs.wait(StartedRun(101, 87), policy=POLICY))
        await until(lambda: len(server.requests) >= 2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert (await client.collections.get(101)).id == 101


RUN = run_of(None)


async def open_stream(client: AsyncMultiCart) -> None:
    """Opens a file."""
    async with client.stream(RUN.download_links.pages[0]):
        pass


AFTER: dict[str, Any] = {
    "collections": lambda client, _: client.collections.list(),
    "a run": lambda client, _: client.runs.start(101),
    "a wait": lambda client, _: client.runs.wait(StartedRun(101, 87)),
    "a category": lambda client, _: client.categories.wait(20326),
    "items": lambda client, _: client.asins.create_many(101, ["B1"], domain="amazon.com.au", postcode="4500"),
    "an import": lambda client, _: client.asins.import_csv(
        101, b"domain,customer_postcode,asin,include_raw_html\na,1,B1,true\n"
    ),
    "an output": lambda client, _: client.outputs.get(88),
    "a request": lambda client, _: client.request("/new/thing/"),
    "kept domains": lambda client, _: client.settings.domains(),
    "nothing to delete": lambda client, _: client.collections.delete_many([]),
    "a mirror": lambda client, folder: client.sync(folder),
    "a look at a mirror": lambda client, folder: client.verify(folder),
    "a download": lambda client, folder: client.runs.download(RUN, folder),
    "records": lambda client, _: read_records(client, RUN),
    "a stream": lambda client, _: open_stream(client),
    "entering": lambda client, _: client.__aenter__(),
}


@pytest.mark.parametrize("call", AFTER.values(), ids=AFTER)
async def test_a_closed_client_says_so(call: Any, tmp_path: Any) -> None:
    """Every method, and nothing is sent. Closing again is nothing."""
    client = AsyncMultiCart("key")
    await client.aclose()
    await client.aclose()

    with pytest.raises(ClientClosedError, match="closed"):
        await call(client, tmp_path)


async def fail_inside(client: AsyncMultiCart) -> None:
    """Leaves the client's block by an error."""
    async with client:
        await client.collections.list()
        raise ZeroDivisionError


async def test_a_client_closes_at_the_end_of_its_block() -> None:
    """Also after an error in it, which passes as itself."""
    async with Sandbox() as sandbox:
        client = sandbox.client()
        with pytest.raises(ZeroDivisionError):
            await fail_inside(client)
        with pytest.raises(ClientClosedError):
            await client.collections.list()
