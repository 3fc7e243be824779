"""Headers of the caller's own: with every request to the service, none of ours, their values in no error."""

from __future__ import annotations

import enum
import json
import traceback
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.leaks import Haul
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async._core.extra_headers import ExtraHeaders
from multicart_async._core.short_repr import short_repr
from multicart_async._http.aiohttp_transport import USER_AGENT
from multicart_async.errors import APIConnectionError, APIError, ArgumentError, MultiCartError, UnreachableResultError
from multicart_async.models import DownloadLinks, Run

KEY = "173axcs.0123456789"
VALUE = "c4n4ry-7f3a9d-of-a-gateway"
OWN = {"X-Gateway-Key": VALUE, "x-team": "pricing", "Accept-Language": "en"}
LINK = "/api/v1/results/101/88/AU_88_Results_Page_1.json"
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(LINK,)))


class Team(str, enum.Enum):  # noqa: UP042 -- its `str` is not its text
    """An enum of texts."""

    PRICING = "pricing"


async def answer(exchange: Exchange) -> bool:
    """What a call or a file expects; the first request for a file is sent to another path of the same origin."""
    if exchange.path == LINK:
        await exchange.answer(b"", status="302 Found", Location="/elsewhere")
    elif exchange.line.startswith("GET") and exchange.path == "/elsewhere":
        await exchange.answer(b'[{"asin": "B0"}]')
    else:
        await exchange.answer(b'{"code": 200, "data": {"success_count": 1, "error_rows": []}, "status": 1}')
    return True


async def call(client: AsyncMultiCart, _: Path) -> None:
    await client.request("/new/", {"a": 1})


async def public_call(client: AsyncMultiCart, _: Path) -> None:
    with pytest.raises(MultiCartError):
        await client.billing.public_plans()


async def upload(client: AsyncMultiCart, _: Path) -> None:
    await client.skus.import_csv(101, b"sku,customer_postcode,store_id\n1,4500,2\n")


async def download(client: AsyncMultiCart, folder: Path) -> None:
    await client.runs.download(RUN, folder)


async def records(client: AsyncMultiCart, _: Path) -> None:
    async with aclosing(client.runs.records(RUN)) as found:
        assert [record async for record in found] == [{"asin": "B0"}]


async def stream(client: AsyncMultiCart, _: Path) -> None:
    async with client.stream(LINK) as pieces:
        assert b"".join([piece async for piece in pieces]) == b'[{"asin": "B0"}]'


WAYS = {way.__name__: way for way in (call, public_call, upload, download, records, stream)}


def assert_sent(requests: list[Exchange]) -> None:
    """All of them with our headers and the caller's, each once."""
    assert requests
    for request in requests:
        assert {name.lower(): value for name, value in OWN.items()}.items() <= request.headers.items()
        assert request.headers["user-agent"] == f"{USER_AGENT} my-app/1.2 (nightly)"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_every_request_carries_them(way: str, borrowed: bool, tmp_path: Path) -> None:
    """Calls, uploads, files, also behind a redirect; over a session of the caller's too, whose own headers do not count."""
    async with (
        RawServer(answer) as server,
        aiohttp.ClientSession(headers={"X-Team": "other", "User-Agent": "other"}) as session,
        AsyncMultiCart(
            KEY,
            base_url=server.url,
            headers=OWN,
            user_agent="my-app/1.2 (nightly)",
            session=session if borrowed else None,
        ) as client,
    ):
        await WAYS[way](client, tmp_path)

    assert_sent(server.requests)


async def test_they_go_to_no_other_origin(tmp_path: Path) -> None:
    """A redirect or link that leads elsewhere is not followed, so nothing is sent there."""

    async def elsewhere(exchange: Exchange) -> None:
        await exchange.answer(b"", status="302 Found", Location=f"{foreign.origin}/x")

    async with (
        RawServer(answer) as foreign,
        RawServer(elsewhere) as server,
        AsyncMultiCart(KEY, base_url=server.url, headers=OWN, retry=RetryPolicy(attempts=1)) as client,
    ):
        for way in (download, records, stream):
            with pytest.raises(UnreachableResultError):
                await way(client, tmp_path)

    assert (len(server.requests), foreign.requests) == (3, [])


