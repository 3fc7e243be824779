"""`AsyncMultiCart`: how it is made and shown, its escape hatch, what it refuses."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import aiohttp
import anyio
import pytest
from support.eventually import until
from support.fakes import ok, refused
from support.raw_server import Exchange, RawServer

import multicart_async
from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts
from multicart_async.errors import (
    APIConnectionError,
    ArgumentError,
    ClientClosedError,
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
)
from multicart_async.events import Retrying

KEY = "173axcs.aVerySecretPart"


async def fine(exchange: Exchange) -> bool:
    """Answers every call with an empty array."""
    await exchange.answer(ok([]).payload)
    return True


async def drop(_: Exchange) -> None:
    """Reads a request and ends the connection."""


async def test_a_client_can_be_made_without_a_credential() -> None:
    """A call that needs one says so, before anything is sent."""
    async with RawServer(fine) as server, AsyncMultiCart(base_url=server.url) as client:
        with pytest.raises(ConfigurationError, match="needs a credential"):
            await client.collections.list()

    assert server.connections == 0


@pytest.mark.parametrize(
    ("given", "header"),
    [({"api_key": KEY}, {"x-api-key": KEY}), ({"token": "abc"}, {"authorization": "Token abc"})],
)
async def test_the_credential_goes_into_its_header(given: dict[str, str], header: dict[str, str]) -> None:
    """A key or a token, one of them, and neither into the request line."""
    async with RawServer(fine) as server, AsyncMultiCart(**given, base_url=server.url) as client:
        await client.collections.list()

    (request,) = server.requests
    names = ("x-api-key", "authorization")
    assert header == {name: request.headers[name] for name in names if name in request.headers}
    assert request.line == "POST /api/v1/schedules/get_schedules/ HTTP/1.1"


async def test_the_environment_is_used_and_arguments_beat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and base URL; a token that is given beats a key of the environment."""
    async with RawServer(fine) as server:
        monkeypatch.setenv("MULTICART_API_KEY", KEY)
        monkeypatch.setenv("MULTICART_BASE_URL", server.url + "/")
        async with AsyncMultiCart() as client:
            await client.collections.list()
        async with AsyncMultiCart(token="abc") as client:
            await client.collections.list()

    first, second = server.requests
    assert (first.headers.get("x-api-key"), first.headers.get("authorization")) == (KEY, None)
    assert (second.headers.get("x-api-key"), second.headers.get("authorization")) == (None, "Token abc")
    assert first.path == second.path == "/api/v1/schedules/get_schedules/"


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("api_key and token", {"api_key": KEY, "token": "abc"}),
    ("api_key", {"api_key": ""}),
    ("api_key", {"api_key": "a b"}),
    ("api_key", {"api_key": "a\r\nX-Evil: 1"}),
    ("api_key", {"api_key": "schlüssel"}),
    ("api_key", {"api_key": 5}),
    ("token", {"token": "a\nb"}),
    ("base_url", {"base_url": "multicartapi.com/api/v1"}),
    ("base_url", {"base_url": "ftp://multicartapi.com"}),
    ("base_url", {"base_url": "https://"}),
    ("base_url", {"base_url": "https://user:word@multicartapi.com/"}),
    ("base_url", {"base_url": "https://multicartapi.com/?a=b"}),
    ("base_url", {"base_url": 5}),
    ("timeouts", {"timeouts": 60}),
    ("retry", {"retry": None}),
    ("limits", {"limits": {"requests": 1}}),
    ("on_event", {"on_event": 1}),
    ("proxy", {"proxy": "nonsense"}),
    ("proxy", {"proxy": "socks5://proxy.example:1080"}),
    ("proxy", {"proxy": "http://"}),
    ("proxy", {"proxy": "http://[::1"}),
    ("proxy", {"proxy": 3128}),
    ("api_key", {"api_key": f"{KEY}\n"}),
]


