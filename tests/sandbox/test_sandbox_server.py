"""The sandbox as a whole: start, end, time, database, and content added without a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import time
import types
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from support.sandbox_api import NEW_COLLECTION, Api, served

import multicart_async.sandbox as package
from multicart_async import config
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Stall


async def test_closing_does_not_wait_for_a_stalled_download() -> None:
    """The sandbox closes without waiting for a client that does not read, or for a stall."""
    async with served(instant=True, items_per_page=5000, record_bytes=20_000) as api:
        (collection,) = api.sandbox.add_collections(1, items=5000)
        link = (await api.runs(collection))[0]["download_links"]["pages"][0].replace(" ", "%20")
        api.sandbox.faults.add("/results/*", Stall(10), after=1)
        async with api.session.get(link) as slow, api.session.get(link) as stalled:
            await stalled.content.readexactly(10)
            begun = time.monotonic()
            await api.sandbox.aclose()
            assert time.monotonic() - begun < 20
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await slow.read()


async def test_a_second_close_has_no_effect() -> None:
    """A sandbox can be closed twice, or without a start."""
    sandbox = Sandbox()
    await sandbox.aclose()
    async with sandbox:
        await sandbox.aclose()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_is_just_being_accepted_is_closed_too(turns: int) -> None:
    """However many turns of the loop ago it arrived: its client learns of it, and no socket is left to a warning."""
    async with Sandbox() as sandbox:
        address = sandbox.url.split("/")[2].split(":")
        with socket.socket() as client:
            client.connect((address[0], int(address[1])))  # the system accepts it before the sandbox does
            for _ in range(turns):
                await asyncio.sleep(0)
            await sandbox.aclose()
            client.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


async def test_a_second_start_is_an_error() -> None:
    """A running sandbox cannot be started again."""
    async with Sandbox() as sandbox:
        with pytest.raises(RuntimeError, match="already running; call aclose"):
            await sandbox.start()


async def test_a_port_in_use_leaves_nothing_open() -> None:
    """If the port is in use, neither the database nor a server stays open, which would be a warning."""
    async with Sandbox() as first:
        port = int(first.url.split(":")[2].split("/")[0])
        second = Sandbox(port=port)
        with pytest.raises(OSError, match="address"):
            await second.start()
        await second.aclose()


def test_a_stopped_sandbox_raises_an_error() -> None:
    """The methods of a sandbox that is not running raise an error that says so."""
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().now()


@pytest.mark.parametrize("wrong", [{"items_per_page": 0}, {"runs_order": "up"}, {"row_delay": -1}], ids=str)
def test_invalid_options_are_errors(wrong: dict[str, Any]) -> None:
    """An invalid option is an error at construction that names it."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sandbox(**wrong)


async def test_real_time_passes() -> None:
    """Without a manual clock a run takes real time."""
    async with served(scrape_seconds_per_item=0.02, row_delay=0.02) as api:
        collection = await api.started("B01")
        assert await api.runs(collection) == []
        while not any(run["is_download_generated"] for run in await api.runs(collection)):  # noqa: ASYNC110 - real time
            await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="manual"):
            api.sandbox.advance(1)


async def test_manual_time_stands_still(api: Any) -> None:
    """A manual clock moves only by advance, and only forward."""
    begun = api.sandbox.now()
    api.sandbox.advance(1.5)
    assert begun + 1.5 == api.sandbox.now()
    with pytest.raises(ValueError, match="seconds: expected a number, 0 or more, got -1"):
        api.sandbox.advance(-1)


async def test_a_database_keeps_the_state(tmp_path: Path) -> None:
    """State, time and files are kept across a restart, and an active run continues."""
    options = {"database": tmp_path / "state.db", "clock": "manual", "scrape_seconds_per_item": 1, "row_delay": 0}
    async with served(**options) as api:
        done = await api.started("B01")
        api.sandbox.advance(60)
        body = (await api.fetch((await api.runs(done))[0]["download_links"]["all_pages"])).body
        under_way = await api.started("B01", "B02")
        now = api.sandbox.now()
    async with served(**options) as api:
        assert now == api.sandbox.now()
        assert body == (await api.fetch((await api.runs(done))[0]["download_links"]["all_pages"])).body
        assert not (await api.runs(under_way))[0]["is_download_generated"]
        api.sandbox.advance(60)
        assert (await api.runs(under_way))[0]["is_download_generated"]


async def test_without_a_database_the_state_is_lost() -> None:
    """Without a database, each start has a new state."""
    for _ in range(2):
        async with served() as api:
            assert (await api.data("/schedules/add_schedule/", **NEW_COLLECTION))["id"] == 101


