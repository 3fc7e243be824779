"""What a borrowed session raises, or a trace, or this machine: an error of ours, under its right name."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import anyio
import attrs
import idna
import pytest
from support.bulk_client import set_clock
from support.eventually import until
from support.fake_transports import FILE, KEY, LABEL, fine, read_file, settings, transport_to
from support.fakes import FakeClock
from support.leaks import chain_of, frames_of
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Timeouts
from multicart_async._core.redaction import Redacted
from multicart_async._core.redactor import Redactor
from multicart_async._http import NetworkOptions
from multicart_async._http.aiohttp_connector import SendEvidence
from multicart_async._http.aiohttp_errors import Route, call_error
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    IncompleteDownloadError,
    MultiCartError,
)
from multicart_async.sandbox import Sandbox

PATH = "/schedules/get/"


class ProxyError(Exception):
    """As a connector for SOCKS raises it."""


class ProxyTimeoutError(ProxyError, TimeoutError):
    """Likewise."""


class MuteError(Exception):
    """One that cannot even say what it is."""

    def __str__(self) -> str:
        raise ZeroDivisionError


class SignedError(Exception):
    """An error that holds the request that it could not sign."""

    def __init__(self, request: aiohttp.ClientRequest) -> None:
        super().__init__("not signed")
        self.request = request


def failing(error):
    """A middleware that raises that, or what it makes of the request."""

    async def middleware(request: aiohttp.ClientRequest, handler: object) -> aiohttp.ClientResponse:
        raise error if isinstance(error, BaseException) else error(request)

    return middleware


@asynccontextmanager
async def borrowed(url: str, **session) -> AsyncIterator:
    """A transport on a session of somebody else."""
    async with (
        aiohttp.ClientSession(**session) as made,
        transport_to(url, network=NetworkOptions(session=made), timeouts=Timeouts(request=20)) as transport,
    ):
        yield transport


async def failure(verb: str, transport, url: str) -> MultiCartError:
    """The error of a call or of opening a file."""
    with pytest.raises(MultiCartError) as caught:
        if verb == "stream":
            await read_file(transport, url + FILE)
        else:
            await (transport.post(PATH, b"{}") if verb == "post" else transport.get(PATH))
    return caught.value


VERBS = pytest.mark.parametrize("verb", ["post", "get", "stream"])
FOREIGN = {
    "an error of its own": (ProxyError("no route to the proxy"), "ProxyError: no route to the proxy"),
    "a lookup": (KeyError("signature"), "KeyError: 'signature'"),
    "one that cannot be shown": (MuteError(), "(MuteError)"),
    "half a character": (ProxyError("\ud83d"), "ProxyError: \\ud83d"),
    "without a text": (ProxyError(), "(ProxyError)"),
    "a value": (ValueError("no date"), "ValueError: no date"),
    "broken JSON": (json.JSONDecodeError("Expecting value", "", 0), "JSONDecodeError: Expecting value"),
    "a group": (ExceptionGroup("two", [KeyError(1), KeyError(2)]), "ExceptionGroup: two (2 sub-exceptions)"),
    "a bug": (AssertionError("never"), "AssertionError: never"),
    "a long one": (ProxyError("x" * 1000), "ProxyError: " + "x" * 80 + ")"),
    "one with the key": (ProxyError(f"sent {KEY}"), "ProxyError: sent ••••••••"),
    "the key where it is cut": (ProxyError("x" * 76 + KEY), "ProxyError: " + "x" * 76 + "••••)"),
}


@VERBS
@pytest.mark.parametrize("case", FOREIGN)
async def test_what_a_session_raises_is_an_error_of_ours(verb, case) -> None:
    """It may pass, nothing was sent, and its name and text are told, without the key."""
    error, text = FOREIGN[case]
    async with RawServer(fine) as server, borrowed(server.url, middlewares=[failing(error)]) as transport:
        fault = await failure(verb, transport, server.url)

    assert (type(fault), fault.sent, fault.retryable) == (APIConnectionError, False, True)
    assert text in str(fault)
    assert KEY not in str(fault)
    assert fault.__context__ is None


@VERBS
async def test_a_refusal_of_another_service_is_no_answer_of_ours(verb) -> None:
    """A middleware asks for a token first, and raises what aiohttp makes of its status."""

    def refused(request: aiohttp.ClientRequest) -> Exception:
        return aiohttp.ClientResponseError(request.request_info, (), status=401, message="Unauthorized")

    async with RawServer(fine) as server, borrowed(server.url, middlewares=[failing(refused)]) as transport:
        fault = await failure(verb, transport, server.url)

    assert (type(fault), fault.sent) == (APIConnectionError, False)
    assert str(fault).endswith("broke before anything was sent (ClientResponseError)")


@VERBS
async def test_the_proxy_of_a_session_is_named_as_such(verb) -> None:
    """Its address is its owner's business."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(b"", status="407 Proxy Authentication Required")

    async with RawServer(refuse) as proxy, borrowed("https://service.invalid", proxy=proxy.origin) as transport:
        fault = await failure(verb, transport, "https://service.invalid")

    assert fault.reason == "the session's proxy responded with HTTP 407"


