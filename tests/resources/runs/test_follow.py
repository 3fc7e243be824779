"""Each run that finishes is given out once, whatever has started it; in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from support.fake_service import HISTORY, LIST, STEADY, World
from support.fakes import ok, refused
from support.follow_world import at_once
from support.virtual import run_virtually

from multicart_async._http import Response
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    ClientClosedError,
    InvalidResponseError,
    WaitTimeoutError,
)
from multicart_async.models import Run
from multicart_async.resources.runs import _follow_state

TICKS = PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=None)
"""A tick every ten seconds."""


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time no thread can be waited for."""
    monkeypatch.setattr(_follow_state, "run_in_thread", at_once)


class Feed:
    """What `follow` has given out so far, as (moment, run)."""

    def __init__(self, world: World, *, policy: PollPolicy = TICKS, **options: Any) -> None:
        self.world = world
        self.runs = world.runs.follow(policy=policy, **options)
        self.given: list[tuple[float, int]] = []

    async def consume(self) -> None:
        async with aclosing(self.runs):
            async for run in self.runs:
                self.given.append((round(self.world.now()), run.id))

    async def for_seconds(self, seconds: float) -> list[int]:
        """Follow for so long, and then leave; the runs that were given out."""
        task = asyncio.ensure_future(self.consume())
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        else:
            task.result()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return [number for _, number in self.given]


def follow(world: World, seconds: float, **options: Any) -> list[int]:
    """The runs that are given out within so many seconds."""
    found: list[int] = run_virtually(Feed(world, **options).for_seconds(seconds))
    return found


def account(*, old: bool = True) -> World:
    """Two collections: one with an old run and another in progress until second 95, one with a run until second 200."""
    world = World()
    if old:
        world.add(1, ready=-1, shown=-1, run=11)
    world.add(1, ready=95, run=15)
    world.add(2, ready=200, run=20)
    return world


def test_what_finishes_is_given_out() -> None:
    """A run that was unfinished at the start, too; what was finished then is old."""
    assert follow(account(), 400) == [15, 20]


def test_since_all_begins_with_what_is_finished() -> None:
    """In the order of ids."""
    assert follow(account(), 400, since="all") == [11, 15, 20]


def test_a_run_is_given_out_at_the_tick_that_shows_it() -> None:
    """At most one interval after its end."""
    feed = Feed(account())
    run_virtually(feed.for_seconds(400))

    assert feed.given == [(100, 15), (200, 20)]


def test_one_list_per_tick_and_only_changed_runs_are_read() -> None:
    """The first list is read twice. At every tenth tick the runs of all are read."""
    world = account()
    for number in range(3, 10):
        world.add(number, ready=-1, shown=-1, run=number * 100)

    follow(world, 405)

    lists = world.asked(LIST)
    assert len(lists) == 2 + 40
    assert sorted(round(at, -1) for at in world.asked(HISTORY, 9)) == [0, 100, 200, 300, 400]
    assert sorted(round(at, -1) for at in world.asked(HISTORY, 2)) == [0, 100, 200, 300, 400]
    assert world.requests[HISTORY] < 9 * 2 + 4 * 9 + 10


def test_a_new_collection_gives_all_its_runs() -> None:
    """Also one with a lower id, which may have been a draft."""
    world = account()
    world.add(5, ready=40, run=50, listed=False)
    fake = world.fakes[5]

    def appears(path: str, _: int, now: float) -> None:
        fake.listed = now > 55

    world.trouble = appears

    assert follow(world, 400) == [50, 15, 20]


def test_a_collection_missing_in_one_list_is_not_new() -> None:
    """The first list is read twice and joined."""
    world = account()

    def short(path: str, _: int, now: float) -> None:
        world.fakes[1].listed = world.requests[LIST] != 1

    world.trouble = short

    assert follow(world, 400) == [15, 20]


@pytest.mark.parametrize("source", ["list", "async"])
def test_only_the_collections_that_were_named_are_followed(source: str) -> None:
    """One that is not listed is read at every tenth tick."""
    world = account()
    world.add(3, ready=110, run=30, listed=False)

    async def ids() -> AsyncIterator[int]:
        for number in (3, 2, 3):
            yield number

    feed = Feed(world, collections=[3, 2, 3] if source == "list" else ids())
    run_virtually(feed.for_seconds(405))

    assert sorted(feed.given) == [(200, 20), (200, 30)]
    assert len(world.asked(HISTORY, 3)) == 5
    assert world.asked(HISTORY, 1) == []


