"""This library, as its users call it: verified, renamed into place, with manifest and events."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from contenders.access import trust, write_synchronously
from contenders.product import Product
from multicart_async import AsyncMultiCart, Limits
from multicart_async.events import Event

for _part in (
    "anyio._backends._asyncio",
    "multicart_async._downloads.manager",
    "multicart_async._sync.engine",
    "multicart_async.events",
    "multicart_async.resources.runs.runs",
):
    importlib.import_module(_part)  # a client loads them on first use; imports are a job of their own


class Client:
    """A client of the site that counts what it is told."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.told: Counter[str] = Counter()
        at_once = options.get("at_once", 8)
        self.client = AsyncMultiCart(
            options["key"],
            base_url=options["base"],
            limits=Limits(requests=options.get("requests", 8), downloads=at_once),
            ssl_context=trust(options),
            on_event=self._hear,
        )

    def _hear(self, event: Event) -> None:
        self.told[type(event).__name__] += 1


async def download(options: Mapping[str, Any]) -> dict[str, Any]:
    """``runs.download`` of the one run."""
    if options.get("slow_disk"):
        write_synchronously(options["dest"])
    ours = Client(options)
    async with ours.client as client:
        (number,) = options["ids"]
        run = await client.runs.latest(number)
        assert run is not None
        done = await client.runs.download(run, options["dest"])
    return {"bytes": done.bytes, "files": len(done.files), "events": sum(ours.told.values())}


async def sync(options: Mapping[str, Any]) -> dict[str, Any]:
    """``client.sync`` of all collections."""
    ours = Client(options)
    async with ours.client as client:
        report = await client.sync(options.get("mirror") or options["dest"])
    report.raise_for_failures()
    return {"bytes": report.bytes, "files": report.files, "skipped": report.skipped}


async def records(options: Mapping[str, Any]) -> dict[str, Any]:
    """``runs.records`` of the one run."""
    return await _read(options, dict)


async def typed_records(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same, as objects."""
    return await _read(options, Product)


async def _read(options: Mapping[str, Any], into: type[Any]) -> dict[str, Any]:
    count = 0
    async with Client(options).client as client:
        (number,) = options["ids"]
        run = await client.runs.latest(number)
        assert run is not None
        async for record in client.runs.records(run, into=into):
            assert isinstance(record, into)
            count += 1
    return {"records": count}
