"""A service that repeats the credential in what it says of a failure: it does not get from there into any text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.leaks import Haul
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import MultiCartError
from multicart_async.events import Event
from multicart_async.models import DownloadLinks, Run

SECRET = "c4n4ry~7f3a9d.0123456789"
PATH = "/api/v1/results/101/88/AU_88_Results_Page_1.json"
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(PATH,)))


def said(exchange: Exchange) -> str:
    """A sentence with the credential in it."""
    return f"The key {exchange.headers['x-api-key']} is not known here."


async def in_an_envelope(exchange: Exchange) -> None:
    await exchange.answer(json.dumps({"code": 401, "data": said(exchange), "status": 0}).encode())


async def in_an_object(exchange: Exchange) -> None:
    detail = {"errors": [{"key": said(exchange)}]}
    await exchange.answer(json.dumps({"code": 400, "data": detail, "status": 0}).encode())


async def in_a_large_envelope(exchange: Exchange) -> None:
    await exchange.answer(json.dumps({"code": 500, "data": said(exchange) + "x" * 300_000, "status": 0}).encode())


async def beside_the_envelope(exchange: Exchange) -> None:
    await exchange.answer(json.dumps(said(exchange)).encode())


async def hidden(exchange: Exchange) -> None:
    data = {"output": {"error": said(exchange)}}
    await exchange.answer(json.dumps({"code": 200, "data": data, "status": 1}).encode())


async def by_http(exchange: Exchange) -> None:
    await exchange.answer(said(exchange).encode(), status="500 Oops")


async def in_an_envelope_by_http(exchange: Exchange) -> None:
    body = json.dumps({"code": 403, "data": said(exchange), "status": 0}).encode()
    await exchange.answer(body, status="403 Forbidden")


async def as_a_coding(exchange: Exchange) -> None:
    await exchange.answer(b"[{}]", Content_Encoding=f"br, {exchange.headers['x-api-key']}")


SAYINGS = [
    in_an_envelope, in_an_object, in_a_large_envelope, beside_the_envelope, hidden, by_http, in_an_envelope_by_http, as_a_coding,
]  # fmt: skip


async def read(client: AsyncMultiCart, _: Any) -> None:
    await client.collections.get(101)


async def escape(client: AsyncMultiCart, _: Any) -> None:
    await client.request("/schedules/get/", {"schedule_id": 101})


async def stream(client: AsyncMultiCart, _: Any) -> None:
    async with client.stream(RUN.download_links.pages[0]) as parts:
        async for _ in parts:
            pass


async def download(client: AsyncMultiCart, folder: Any) -> None:
    await client.runs.download(RUN, folder)


async def records(client: AsyncMultiCart, _: Any) -> None:
    async for _ in client.runs.records(RUN):
        pass


VERBS = [read, escape, stream, download, records]
CALLS = [read, escape]


async def told(saying: Any, verb: Any, folder: Any) -> Haul:
    """What the failure of a call shows, and what the events told."""
    haul = Haul()

    def hear(event: Event) -> None:
        haul.add("event", event)
        error = getattr(event, "error", None)
        if error is not None:
            haul.add("event", f"{error} {error!r}")

    async with RawServer(saying) as server:
        retry = RetryPolicy(attempts=2)
        async with AsyncMultiCart(SECRET, base_url=server.url, on_event=hear, retry=retry) as client:
            with pytest.raises(MultiCartError) as caught:
                await verb(client, folder)
    haul.add_error(caught.value)
    return haul


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
@pytest.mark.parametrize("saying", SAYINGS, ids=lambda saying: saying.__name__)
async def test_a_credential_that_is_repeated_is_in_no_error(saying, verb, tmp_path) -> None:
    """Neither in its texts, attributes or pickle, nor in an event; of a call, nor in the variables of the frames that it
    came through. Those of a file hold the bytes that came.
    """
    haul = await told(saying, verb, tmp_path)

    assert haul.texts
    assert [place for place in haul.where(SECRET) if verb in CALLS or not place.startswith("traceback")] == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
async def test_a_header_that_is_no_text_is_no_error_of_pythons(verb, tmp_path) -> None:
    """A proxy's name in Latin-1 beside a failure: the failure is told."""

    async def served(exchange: Exchange) -> None:
        await exchange.answer(b"no", status="403 Forbidden", X_Served_By="caf\xe9", Content_Encoding="caf\xe9")

    haul = await told(served, verb, tmp_path)

    assert any("PermissionDeniedError" in place for place, _ in haul.texts)


async def test_what_is_no_failure_is_handed_on_as_it_is() -> None:
    """The account's own details have the key, for those who ask for them by their path."""

    async def details(exchange: Exchange) -> None:
        await exchange.answer(json.dumps({"code": 200, "data": exchange.headers["x-api-key"], "status": 1}).encode())

    async with RawServer(details) as server, AsyncMultiCart(SECRET, base_url=server.url) as client:
        assert await client.request("/users/account-details") == SECRET