def test_a_run_waits_for_an_older_one_in_progress() -> None:
    """It is read again at the next ticks, not only when the list changes."""
    world = World()
    world.add(1, ready=35, run=15, shown=35)
    world.add(1, ready=15, run=16, shown=math.inf)

    feed = Feed(world, since="all")
    run_virtually(feed.for_seconds(100))

    assert feed.given == [(40, 15), (40, 16)]


def test_a_failed_run_holds_back_others_for_three_readings() -> None:
    """The collection is in progress all the time."""
    world = World()
    world.add(1, ready=math.inf, run=15, shown=math.inf)
    world.add(1, ready=95, run=16, shown=math.inf)

    feed = Feed(world)
    run_virtually(feed.for_seconds(305))

    assert feed.given == [(120, 16)]
    assert [round(at) for at in world.asked(HISTORY, 1)] == [0, 100, 110, 120, 200, 300]


def test_a_run_that_finishes_late_is_given_late() -> None:
    """It is not lost."""
    world = World()
    world.add(1, ready=180, run=15, shown=math.inf)
    world.add(1, ready=95, run=16, shown=math.inf)

    feed = Feed(world)
    run_virtually(feed.for_seconds(300))

    assert feed.given == [(120, 16), (200, 15)]


def test_nothing_is_given_out_before_the_first_reading_of_all() -> None:
    """What is old must be known, and on disk."""
    world = account()
    world.add(3, ready=-1, shown=-1, run=30)
    world.trouble = lambda path, number, now: 150.0 if number == 3 and now < 10 else None

    feed = Feed(world)
    run_virtually(feed.for_seconds(400))

    assert feed.given == [(150, 15), (200, 20)]


def test_a_reading_that_fails_at_the_start_delays_nothing() -> None:
    """It is repeated at the next ticks; what is finished at its first success is old."""
    world = account()
    world.add(3, ready=-1, shown=-1, run=30)
    world.add(3, ready=250, run=31)
    world.trouble = lambda path, number, now: refused(500) if number == 3 and now < 105 else None

    feed = Feed(world)
    run_virtually(feed.for_seconds(400))

    assert feed.given == [(100, 15), (200, 20), (250, 31)]
    assert len([at for at in world.asked(HISTORY, 3) if at < 109]) == 11


@pytest.mark.parametrize(
    "trouble", [refused(500), APITimeoutError(LIST, "no answer"), OSError("of a session")], ids=repr
)
def test_a_list_that_fails_for_a_while_ends_nothing(trouble: Any) -> None:
    """All are read at the tenth tick all the same."""
    world = account()
    world.trouble = lambda path, _, now: trouble if path == LIST and 35 < now < 145 else None

    feed = Feed(world)
    run_virtually(feed.for_seconds(400))

    assert feed.given == [(100, 15), (200, 20)]


def test_a_pause_that_the_service_asks_for_is_observed() -> None:
    """Nothing is sent meanwhile, neither after a list nor after a reading."""
    world = account()
    wait = {"retry-after": "200"}
    world.trouble = lambda path, number, now: (
        refused(429, headers=wait) if 95 < now < 101 and number in {0, 1} else None
    )

    feed = Feed(world)
    run_virtually(feed.for_seconds(400))

    assert [number for _, number in feed.given] == [15, 20]
    assert [at for at, *_ in world.calls if 101 < at < 299] == []


def test_a_pause_after_a_reading_delays_the_next_list() -> None:
    """The tick that was planned before it is moved."""
    world = account()
    world.trouble = lambda path, number, now: (
        refused(429, headers={"retry-after": "200"}) if 95 < now < 101 and number == 1 else None
    )

    assert sorted(follow(world, 400)) == [15, 20]
    assert [at for at, *_ in world.calls if 101 < at < 299] == []


@pytest.mark.parametrize(
    ("answer", "error", "ticks"),
    [(refused(401), AuthenticationError, 2), (ok({"no": "list"}), InvalidResponseError, 3)],
    ids=["rejected", "odd"],
)
def test_a_list_that_is_rejected_ends_the_feed(answer: Any, error: type[Exception], ticks: int) -> None:
    """As it ends all waits of `wait_many`: not at once, because an accident would do the same."""
    world = account()
    world.trouble = lambda path, _, now: answer if path == LIST and now > 35 else None

    with pytest.raises(error):
        follow(world, 400)
    assert len([at for at in world.asked(LIST) if at > 35]) == ticks


def test_a_deleted_collection_does_not_end_the_feed() -> None:
    """After three answers that it was not found it is no longer read, unless it is listed again."""
    world = account()
    world.add(3, ready=-1, shown=-1, run=30)

    def deleted(path: str, number: int, now: float) -> Any:
        if 35 < now < 330:
            world.fakes[3].listed = False
            return refused(404) if number == 3 else None
        world.fakes[3].listed = True
        return None

    world.trouble = deleted

    assert follow(world, 400) == [15, 20]  # what was old is old when it is listed again
    assert [round(at) for at in world.asked(HISTORY, 3)][:5] == [0, 100, 110, 120, 330]