@pytest.mark.parametrize(("named", "given"), WRONG)
def test_what_cannot_be_right_is_refused_at_construction(named: str, given: dict[str, Any]) -> None:
    """The message names the argument, and holds no part of a credential."""
    with pytest.raises(ConfigurationError, match=f"^{named}") as caught:
        AsyncMultiCart(**given)

    for name in ("api_key", "token"):
        secret = given.get(name)
        if isinstance(secret, str) and secret:
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value)


@pytest.mark.parametrize(
    "make", [lambda: Timeouts(connect=0), lambda: RetryPolicy(attempts=0), lambda: Limits(requests=0)]
)
def test_settings_that_cannot_be_right_are_refused(make: Any) -> None:
    """They name their field."""
    with pytest.raises(ConfigurationError, match=r"^(Timeouts\.connect|RetryPolicy\.attempts|Limits\.requests)"):
        make()


async def test_a_client_shows_its_key_as_prefix_and_dots() -> None:
    """And where it calls, and that it is closed."""
    client = AsyncMultiCart(KEY, base_url="https://example.com/api/v1/")
    assert repr(client) == "<AsyncMultiCart https://example.com/api/v1 173axcs.••••••••>"

    await client.aclose()
    assert repr(client).endswith("••••••••, closed>")
    assert "no credential" in repr(AsyncMultiCart())
    assert "aVerySecretPart" not in repr(client) + str(vars(client)) + str(vars(client._settings.credential.__class__))


def test_a_client_that_could_not_be_made_can_be_shown() -> None:
    """A traceback with local variables shows it too."""
    assert repr(AsyncMultiCart.__new__(AsyncMultiCart)) == "<AsyncMultiCart, not initialized>"


def test_a_client_is_not_pickled() -> None:
    """It holds a key; what runs elsewhere makes its own."""
    with pytest.raises(TypeError):
        pickle.dumps(AsyncMultiCart(KEY))


async def test_request_sends_fields_and_gives_data() -> None:
    """Below the base URL, with the credential, as every call; a missing answer body is what the envelope holds."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.answer(ok({"any": ["thing"]}).payload)
        return True

    async with RawServer(answer) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        assert await client.request("/users/profile") == {"any": ["thing"]}
        await client.request("/new/thing/", {"a": None, "b": multicart_async.UNSET, "c": [1]}, safety="safe")

    first, second = server.requests
    assert (first.path, json.loads(first.body)) == ("/api/v1/users/profile", {})
    assert (second.path, json.loads(second.body)) == ("/api/v1/new/thing/", {"a": None, "c": [1]})
    assert [request.headers["x-api-key"] for request in server.requests] == [KEY, KEY]


async def test_request_raises_what_every_call_raises() -> None:
    """A refusal by its code."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(refused(404, "no such thing").payload)

    async with RawServer(refuse) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(NotFoundError, match="no such thing"):
            await client.request("/new/thing/")


@pytest.mark.parametrize(("safety", "count"), [({}, 1), ({"safety": "unsafe"}, 1)])
async def test_request_is_sent_once_unless_told_otherwise(safety: dict[str, Any], count: int) -> None:
    """A lost answer is an unknown outcome by default."""
    async with RawServer(drop) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.request("/new/thing/", **safety)

    assert count == len(server.requests)


@pytest.mark.parametrize("safety", ["safe", "idempotent"])
async def test_request_is_repeated_when_it_may_be(safety: Any) -> None:
    """As often as the policy says."""
    retry = RetryPolicy(attempts=3)
    async with RawServer(drop) as server, AsyncMultiCart(KEY, base_url=server.url, retry=retry) as client:
        with pytest.raises(APIConnectionError, match="after 3 attempts"):
            await client.request("/new/thing/", safety=safety)

    assert len(server.requests) == 3


BAD_PATHS: list[Any] = [
    "",
    "users/profile",
    "//evil.example/x",
    "https://evil.example/x",
    "/a?b=c",
    "/a#b",
    "/a b",
    "\\a",
    "/a\\b",
    "/a\r\nX-Evil: 1",
    "/a\nb",
    "/é",
    "/\x00",
    None,
    5,
    b"/a",
    ["/", "a"],
]