async def test_they_do_not_go_to_the_proxy_of_a_tunnel() -> None:
    """What asks it for the tunnel is no request to the service."""

    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(b"", status="403 Forbidden")

    async with (
        RawServer(refuse) as proxy,
        AsyncMultiCart(
            KEY,
            base_url="https://service.invalid/api/v1",
            proxy=proxy.origin,
            headers=OWN,
            retry=RetryPolicy(attempts=1),
        ) as client,
    ):
        with pytest.raises(APIConnectionError):
            await client.request("/new/")

    (request,) = proxy.requests
    assert request.line == "CONNECT service.invalid:443 HTTP/1.1"
    assert not {name.lower() for name in OWN} & request.headers.keys()


async def test_without_any_only_ours_are_sent() -> None:
    """And the User-Agent is ours alone."""
    async with RawServer(answer) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        await client.request("/new/")

    (request,) = server.requests
    assert request.headers["user-agent"] == USER_AGENT
    assert set(request.headers) - {"connection"} == {
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-api-key",
    }


def test_the_mapping_is_read_once() -> None:
    """What happens to it afterwards changes nothing; an enum of texts is its text."""
    given = {Team.PRICING: Team.PRICING}
    extra = ExtraHeaders(given)
    given.clear()

    extra.checked()

    assert extra.headers("us/1") == {"pricing": "pricing", "User-Agent": "us/1"}
    assert [type(name) for name in extra.headers("us/1")] == [str, str]


OURS = {
    "x-api-key": "api_key",
    "X-API-KEY": "api_key",
    "Authorization": "token",
    "User-Agent": "user_agent",
    "Accept": "",
    "Accept-Encoding": "",
    "Content-Type": "",
    "Content-Length": "",
    "Content-Encoding": "",
    "Host": "base_url",
    "Connection": "",
    "Keep-Alive": "",
    "Transfer-Encoding": "",
    "TE": "",
    "Trailer": "",
    "Upgrade": "",
    "HTTP2-Settings": "",
    "Expect": "",
    "Cookie": "session",
    "Cookie2": "session",
    "Range": "",
    "If-Range": "",
    "If-None-Match": "",
    "If-Modified-Since": "",
    "Proxy-Authorization": "proxy",
    "Proxy-Connection": "proxy",
}


@pytest.mark.parametrize("name", OURS)
def test_a_header_that_is_set_here_is_refused(name: str) -> None:
    """The error names it and says what to use instead, and never shows its value."""
    error = refusal({"x-team": "pricing", name: VALUE})

    assert str(error).startswith(f"headers: {name} is set by the client itself and cannot be an extra header: ")
    assert OURS[name] in str(error).partition(": ")[2]