@VERBS
async def test_a_time_out_of_a_session_is_one_of_ours(verb) -> None:
    """It does not name a limit that is not to blame."""
    error = ProxyTimeoutError("proxy took 60 s")
    async with RawServer(fine) as server, borrowed(server.url, middlewares=[failing(error)]) as transport:
        fault = await failure(verb, transport, server.url)

    assert (type(fault), fault.sent) == (APITimeoutError, False)
    assert str(fault).endswith(" (ProxyTimeoutError: proxy took 60 s)")


async def test_a_plain_error_is_the_cause() -> None:
    """Without its frames, which hold the request, and without what it came from."""
    error = ProxyError("no route", 5)
    error.__cause__ = aiohttp.ClientError("inner")
    async with RawServer(fine) as server, borrowed(server.url, middlewares=[failing(error)]) as transport:
        fault = await failure("post", transport, server.url)

    assert fault.__cause__ is error
    assert list(chain_of(error)) == [error]
    assert list(frames_of(error.__traceback__)) == []


HOLDING = {
    "the request": SignedError,
    "it among the arguments": KeyError,
    "the key in its text": lambda _: ProxyError(f"sent {KEY}"),
    "the key in an attribute": lambda _: attrs_error(),
    "an error of aiohttp": lambda request: aiohttp.ClientResponseError(request.request_info, ()),
    "one made of aiohttp's": lambda _: type("Own", (aiohttp.ClientError,), {})("x"),
}


def attrs_error() -> Exception:
    """An error with the key beside its text."""
    error = ProxyError("x")
    error.header = f"x-api-key: {KEY}"
    return error


@VERBS
@pytest.mark.parametrize("case", HOLDING)
async def test_what_can_hold_the_key_is_not_the_cause(verb, case) -> None:
    """Only errors of texts and numbers are."""
    middlewares = [failing(HOLDING[case])]
    async with RawServer(fine) as server, borrowed(server.url, middlewares=middlewares) as transport:
        fault = await failure(verb, transport, server.url)

    assert (fault.__cause__, fault.__context__) == (None, None)


class Failing:
    """A body that raises."""

    def read_nowait(self) -> bytes:
        return b""

    def at_eof(self) -> bool:
        return False

    def exception(self) -> Exception | None:
        return KeyError("frame")

    async def readany(self) -> bytes:
        raise KeyError("frame")


