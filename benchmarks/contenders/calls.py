"""JSON calls: one poll of one run, over and over; and a long list, decoded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from contenders.access import headers, trust
from contenders.composed import groups_over
from contenders.ours import Client
from multicart_async._http import Response
from multicart_async.models import Collection

PATH = "/schedules/collections/results/download/"


async def ours(options: Mapping[str, Any]) -> None:
    """`runs.list`, so many at once."""
    (number,) = options["ids"]
    waiting = iter(range(options["calls"]))

    async def worker() -> None:
        for _ in waiting:
            (run,) = await client.runs.list(number)
            assert run.is_download_generated

    async with Client({**options, "requests": options["at_once"]}).client as client:
        await asyncio.gather(*(worker() for _ in range(options["at_once"])))


async def with_aiohttp(options: Mapping[str, Any]) -> None:
    """The same with `post(json=…)` and `json.loads`."""
    (number,) = options["ids"]
    waiting = iter(range(options["calls"]))
    fields = {"collection_id": number, "skip": 0, "limit": 50}

    async def worker() -> None:
        for _ in waiting:
            async with session.post(options["base"] + PATH, json=fields) as answer:
                (run,) = json.loads(await answer.read())["data"]
                assert run["is_download_generated"]

    async with _session(options) as session:
        await asyncio.gather(*(worker() for _ in range(options["at_once"])))


@asynccontextmanager
async def _session(options: Mapping[str, Any]) -> AsyncIterator[aiohttp.ClientSession]:
    context = trust(options)
    connector = aiohttp.TCPConnector(ssl=context or True, limit=options["at_once"])
    async with aiohttp.ClientSession(connector=connector, headers=headers(options)) as session:
        yield session


async def with_httpx(options: Mapping[str, Any]) -> None:
    """The same with httpx."""
    import httpx  # noqa: PLC0415 -- not in the memory of the others

    (number,) = options["ids"]
    context = trust(options)
    waiting = iter(range(options["calls"]))
    fields = {"collection_id": number, "skip": 0, "limit": 50}

    async def worker() -> None:
        for _ in waiting:
            answer = await client.post(options["base"] + PATH, json=fields)
            (run,) = answer.json()["data"]
            assert run["is_download_generated"]

    limits = httpx.Limits(max_connections=options["at_once"], max_keepalive_connections=options["at_once"])
    async with httpx.AsyncClient(verify=context or True, limits=limits, timeout=60, headers=headers(options)) as client:
        await asyncio.gather(*(worker() for _ in range(options["at_once"])))


class Canned:
    """A transport that has the answer already: what is left is the decoding."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    async def post(self, path: str, body: object, *, new_connection: bool = False, public: bool = False) -> Response:
        """The answer, a turn of the loop later."""
        del path, body, new_connection, public
        await asyncio.sleep(0)
        return Response(200, self._payload)

    def stream(self, url: str, *, label: str, headers: object = None) -> Any:
        """Nobody asks for files here."""
        raise NotImplementedError


async def list_to_models(options: Mapping[str, Any]) -> None:
    """`collections.list`, all of it but the network."""
    collections, _ = groups_over(Canned(Path(options["answer"]).read_bytes()))
    for _ in range(options["times"]):
        rows = await collections.list()
        assert len(rows) == options["rows"]
        assert isinstance(rows[0], Collection)


async def list_to_dicts(options: Mapping[str, Any]) -> None:
    """`json.loads` of the same answer."""
    payload = Path(options["answer"]).read_bytes()
    for _ in range(options["times"]):
        rows = json.loads(payload)["data"]
        assert len(rows) == options["rows"]
        del rows
        await asyncio.sleep(0)
