"""The sandbox in a process of its own, `python -m soak.service`, and what controls it by lines of JSON.

It has two ports over one state: one with the faults, and one without, for what the checks compare with.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any, Self

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox._web.app import PREFIX, Service
from multicart_async.sandbox._web.hosts import served_names
from multicart_async.sandbox._web.listener import Listener
from multicart_async.sandbox.faults import Faults
from multicart_async.sandbox.recording import Recording
from soak.chance_faults import START, ChanceFaults
from soak.plan import Plan
from soak.processes import Process

__all__ = ["Control", "Runs"]

Runs = dict[int, dict[int, str]]
"""The runs of each collection, and the state of each."""


class Control:
    """The other process; use it by ``async with``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._process = Process("soak.service", plan)
        self._one = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._process.start()
        told = json.loads(await self._process.line())
        self.url: str = told["url"]
        self.plain_url: str = told["plain"]
        self.key: str = told["key"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._process.end()

    async def _ask(self, what: str, *args: object) -> Any:
        return await asyncio.shield(self._exchange(what, *args))  # an answer that is not read would be that of the next

    async def _exchange(self, what: str, *args: object) -> Any:
        async with self._one:
            self._process.say([what, *args])
            told = json.loads(await self._process.line())
        if "error" in told:
            raise RuntimeError(told["error"])
        return told["value"]

    async def add(self, items: int) -> int:
        """A new collection, with one finished run."""
        added: int = await self._ask("add", items)
        return added

    async def delete(self, collection: int) -> None:
        """Delete a collection with its runs."""
        await self._ask("delete", collection)

    async def start(self, collection: int) -> bool:
        """Start a run as a schedule would; false if the service rejects it."""
        started: bool = await self._ask("start", collection)
        return started

    async def fail_next(self, collection: int) -> None:
        """Make the next run of a collection fail."""
        await self._ask("fail_next", collection)

    async def credits(self, available: int) -> None:
        """Set the credits granted."""
        await self._ask("credits", available)

    async def faults(self, *, on: bool) -> None:
        """Have faults, or none."""
        await self._ask("faults", on)

    async def runs(self) -> Runs:
        """All runs of all collections."""
        told: Mapping[str, Mapping[str, str]] = await self._ask("runs")
        return {int(key): {int(run): state for run, state in runs.items()} for key, runs in told.items()}

    async def counts(self) -> dict[str, Any]:
        """Requests, those that start a run, faults by kind, and seconds of CPU."""
        counts: dict[str, Any] = await self._ask("counts")
        return counts


class _Commands:
    """What the sandbox can be told."""

    def __init__(self, sandbox: Sandbox, faults: ChanceFaults) -> None:
        self._sandbox = sandbox
        self._faults = faults

    @property
    def _db(self) -> Any:
        return self._sandbox._state.db  # noqa: SLF001 -- what no method of a sandbox tells

    def add(self, items: int) -> int:
        return self._sandbox.add_collections(1, items=items, name="Soak")[0]

    def delete(self, collection: int) -> None:
        for table, column in (("runs", "collection"), ("asins", "collection"), ("collections", "id")):
            self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (collection,))
        self._db.commit()

    def start(self, collection: int) -> bool:
        try:
            self._sandbox.start_run(collection)
        except Exception:  # noqa: BLE001 -- no credits at this moment
            self._db.rollback()
            return False
        return True

    def fail_next(self, collection: int) -> None:
        self._sandbox.fail_next_run(collection)

    def credits(self, available: int) -> None:
        self._sandbox.set_credits(available)

    def faults(self, on: bool) -> None:  # noqa: FBT001 -- from a line of JSON
        self._faults.on = on

    def runs(self) -> Runs:
        runs: Runs = {row[0]: {} for row in self._db.execute("SELECT id FROM collections")}
        for collection, run, state in self._db.execute("SELECT collection, id, state FROM runs"):
            runs.setdefault(collection, {})[run] = state
        return runs

    def counts(self) -> dict[str, Any]:
        counts = self._sandbox.counts
        return {
            "requests": counts.total(),
            "starts": counts[START],
            "faults": dict(self._faults.given),
            "cpu": time.process_time(),
        }


async def serve(plan: Plan) -> None:
    """A sandbox, until standard input ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sandbox = Sandbox(
        seed=plan.seed,
        scrape_seconds_per_item=0.03,
        row_delay=0.05,
        items_per_page=2,
        record_bytes=400,
        credits=10**9,
    )
    sandbox.faults = faults = ChanceFaults(plan.seed, plan.share)
    async with sandbox:
        hosts = served_names("127.0.0.1", None, frozenset())
        state = sandbox._state  # noqa: SLF001 -- a second port over the same state
        plain = Listener(Service(state, Faults(), Recording(), hosts).application())
        try:
            await plain.open("127.0.0.1", 0, None)
            port = plain.addresses[0][1]
            told = {"url": sandbox.url, "plain": f"http://127.0.0.1:{port}{PREFIX}", "key": sandbox.api_key}
            print(json.dumps(told), flush=True)
            await _obey(_Commands(sandbox, faults))
        finally:
            await plain.aclose()


async def _obey(commands: _Commands) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        what, *args = json.loads(line)
        try:
            told = {"value": getattr(commands, what)(*args)}
        except Exception as error:  # noqa: BLE001 -- told to the other side
            told = {"error": repr(error)}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Plan(**json.loads(sys.argv[1]))))
