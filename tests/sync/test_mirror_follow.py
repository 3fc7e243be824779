"""A mirror that is kept up to date until the call is cancelled."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.eventually import until
from support.fakes import FakeClock, FakeTransport
from support.groups import context_over
from support.mirror_kit import HISTORY, LIST, asked, runs_below, stream_of, temporaries

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async._core.clock import Clock
from multicart_async._sync.circuit_breaker import CircuitBreaker
from multicart_async._sync.following import follow_mirror
from multicart_async._sync.options import SyncOptions
from multicart_async.errors import (
    APIConnectionError,
    ArgumentError,
    AuthenticationError,
    ClientClosedError,
    DiskError,
    NotFoundError,
)
from multicart_async.events import Event, SyncCompleted
from multicart_async.models import SyncReport
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import DropBefore, Envelope, RetryLater
from multicart_async.sinks import MemorySink


class Keeper:
    """A client whose pauses take no time; at each, the next of its *steps* is made, and after the last it is cancelled."""

    def __init__(self, client: AsyncMultiCart, events: list[Event]) -> None:
        self.client = client
        self.events = events
        self.pauses: list[float] = []
        self.clock = FakeClock()
        object.__setattr__(client._context, "clock", Clock(now=self.clock.now, sleep=self._sleep))

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(round(seconds))
        await self.clock.sleep(seconds)
        self._steps.pop(0)()

    async def follow(self, dest: Any, *steps: Callable[[], object], **options: Any) -> list[SyncReport]:
        """The reports of the passes: one more than there are steps."""

        async def keep() -> None:
            await self.client.sync(dest, follow=True, **options)

        task = asyncio.ensure_future(keep())
        self._steps = [*steps, task.cancel]
        with pytest.raises(asyncio.CancelledError):
            await task
        return self.reports

    @property
    def reports(self) -> list[SyncReport]:
        return [event.report for event in self.events if isinstance(event, SyncCompleted)]


def nothing() -> None:
    """A pause in which nothing happens."""


@pytest_asyncio.fixture
async def keeper(sandbox: Sandbox) -> AsyncIterator[Keeper]:
    events: list[Event] = []
    async with sandbox.client(retry=RetryPolicy(attempts=1), on_event=events.append) as client:
        yield Keeper(client, events)


def later(sandbox: Sandbox, number: int) -> Callable[[], None]:
    """A run that finishes a minute later."""

    def start() -> None:
        sandbox.advance(60)
        sandbox.start_run(number)
        sandbox.advance(1)

    return start


def ready(sandbox: Sandbox, count: int = 1) -> list[int]:
    """Collections with a finished run each."""
    ids = list(sandbox.add_collections(count, items=2))
    for number in ids:
        sandbox.start_run(number)
    sandbox.advance(1)
    return ids


async def test_a_new_run_is_fetched_in_the_next_pass(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """Each pass has its report."""
    (number,) = ready(sandbox)

    reports = await keeper.follow(tmp_path, later(sandbox, number), nothing)

    assert [(report.ok, report.files, report.skipped) for report in reports] == [
        (True, 1, 0),
        (True, 1, 0),
        (True, 0, 1),
    ]
    assert len(runs_below(tmp_path)) == 2


async def test_pauses_grow_while_nothing_changes(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """The shortest follows a pass that has fetched something."""
    (number,) = ready(sandbox)

    await keeper.follow(tmp_path, *[nothing] * 7, later(sandbox, number), nothing)

    assert keeper.pauses[0] in range(4, 7)
    assert keeper.pauses[7] in range(50, 67)
    assert keeper.pauses[8] in range(4, 7)


async def test_a_pass_that_only_deletes_is_followed_soon() -> None:
    """It is a change, too."""
    reports = [*[SyncReport()] * 4, SyncReport(removed=("101/88",)), SyncReport(skipped=1)]
    clock = FakeClock()

    async def run(*_: object) -> SyncReport:
        if not reports:
            raise ArgumentError("dest", "this is the end")
        return reports.pop(0)

    with pytest.raises(ArgumentError):
        await follow_mirror(run, SyncOptions(), None, context_over(FakeTransport(), clock=clock.clock))

    assert clock.slept[3] > 12
    assert clock.slept[4] < 6


async def test_an_unchanged_account_costs_one_list_per_pass(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """Every tenth pass lists the runs of all."""
    ready(sandbox, 3)
    costs: list[dict[str, int]] = []

    await keeper.follow(tmp_path, *[lambda: costs.append(asked(sandbox))] * 11)

    assert costs[1:9] == [{LIST: 1}] * 8
    assert costs[9] == {LIST: 1, HISTORY: 3}
    assert costs[10] == {LIST: 1}


@pytest.mark.parametrize("wrap", [iter, stream_of], ids=["iterator", "async"])
async def test_a_generator_of_ids_is_read_once(sandbox: Sandbox, keeper: Keeper, tmp_path: Path, wrap: Any) -> None:
    """Its ids are remembered for the later passes."""
    first, second, _ = ready(sandbox, 3)

    reports = await keeper.follow(tmp_path, later(sandbox, second), collections=wrap([first, second]))

    assert [(report.collections, report.files) for report in reports] == [(2, 2), (2, 1)]


@pytest.mark.parametrize("ids", [[0], ["1"], 5])
async def test_a_wrong_id_ends_the_call(keeper: Keeper, tmp_path: Path, ids: Any) -> None:
    """It would be wrong in each pass."""
    with pytest.raises(ArgumentError, match="collections: "):
        await keeper.client.sync(tmp_path, follow=True, collections=ids)
    assert keeper.reports == []


async def test_a_list_that_fails_for_a_while_ends_nothing(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """The pass has no report, and another one follows."""
    ready(sandbox)
    sandbox.faults.add(LIST, Envelope(500), times=1)

    def unreachable() -> None:
        sandbox.faults.add(LIST, DropBefore(), times=1)

    reports = await keeper.follow(tmp_path, unreachable, nothing)

    assert [report.files for report in reports] == [1]


async def test_a_pause_that_the_service_asks_for_is_observed(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """Also if it is longer than the pause between passes."""
    ready(sandbox)
    sandbox.faults.add(LIST, RetryLater(429, 900), times=1)

    await keeper.follow(tmp_path)

    assert keeper.pauses == [900]


async def test_a_list_that_is_rejected_ends_the_call(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """So is a list that is not found, at the third pass in a row."""
    sandbox.faults.add(LIST, Envelope(401), times=None)
    with pytest.raises(AuthenticationError):
        await keeper.client.sync(tmp_path, follow=True)
    sandbox.faults.clear()
    sandbox.faults.add(LIST, Envelope(404), times=None)
    keeper._steps = [nothing] * 5
    with pytest.raises(NotFoundError):
        await keeper.client.sync(tmp_path, follow=True)

    assert len(keeper.pauses) == 2


async def test_a_rejected_key_of_a_run_ends_the_call_with_the_report(
    sandbox: Sandbox, keeper: Keeper, tmp_path: Path
) -> None:
    """It is what a sync without follow returns."""
    ready(sandbox)
    sandbox.faults.add(HISTORY, Envelope(401))

    report = await keeper.client.sync(tmp_path, follow=True)

    assert report.stopped
    assert keeper.reports == [report]


async def test_a_full_disk_ends_the_call_with_the_report(sandbox: Sandbox, keeper: Keeper) -> None:
    """Nothing would fit at the next pass either."""
    ready(sandbox)

    class Full(MemorySink):
        async def put(self, name: str, chunks: Any) -> None:
            raise DiskError(name, "no space left", errno.ENOSPC)

    report = await keeper.client.sync(Full(), follow=True)

    assert report.stopped
    assert isinstance(report.failures[-1].error, DiskError)


async def test_a_run_that_fails_is_tried_again(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """The failure is in the report of its pass."""
    ready(sandbox)
    sandbox.faults.add(HISTORY, Envelope(500), times=1)

    reports = await keeper.follow(tmp_path, nothing)

    assert [(report.failed, report.files) for report in reports] == [(1, 0), (0, 1)]


async def test_a_pass_that_was_stopped_by_the_network_is_followed_by_another(
    sandbox: Sandbox, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may be reachable by then."""
    ready(sandbox)
    monkeypatch.setattr(CircuitBreaker, "record_failure", lambda self, _: setattr(self, "is_open", True))
    sandbox.faults.add(HISTORY, Envelope(500), times=1)

    reports = await keeper.follow(tmp_path, nothing)

    assert [(report.stopped, report.files) for report in reports] == [(True, 0), (False, 1)]


