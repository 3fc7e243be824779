"""The sandbox itself: beginning, end, time, database, what is put into it."""

from __future__ import annotations

import asyncio
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
    """Neither for a client that reads nothing, nor for a stall."""
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


async def test_closing_twice_does_no_harm() -> None:
    """Nor does never having started."""
    sandbox = Sandbox()
    await sandbox.aclose()
    async with sandbox:
        await sandbox.aclose()


async def test_starting_twice_is_refused() -> None:
    """One port, one state."""
    async with Sandbox() as sandbox:
        with pytest.raises(RuntimeError, match="running already"):
            await sandbox.start()


async def test_a_taken_port_leaves_nothing_behind() -> None:
    """No open database, no half a server; warnings would fail this test."""
    async with Sandbox() as first:
        port = int(first.url.split(":")[2].split("/")[0])
        second = Sandbox(port=port)
        with pytest.raises(OSError, match="address"):
            await second.start()
        await second.aclose()


def test_a_sandbox_that_does_not_run_says_so() -> None:
    """Instead of an odd error."""
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox().now()


@pytest.mark.parametrize("wrong", [{"items_per_page": 0}, {"runs_order": "up"}, {"row_delay": -1}], ids=str)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """At construction, by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sandbox(**wrong)


async def test_real_time_passes() -> None:
    """Without a manual clock a run takes its seconds."""
    async with served(scrape_seconds_per_item=0.02, row_delay=0.02) as api:
        collection = await api.started("B01")
        assert await api.runs(collection) == []
        while not any(run["is_download_generated"] for run in await api.runs(collection)):  # noqa: ASYNC110 - real time
            await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="manual"):
            api.sandbox.advance(1)


async def test_manual_time_stands_still(api: Any) -> None:
    """It moves when told, and only on."""
    begun = api.sandbox.now()
    api.sandbox.advance(1.5)
    assert begun + 1.5 == api.sandbox.now()
    with pytest.raises(ValueError, match="backwards"):
        api.sandbox.advance(-1)


async def test_a_database_survives(tmp_path: Path) -> None:
    """State, time and files are there after a restart; a run under way goes on."""
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


async def test_without_a_database_nothing_survives() -> None:
    """Each sandbox begins anew."""
    for _ in range(2):
        async with served() as api:
            assert (await api.data("/schedules/add_schedule/", **NEW_COLLECTION))["id"] == 101


async def test_ten_thousand_collections_in_seconds() -> None:
    """With three finished runs each, listed and counted like any other."""
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
    """Their items are rows as soon as somebody looks, in files from the beginning, and they can be run."""
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
    """Each user sees their own."""
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


async def test_wrong_additions_are_refused(api: Any) -> None:
    """Too many items, no such domain, no such user."""
    with pytest.raises(ValueError, match="5000"):
        api.sandbox.add_collections(1, items=5001)
    with pytest.raises(LookupError, match="nowhere"):
        api.sandbox.add_zipcode("1", domain="nowhere")
    with pytest.raises(LookupError, match="user 1"):
        api.sandbox.credits(user_id=1)


async def test_an_empty_added_collection_is_a_draft(api: Any) -> None:
    """As one without items is."""
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
    """In the base URL."""
    sandbox = Sandbox(host="::1", port=9)
    assert sandbox.url == "http://[::1]:9/api/v1"


async def test_client_is_made_for_this_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its key and base URL, and what was given."""
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