async def unreadable(request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
    """A middleware that puts its own body in the place of the service's."""
    answer = await handler(request)
    answer.content = Failing()
    return answer


async def test_an_error_in_a_body_is_a_broken_transfer() -> None:
    """Of a call it is a lost answer, of a file an incomplete download, which can be tried again."""
    async with RawServer(fine) as server, borrowed(server.url, middlewares=[unreadable]) as transport:
        of_a_call = await failure("post", transport, server.url)
        of_a_file = await failure("stream", transport, server.url)

    assert (type(of_a_call), of_a_call.sent) == (APIConnectionError, True)
    assert type(of_a_file) is IncompleteDownloadError
    assert str(of_a_file) == f"{LABEL}: the transfer broke off after 0 bytes (KeyError: 'frame')"
    assert type(of_a_file.__cause__) is KeyError


async def test_a_session_that_is_closed_meanwhile_is_no_cancellation() -> None:
    """aiohttp cancels whoever waits for a connection of it; nobody has cancelled the task."""
    async with (
        RawServer(Exchange.hang) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
        transport_to(server, network=NetworkOptions(session=session)) as transport,
        anyio.create_task_group() as group,
    ):
        sent = asyncio.ensure_future(failure("post", transport, server.url))
        await until(lambda: server.requests)
        queued = asyncio.ensure_future(failure("post", transport, server.url))
        await until(lambda: session.connector._waiters)
        group.start_soon(session.close)
        first, second = await sent, await queued

    assert (type(first), first.sent) == (APIConnectionError, True)
    assert type(second) is ClientClosedError


async def test_a_future_cancelled_by_a_middleware_is_an_error() -> None:
    """The call fails; the task goes on."""
    async with (
        RawServer(fine) as server,
        borrowed(server.url, middlewares=[failing(asyncio.CancelledError())]) as transport,
    ):
        fault = await failure("post", transport, server.url)

    assert (type(fault), fault.sent) == (APIConnectionError, False)
    assert "the session cancelled the request" in str(fault)


@attrs.define
class Moody:
    """A middleware that fails at every second request, from when it is told to."""

    asked: int = 0
    failed: int = 0

    async def __call__(self, request: aiohttp.ClientRequest, handler) -> aiohttp.ClientResponse:
        self.asked += 1
        if self.asked % 2 and request.method == "POST":
            self.failed += 1
            raise KeyError("token")
        return await handler(request)


@asynccontextmanager
async def moody_client(sandbox: Sandbox, moody: Moody) -> AsyncIterator[AsyncMultiCart]:
    """A client on a session with that mood, whose clock moves when somebody sleeps on it."""
    async with (
        aiohttp.ClientSession(middlewares=[moody]) as session,
        AsyncMultiCart(sandbox.api_key, base_url=sandbox.url, session=session) as client,
    ):
        set_clock(client, FakeClock().clock)
        yield client


async def test_a_wait_survives_a_moody_session() -> None:
    """A poll that fails for a reason of the session's is one of the polls that fail and pass."""
    moody = Moody()
    async with Sandbox(instant=True) as sandbox, moody_client(sandbox, moody) as client:
        (number,) = sandbox.add_collections(1)
        run = await client.runs.start_and_wait(number)

    assert run.collection == number
    assert moody.failed


async def test_many_runs_survive_a_moody_session(tmp_path) -> None:
    """None of the outcomes of the other paid runs is lost."""
    moody = Moody()
    async with Sandbox(instant=True) as sandbox, moody_client(sandbox, moody) as client:
        ids = sandbox.add_collections(5)
        outcomes = [outcome async for outcome in client.runs.run_many(ids, tmp_path)]

        assert sandbox.counts["/schedules/run/result/"] == len(ids)
    assert {outcome.key: outcome.ok for outcome in outcomes} == dict.fromkeys(ids, True)
    assert moody.failed


@VERBS
async def test_no_thread_left_is_trouble_of_this_machine(verb, monkeypatch) -> None:
    """The name of the host is looked up in one; the client is not closed, and may try again."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with RawServer(fine) as server:
        url = f"http://localhost:{server.port}/api/v1"
        async with transport_to(url) as transport:
            monkeypatch.setattr(threading.Thread, "start", start)
            fault = await failure(verb, transport, url)
            monkeypatch.undo()

    assert (type(fault), fault.sent, fault.retryable) == (APIConnectionError, False, True)
    assert f"localhost:{server.port} could not be sent (RuntimeError: can't start new thread)" in str(fault)


@VERBS
async def test_a_session_with_its_own_auth_is_a_wrong_setting(verb) -> None:
    """aiohttp does not combine the two; its text says so, and nothing was sent."""
    with pytest.warns(DeprecationWarning, match="auth"):
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("somebody", "something"))
    async with RawServer(fine) as server, session:
        given = settings(server.url, None, "session-token")
        async with transport_to(server, settings=given, network=NetworkOptions(session=session)) as transport:
            fault = await failure(verb, transport, server.url)

        assert server.requests == []
    assert type(fault) is ConfigurationError
    assert "Cannot combine AUTHORIZATION header" in str(fault)


def test_a_url_that_aiohttp_cannot_ask_for_shows_no_secret() -> None:
    """The text of the cause may hold it."""
    secret = "s3cr3t_label"
    route = Route("https", "service.example", redactor=Redactor([Redacted(secret)]))
    with pytest.raises(idna.IDNAError, match=secret) as caught:
        idna.encode(secret)

    fault = call_error("/p/", caught.value, SendEvidence(tracked=False), route, usable=True)

    assert isinstance(fault, ConfigurationError)
    assert str(fault).startswith("/p/: cannot make a request to service.example: ")
    assert secret not in str(fault)
    assert fault.__cause__ is None


async def test_a_proxy_of_a_session_that_is_no_url_is_named() -> None:
    """A session may have a proxy of its own, which aiohttp reads with the first request."""
    async with (
        aiohttp.ClientSession(proxy="http://[") as session,
        transport_to("http://127.0.0.1:9", network=NetworkOptions(session=session)) as transport,
    ):
        with pytest.raises(ConfigurationError, match="expected URLs that aiohttp can request as base_url and proxy"):
            await transport.post("/x/", b"{}")
