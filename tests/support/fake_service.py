"""A service in memory that answers by path, whose runs end at their time, and that notes who asked what and when."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from typing import Any

import attrs

from multicart_async import Limits, Outcome, PollPolicy, RetryPolicy
from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http import MultipartForm, Response
from multicart_async._http.retries import Retrier
from multicart_async.events import Event
from multicart_async.models import Run, StartedRun
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs.runs import Runs
from multicart_async.resources.settings import ServiceSettings
from multicart_async.resources.zipcodes import Zipcodes
from support.fakes import ok, refused
from support.groups import context_over
from support.virtual import run_virtually

__all__ = ["GET", "HISTORY", "LIST", "START", "STEADY", "Told", "World"]

LIST = "/schedules/get_schedules/"
HISTORY = "/schedules/collections/results/download/"
GET = "/schedules/get/"
START = "/schedules/run/result/"

STEADY = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=3600)
"""A tick every ten seconds, exactly."""

Trouble = Callable[[str, int, float], Response | BaseException | float | None]
"""Path, collection and moment of a request: what to answer instead, or how long to take, or nothing special."""


@attrs.define
class Fake:
    """A collection: its statuses from their moments on, and its runs as (id, appears, ready)."""

    id: int
    listed: bool = True
    statuses: list[tuple[float, str]] = attrs.field(factory=list[tuple[float, str]])
    runs: list[tuple[int, float, float]] = attrs.field(factory=list[tuple[int, float, float]])
    failed_message: str | None = None

    def row(self, now: float) -> dict[str, Any]:
        """As the list and the call for one show it."""
        past = [status for moment, status in self.statuses if moment <= now]
        moment = f"2026-06-20T10:{len(past):02}:00Z"
        row = {"id": self.id, "name": f"Collection {self.id}", "status": "enable", "updated_at": moment}
        return {**row, "schedule_status": past[-1] if past else "Pending", "failed_message": self.failed_message}

    def history(self, now: float) -> list[dict[str, Any]]:
        """Its runs that have appeared, the newest first."""
        return [
            {"id": run_id, "collection": self.id, "is_download_generated": ready <= now}
            for run_id, appears, ready in sorted(self.runs, reverse=True)
            if appears <= now
        ]


@attrs.frozen
class Told:
    """An outcome, and when it was known."""

    at: float
    outcome: Outcome[StartedRun, Run]

    @property
    def id(self) -> int:
        """Of the collection."""
        return self.outcome.key.collection_id


class World:
    """The service, and the group of runs on top of it, on the running loop's clock."""

    def __init__(
        self, *, latency: float = 0.001, requests: int = 8, attempts: int = 1, trouble: Trouble = lambda *_: None
    ) -> None:
        self.fakes: dict[int, Fake] = {}
        self.trouble = trouble
        self.latency = latency
        self.row_delay = 0.0
        self.calls: list[tuple[float, str, int]] = []
        self.requests: Counter[str] = Counter()
        self.events: list[Event] = []
        self.under_way: Counter[object] = Counter()
        self.most: Counter[object] = Counter()
        self.lifetime = ClientLifetime()
        attempting = Retrier(
            RetryPolicy(attempts=attempts), lifetime=self.lifetime, clock=Clock(self.now, asyncio.sleep)
        )
        context = context_over(
            self,  # type: ignore[arg-type]
            retrier=attempting,
            requests=1_000,
            limits=Limits(requests=requests),
            lifetime=self.lifetime,
            clock=Clock(now=self.now, sleep=self._sleep),
            emit=self.events.append,
        )
        zipcodes = Zipcodes(context, settings=ServiceSettings(context))
        asins = Asins(context, zipcodes=zipcodes)
        collections = Collections(context, asins=asins)
        self.runs = Runs(context, collections=collections, account=Account(context), asins=asins)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _sleep(self, seconds: float) -> None:
        with self.lifetime.track():
            await asyncio.sleep(seconds)

    def add(
        self,
        number: int,
        *,
        ready: float,
        shown: float | None = None,
        after: int = 0,
        run: int | None = None,
        listed: bool = True,
        status: str = "Completed",
    ) -> StartedRun:
        """A collection with a run under way that ends at *ready* (never, if infinite), which its row shows from *shown* on."""
        fake = self.fakes.setdefault(number, Fake(number, listed, [(0.0, "Processing")]))
        fake.runs.append((run or number * 1_000 + len(fake.runs) + 1, 0.0, ready))
        shown = ready if shown is None else shown
        if shown < math.inf:
            fake.statuses.append((shown, status))
        return StartedRun(number, after)

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The side of the `Transport`."""
        fields = json.loads(body) if isinstance(body, bytes) else {}
        number = fields.get("collection_id") or fields.get("schedule_id") or 0
        self.requests[path] += 1
        if not fields.get("skip"):
            self.calls.append((self.now(), path, number))  # a reading of several pages is one look
        kinds = ("list",) if path == LIST else ("look", number)
        self.under_way.update(kinds)
        self.most.update(dict.fromkeys(kinds, 0))
        self.most |= self.under_way
        try:
            trouble = self.trouble(path, number, self.now())
            await self._sleep(trouble if isinstance(trouble, float) else self.latency)
            if isinstance(trouble, BaseException):
                raise trouble
            return trouble if isinstance(trouble, Response) else self._answer(path, number, fields)
        finally:
            self.under_way.subtract(kinds)

    def _answer(self, path: str, number: int, fields: dict[str, Any]) -> Response:
        now = self.now()
        if path == LIST:
            return ok([fake.row(now) for fake in self.fakes.values() if fake.listed])
        if number not in self.fakes:
            return refused(404, "Schedule not found.")
        if path == GET:
            return ok(self.fakes[number].row(now))
        if path == START:
            runs = self.fakes[number].runs
            runs.append((max((run for run, _, _ in runs), default=0) + 1, now + self.row_delay, now + self.row_delay))
            return ok("Scraping Processing Queued!")
        rows = self.fakes[number].history(now)
        return ok(rows[fields["skip"] : fields["skip"] + fields["limit"]])

    def asked(self, path: str, number: int | None = None) -> list[float]:
        """When *path* was asked for, of one collection or of all; of a list, when its first page was."""
        return [at for at, what, whose in self.calls if what == path and number in {None, whose}]

    async def outcomes(
        self, started: Iterable[StartedRun] | AsyncIterable[StartedRun], policy: PollPolicy = STEADY
    ) -> list[Told]:
        """All that `wait_many` yields; nothing is left under way after it."""
        told = [Told(self.now(), outcome) async for outcome in self.runs.wait_many(started, policy=policy)]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return told

    def wait(self, *started: StartedRun, policy: PollPolicy = STEADY) -> list[Told]:
        """The same, in a loop of its own with virtual time."""
        told: list[Told] = run_virtually(self.outcomes(started, policy))
        return told


async def first(outcomes: AsyncGenerator[Outcome[StartedRun, Run], None]) -> Outcome[StartedRun, Run]:
    """The first outcome; the generator is closed after it."""
    async with aclosing(outcomes):
        return await anext(outcomes)
