"""The password of a proxy: it is in the request that the proxy reads, and in nothing that a program shows."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.echoes import nothing, said
from support.raw_server import Exchange, RawServer
from support.scanner import Scan, escapes
from support.verbs import FEW, KEY

from multicart_async import AsyncMultiCart, RetryPolicy, Timeouts
from multicart_async.errors import ConfigurationError, MultiCartError

USER = "ops"
PASSWORD = "pr0xy+p4ss=w0rd&7f"
QUOTED = "pr0xy%2Bp4ss%3Dw0rd%267f"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, QUOTED, BASIC)
HTTP, HTTPS = "http://service.invalid/api/v1", "https://service.invalid/api/v1"
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def scan(caplog: pytest.LogCaptureFixture) -> Scan:
    """A search for the password, in all that is sent of it."""
    caplog.set_level("DEBUG")
    return Scan(SECRETS)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has none."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def url_of(server: RawServer) -> str:
    return f"http://{USER}:{QUOTED}@127.0.0.1:{server.port}"


BAD: dict[str, dict[str, Any]] = {
    "no URL": {"proxy": f"//{USER}:{PASSWORD}@proxy.example"},
    "SOCKS": {"proxy": f"socks5://{USER}:{PASSWORD}@proxy.example:1080"},
    "no port": {"proxy": f"http://{USER}:{QUOTED}@proxy.example:x"},
    "no text": {"proxy": f"http://{USER}:{QUOTED}@proxy.example:1".encode()},
    "another argument": {"proxy": f"http://{USER}:{QUOTED}@proxy.example:1", "limits": 7},
    "the key": {"proxy": f"http://{USER}:{QUOTED}@proxy.example:1", "api_key": "two words"},
    "the headers": {"proxy": f"http://{USER}:{QUOTED}@proxy.example:1", "headers": {"Host": "x"}},
}


def made(case: str, **given: Any) -> AsyncMultiCart:
    return AsyncMultiCart(**{"api_key": KEY, **BAD[case], **given})


@pytest.mark.parametrize("case", BAD)
def test_no_frame_of_the_constructor_shows_it(case: str, scan: Scan) -> None:
    """The frames do not show the password, whether the proxy or another argument is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        made(case)
    scan.error(caught.value)

    assert scan.found == set()


ENVIRONMENT = {
    "SOCKS": f"socks5://{USER}:{PASSWORD}@proxy.example:1",
    "no port": f"http://{USER}:{PASSWORD}@proxy.example:x",
}


