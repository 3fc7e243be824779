"""While a request is under way: no frame of ours holds a secret as a text, a number or bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import pytest
from elasticapm.utils.encoding import transform
from support.echoes import nothing, said
from support.raw_server import Exchange, RawServer
from support.scanner import Scan
from support.verbs import CODE, HEADER, KEY, PASSWORD, VERBS
from test_every_verb import client_of

from multicart_async import AsyncMultiCart
from multicart_async.errors import ConfigurationError


def frames_of(waiting: Any) -> Iterator[FrameType]:
    """The frames of a coroutine, or of a generator, and of what it waits for."""
    while waiting is not None:
        frames = [getattr(waiting, f"{kind}_frame", None) for kind in ("cr", "ag", "gi")]
        yield from (frame for frame in frames if frame is not None)
        waiting = next(
            (getattr(waiting, name) for name in ("cr_await", "ag_await", "gi_yieldfrom") if hasattr(waiting, name)),
            None,
        )


FILES = {
    "stream",
    "records",
    "download",
    "invoice",
    "sync",
}  # whose content is the service's, and passes through frames


async def half(exchange: Exchange) -> None:
    """The beginning of an answer with all that was said."""
    await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n[{said(exchange)}".encode())
    await exchange.hang()


@pytest.mark.parametrize("answer", [nothing, half])
async def test_no_waiting_frame_of_ours_holds_a_secret(answer: Any, scan: Scan, tmp_path: Path) -> None:
    """The values in the frames of waiting coroutines, read without any cuts, hold no secret."""
    async with RawServer(answer) as server, client_of(server, scan) as client:
        verbs = {name: verb for name, verb in VERBS.items() if answer is nothing or name not in FILES}
        tasks = {name: asyncio.ensure_future(verb(client, tmp_path)) for name, verb in verbs.items()}
        with anyio.fail_after(20):
            while len(server.requests) < len(tasks):  # noqa: ASYNC110 -- the server has no event
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # for the beginnings of answers
        seen = 0
        for name, task in tasks.items():
            for frame in frames_of(task.get_coro()):
                if frame.f_globals["__name__"].startswith("multicart_async"):
                    seen += 1
                    for local, value in frame.f_locals.items():
                        scan.look(f"{name}: {local} in {frame.f_code.co_name}", repr(transform(value)), repr(value))
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())

    assert seen > 5 * len(tasks)
    assert scan.found == set()


BAD: dict[str, dict[str, Any]] = {
    "two credentials": {"token": PASSWORD},
    "a malformed key": {"api_key": f"{KEY} {KEY}"},
    "a malformed token": {"api_key": None, "token": f"{KEY} {KEY}"},
    "a base URL": {"base_url": "nowhere"},
    "a header": {"headers": {"X-Gateway": HEADER, "Host": "x"}},
    "a value of a header": {"headers": {"X-Gateway": f"{HEADER}\n"}},
    "another argument": {"retry": 7},
}


def made(case: str) -> AsyncMultiCart:
    return AsyncMultiCart(**{"api_key": KEY, "headers": {"X-Gateway": HEADER}, **BAD[case]})


@pytest.mark.parametrize("case", BAD)
def test_no_frame_of_the_constructor_holds_a_secret(case: str, scan: Scan) -> None:
    """No frame holds a secret, whichever argument is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        made(case)
    scan.error(caught.value)

    assert scan.found == set()


FIELDS: dict[str, Any] = {
    "a set": {"password": PASSWORD, "codes": {PASSWORD, CODE}},
    "half a character": {"password": f"{PASSWORD}\ud800"},
    "no number": {"password": PASSWORD, "x": float("nan")},
    "bytes": {"password": PASSWORD.encode()},
    "no mapping": PASSWORD,
    "pairs": [("password", PASSWORD)],
    "a key of another type": {"password": PASSWORD, (1, 2): CODE},
}


@pytest.mark.parametrize("case", [*FIELDS, "no path"])
async def test_fields_that_cannot_be_sent_are_not_shown(case: str, scan: Scan) -> None:
    """The error says why, and the frames show dots."""
    async with AsyncMultiCart(KEY) as client:
        with pytest.raises(ConfigurationError) as caught:
            if case == "no path":
                await client.request("no path", {"password": PASSWORD})
            else:
                await client.request("/new/", FIELDS[case])
    scan.error(caught.value)

    assert scan.found == set()
