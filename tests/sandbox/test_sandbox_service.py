"""What all calls have in common: credentials, slashes, bodies, what is noted of them."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from support.sandbox_api import NEW_COLLECTION, served

GET = "/schedules/get/"


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": "wrong"}, {"Authorization": "Token wrong"}, {"Authorization": "Bearer x"}], ids=str
)
async def test_bad_credentials_are_401_in_the_envelope(api: Any, headers: dict[str, str]) -> None:
    """Under HTTP 200, which is one of two readings."""
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(api.sandbox.url + GET, json={"schedule_id": 1}) as response:
            assert (response.status, (await response.json())["code"]) == (200, 401)
        async with session.get(api.sandbox.url + "/results/1/2/x") as response:
            assert (response.status, (await response.json())["code"]) == (200, 401)


async def test_bad_credentials_as_http_status() -> None:
    """The other reading."""
    async with (
        served(auth_errors="http") as api,
        aiohttp.ClientSession() as session,
        session.post(api.sandbox.url + GET) as response,
    ):
        assert (response.status, (await response.json())["code"]) == (401, 401)


async def test_a_session_token_is_as_good(api: Any) -> None:
    """Authorization: Token."""
    headers = {"Authorization": f"Token {api.sandbox.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(api.sandbox.url + "/schedules/get_schedules/") as response,
    ):
        assert (await response.json())["status"] == 1


@pytest.mark.parametrize("path", ["/schedules/get", "/schedules/get//", "/results/1/2/x/", "/results/a/2/x", "/x"])
async def test_a_wrong_slash_is_another_page(api: Any, path: str) -> None:
    """Slashes are as documented, or else the page does not exist."""
    for method in ("GET", "POST"):
        async with api.session.request(method, api.sandbox.url + path) as response:
            assert (response.status, response.content_type) == (404, "text/html")


async def test_only_the_prefix_is_served(api: Any) -> None:
    """Nothing is found outside of /api/v1."""
    async with api.session.post(api.sandbox.url.removesuffix("/api/v1") + GET) as response:
        assert response.status == 404


async def test_other_methods_are_refused(api: Any) -> None:
    """A call is POST."""
    async with api.session.get(api.sandbox.url + GET) as response:
        assert response.status == 405


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json"),
        (b"a=1", "text/plain"),
        (b"[" * 100_000, "application/json"),
    ],
    ids=["cut", "array", "bytes", "text", "deep"],
)
async def test_bodies_that_are_no_json_object_are_refused(api: Any, body: bytes, kind: str) -> None:
    """Code 400, not an accident."""
    async with api.session.post(api.sandbox.url + GET, data=body, headers={"Content-Type": kind}) as response:
        assert (await response.json())["code"] == 400
    assert api.sandbox.requests[-1].fields is None


async def test_huge_numbers_are_refused(api: Any) -> None:
    """Ids beyond what a database holds are no integers, and no paths."""
    assert await api.refused("/schedules/run/result/", collection_id=2**63) == 400
    assert (await api.fetch(f"{api.sandbox.url}/results/{10**20}/1/x")).status == 404


async def test_unknown_fields_are_noted(api: Any) -> None:
    """In bodies and in queries, for calls and files."""
    await api.data("/schedules/get_schedules/", skip=0)
    async with api.session.get(api.sandbox.url + "/results/1/2/x?token=1&&y"):
        pass
    template = "/results/{collection_id}/{runner_id}/{file_name}"
    assert api.sandbox.ignored_fields == [("/schedules/get_schedules/", "skip"), (template, "token"), (template, "y")]


async def test_requests_are_noted_without_the_credential(api: Any) -> None:
    """Method, target as it came, names of headers, fields; never the key."""
    async with api.session.post(f"{api.sandbox.url}{GET}?key={api.sandbox.api_key}", json={"schedule_id": 1}):
        pass
    seen = api.sandbox.requests[-1]
    assert (seen.method, seen.target, seen.path) == ("POST", "/api/v1/schedules/get/?key=<credential>", GET)
    assert (seen.fields, seen.has_credential, "x-api-key" in seen.headers) == ({"schedule_id": 1}, True, True)
    assert api.sandbox.api_key not in repr(seen)


async def test_paths_are_noted_as_they_were_on_the_wire(api: Any) -> None:
    """Escapes stay in target, and are undone once in path."""
    await api.fetch(f"{api.sandbox.url}/results/1/2/a b%20#?.json")
    seen = api.sandbox.requests[-1]
    assert seen.target == "/api/v1/results/1/2/a%20b%2520%23%3F.json"
    assert seen.path == "/results/1/2/a b%20#?.json"


async def test_requests_are_counted_by_documented_path(api: Any) -> None:
    """Files of all runs together."""
    for number in range(2):
        await api.fetch(f"{api.sandbox.url}/results/1/{number}/x")
    await api.collection()
    template = "/results/{collection_id}/{runner_id}/{file_name}"
    assert api.sandbox.counts == {template: 2, "/schedules/add_schedule/": 1}
    api.sandbox.recording.clear()
    assert not api.sandbox.counts


async def test_links_follow_the_host_that_was_asked() -> None:
    """Links have the host of the request, so that they work under another allowed name."""
    async with served(instant=True, allowed_hosts=["scraper"]) as api:
        body = {"collection_id": await api.started("B01")}
        url = api.sandbox.url + "/schedules/collections/results/download/"
        async with api.session.post(url, json=body, headers={"Host": "scraper:1"}) as response:
            (run,) = (await response.json())["data"]
        assert run["download_links"]["all_pages"].startswith("http://scraper:1/api/v1/results/")


async def test_links_can_lead_elsewhere() -> None:
    """For clients that must not follow."""
    async with served(instant=True, links_base="https://evil.example/api/v1") as api:
        (run,) = await api.runs(await api.started("B01"))
        assert run["download_links"]["all_pages"].startswith("https://evil.example/api/v1/results/")


async def test_a_client_that_goes_away_in_its_own_body_does_no_harm(api: Any, caplog: Any) -> None:
    """Half a request, then silence: nothing is done, and the next request is answered."""
    host, port = api.sandbox.url.split("/")[2].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/schedules/add_schedule/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write((head + "Content-Length: 100\r\n\r\n{").encode())
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    await api.data("/schedules/add_schedule/", **NEW_COLLECTION)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
