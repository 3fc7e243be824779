"""`start` and `wait` against services with any history, in virtual time: what must hold however they behave."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import FakeClock
from support.groups import groups_over
from support.wire_rows import GET, RUN, RUNS, ByPath, collection_row, lost, ok, pages_of, refused, run_row

from multicart_async import PollPolicy, RetryPolicy
from multicart_async._http import Response
from multicart_async.errors import (
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RunFailedError,
    WaitTimeoutError,
)
from multicart_async.models import Run, StartedRun

NEVER = math.inf
PASSING: dict[str, Any] = {
    "lost": lost(),
    "500": refused(500),
    "429": refused(429),
    "502": Response(502, b"<html>"),
    "425": Response(425, b"<html>"),
}
ACCIDENTS: dict[str, Any] = {
    "nonsense": Response(200, b"<html>"),
    "flag": ok([{**run_row(999), "is_download_generated": "false"}]),
    "403": Response(403, b"<html>"),
}
FAULTS = {**PASSING, **ACCIDENTS}


@attrs.frozen
class Life:
    """One run: seconds from its start until its row appears, and until it ends; well or not."""

    appears: float
    lasts: float
    fails: bool = False


@attrs.frozen
class Plan:
    """What the service and others will do."""

    history: int
    mine: Life
    foreign: tuple[tuple[float, Life], ...]
    ill: tuple[tuple[float, float, str], ...]
    hidden: tuple[tuple[float, float], ...]
    gone: float
    answer: str
    failed_before: bool
    seed: int


@attrs.frozen
class Started:
    """A run in the service."""

    id: int
    start: float
    life: Life

    def visible(self, now: float) -> bool:
        """Whether its row is in the list."""
        return now >= self.start + self.life.appears

    def over(self, now: float) -> bool:
        """Whether it has ended."""
        return now >= self.start + max(self.life.lasts, self.life.appears)

    def finished(self, now: float) -> bool:
        """Whether its files are there."""
        return self.over(now) and not self.life.fails


class Service(ByPath):
    """A service that follows a plan, in the order of a virtual clock."""

    def __init__(self, plan: Plan, clock: FakeClock) -> None:
        super().__init__({RUN: self.run, RUNS: self.list, GET: self.get})
        self.plan = plan
        self.clock = clock
        self.random = random.Random(plan.seed)
        old = Life(0, 0)
        self.runs = [Started(number, -1000, old) for number in range(1, plan.history + 1)]
        self.scheduled = sorted(plan.foreign, key=lambda one: one[0])
        self.mine: Started | None = None
        self.shown: list[Started] = []

    def settle(self) -> float:
        """Starts what others start until now."""
        now = self.clock.now()
        while self.scheduled and self.scheduled[0][0] <= now:
            at, life = self.scheduled.pop(0)
            self.runs.append(Started(len(self.runs) + 1, at, life))
        return now

    def trouble(self, now: float) -> Any:
        """What is wrong at the moment."""
        if now >= self.plan.gone:
            return refused(404)
        return next((FAULTS[kind] for since, long, kind in self.plan.ill if since <= now < since + long), None)

    def run(self, _: dict[str, Any]) -> Any:
        """Starts mine, unless it is refused; its answer may get lost."""
        now = self.settle()
        if self.plan.answer != "lost before":
            self.mine = Started(len(self.runs) + 1, now, self.plan.mine)
            self.runs.append(self.mine)
        return ok("Queued!") if self.plan.answer == "ok" else lost()

    def list(self, fields: dict[str, Any]) -> Any:
        """Visible rows in any order; now and then some are hidden."""
        now = self.settle()
        if (wrong := self.trouble(now)) is not None:
            return wrong
        hidden = any(since <= now < since + long for since, long in self.plan.hidden)
        self.shown = [run for run in self.runs if run.visible(now) and not (hidden and run.start >= 0)]
        rows = [run_row(run.id, finished=run.finished(now)) for run in self.shown]
        self.random.shuffle(rows)
        if len(rows) > 50:
            rows.sort(key=lambda row: row["id"] * (1 if self.plan.seed % 2 else -1))  # pages need an order that stays
        return pages_of(rows)(fields)

    def get(self, _: dict[str, Any]) -> Any:
        """The collection: Processing while something works, Failed when the last one failed."""
        now = self.settle()
        if (wrong := self.trouble(now)) is not None:
            return wrong if wrong is not ACCIDENTS["flag"] else lost()
        if any(not run.over(now) for run in self.runs):
            return ok(collection_row(status="Processing"))
        last = max((run for run in self.runs if run.start >= 0), key=lambda run: run.id, default=None)
        failed = self.plan.failed_before if last is None else last.life.fails
        return ok(collection_row(status="Failed" if failed else "Completed"))


seconds = st.floats(0, 200).map(lambda value: round(value, 1))
lives = st.builds(Life, st.sampled_from([0, 1, 20]), st.sampled_from([0, 3, 30, 90, 200, NEVER]), st.booleans())
plans = st.builds(
    Plan,
    history=st.sampled_from([0, 1, 7, 60]),
    mine=lives,
    foreign=st.lists(st.tuples(seconds, lives), max_size=3).map(tuple),
    ill=st.lists(
        st.tuples(seconds.filter(lambda at: at > 0), seconds, st.sampled_from(sorted(FAULTS))), max_size=3
    ).map(tuple),
    hidden=st.lists(st.tuples(seconds.filter(lambda at: at > 0), seconds), max_size=2).map(tuple),
    gone=st.sampled_from([NEVER] * 5 + [50.0]),
    answer=st.sampled_from(["ok"] * 4 + ["lost after", "lost before"]),
    failed_before=st.booleans(),
    seed=st.integers(0, 1000),
)
policies = st.builds(
    PollPolicy,
    poll_interval=st.sampled_from([1.0, 5.0]),
    growth=st.sampled_from([1.0, 1.5, 2.0]),
    max_poll_interval=st.just(20.0),
    wait_timeout=st.sampled_from([0.0, 60.0, 300.0, 300.0]),
    jitter=st.sampled_from([0.0, 0.1]),
)
ATTEMPTS = 2


@attrs.frozen
class End:
    """How a start and its wait ended, when the wait began, and how often it slept."""

    service: Service
    started: StartedRun | None
    outcome: Run | MultiCartError
    begun: float
    sleeps: int


async def ended(plan: Plan, policy: PollPolicy) -> End:
    """Start a run and wait for it, to whatever end."""
    clock = FakeClock()
    service = Service(plan, clock)
    runs = groups_over(service, clock=clock, retry=RetryPolicy(attempts=ATTEMPTS)).runs
    try:
        started = await runs.start(101)
    except OutcomeUnknownError as error:
        return End(service, error.started, error, clock.now(), 0)
    begun, before = clock.now(), len(clock.slept)
    try:
        outcome: Run | MultiCartError = await runs.wait(started, policy=policy)
    except MultiCartError as error:
        outcome = error
    return End(service, started, outcome, begun, len(clock.slept) - before)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(plan=plans, policy=policies)
def test_whatever_the_service_does(plan: Plan, policy: PollPolicy) -> None:
    """The result is new, finished, and the smallest such; one start; bounded calls; an end in time; no invented failure."""
    end = asyncio.run(ended(plan, policy))
    service, started, outcome, now = end.service, end.started, end.outcome, end.service.clock.now()
    assert started is not None
    assert service.count(RUN) == 1

    new = [run for run in service.shown if run.id > started.after_run_id]
    if isinstance(outcome, Run):
        smallest = min(run.id for run in new if run.finished(now))
        assert smallest == outcome.id > started.after_run_id >= plan.history
        assert outcome.ambiguous is (len(new) > 1)
    elif isinstance(outcome, RunFailedError):
        assert plan.failed_before or any(run.life.fails and run.over(now) for run in service.runs if run.start >= 0)
    elif isinstance(outcome, WaitTimeoutError):
        assert pytest.approx(policy.wait_timeout) == now - end.begun
        assert started == outcome.started
    elif isinstance(outcome, OutcomeUnknownError):
        assert plan.answer != "ok"
        assert pytest.approx(30) == now
    elif isinstance(outcome, NotFoundError):
        assert plan.gone <= now
    else:
        assert isinstance(outcome, InvalidResponseError | PermissionDeniedError)
        assert any(kind in ACCIDENTS and since <= now for since, _, kind in plan.ill)
        assert now - end.begun >= 2 * policy.poll_interval * (1 - policy.jitter)  # the third in a row

    assert now - end.begun <= policy.wait_timeout + 20
    pages = math.ceil((len(service.runs) + 1) / 49) + 2  # they overlap by a row, and the last one is empty
    assert end.sleeps <= 1 + policy.wait_timeout / (policy.poll_interval * (1 - policy.jitter))
    assert len(service.sent) <= (len(service.clock.slept) + 3) * ATTEMPTS * (pages + 1)


quiet = st.builds(
    Plan,
    history=st.sampled_from([0, 3, 60]),
    mine=st.builds(Life, st.sampled_from([0, 1, 20]), seconds),
    foreign=st.just(()),
    ill=st.lists(st.tuples(st.floats(1, 50), st.floats(0, 50), st.sampled_from(sorted(PASSING))), max_size=3).map(
        tuple
    ),
    hidden=st.just(()),
    gone=st.just(NEVER),
    answer=st.sampled_from(["ok", "lost after"]),
    failed_before=st.booleans(),
    seed=st.integers(0, 1000),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(plan=quiet, seed=st.integers(0, 10))
def test_a_run_that_ends_well_is_found(plan: Plan, seed: int) -> None:
    """No other run, no failure, any passing trouble that ends: mine comes back, at most one interval after its end."""
    policy = PollPolicy(poll_interval=1 + seed, growth=1.5, max_poll_interval=20, wait_timeout=600)
    found = asyncio.run(ended(plan, policy))
    service, outcome = found.service, found.outcome
    if isinstance(outcome, OutcomeUnknownError):  # its row came later than anybody looks, or trouble hid it
        assert plan.answer == "lost after"
        return

    assert isinstance(outcome, Run), outcome
    assert service.mine is not None
    assert service.mine.id == outcome.id
    healthy = max([since + long for since, long, _ in plan.ill], default=0)
    end = service.mine.start + max(plan.mine.lasts, plan.mine.appears)
    assert service.clock.now() <= max(end, healthy) + 20 * 1.1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(delay=st.sampled_from([0.0, 1.0, 7.0, 25.0]), count=st.integers(2, 4), seed=st.integers(0, 100))
def test_starts_at_once_never_share_a_baseline(delay: float, count: int, seed: int) -> None:
    """However late the rows appear, up to the thirty seconds that a start waits for the one before."""
    plan = Plan(3, Life(delay, 60), (), (), (), NEVER, "ok", failed_before=False, seed=seed)

    async def all_of_them() -> list[StartedRun]:
        clock = FakeClock()
        runs = groups_over(Service(plan, clock), clock=clock).runs
        return await asyncio.gather(*(runs.start(101) for _ in range(count)))

    started = asyncio.run(all_of_them())
    assert list(range(3, 3 + count)) == sorted(one.after_run_id for one in started)