@pytest.mark.parametrize("case", ENVIRONMENT)
def test_no_frame_shows_that_of_the_environment(case: str, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the environment is read in a function that returns before anything is raised."""
    monkeypatch.setenv("ALL_PROXY", ENVIRONMENT[case])
    with pytest.raises(ConfigurationError) as caught:
        AsyncMultiCart(KEY, base_url=HTTP, allow_http=True, trust_env=True)
    scan.error(caught.value)

    assert scan.found == set()


async def refuse(exchange: Exchange) -> None:
    """It repeats all that it received, in the reason, a header and the page."""
    reason = escapes(said(exchange, "plain"))["percent"]
    await exchange.answer(
        said(exchange).encode(), status=f"407 {reason}", X_Request_Id=said(exchange, "HTML by numbers")
    )


async def repeat(exchange: Exchange) -> None:
    """The password itself, which only who decodes the header knows."""
    text = base64.b64decode(exchange.headers["proxy-authorization"].partition(" ")[2]).decode()
    data = " ".join(escapes(text.partition(":")[2]).values())
    await exchange.answer(json.dumps({"code": 407, "data": data, "status": 0}).encode(), status="407 No")


async def garbage(exchange: Exchange) -> None:
    """No HTTP."""
    await exchange.send(said(exchange, "plain").encode() + b"\r\n\r\n")


@pytest.mark.parametrize("base", [HTTP, HTTPS])
@pytest.mark.parametrize("answer", [refuse, repeat, garbage])
async def test_no_answer_of_a_proxy_shows_it(answer: Callable[..., Any], base: str, scan: Scan, tmp_path: Path) -> None:
    """The responses of a proxy, to a request and to CONNECT, do not bring the password into an error."""
    async with (
        RawServer(answer) as server,
        AsyncMultiCart(KEY, base_url=base, allow_http=True, proxy=url_of(server), retry=ONCE) as client,
    ):
        for verb in FEW.values():
            with pytest.raises(MultiCartError) as caught:
                await verb(client, tmp_path)
            scan.error(caught.value)
        scan.thing("network", client._transport._network)
        scan.look("attributes", repr(vars(client)), repr(vars(client._transport)))

    assert {exchange.headers["proxy-authorization"] for exchange in server.requests} == {f"Basic {BASIC}"}
    assert scan.found == set()


@pytest.mark.parametrize("base", [HTTP, HTTPS])
async def test_a_proxy_that_is_not_there(base: str, scan: Scan, tmp_path: Path) -> None:
    """The error does not show the password, although aiohttp's error knows the whole URL."""
    async with RawServer(refuse) as server:
        server.refuse()
        async with AsyncMultiCart(KEY, base_url=base, allow_http=True, proxy=url_of(server), retry=ONCE) as client:
            with pytest.raises(MultiCartError, match=f"cannot connect to the proxy 127.0.0.1:{server.port}") as caught:
                await FEW["profile"](client, tmp_path)
    scan.error(caught.value)

    assert scan.found == set()


@pytest.mark.parametrize("base", [HTTP, HTTPS])
async def test_no_cancellation_shows_it(base: str, scan: Scan, tmp_path: Path) -> None:
    """The cancellation of a request, or of one through a tunnel, does not show the password."""
    async with (
        RawServer(nothing) as server,
        AsyncMultiCart(KEY, base_url=base, allow_http=True, proxy=url_of(server)) as client,
    ):
        task = asyncio.ensure_future(FEW["request"](client, tmp_path))
        with anyio.fail_after(20):
            while not server.requests:  # noqa: ASYNC110 -- the server has no event
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    scan.error(caught.value)

    assert scan.found == set()


@pytest.mark.parametrize("base", [HTTP, HTTPS])
async def test_no_limit_of_time_shows_it(base: str, scan: Scan, tmp_path: Path) -> None:
    """The timeout of a silent proxy does not show the password."""
    async with RawServer(nothing) as server:
        timeouts = Timeouts(request=0.1)
        async with AsyncMultiCart(
            KEY, base_url=base, allow_http=True, proxy=url_of(server), retry=ONCE, timeouts=timeouts
        ) as client:
            with pytest.raises(MultiCartError) as caught:
                await FEW["request"](client, tmp_path)
    scan.error(caught.value)

    assert scan.found == set()


async def test_no_warning_of_an_open_connection_shows_it(scan: Scan, caplog: Any) -> None:
    """Neither the warning of a client that was never closed, nor the key of aiohttp's pool, contains the password."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.answer(b'{"code": 200, "data": {}, "status": 1}')
        return True

    async with RawServer(answer) as server:
        client = AsyncMultiCart(KEY, base_url=HTTP, allow_http=True, proxy=url_of(server))
        await client.request("/new/", safety="safe")
        for session in client._transport._sessions.values():
            scan.look("pool", repr(session._connector._conns))
        texts: list[tuple[str, str]] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client, session
            while gc.collect() or caught:
                texts += [(str(warning.message), repr(vars(warning))) for warning in caught]
                caught.clear()  # a warning keeps its session, and so the connector of that
        scan.look("warning", *(part for text in texts for part in text))
        scan.logs(caplog.records)

    assert [message.partition(" of ")[0] for message, _ in texts] == ["the AsyncMultiCart client"]
    assert scan.found == set()


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        ("", None),
        ("ops@", "ops:"),
        (":word@", ":word"),
        ("ops:w%C3%B6rd@", "ops:wörd"),
        ("o%40ps:w%3A%2Frd@", "o@ps:w:/rd"),
    ],
)
async def test_user_and_password_are_sent_as_they_are_meant(credentials: str, sent: str | None) -> None:
    """User and password are sent percent-decoded, in UTF-8, to the proxy alone."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(b'{"code": 200, "data": 1, "status": 1}')

    async with RawServer(answer) as server:
        proxy = f"http://{credentials}127.0.0.1:{server.port}"
        async with AsyncMultiCart(KEY, base_url=HTTP, allow_http=True, proxy=proxy) as client:
            assert await client.request("/new/") == 1

    (exchange,) = server.requests
    header = exchange.headers.get("proxy-authorization")
    assert (header and base64.b64decode(header.removeprefix("Basic ")).decode()) == sent
    assert exchange.line == "POST http://service.invalid/api/v1/new/ HTTP/1.1"
