"""Planned faults."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import aiohttp
import pytest
from support.eventually import until
from support.sandbox_api import NEW_COLLECTION, served

from multicart_async.sandbox.faults import (
    Content,
    Cut,
    Delay,
    DropAfter,
    DropBefore,
    Envelope,
    Faults,
    RetryLater,
    Stall,
    Status,
)

CREATE = "/schedules/add_schedule/"
LIST = "/schedules/get_schedules/"
FILE = "/results/{collection_id}/{runner_id}/{file_name}"


async def count_collections(api: Any) -> int:
    """The number of collections."""
    return (await api.collection()) - 101


async def create_and_cancel(api: Any) -> None:
    """Create a collection, and cancel the request as soon as it arrives."""
    call = asyncio.ensure_future(api.call(CREATE, **NEW_COLLECTION))
    await until(lambda: api.sandbox.counts[CREATE])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def link(api: Any) -> str:
    """The link of a page of 2,054 bytes."""
    collection = await api.started("B01", "B02")
    api.sandbox.advance(60)
    return (await api.runs(collection))[0]["download_links"]["pages"][0]


@pytest.mark.parametrize("reset", [False, True])
async def test_drop_before_does_no_work(api: Any, reset: bool) -> None:
    """The connection closes, and no collection is created."""
    api.sandbox.faults.add(CREATE, DropBefore(reset=reset))
    with pytest.raises(aiohttp.ClientConnectionError if not reset else (aiohttp.ClientOSError, ConnectionError)):
        await api.call(CREATE, **NEW_COLLECTION)
    assert await count_collections(api) == 0


@pytest.mark.parametrize("reset", [False, True])
async def test_drop_after_does_the_work(api: Any, reset: bool) -> None:
    """The connection closes, and the collection is created."""
    api.sandbox.faults.add(CREATE, DropAfter(reset=reset))
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await api.call(CREATE, **NEW_COLLECTION)
    assert await count_collections(api) == 1


async def test_drop_after_commits_stops_a_batch(api: Any) -> None:
    """After two commits, two of three collections are deleted."""
    ids = [await api.collection() for _ in range(3)]
    api.sandbox.faults.add("/schedules/delete_multiple/", DropAfter(commits=2))
    with pytest.raises(aiohttp.ClientError):
        await api.call("/schedules/delete_multiple/", schedule_ids=ids)
    assert [await api.refused("/schedules/get/", schedule_id=number) for number in ids[:2]] == [404, 404]
    assert ids[2] == (await api.get(ids[2]))["id"]


@pytest.mark.parametrize("work", ["before", "after"])
async def test_a_delay_delays_the_response(api: Any, work: Any) -> None:
    """The response is complete and arrives after the delay."""
    api.sandbox.faults.add(CREATE, Delay(0.05, work=work))
    begun = time.monotonic()
    await api.data(CREATE, **NEW_COLLECTION)
    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize(("work", "count"), [("before", 1), ("after", 0)])
async def test_work_before_or_after_a_delay(api: Any, work: Any, count: int) -> None:
    """If a client times out during the delay, the work is done or not, as planned."""
    api.sandbox.faults.add(CREATE, Delay(30, work=work))
    await create_and_cancel(api)
    assert count == await count_collections(api)


async def test_stall_sends_nothing(api: Any) -> None:
    """A stalled response has not even headers, but the work is done."""
    api.sandbox.faults.add(CREATE, Stall())
    await create_and_cancel(api)
    assert await count_collections(api) == 1


@pytest.mark.parametrize("size", [0, 1000])
async def test_stall_within_a_body(api: Any, size: int) -> None:
    """A response that stalls in its body has headers with the full length and the planned number of bytes."""
    url = await link(api)
    api.sandbox.faults.add(FILE, Stall(size))
    async with api.session.get(url.replace(" ", "%20")) as response:
        assert response.content_length == 2054
        if size:
            assert size == len(await response.content.readexactly(size))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await response.content.readany()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_cut_that_clients_can_detect(api: Any, framing: Any, reset: bool) -> None:
    """A body with fewer bytes than announced, or without its last chunk, is an error."""
    url = await link(api)
    api.sandbox.faults.add("/results/*", Cut(1000, framing=framing, reset=reset))
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await api.fetch(url)


async def test_a_cut_that_clients_cannot_detect(api: Any) -> None:
    """Without an announced length, the end of the connection ends the body."""
    url = await link(api)
    api.sandbox.faults.add(FILE, Cut(1000, framing="close"))
    assert len((await api.fetch(url)).body) == 1000
    assert len((await api.fetch(url)).body) == 2054


@pytest.mark.parametrize(("work", "count"), [(False, 0), (True, 1)])
async def test_an_http_status(api: Any, work: bool, count: int) -> None:
    """An HTTP status is sent with or without the work, as a proxy may do."""
    api.sandbox.faults.add(CREATE, Status(502, "<html>bad gateway", work=work))
    async with api.session.post(api.sandbox.url + CREATE, json=NEW_COLLECTION) as response:
        assert (
            response.status,
            response.content_type,
            await response.read(),
        ) == (502, "text/html", b"<html>bad gateway")
    assert count == await count_collections(api)


@pytest.mark.parametrize(("work", "count"), [(False, 0), (True, 1)])
async def test_an_envelope(api: Any, work: bool, count: int) -> None:
    """An envelope may have any code and data."""
    api.sandbox.faults.add(CREATE, Envelope(500, {"detail": "boom"}, work=work))
    assert await api.call(CREATE, **NEW_COLLECTION) == {"code": 500, "data": {"detail": "boom"}, "status": 0}
    assert count == await count_collections(api)


async def test_other_content(api: Any) -> None:
    """Other content replaces the body, under HTTP 200."""
    url = await link(api)
    api.sandbox.faults.add(FILE, Content(b"<html>", "text/html"))
    file = await api.fetch(url)
    assert (file.status, file.headers["Content-Type"], file.body) == (200, "text/html", b"<html>")


@pytest.mark.parametrize(("status", "after", "header"), [(429, 7, "7"), (503, "Wed, 21 Oct", "Wed, 21 Oct")])
async def test_retry_later(api: Any, status: int, after: Any, header: str) -> None:
    """Retry-After may be in seconds or a date."""
    api.sandbox.faults.add(CREATE, RetryLater(status, after))
    async with api.session.post(api.sandbox.url + CREATE, json=NEW_COLLECTION) as response:
        assert (status, header) == (response.status, response.headers["Retry-After"])
    assert await count_collections(api) == 0


async def test_retry_later_without_a_header(api: Any) -> None:
    """With None, the response has no Retry-After."""
    api.sandbox.faults.add(CREATE, RetryLater(retry_after=None))
    async with api.session.post(api.sandbox.url + CREATE, json=NEW_COLLECTION) as response:
        assert (response.status, "Retry-After" in response.headers) == (429, False)


async def test_status_bodies_may_be_bytes(api: Any) -> None:
    """The body of a status may be any bytes."""
    api.sandbox.faults.add(LIST, Status(500, b"\xff", content_type="application/octet-stream"))
    async with api.session.post(api.sandbox.url + LIST) as response:
        assert await response.read() == b"\xff"


async def test_faults_apply_to_unknown_paths(api: Any) -> None:
    """A fault can give a response to a path without an endpoint."""
    api.sandbox.faults.add("/new/", Content(b"{}", "application/json"))
    assert await api.call("/new/") == {}


@pytest.mark.parametrize("path", ["/results/1/2/a*b", FILE, "/results/*", re.compile(r"/1/\d/"), "/results/1/2/a?b"])
def test_paths_are_exact_documented_globs_or_patterns(path: Any) -> None:
    """A path may be an exact or documented path, a glob, or a regular expression."""
    faults = Faults()
    faults.add(path, DropBefore())
    assert DropBefore() == faults.take("/results/1/2/a*b", FILE)


@pytest.mark.parametrize("path", ["/results/1", re.compile("x"), "/Results/*"])
def test_other_paths_do_not_match(path: Any) -> None:
    """A fault for another path is not used up."""
    faults = Faults()
    faults.add(path, DropBefore())
    assert (faults.take("/results/1/2/a", FILE), faults.pending) == (None, 1)


def test_times_and_after() -> None:
    """The fault happens to *times* requests after the first *after* ones."""
    faults = Faults()
    faults.add("/a", Stall(), times=2, after=1)
    assert [faults.take("/a", None) for _ in range(4)] == [None, Stall(), Stall(), None]
    assert faults.pending == 0


def test_always_until_cleared() -> None:
    """With times=None the fault happens until it is cleared."""
    faults = Faults()
    faults.add("/a", Stall(), times=None)
    assert [Stall()] * 3 == [faults.take("/a", None) for _ in range(3)]
    faults.clear()
    assert None is faults.take("/a", None)


def test_the_oldest_fault_is_first() -> None:
    """A request is subject to one fault, in the order of planning."""
    faults = Faults()
    faults.add("/*", Stall())
    faults.add("/a", DropBefore())
    assert [faults.take("/a", None) for _ in range(3)] == [Stall(), DropBefore(), None]


async def test_delays_end_with_the_sandbox() -> None:
    """The sandbox closes without waiting for delays."""
    async with served() as api:
        api.sandbox.faults.add(LIST, Delay(60))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.wait_for(_outcome(api), 30))
            await until(lambda: api.sandbox.requests)
            begun = time.monotonic()
            await api.sandbox.aclose()
            assert time.monotonic() - begun < 20
        assert isinstance(task.result(), aiohttp.ClientError)


async def _outcome(api: Any) -> Any:
    try:
        return await api.call(LIST)
    except aiohttp.ClientError as error:
        return error
