"""Passwords, one-time codes and tokens, looked for everywhere: they are in the body of a request or answer alone."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import anyio
import pytest
from support.raw_server import Exchange, RawServer
from test_secrets import FAULTS, SECRET, SHORT, Watch, half_a_body, refused, silent, stalled

from multicart_async import AsyncMultiCart, Timeouts
from multicart_async.errors import MultiCartError

CODE = 482931
EMAIL = "ops@example.com"
TOKEN = f'{{"code": 200, "data": {{"token": "{SECRET}", "api_key": "{SECRET}", "otp": {CODE}'


async def login(client: AsyncMultiCart, folder) -> None:
    await client.account.login(EMAIL, SECRET)


async def register(client: AsyncMultiCart, folder) -> None:
    await client.account.register(
        name="Alice", email=EMAIL, password=SECRET, otp=CODE, country="Australia", extra={"again": [SECRET, CODE]}
    )


async def register_by_text(client: AsyncMultiCart, folder) -> None:
    await client.account.register(name="Alice", email=EMAIL, password=SECRET, otp=str(CODE), country="Australia")


async def update(client: AsyncMultiCart, folder) -> None:
    await client.account.update_profile(name="Alice", extra={"password": SECRET, "code": {"of": CODE}})


async def details(client: AsyncMultiCart, folder) -> None:
    await client.account.details()


VERBS = [login, register, register_by_text, update, details]


async def echoed_in_html(exchange: Exchange) -> None:
    """As a debug page does."""
    await exchange.answer(b"<html>" + exchange.body, status="500 Oops", Content_Type="text/html")


async def echoed_in_an_envelope(exchange: Exchange) -> None:
    await exchange.answer(b'{"code": 400, "data": ' + exchange.body + b', "status": 0}')


async def echoed_in_words(exchange: Exchange) -> None:
    await exchange.answer(f'{{"code": 400, "data": "{SECRET} and {CODE} are wrong", "status": 0}}'.encode())


async def a_token_without_envelope(exchange: Exchange) -> None:
    await exchange.answer(f'{{"token": "{SECRET}", "otp": {CODE}}}'.encode())


async def half_a_token(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + TOKEN.encode())


async def half_a_token_and_silence(exchange: Exchange) -> None:
    await half_a_token(exchange)
    await exchange.hang()


async def too_much(exchange: Exchange) -> None:
    await exchange.answer(TOKEN.encode() * 2_000)


ECHOES = [
    echoed_in_html, echoed_in_an_envelope, echoed_in_words, a_token_without_envelope, half_a_token,
    half_a_token_and_silence, too_much,
]  # fmt: skip
SILENCES = [silent, stalled, half_a_token_and_silence]


@pytest.fixture
def watch(caplog, tmp_path) -> Watch:
    """A watch on a client without a secret of its own: only what is given to its methods is one."""
    watch = Watch("api_key", caplog, tmp_path)
    caplog.set_level(logging.DEBUG)
    return watch


def client_of(watch: Watch, server: RawServer, **given) -> AsyncMultiCart:
    """A client that shows all that it can show."""
    return watch.client(server, trace_configs=(), **given)


def seen(watch: Watch, client: AsyncMultiCart) -> list[str]:
    """Where a secret can be read."""
    for thing in (client, vars(client), vars(client._transport), vars(client.account)):
        watch.haul.add("repr", thing)
    watch.haul.add_log(watch._log.records)
    return watch.haul.where(SECRET) + watch.haul.where(str(CODE))


@pytest.mark.parametrize("fault", [*FAULTS, *ECHOES])
async def test_no_failure_shows_what_was_given_in_confidence(watch, fault, capfd) -> None:
    """Not in logs, errors, tracebacks with local variables, pickles, events; not if the service repeats it either."""
    words = fault is echoed_in_words  # to who sent nothing secret it is a refusal in plain words
    async with RawServer(fault) as server:
        if fault is refused:
            server.refuse()
        async with client_of(watch, server, timeouts=SHORT if fault in SILENCES else Timeouts()) as client:
            errors = [await watch.fails(verb, client) for verb in VERBS if verb is not details or not words]
    watch.haul.add("output", "".join(capfd.readouterr()))

    assert all(errors)
    assert seen(watch, client) == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", SILENCES)
async def test_no_cancellation_shows_it(watch, fault, verb) -> None:
    """A cancelled call has a traceback through the frames of aiohttp, which hold the body."""
    asked = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        asked.set()
        await fault(exchange)

    async with RawServer(handler) as server, client_of(watch, server) as client:
        task = asyncio.create_task(verb(client, watch.folder))
        with anyio.fail_after(20):
            await asked.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        watch.haul.add_error(caught.value)

    assert seen(watch, client) == []


@pytest.mark.parametrize("verb", VERBS)
async def test_no_closing_shows_it(watch, verb) -> None:
    """What was under way when the client was closed, and what comes after it."""
    asked = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        asked.set()
        await half_a_token_and_silence(exchange)

    async with RawServer(handler) as server:
        client = client_of(watch, server)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(watch.fails, verb, client)
                await asked.wait()
                await client.aclose()
        assert await watch.fails(verb, client)

    assert seen(watch, client) == []


async def test_no_success_shows_it(watch) -> None:
    """Neither the events of a retry nor the answer itself."""

    async def handler(exchange: Exchange) -> None:
        if exchange.number == 1:
            await half_a_body(exchange)
        else:
            await exchange.answer(f'{TOKEN}, "user": {{"id": 42}}}}, "status": 1}}'.encode())

    async with RawServer(handler) as server, client_of(watch, server) as client:
        await update(client, watch.folder)
        answers = [await client.account.details(), await client.account.login(EMAIL, SECRET)]
        watch.haul.add("answers", answers)

    assert sorted({place for place, _ in watch.haul.texts if place == "event"}) == ["event"]
    assert seen(watch, client) == []


async def test_a_trace_shows_the_body_as_dots(watch) -> None:
    """aiohttp tells its traces each piece that it sends: who logs that as it is shown logs dots."""
    trace = aiohttp.TraceConfig()

    async def chunk(session: object, context: object, params: aiohttp.TraceRequestChunkSentParams) -> None:
        watch.haul.add("trace", params)

    trace.on_request_chunk_sent.append(chunk)
    async with RawServer(refused_in_words) as server, watch.client(server, trace_configs=[trace]) as client:
        for verb in VERBS:
            with pytest.raises(MultiCartError):
                await verb(client, watch.folder)

    assert len(VERBS) == len([place for place, _ in watch.haul.texts if place == "trace"])
    assert SECRET.encode() in server.requests[0].body
    assert seen(watch, client) == []


async def refused_in_words(exchange: Exchange) -> None:
    await exchange.answer(b'{"code": 400, "data": "Invalid email or password!", "status": 0}')