async def test_shard_keep_and_prune_work_in_each_pass(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """Older runs are deleted as soon as newer ones are complete."""
    (number,) = ready(sandbox)

    reports = await keeper.follow(tmp_path, later(sandbox, number), nothing, keep=1, prune=True, shard=(0, 1))

    assert [len(report.removed) for report in reports] == [0, 1, 0]
    assert len(runs_below(tmp_path)) == 1
    assert keeper.pauses[1] in range(4, 7)


async def test_a_cancelled_transfer_leaves_no_temporary_file(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """As without follow."""
    ready(sandbox, 3)
    task = asyncio.ensure_future(keeper.client.sync(tmp_path, follow=True))
    await until(lambda: keeper.events)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert temporaries(tmp_path) == []


async def test_closing_the_client_ends_it(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """During a pause, too."""
    ready(sandbox)
    closing: list[asyncio.Task[None]] = []
    keeper._steps = [lambda: closing.append(asyncio.ensure_future(keeper.client.aclose())), *[nothing] * 1_000]

    with pytest.raises(ClientClosedError):
        await keeper.client.sync(tmp_path, follow=True)
    await closing[0]


async def test_an_error_of_the_listener_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """Also one that looks as if the network had failed."""

    def listener(_: Event) -> None:
        raise APIConnectionError("/x/", "of the listener")

    async with sandbox.client(on_event=listener) as client:
        with pytest.raises(APIConnectionError, match="of the listener"):
            await client.sync(tmp_path, follow=True)


@pytest.mark.parametrize("options", [{"follow": True, "dry_run": True}, {"follow": "yes"}], ids=str)
async def test_a_wrong_use_is_an_error(keeper: Keeper, tmp_path: Path, options: Any) -> None:
    """Nothing was sent."""
    with pytest.raises(ArgumentError, match="follow: "):
        await keeper.client.sync(tmp_path, **options)


async def test_a_sync_without_follow_reports_by_event_too(sandbox: Sandbox, keeper: Keeper, tmp_path: Path) -> None:
    """It is the report that is returned."""
    ready(sandbox)

    report = await keeper.client.sync(tmp_path)

    assert keeper.reports == [report]
