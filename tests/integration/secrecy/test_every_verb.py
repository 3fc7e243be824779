"""Every verb of the client with every fault of a service that repeats all secrets: none is in anything that a program shows."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from support.echoes import ANSWERS, PAGES, SILENCES
from support.raw_server import RawServer
from support.scanner import Scan
from support.thinning import thinned
from support.verbs import FEW, HEADER, KEY, VERBS, Verb

from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts
from multicart_async.errors import MultiCartError

SHORT = Timeouts(request=0.2, read=0.2)


def client_of(server: RawServer, scan: Scan, **given: Any) -> AsyncMultiCart:
    """A client whose events are looked at."""

    def look(event: object) -> None:
        scan.thing("event", event)
        error = getattr(event, "error", None)
        if error is not None:
            scan.error(error, "event's")

    settings: dict[str, Any] = {
        "base_url": server.url,
        "retry": RetryPolicy(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0),
        "limits": Limits(requests=64, downloads=64, response_bytes=500_000),
        "headers": {"X-Gateway": HEADER},
        "on_event": look,
        **given,
    }
    return AsyncMultiCart(KEY, **settings)


async def endings(client: AsyncMultiCart, verbs: dict[str, Verb], folder: Path) -> dict[str, BaseException]:
    """The errors that all of them end with, at the same time."""
    ends: dict[str, BaseException] = {}

    async def end(name: str) -> None:
        try:
            await verbs[name](client, folder)
        except (MultiCartError, ExceptionGroup) as error:
            ends[name] = error

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for name in verbs:
                group.start_soon(end, name)
    return ends


def look_at(scan: Scan, client: AsyncMultiCart, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is left in the end."""
    transport = client._transport
    for thing in (client, client._settings, transport._network, transport._proxy):
        scan.thing(type(thing).__name__, thing)
    for thing in (vars(client), vars(transport), vars(client._api), vars(client.account)):
        scan.look("attributes", repr(thing))
    for session in transport._sessions.values():
        scan.look("session", repr(vars(session)), repr(vars(session._connector)))
    scan.logs(caplog.records)
    scan.folder(folder)


RELATED = {
    "object_refusal",
    "odd_status",
    "other_shape",
    "no_envelope",
    "large",
    "redirect_loop",
    "coding",
    "too_large",
    "cut",
}
"""Answers that are handled as one of the others is; they are given in `make check` alone."""


@pytest.mark.parametrize("name", thinned(ANSWERS, *(name for name in ANSWERS if name not in RELATED)))
async def test_no_answer_brings_a_secret_into_an_error(name: str, scan: Scan, caplog: Any, tmp_path: Path) -> None:
    """Each method is called, and each error is searched by all tools."""
    async with RawServer(ANSWERS[name]) as server, client_of(server, scan) as client:
        ends = await endings(client, VERBS, tmp_path)
        look_at(scan, client, tmp_path, caplog)
    for verb, error in ends.items():
        scan.error(error, verb)

    assert len(ends) >= 25 or name == "coding"
    assert scan.found == set()


@pytest.mark.parametrize("name", PAGES)
async def test_no_form_of_a_secret_is_shown(name: str, scan: Scan, tmp_path: Path) -> None:
    """No escaped form is shown, even at the beginning of a page, which is the part that an error shows."""
    async with RawServer(PAGES[name]) as server, client_of(server, scan) as client:
        ends = await endings(client, FEW, tmp_path)
    for verb, error in ends.items():
        scan.error(error, verb)

    assert len(ends) == len(FEW)
    assert scan.found == set()


@pytest.mark.parametrize("name", thinned(SILENCES, "silence"))
async def test_no_limit_of_time_shows_a_secret(name: str, scan: Scan, caplog: Any, tmp_path: Path) -> None:
    """A timeout shows no secret, although requests were sent and some responses have begun."""
    async with RawServer(SILENCES[name]) as server, client_of(server, scan, timeouts=SHORT) as client:
        ends = await endings(client, VERBS, tmp_path)
        look_at(scan, client, tmp_path, caplog)
    for verb, error in ends.items():
        scan.error(error, verb)

    assert len(ends) >= len(VERBS) - 1
    assert scan.found == set()


async def cancelled(
    client: AsyncMultiCart, server: RawServer, folder: Path, verbs: dict[str, Verb]
) -> dict[str, BaseException]:
    """How each of them ends when it is cancelled, once its request is out."""
    tasks = {name: asyncio.ensure_future(verb(client, folder)) for name, verb in verbs.items()}
    with anyio.fail_after(20):
        while len(server.requests) < len(tasks):  # noqa: ASYNC110 -- the server has no event
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # for the beginnings of answers
    for task in tasks.values():
        task.cancel()
    await asyncio.wait(tasks.values())
    ends: dict[str, BaseException] = {}
    for name, task in tasks.items():
        try:
            task.result()
        except (asyncio.CancelledError, MultiCartError) as error:
            ends[name] = error
    return ends


@pytest.mark.parametrize("session", thinned(["own", "borrowed"], "own"))
@pytest.mark.parametrize("name", thinned(SILENCES, "silence"))
async def test_no_cancellation_shows_a_secret(name: str, session: str, scan: Scan, caplog: Any, tmp_path: Path) -> None:
    """A cancellation passes unchanged, but without the frames of aiohttp, which hold the request."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RawServer(SILENCES[name]))
        own = None if session == "own" else await stack.enter_async_context(aiohttp.ClientSession())
        client = await stack.enter_async_context(client_of(server, scan, session=own))
        ends = await cancelled(client, server, tmp_path, VERBS)
        for verb, error in ends.items():
            scan.error(error, verb)
        look_at(scan, client, tmp_path, caplog)

    assert len(ends) == len(VERBS)
    assert scan.found == set()


async def test_no_closing_shows_a_secret(scan: Scan, tmp_path: Path) -> None:
    """Calls that are under way end with an error of this library, whose context is a cancellation."""
    async with RawServer(SILENCES["silence"]) as server:
        client = client_of(server, scan)
        tasks = {name: asyncio.ensure_future(verb(client, tmp_path)) for name, verb in VERBS.items()}
        with anyio.fail_after(20):
            while len(server.requests) < len(tasks):  # noqa: ASYNC110 -- the server has no event
                await asyncio.sleep(0.01)
            await client.aclose()
            await asyncio.wait(tasks.values())
        errors = {name: task.exception() for name, task in tasks.items()}
    for verb, error in errors.items():
        assert error is not None
        scan.error(error, verb)

    assert scan.found == set()


async def test_no_debug_mode_shows_a_secret(scan: Scan, caplog: Any, tmp_path: Path) -> None:
    """The debug mode of asyncio logs slow callbacks and unclosed objects without a secret."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    async with RawServer(ANSWERS["refusal"]) as server, client_of(server, scan) as client:
        await endings(client, FEW, tmp_path)
        for session in client._transport._sessions.values():
            scan.look("pool", repr(session._connector._conns), repr(session._connector._acquired_per_host))
        look_at(scan, client, tmp_path, caplog)

    assert any("Executing" in record.getMessage() for record in caplog.records)
    assert scan.found == set()