def test_a_collection_that_is_deleted_during_the_first_readings_is_left_out() -> None:
    """Its run was to be given out once the runs of each collection were read, of which one takes long."""
    world = World()
    world.add(1, ready=95, run=15)
    world.add(2, ready=300, run=20)

    def slow(path: str, number: int, now: float) -> Any:
        world.fakes[1].listed = now < 105
        if number == 1 and now >= 105:
            return refused(404)
        return 250.0 if number == 2 and path == HISTORY and now < 1 else None

    world.trouble = slow

    assert follow(world, 400) == [20]


@pytest.mark.parametrize("listed", [True, False])
def test_a_collection_that_is_rejected_is_read_seldom(listed: bool, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and read again with all others; three times if that may be an accident."""
    world = account()
    world.add(3, ready=-1, shown=-1, run=30, listed=listed)
    world.trouble = lambda path, number, now: refused(403 if not listed else 404) if number == 3 else None

    assert follow(world, 405, collections=[1, 2, 3]) == [15, 20]
    assert "runs of collection 3: " in caplog.text
    assert len(world.asked(HISTORY, 3)) == (13 if listed else 5)


def test_a_proxy_that_does_not_know_the_path_deletes_nothing() -> None:
    """A page that was not found is no answer of the service, so the collection is still followed."""
    world = account()
    world.add(3, ready=-1, shown=-1, run=30, listed=False)
    world.add(3, ready=250, run=31, listed=False)
    page = Response(404, b"<html>not found</html>", {"content-type": "text/html"})
    world.trouble = lambda path, number, now: page if number == 3 and 35 < now < 230 else None

    assert follow(world, 405, collections=[1, 3]) == [15, 31]


def test_a_collection_deleted_while_it_is_read_is_forgotten() -> None:
    """It was to be read again at the next tick, too."""
    world = account()
    world.add(3, ready=15, shown=15, run=30)
    fake = world.fakes[3]
    fake.statuses.append((35, "Pending"))

    def deleted(path: str, number: int, now: float) -> Any:
        if path == LIST and (now < 25 or 35 < now < 45):
            world.fakes[3] = fake
        elif now > 5:
            world.fakes.pop(3, None)
        return 25.0 if number == 3 and 25 < now < 35 else None

    world.trouble = deleted

    assert follow(world, 400) == [15, 20]
    assert [round(at) for at in world.asked(HISTORY, 3)] == [0, 20, 30, 55]


def test_a_run_waits_where_the_status_is_not_listed() -> None:
    """It is not known whether a run is in progress."""
    world = World()
    world.add(1, ready=math.inf, run=15, listed=False)
    world.add(1, ready=-1, run=16, listed=False)

    feed = Feed(world, collections=[1], since="all")
    run_virtually(feed.for_seconds(100))

    assert feed.given == [(20, 16)]


def test_a_run_that_lags_behind_the_status_is_noticed_soon() -> None:
    """The list shows that all runs have ended, and one of them has not finished yet."""
    world = World()
    world.add(1, ready=35, run=15)
    world.add(1, ready=42, run=16, shown=math.inf)

    feed = Feed(world)
    run_virtually(feed.for_seconds(100))

    assert feed.given == [(40, 15), (50, 16)]


def test_ticks_come_sooner_after_a_run() -> None:
    """While nothing ends, they come less and less often."""
    world = account()

    follow(world, 400, policy=PollPolicy(poll_interval=10, growth=2, max_poll_interval=80, jitter=0, wait_timeout=None))

    assert [round(at) for at in world.asked(LIST)] == [0, 0, 10, 30, 70, 150, 230, 240, 250, 270, 310, 390]


def test_a_run_behind_the_first_page_is_found_at_the_tenth_reading() -> None:
    """The other readings of an unchanged collection end at a page that descends to what was given out."""
    world = World()
    world.add(1, ready=150, run=1, shown=math.inf)
    for number in range(2, 80):
        world.add(1, ready=-1, run=number, shown=math.inf)

    feed = Feed(world)
    run_virtually(feed.for_seconds(1_100))

    assert feed.given == [(1_000, 1)]
    assert world.requests[HISTORY] < 9 + 4 * 3


def test_the_limit_counts_from_the_last_run() -> None:
    """It bounds the time without a new one."""
    feed = Feed(account(), policy=PollPolicy(poll_interval=10, growth=1, jitter=0, wait_timeout=150))

    with pytest.raises(WaitTimeoutError, match="no run has finished within 150 s; follow again") as caught:
        run_virtually(feed.for_seconds(1_000))
    assert feed.given == [(100, 15), (200, 20)]
    assert caught.value.__cause__ is None


def test_the_limit_names_the_last_failure_as_its_cause() -> None:
    """The list has failed all the time."""
    world = account()
    world.trouble = lambda path, _, now: refused(500) if path == LIST else None

    with pytest.raises(WaitTimeoutError) as caught:
        follow(world, 1_000, policy=PollPolicy(wait_timeout=60))
    assert "500" in str(caught.value.__cause__)


def test_no_more_readings_than_the_limit_at_a_time() -> None:
    """The initial reading, too."""
    world = World(requests=3)
    for number in range(1, 30):
        world.add(number, ready=-1, shown=-1, run=number)

    follow(world, 5)

    assert world.most["look"] == 3


def test_odd_ids_in_the_list_are_ignored() -> None:
    """The runs of such a collection cannot be requested."""
    world = account()
    world.add(-1, ready=50, run=50)

    assert follow(world, 400) == [15, 20]


def test_ends_that_the_list_shows_are_counted() -> None:
    """A list that has shown a hundred without missing any is trusted: all are read at every fiftieth tick only."""
    world = World()
    world.add(1, ready=-1, shown=-1, run=1_000)  # found at the first reading, which counts for nothing
    for number in range(1, 121):
        world.add(number, ready=5 * number, run=1_000 + number)

    world.add(200, ready=math.inf, run=15, shown=math.inf)  # holds back the next one, which is found by itself
    world.add(200, ready=95, run=16, shown=math.inf)

    assert len(follow(world, 1_600, since="all")) == 122
    assert {round(at, -1) for at in world.asked(HISTORY, 1) if at > 620} == {1_000, 1_500}


def test_first_readings_prove_nothing() -> None:
    """The list has not shown the ends of what was finished before it."""
    world = World()
    for number in range(1, 121):
        world.add(number, ready=-1, shown=-1, run=number)

    assert len(follow(world, 305, since="all")) == 120
    assert [round(at, -1) for at in world.asked(HISTORY, 1)] == [0, 100, 200, 300]


# interruptions, and the state


def interrupted(world: World, *parts: tuple[float, float], state: Path, **options: Any) -> list[list[int]]:
    """What each process is given, of those that run from one moment to another."""

    async def story() -> list[list[int]]:
        found: list[list[int]] = []
        for begin, end in parts:
            await asyncio.sleep(max(0.0, begin - world.now()))
            found.append(await Feed(world, state=state, **options).for_seconds(end - world.now()))
        return found

    done: list[list[int]] = run_virtually(story())
    return done


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    """What finishes while no process runs is given out by the next; nothing twice, and since has no effect then."""
    world = account()
    world.add(2, ready=350, run=21)

    given = interrupted(world, (0, 50), (150, 180), (210, 400), state=tmp_path / "state")

    assert given == [[], [15], [20, 21]]


def test_what_is_old_is_on_disk_before_a_run_is_given_out(tmp_path: Path) -> None:
    """Also what became known at the same moment as that run."""
    world = account()
    world.add(3, ready=95, run=30)
    world.trouble = lambda path, number, now: refused(500) if number == 3 and now < 95 else None
    state = tmp_path / "state"

    async def story() -> tuple[int, bytes]:
        async with aclosing(world.runs.follow(state=state, policy=TICKS)) as runs:
            return await first(runs), state.read_bytes()

    number, content = run_virtually(story())

    assert number == 15
    assert b'{"collection": 3, "floor": 0, "recent": [30], "open": []}' in content


def test_a_restart_in_the_first_reading_loses_nothing(tmp_path: Path) -> None:
    """What was finished is old only where the runs were read, so old runs of other collections may be given out."""
    world = account()
    world.add(3, ready=20, run=30)
    world.trouble = lambda path, number, now: 60.0 if number == 3 and now < 10 else None

    given = interrupted(world, (0, 10), (20, 50), (100, 400), state=tmp_path / "state")

    assert given == [[], [30], [15, 20]]


def test_a_first_call_that_lists_nothing_has_not_begun(tmp_path: Path) -> None:
    """Otherwise a key that was mistyped would make all old runs new."""
    world = account()
    world.trouble = lambda path, _, now: refused(401) if now < 30 else None

    with pytest.raises(AuthenticationError):
        interrupted(world, (0, 25), state=tmp_path / "state", policy=PollPolicy(poll_interval=5, jitter=0, growth=1))

    assert follow(account(), 400, state=tmp_path / "state") == [15, 20]


def test_a_run_is_acknowledged_when_the_next_is_requested(tmp_path: Path) -> None:
    """One that was still handled at the crash is given out again."""
    world = account()

    async def story() -> list[list[int]]:
        found: list[list[int]] = []
        for count in (1, 1, 2):
            async with aclosing(world.runs.follow(state=tmp_path / "state", policy=TICKS)) as runs:
                found.append([(await anext(runs)).id for _ in range(count)])
        return found

    assert run_virtually(story()) == [[15], [15], [15, 20]]


def test_two_processes_cannot_use_one_state(tmp_path: Path) -> None:
    """The second is told so at once."""
    world = account()

    async def story() -> None:
        async with aclosing(world.runs.follow(state=tmp_path / "state", policy=TICKS)) as runs:
            await anext(runs)
            await anext(world.runs.follow(state=tmp_path / "state", policy=TICKS))

    with pytest.raises(ArgumentError, match="in use by another process"):
        run_virtually(story())


def test_other_collections_keep_their_state(tmp_path: Path) -> None:
    """A call that follows only some does not forget what was given out of the others."""
    given = [
        follow(account(), 120, state=tmp_path / "state", since="all"),
        follow(account(), 300, state=tmp_path / "state", collections=[2]),
        follow(account(), 300, state=tmp_path / "state"),
    ]

    assert given == [[11, 15], [20], []]


# closing


async def first(runs: AsyncGenerator[Run, None]) -> int:
    return (await anext(runs)).id


def ending(world: World, end: Callable[[AsyncGenerator[Run, None]], Coroutine[Any, Any, None]], state: Path) -> None:
    async def story() -> None:
        runs = world.runs.follow(state=state, policy=TICKS)
        assert await first(runs) == 15
        await end(runs)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        async with aclosing(world.runs.follow(state=state, policy=TICKS)) as again:  # the lock is free
            world.lifetime.closed = False
            assert await first(again) == (15 if end is left else 20)

    run_virtually(story())
    assert [path.name for path in state.parent.iterdir()] == ["state"]


async def left(runs: AsyncGenerator[Run, None]) -> None:
    await runs.aclose()


async def cancelled(runs: AsyncGenerator[Run, None]) -> None:
    task = asyncio.ensure_future(first(runs))
    await asyncio.sleep(30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("end", [left, cancelled])
def test_a_feed_that_ends_leaves_nothing(end: Any, tmp_path: Path) -> None:
    """No task, no lock, no file but the state."""
    ending(account(), end, tmp_path / "state")


@pytest.mark.parametrize("waiting", [True, False])
def test_closing_the_client_ends_it(waiting: bool, tmp_path: Path) -> None:
    """While it waits, and while the consumer handles a run, which is acknowledged."""
    world = account()

    async def closed(runs: AsyncGenerator[Run, None]) -> None:
        task = asyncio.ensure_future(first(runs)) if waiting else None
        await asyncio.sleep(30)
        await world.lifetime.shutdown()
        with pytest.raises(ClientClosedError):
            await (task or first(runs))

    ending(world, closed, tmp_path / "state")


def test_a_closed_client_creates_no_state(tmp_path: Path) -> None:
    """It says so at once."""
    world = account()

    async def story() -> None:
        await world.lifetime.shutdown()
        with pytest.raises(ClientClosedError):
            await first(world.runs.follow(state=tmp_path / "state"))

    run_virtually(story())
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("collections", [1, "2"]),
        ("collections", "12"),
        ("since", "yesterday"),
        ("policy", 5),
        ("state", 5),
        ("state", "s3://bucket/state"),
    ],
)
def test_a_wrong_argument_is_an_error_at_once(argument: str, value: Any) -> None:
    """Nothing was sent."""
    with pytest.raises(ArgumentError, match=f"{argument}: "):
        World().runs.follow(**{argument: value})


def test_a_wrong_id_of_a_generator_is_an_error() -> None:
    """Nothing was sent."""
    world = account()

    with pytest.raises(ArgumentError, match="collections: expected a positive integer"):
        follow(world, 10, collections=iter([1, 0]))
    assert world.calls == []


def test_the_default_policy_waits_without_a_limit() -> None:
    """A day without a run is nothing unusual."""
    world = account()
    world.add(3, ready=90_000, run=30)

    async def story() -> list[int]:
        async with aclosing(world.runs.follow()) as runs:
            return [await first(runs) for _ in range(3)]

    assert run_virtually(story()) == [15, 20, 30]
    assert STEADY.wait_timeout is not None