@pytest.mark.parametrize("path", BAD_PATHS)
async def test_request_refuses_what_is_no_path_below_the_base_url(path: Any) -> None:
    """Nothing is sent, and the credential goes nowhere."""
    async with RawServer(fine) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(ArgumentError, match=r"^path: "):
            await client.request(path)

    assert server.connections == 0


@pytest.mark.parametrize("safety", ["read", "verifiable", "", None, True])
async def test_request_refuses_an_unknown_safety(safety: Any) -> None:
    """A typing mistake must not repeat what spends."""
    async with RawServer(fine) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(ArgumentError, match=r"^safety: "):
            await client.request("/new/thing/", safety=safety)

    assert server.connections == 0


async def test_nothing_is_connected_before_the_first_call() -> None:
    """Making and closing a client costs nothing."""
    async with RawServer(fine) as server, AsyncMultiCart(KEY, base_url=server.url):
        pass

    assert server.connections == 0


async def test_a_borrowed_session_is_used_and_not_closed() -> None:
    """Its owner closes it."""
    async with RawServer(fine) as server, aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        async with AsyncMultiCart(KEY, base_url=server.url, session=session) as client:
            await client.collections.list()
        assert not session.closed

    assert server.requests[0].headers["x-mine"] == "1"


def test_a_client_of_another_event_loop_says_so() -> None:
    """Its connections cannot be shared; nothing is sent from there."""
    client = AsyncMultiCart(KEY, base_url="http://127.0.0.1:9/api/v1")

    async def enter() -> None:
        await client.__aenter__()

    async def call() -> None:
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await client.collections.list()
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            async with client:
                pass
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            async with client.stream("http://127.0.0.1:9/api/v1/results/1/2/A_2_Results_Page_1.json"):
                pass

    asyncio.run(enter())
    asyncio.run(call())


async def test_events_are_told_to_who_listens() -> None:
    """In order, on the loop; an error of the listener ends the call that told it, and the client goes on."""
    told: list[Any] = []

    def listen(event: Any) -> None:
        told.append(event)
        if len(told) == 2:
            raise ZeroDivisionError

    async with RawServer(drop) as server, AsyncMultiCart(KEY, base_url=server.url, on_event=listen) as client:
        with pytest.raises(ZeroDivisionError):
            await client.collections.list()
        with pytest.raises(APIConnectionError):
            await client.collections.list()

    assert [event.attempt for event in told if isinstance(event, Retrying)] == [2, 3, 2, 3, 4, 5]


async def test_calls_answer_while_downloads_fill_their_pool() -> None:
    """Case 38: two files hang, a third waits for its turn; lists, polls and changes go through at once."""
    gone = asyncio.Event()

    async def serve(exchange: Exchange) -> bool:
        if exchange.line.startswith("GET"):
            await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")
            await gone.wait()
            return False
        return await fine(exchange)

    async def read(client: AsyncMultiCart, number: int) -> None:
        async with client.stream(f"{server.url}/results/101/88/A_88_Results_Page_{number}.json") as stream:
            async for _ in stream:
                pass

    async def ends(client: AsyncMultiCart, number: int) -> None:
        with pytest.raises(ClientClosedError):
            await read(client, number)

    limits = Limits(requests=2, downloads=2)
    async with RawServer(serve) as server, AsyncMultiCart(KEY, base_url=server.url, limits=limits) as client:
        async with anyio.create_task_group() as group:
            for number in range(1, 4):
                group.start_soon(ends, client, number)
            await until(lambda: sum(request.line.startswith("GET") for request in server.requests) == 2)
            with anyio.fail_after(10):
                assert await client.collections.list() == ()
                assert await client.runs.list(101) == ()
                assert await client.asins.delete(5) is None
            assert sum(request.line.startswith("GET") for request in server.requests) == 2
            await client.aclose()
        gone.set()