async def test_ten_thousand_collections_in_seconds() -> None:
    """Ten thousand collections with three finished runs each are added in seconds, and listed like any other."""
    async with served() as api:
        begun = time.monotonic()
        ids = api.sandbox.add_collections(10_000, runs=3, items=250)
        assert time.monotonic() - begun < 30
        rows = await api.data("/schedules/get_schedules/")
        assert (len(rows), rows[0]["asin_count"]) == (10_000, 250)
        runs = await api.runs(ids[-1])
        assert [run["is_download_generated"] for run in runs] == [True] * 3
        assert len(await api.data("/schedules/amazon/asin/list/", collection_id=ids[0], limit=999)) == 250


async def test_added_collections_can_be_used_like_any_other(api: Any) -> None:
    """Added collections have items and files, and can be run."""
    (collection,) = api.sandbox.add_collections(1, items=3)
    codes = [
        row["asin"] for row in (await api.fetch((await api.runs(collection))[0]["download_links"]["pages"][0])).json
    ]
    await api.data("/schedules/run/result/", collection_id=collection)
    rows = await api.data("/schedules/amazon/asin/list/", collection_id=collection)
    assert codes == [row["asin"] for row in rows][:2]
    api.sandbox.advance(60)
    assert len(await api.runs(collection)) == 2
    assert len(await api.data("/schedules/amazon/asin/output/list/", collection_id=collection)) == 6


async def test_added_collections_of_another_user(api: Any) -> None:
    """Each user finds only their own collections."""
    user = api.sandbox.add_user("Bob", api_key="bob.key", token="bob")
    (collection,) = api.sandbox.add_collections(1, runs=0, items=2, name="Bob's", user_id=user)
    async with aiohttp.ClientSession(headers={"Authorization": "Token bob"}) as session:
        bob = Api(api.sandbox, session)
        assert (f"Bob's {collection}", "Pending") == (
            (await bob.get(collection))["name"],
            (await bob.get(collection))["schedule_status"],
        )
        row = (await bob.data("/schedules/amazon/asin/list/", collection_id=collection))[0]
        assert row["customer_postcode"] == {"id": 15, "zipcode": "4500"}
    assert await api.data("/schedules/get_schedules/") == []
    assert api.sandbox.credits(user_id=user) == api.sandbox.credits()


async def test_invalid_additions_are_errors(api: Any) -> None:
    """Too many items, an unknown domain and an unknown user are errors that name the argument."""
    with pytest.raises(ValueError, match="items: expected a number from 0 to 5000, got 5001"):
        api.sandbox.add_collections(1, items=5001)
    with pytest.raises(LookupError, match=r"domain: expected a domain of this sandbox, .* got .nowhere."):
        api.sandbox.add_zipcode("1", domain="nowhere")
    with pytest.raises(LookupError, match="user_id: expected the id of a user in this sandbox, got 1"):
        api.sandbox.credits(user_id=1)


async def test_an_empty_added_collection_is_a_draft(api: Any) -> None:
    """An added collection without items is a draft."""
    (collection,) = api.sandbox.add_collections(1, items=0, runs=0)
    assert (await api.get(collection))["status"] == "draft"


async def test_https() -> None:
    """With a certificate, links and URL are https."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with (
        Sandbox(ssl_context=context, instant=True) as sandbox,
        aiohttp.ClientSession(
            headers={"x-api-key": sandbox.api_key}, connector=aiohttp.TCPConnector(ssl=trusting)
        ) as session,
    ):
        api = Api(sandbox, session)
        assert sandbox.url.startswith("https://")
        (run,) = await api.runs(await api.started("B01"))
        assert (await api.fetch(run["download_links"]["all_pages"])).status == 200


async def test_an_address_of_version_6_is_bracketed() -> None:
    """An IPv6 address has brackets in the base URL."""
    sandbox = Sandbox(host="::1", port=9)
    assert sandbox.url == "http://[::1]:9/api/v1"


async def test_client_is_configured_for_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client has the key and base URL of the sandbox, and the given settings."""
    given: list[Any] = []
    stub = types.ModuleType("multicart_async.client")
    stub.AsyncMultiCart = lambda *args, **options: given.append((args, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "multicart_async.client", stub)
    monkeypatch.setattr(sys.modules["multicart_async"], "client", stub, raising=False)
    async with Sandbox() as sandbox:
        sandbox.client(limits=config.Limits(downloads=2))
        ((args, options),) = given
        assert ((sandbox.api_key,), sandbox.url) == (args, options["base_url"])
        assert (config.Limits(downloads=2), config.RetryPolicy()) == (options["limits"], options["retry"])


def test_names_of_the_package() -> None:
    """The names of the package are imported on first use; an unknown name is an error."""
    assert {getattr(package, name).__name__.rsplit(".", 1)[-1] for name in package.__all__} == {
        "Credits",
        "Sandbox",
        "RecordedRequest",
        "faults",
    }
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing
    assert package.__getattr__("faults") is sys.modules["multicart_async.sandbox.faults"]