def shown(error: BaseException) -> str:
    """All that a crash reporter could show of *error*: local variables of our frames included."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in report.stack if "multicart_async" in frame.filename]
    assert ours
    return "".join([*traceback.StackSummary.from_list(ours).format(), *map(str, (f.locals for f in ours)), str(error)])


def refusal(headers: Any) -> ArgumentError:
    """The error of a client with these headers, which shows no value anywhere."""
    with pytest.raises(ArgumentError) as caught:
        AsyncMultiCart(KEY, headers=headers)
    assert VALUE not in shown(caught.value)
    assert VALUE not in repr(caught.value.args)
    assert caught.value.argument == "headers"
    return caught.value


BAD_NAMES: list[Any] = [
    "",
    " ",
    "x team",
    "x-team:",
    "x\r\nteam",
    "x-team\n",
    "x\0",
    "té",
    "x\ud800",
    "x" * 129,
    b"x-team",
    7,
    None,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_what_is_no_name_is_refused(name: Any) -> None:
    """The error shows the beginning of it."""
    error = refusal({name: VALUE})

    assert "expected the name of a header" in str(error)
    assert len(str(error)) < 200


BAD_VALUES: list[Any] = ["\r", "\n", "\r\nx-api-key: a", "\0", "é", "\ud800", "\x1b[2J", "\x7f", " ", "\t"]


@pytest.mark.parametrize("end", BAD_VALUES, ids=ascii)
def test_what_is_no_value_is_refused(end: str) -> None:
    """A line break would begin another header. The name is told, the value is not."""
    for value in (VALUE + end, end + VALUE, f"{VALUE}{end}x" if end.strip(" \t") else end):
        assert "the value of X-Gateway-Key" in str(refusal({"X-Gateway-Key": value}))


@pytest.mark.parametrize("value", [VALUE.encode(), [VALUE], 7, None, True], ids=["bytes", "list", "7", "None", "True"])
def test_a_value_that_is_no_text_is_refused(value: Any) -> None:
    """A number is not made a text silently."""
    assert "the value of x-team" in str(refusal({"x-team": value}))


@pytest.mark.parametrize("given", [[("x", VALUE)], VALUE, 7, None], ids=["pairs", "text", "7", "None"])
def test_what_is_no_mapping_is_refused(given: Any) -> None:
    """The error names its type."""
    assert f"expected a mapping of names to values, got {type(given).__name__}" in str(refusal(given))


def test_a_name_in_two_spellings_is_refused() -> None:
    """One of the two would get lost, or both be sent."""
    assert "expected each header once, got X-TEAM twice" in str(refusal({"x-team": VALUE, "X-TEAM": VALUE}))


@pytest.mark.parametrize("value", ["", "a", "a b\tc", '{"a": 1}', "~!@#$%^&*()", "x" * 4000])
def test_any_other_value_is_sent_as_it_is(value: str) -> None:
    """Also an empty one."""
    extra = ExtraHeaders({"X-A": value})
    extra.checked()

    assert extra.headers("us/1")["X-A"] == value


BAD_AGENTS: list[Any] = ["", " ", " a", "a ", "a\r\nx: y", "a\0", "é", "x" * 257, b"app", 7]


@pytest.mark.parametrize("agent", BAD_AGENTS, ids=lambda agent: ascii(agent)[:20])
def test_what_is_no_user_agent_is_refused(agent: Any) -> None:
    """The error says what came."""
    with pytest.raises(ArgumentError, match=r"\Auser_agent: expected") as caught:
        AsyncMultiCart(user_agent=agent)

    assert str(caught.value).endswith(f"got {short_repr(agent)}")


def test_a_user_agent_and_a_name_may_be_as_long_as_is_said() -> None:
    """256 characters of the one, 128 of the other."""
    extra = ExtraHeaders({"x" * 128: "a"}, "a" * 256).checked()

    assert extra.headers("us/1") == {"x" * 128: "a", "User-Agent": f"us/1 {'a' * 256}"}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_what_passes_can_be_sent(headers: Mapping[str, str]) -> None:
    """No name and no value that passes holds a line break or anything that is not ASCII."""
    extra = ExtraHeaders(headers)
    try:
        extra.checked()
    except ArgumentError:
        return

    lines = [f"{name}: {value}" for name, value in extra.headers("us/1").items()]
    assert all(len(line.splitlines()) == 1 and line.isascii() for line in lines)


def test_values_show_as_dots() -> None:
    """In the client, its settings and the headers themselves."""
    client = AsyncMultiCart(KEY, headers=OWN)
    extra = ExtraHeaders(OWN)

    for thing in (vars(client), extra, client._settings, vars(client._transport), extra.headers("us/1")):
        assert VALUE not in repr(thing)
    assert repr(extra) == "<ExtraHeaders ['X-Gateway-Key', 'x-team', 'Accept-Language']>"


def test_values_that_are_long_enough_are_secrets() -> None:
    """A value of 8 characters or more is redacted, also without its scheme; a shorter one may be any word."""
    own = {
        "a": "gateway",
        "b": "gateways",
        "c": "12345678",
        "d": '"status": 0',
        "e": "Bearer c4n4ry7f",
        "f": "Bearer c4n",
    }

    secrets = {secret.reveal() for secret in ExtraHeaders(own).secrets()}

    assert secrets == {"gateways", "12345678", '"status": 0', "Bearer c4n4ry7f", "c4n4ry7f", "Bearer c4n"}


@pytest.mark.parametrize("way", ["call", "download", "records", "stream"])
async def test_a_value_that_the_service_repeats_is_concealed(way: str, tmp_path: Path) -> None:
    """Neither in its sentence nor in a header that the error keeps."""

    async def repeat(exchange: Exchange) -> None:
        value = exchange.headers["x-gateway-key"]
        body = json.dumps({"code": 400, "data": f"The gateway does not know {value}", "status": 0}).encode()
        await exchange.answer(body, status="400 Bad Request", X_Request_Id=value)

    async with RawServer(repeat) as server, AsyncMultiCart(KEY, base_url=server.url, headers=OWN) as client:
        with pytest.raises(APIError, match="The gateway does not know ••••••••") as caught:
            await WAYS[way](client, tmp_path)

    assert caught.value.request_id == "••••••••"
    haul = Haul()
    haul.add_error(caught.value)
    assert haul.where(VALUE) == []
