"""Behaviour common to all calls: credentials, slashes, bodies, and records of requests."""

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
    """A bad credential is code 401 under HTTP 200, which is one of two readings of the documentation."""
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(api.sandbox.url + GET, json={"schedule_id": 1}) as response:
            assert (response.status, (await response.json())["code"]) == (200, 401)
        async with session.get(api.sandbox.url + "/results/1/2/x") as response:
            assert (response.status, (await response.json())["code"]) == (200, 401)


async def test_bad_credentials_as_http_status() -> None:
    """With auth_errors="http", a bad credential is HTTP 401."""
    async with (
        served(auth_errors="http") as api,
        aiohttp.ClientSession() as session,
        session.post(api.sandbox.url + GET) as response,
    ):
        assert (response.status, (await response.json())["code"]) == (401, 401)


async def test_a_session_token_is_a_credential(api: Any) -> None:
    """A session token in the header Authorization is accepted like a key."""
    headers = {"Authorization": f"Token {api.sandbox.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(api.sandbox.url + "/schedules/get_schedules/") as response,
    ):
        assert (await response.json())["status"] == 1


@pytest.mark.parametrize("path", ["/schedules/get", "/schedules/get//", "/results/1/2/x/", "/results/a/2/x", "/x"])
async def test_a_wrong_slash_is_not_found(api: Any, path: str) -> None:
    """A path with a missing or additional final slash is not found."""
    for method in ("GET", "POST"):
        async with api.session.request(method, api.sandbox.url + path) as response:
            assert (response.status, response.content_type) == (404, "text/html")


async def test_only_the_prefix_is_served(api: Any) -> None:
    """No path outside of /api/v1 is found."""
    async with api.session.post(api.sandbox.url.removesuffix("/api/v1") + GET) as response:
        assert response.status == 404


async def test_other_methods_are_rejected(api: Any) -> None:
    """Methods other than the documented one are rejected."""
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
async def test_bodies_other_than_json_objects_are_rejected(api: Any, body: bytes, kind: str) -> None:
    """A body that is not a JSON object gets code 400, and not HTTP 500."""
    async with api.session.post(api.sandbox.url + GET, data=body, headers={"Content-Type": kind}) as response:
        assert (await response.json())["code"] == 400
    assert api.sandbox.requests[-1].fields is None


async def test_huge_numbers_are_rejected(api: Any) -> None:
    """Numbers that the database cannot store are rejected as ids, and not found as paths."""
    assert await api.refused("/schedules/run/result/", collection_id=2**63) == 400
    assert (await api.fetch(f"{api.sandbox.url}/results/{10**20}/1/x")).status == 404


async def test_unknown_fields_are_recorded(api: Any) -> None:
    """Unknown fields in bodies and in queries are recorded as ignored, for calls and files."""
    await api.data("/schedules/get_schedules/", skip=0)
    async with api.session.get(api.sandbox.url + "/results/1/2/x?token=1&&y"):
        pass
    template = "/results/{collection_id}/{runner_id}/{file_name}"
    assert api.sandbox.ignored_fields == [("/schedules/get_schedules/", "skip"), (template, "token"), (template, "y")]


async def test_requests_are_recorded_without_the_credential(api: Any) -> None:
    """Method, raw target, names of headers and fields are recorded, but never the key."""
    async with api.session.post(f"{api.sandbox.url}{GET}?key={api.sandbox.api_key}", json={"schedule_id": 1}):
        pass
    seen = api.sandbox.requests[-1]
    assert (seen.method, seen.target, seen.path) == ("POST", "/api/v1/schedules/get/?key=<credential>", GET)
    assert (seen.fields, seen.has_credential, "x-api-key" in seen.headers) == ({"schedule_id": 1}, True, True)
    assert api.sandbox.api_key not in repr(seen)


async def test_paths_are_recorded_raw_and_decoded(api: Any) -> None:
    """Escapes are kept in target, and decoded once in path."""
    await api.fetch(f"{api.sandbox.url}/results/1/2/a b%20#?.json")
    seen = api.sandbox.requests[-1]
    assert seen.target == "/api/v1/results/1/2/a%20b%2520%23%3F.json"
    assert seen.path == "/results/1/2/a b%20#?.json"


async def test_requests_are_counted_by_documented_path(api: Any) -> None:
    """Requests for all result files are counted together under the documented path."""
    for number in range(2):
        await api.fetch(f"{api.sandbox.url}/results/1/{number}/x")
    await api.collection()
    template = "/results/{collection_id}/{runner_id}/{file_name}"
    assert api.sandbox.counts == {template: 2, "/schedules/add_schedule/": 1}
    api.sandbox.recording.clear()
    assert not api.sandbox.counts


async def test_links_have_the_host_of_the_request() -> None:
    """Links have the host of the request, so that they work under another allowed name."""
    async with served(instant=True, allowed_hosts=["scraper"]) as api:
        body = {"collection_id": await api.started("B01")}
        url = api.sandbox.url + "/schedules/collections/results/download/"
        async with api.session.post(url, json=body, headers={"Host": "scraper:1"}) as response:
            (run,) = (await response.json())["data"]
        assert run["download_links"]["all_pages"].startswith("http://scraper:1/api/v1/results/")


async def test_links_can_have_another_host() -> None:
    """Links can have another host, for tests of clients that must not send their key there."""
    async with served(instant=True, links_base="https://evil.example/api/v1") as api:
        (run,) = await api.runs(await api.started("B01"))
        assert run["download_links"]["all_pages"].startswith("https://evil.example/api/v1/results/")


async def test_an_incomplete_request_is_no_error(api: Any, caplog: Any) -> None:
    """A request that ends in its body logs no error, and the next request is accepted."""
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
