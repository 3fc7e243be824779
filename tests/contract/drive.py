"""Every method of the client through Prism: what it sends is what openapi.yaml allows, and the sandbox answers likewise.

    python tests/contract/drive.py PRISM

PRISM is the program, as ``node_modules/.bin/prism``. At the end, requests and an answer that are wrong on purpose must be
found, or the check itself is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from calls import CALLS, CATEGORY, PLACE, SOON, TEXT, Place, methods
from gate import Gate, NoPrism, free_port, gate_of
from openapi import Operation, operations, resolved

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import MultiCartError
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content

NEVER_SENT = {("asins.get", "collection")}
"""Documented as accepted and not used."""

MISNAMED = {"code": 200, "data": {"id": 101, "title": "AU Laptops"}, "status": 1}


async def furnished(sandbox: Sandbox, folder: Path) -> Place:
    """A sandbox with something to find for each call; nothing of this goes through Prism."""
    finished, *doomed = sandbox.add_collections(20, items=3)
    async with sandbox.client() as client:
        stationery = await client.collections.create(
            "Stationery", notification_email=TEXT, request_type="officeworks.com.au"
        )
        started = await client.runs.start(finished)
        category = await client.categories.submit(CATEGORY, **PLACE)
        return Place(
            sandbox=sandbox,
            folder=folder,
            finished=finished,
            doomed=iter(doomed),
            stationery=stationery.id,
            asins=iter([row.id for row in await client.asins.list(doomed[-1])]),
            output=(await client.outputs.list(finished))[0].id,
            started=started,
            run=await client.runs.wait(started, policy=SOON),
            category=category,
            category_run=await client.categories.wait(category, policy=SOON),
        )


async def called(client: AsyncMultiCart, place: Place, gate: Gate) -> list[str]:
    """What went wrong while each method was called, and methods that the table does not have."""
    rows = {name for name, _ in CALLS}
    wrong = [f"calls.py: no row for {name}" for name in sorted(methods(client) - rows)]
    for name, call in CALLS:
        before = len(gate.violations)
        try:
            await call(client, place)
        except (
            MultiCartError,
            AttributeError,
            TypeError,
            RuntimeError,
        ) as error:  # also: no such method, other arguments
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        wrong += [f"{name}: {violation}" for violation in gate.violations[before:]]
    return wrong


def left_out(gate: Gate, sandbox: Sandbox) -> list[str]:
    """Endpoints that no method asked, and documented fields that none sent."""
    wrong: list[str] = []
    for operation in operations():
        if not any(operation.fits(*request) for request in gate.passed):
            wrong.append(f"never asked: {operation.method} {operation.path}")
            continue
        sent = {
            name for each in sandbox.requests if operation.fits(each.method, each.path) for name in each.fields or ()
        }
        wrong += [f"{operation.path}: never sent: {name}" for name in fields(operation) - sent]
    return wrong


def fields(operation: Operation) -> set[str]:
    """The fields that a body can have."""
    named = resolved(operation.body["schema"]).get("properties", ()) if operation.body else ()
    return {name for name in named if (operation.id, name) not in NEVER_SENT}


async def let_pass(client: AsyncMultiCart, place: Place, gate: Gate, base: str) -> list[str]:
    """Wrong requests, and a wrong answer, that nobody noticed; there should be none."""
    many = {"collection": place.finished, "domain": "amazon.com.au", "customer_postcode": "4500", "asins": "B01"}

    async def form() -> None:
        body = aiohttp.FormData({"collection": str(place.finished)})
        body.add_field("csv", b"asin\n", filename="asins.csv", content_type="text/csv")
        headers = {"x-api-key": place.sandbox.api_key}
        async with aiohttp.ClientSession(headers=headers) as session:
            await session.post(f"{base}/schedules/amazon/asin/create/bulk/", data=body)

    async def answer() -> None:
        place.sandbox.faults.add("/schedules/get/", Content(json.dumps(MISNAMED).encode(), "application/json"))
        await client.request("/schedules/get/", {"schedule_id": place.finished})

    wrong: dict[str, Callable[[], Awaitable[object]]] = {
        "a misspelt field": lambda: client.request(
            "/schedules/amazon/asin/create/multiple/", {**many, "include_raw_html": True}
        ),
        "a missing field": lambda: client.request("/schedules/get/", {}),
        "a number that is a text": lambda: client.request("/schedules/get/", {"schedule_id": "101"}),
        "a word that is none of the list": lambda: client.request(
            "/schedules/update_schedule/", {"schedule_id": place.finished, "priority": "Urgent"}
        ),
        "a missing slash": lambda: client.request("/schedules/get", {"schedule_id": place.finished}),
        "a form with another field": form,
        "an answer with another field": answer,
    }
    return [name for name, send in wrong.items() if not await refused(name, send, gate)]


async def refused(name: str, send: Callable[[], Awaitable[object]], gate: Gate) -> bool:
    """Whether Prism has noticed what is wrong."""
    before = len(gate.violations)
    with contextlib.suppress(MultiCartError):
        await send()
    noticed = len(gate.violations) > before
    say(f"  refused, as it must be: {name}: {gate.violations[-1]}" if noticed else f"  let pass: {name}")
    return noticed


def say(line: str) -> None:
    """One line, now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def drive(program: Path, folder: Path) -> list[str]:
    """All that is wrong."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with (
        Sandbox(instant=True, links_base=base) as sandbox,
        gate_of(program, sandbox.url, port, folder / "prism.log") as gate,
        AsyncMultiCart(sandbox.api_key, base_url=base, retry=RetryPolicy(attempts=1)) as client,
    ):
        place = await furnished(sandbox, folder)
        sandbox.requests.clear()
        wrong = await called(client, place, gate)
        wrong += left_out(gate, sandbox)
        say(f"Prism: {len(CALLS)} calls, {len(gate.passed)} requests passed, {len(gate.violations)} refused")
        return wrong + [f"not noticed: {name}" for name in await let_pass(client, place, gate, base)]


def main(arguments: list[str]) -> int:
    """The exit status: 0 when nothing is wrong."""
    if len(arguments) != 1:
        say((__doc__ or "").strip())
        return 2
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = asyncio.run(drive(Path(arguments[0]), Path(folder)))
        except (NoPrism, OSError) as error:
            say(f"the Prism check cannot be made: {error}")
            return 1
    for line in wrong:
        say(f"- {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
