"""What `wait_many` asks the service, and when: one list for all, history only where there is a reason."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import attrs
import pytest
from support.fake_service import GET, HISTORY, LIST, STEADY, World
from support.fakes import ok
from support.virtual import run_virtually

from multicart_async._http import Response
from multicart_async.errors import WaitTimeoutError
from multicart_async.models import StartedRun
from multicart_async.resources.runs._bulk import BulkRuns
from multicart_async.resources.runs._wait_many import RunWaiter

NEVER = math.inf


def between(moments: list[float], start: float, end: float) -> list[float]:
    return [at for at in moments if start < at < end]


def for_seconds(seconds: float):
    """A tick every ten seconds, at 0, 10, 20 … and a bit, and no longer than that."""
    return attrs.evolve(STEADY, wait_timeout=seconds)


@pytest.mark.parametrize("many", [3, 300])
def test_one_list_call_in_each_tick_watches_all(many: int) -> None:
    """However many runs are waited for, a tick is one list call."""
    world = World()

    told = world.wait(*(world.add(number, ready=74) for number in range(1, many + 1)))

    assert many == len(told)
    assert [round(at) for at in world.asked(LIST)] == [10, 20, 30, 40, 50, 60, 70, 80]


def test_history_is_asked_for_rows_that_changed() -> None:
    """Between the confirmations, a collection whose row stays as it was costs nothing."""
    world = World()
    started = [world.add(1, ready=35), *(world.add(number, ready=NEVER) for number in range(2, 6))]

    world.wait(*started, policy=for_seconds(80))

    assert [round(at) for at in between(world.asked(HISTORY), 10.1, 79)] == [40]
    assert len(between(world.asked(HISTORY, 1), 10.1, 79)) == 1


def test_the_first_list_asks_for_what_is_not_at_work() -> None:
    """A row that does not say Processing may stand for a run that has ended before anybody looked."""
    world = World()
    started = [world.add(number, ready=0, shown=0) for number in range(1, 31)]

    told = world.wait(*started)

    assert len(told) == 30
    assert max(each.at for each in told) < 11


@pytest.mark.parametrize(("older", "rest"), [(0, 1), (1, 1), (60, 2)])
def test_an_end_is_believed_when_all_pages_are_read(older: int, rest: int) -> None:
    """A look is one page while the run is not listed; when it is finished the rest is read, and an empty page."""
    world = World()
    for number in range(1, older + 1):
        world.add(1, ready=-9, shown=NEVER, run=number)
    world.add(1, ready=25, run=older + 1)
    world.fakes[1].runs[-1] = (older + 1, 25.0, 25.0)

    world.wait(StartedRun(1, older))

    assert world.requests[HISTORY] == len(world.asked(HISTORY)) + rest


def test_every_tenth_tick_all_are_asked() -> None:
    """Nothing documents that a row changes when its run ends, so the rows are not believed for ever."""
    world = World()
    started = [world.add(number, ready=NEVER) for number in range(1, 6)]

    world.wait(*started, policy=for_seconds(215))

    for number in range(1, 6):
        assert [round(at) for at in between(world.asked(HISTORY, number), 5, 210)] == [90, 190]


def test_a_run_with_an_unchanged_row_is_found_at_tick_ten() -> None:
    """A run whose row never changes is found at the tenth tick."""
    world = World()
    hidden = world.add(1, ready=15, shown=NEVER)
    told = world.wait(hidden, *(world.add(number, ready=150) for number in range(2, 6)))

    assert hidden == told[0].outcome.key
    assert round(told[0].at) == 90


def test_a_run_that_lags_behind_its_row_is_asked_for_again() -> None:
    """The row says Completed before the files are there: two more looks, and no wait for the tenth tick."""
    world = World()
    started = [world.add(1, ready=45, shown=25), *(world.add(number, ready=200) for number in range(2, 6))]

    told = world.wait(*started)

    assert round(told[0].at) == 50
    assert [round(at) for at in between(world.asked(HISTORY, 1), 10.1, 80)] == [30, 40, 50]


def test_fewer_than_three_are_asked_directly() -> None:
    """A list of all collections would cost more than two looks."""
    world = World()

    told = world.wait(world.add(1, ready=25, shown=NEVER), world.add(2, ready=45, shown=NEVER))

    assert [round(each.at) for each in told] == [30, 50]
    assert not world.asked(LIST)


def test_the_last_two_of_many_are_asked_directly() -> None:
    """When so many have ended that fewer than three are left, the list is no longer asked for."""
    world = World()
    started = [world.add(1, ready=35), *(world.add(number, ready=75, shown=NEVER) for number in (2, 3))]

    told = world.wait(*started)

    assert [round(each.at) for each in told] == [40, 80, 80]
    assert [round(at) for at in world.asked(LIST)] == [10, 20, 30, 40]


def test_a_collection_that_is_not_listed_is_asked_directly() -> None:
    """Drafts and category scrapes have no row to be watched by; the others go on being watched by theirs."""
    world = World()
    unlisted = world.add(1, ready=35, listed=False)

    told = world.wait(unlisted, *(world.add(number, ready=65) for number in range(2, 6)))

    assert unlisted == told[0].outcome.key
    assert round(told[0].at) == 40
    assert [round(at) for at in between(world.asked(HISTORY, 1), 5, 99)] == [10, 20, 30, 40]
    assert [round(at) for at in between(world.asked(HISTORY, 5), 5, 99)] == [70]


def test_after_100_ends_in_the_list_all_are_polled_every_50() -> None:
    """After a hundred ends that the list has shown, all collections are polled only in every fiftieth tick."""
    world = World()
    started = [world.add(number, ready=35) for number in range(1, 121)]
    started += [world.add(number, ready=NEVER) for number in range(121, 125)]

    world.wait(*started, policy=for_seconds(545))

    assert [round(at) for at in between(world.asked(HISTORY, 123), 15, 540)] == [490]


def test_one_hidden_end_restores_polls_at_every_tenth_tick() -> None:
    """One end that a trusted list did not show brings back the polls of all at every tenth tick."""
    world = World()
    started = [world.add(number, ready=35) for number in range(1, 121)]
    started += [world.add(number, ready=NEVER) for number in range(121, 125)]
    started += [world.add(125, ready=200, shown=NEVER)]

    told = world.wait(*started, policy=for_seconds(745))

    assert round(told[120].at) == 490
    assert [round(at) for at in between(world.asked(HISTORY, 123), 15, 740)] == [490, 590, 690]


@pytest.mark.parametrize(
    ("shown", "confirmed"), [(95, []), (NEVER, [190])], ids=["shown by the next list", "never shown"]
)
def test_an_end_is_hidden_only_if_the_next_list_hides_it(shown: float, confirmed: list[int]) -> None:
    """An end that a poll finds before the row changed counts as hidden only if the next list does not show it either."""
    world = World()
    started = [world.add(number, ready=35) for number in range(1, 100)]
    started += [world.add(100, ready=85, shown=shown)]  # found by the look at all, at 90
    started += [world.add(number, ready=105) for number in range(101, 106)]
    started += [world.add(number, ready=NEVER) for number in range(106, 110)]

    world.wait(*started, policy=for_seconds(245))

    assert confirmed == [round(at) for at in between(world.asked(HISTORY, 108), 100, 240)]


def test_ends_found_by_polls_do_not_make_the_list_trusted() -> None:
    """Ends that were found by polling all do not count in favour of the list, even if it shows them afterwards."""
    world = World()
    started = [world.add(number, ready=85, shown=95) for number in range(1, 121)]
    started += [world.add(number, ready=NEVER) for number in range(121, 125)]

    world.wait(*started, policy=for_seconds(245))

    assert [round(at) for at in between(world.asked(HISTORY, 123), 15, 240)] == [90, 190]


def test_a_slow_poll_of_a_changed_row_counts_for_the_list() -> None:
    """An end that the list showed counts for it, also if polls of all begin before the slow poll of that row ends."""
    world = World(trouble=lambda path, number, now: 35.0 if number == 100 and 55 < now < 65 else None)
    started = [world.add(number, ready=35) for number in range(1, 100)]
    started += [world.add(100, ready=55), *(world.add(number, ready=NEVER) for number in range(101, 105))]

    world.wait(*started, policy=for_seconds(245))

    assert [round(at) for at in between(world.asked(HISTORY, 103), 15, 240)] == [90]


@pytest.mark.parametrize("listed", [True, False])
def test_there_is_one_poll_of_a_collection_at_a_time(listed: bool) -> None:
    """A look that takes longer than a tick is not joined by another, also if the row changes meanwhile."""
    world = World(trouble=lambda path, number, now: 25.0 if number == 1 else None)
    started = [world.add(1, ready=200, listed=listed), *(world.add(number, ready=300) for number in range(2, 6))]
    world.fakes[1].statuses += [(float(moment), "Completed") for moment in range(35, 200, 10)]

    told = world.wait(*started)

    assert len(told) == 5
    assert world.most[1] == 1


def test_looks_are_bounded_by_the_limit_on_requests() -> None:
    """However many rows change at once, so many looks are under way and no more."""
    world = World(latency=0.5, requests=3)

    told = world.wait(*(world.add(number, ready=35) for number in range(1, 41)))

    assert len(told) == 40
    assert world.most["look"] == 3
    assert world.most["list"] == 1


def test_a_changed_row_is_polled_before_routine_polls() -> None:
    """A changed row is polled in the next tick, before the rest of a routine poll of all, which takes forty seconds more."""
    world = World(latency=0.5, requests=1)
    started = [world.add(number, ready=NEVER) for number in range(1, 41)]
    started.append(world.add(41, ready=96))

    told = world.wait(*started, policy=for_seconds(200))

    assert told[0].id == 41
    assert told[0].at < 107  # a tick is half a second longer here, for the list
    assert between(world.asked(HISTORY, 40), told[0].at, 199)


def test_ticks_slow_down_until_a_run_ends() -> None:
    """The pause between ticks grows up to its bound while nothing ends, and an end resets it."""
    world = World(latency=0)
    policy = attrs.evolve(STEADY, growth=2, max_poll_interval=40)
    started = [world.add(number, ready=140) for number in range(1, 6)]
    started += [world.add(number, ready=215) for number in range(6, 11)]

    world.wait(*started, policy=policy)

    assert [round(at) for at in world.asked(LIST)] == [10, 20, 40, 80, 120, 160, 200, 210, 230]


def test_ticks_are_spread() -> None:
    """Many programs that wait do not ask in step."""
    world = World(latency=0)

    world.wait(*(world.add(number, ready=500) for number in range(1, 6)), policy=attrs.evolve(STEADY, jitter=0.5))

    moments = world.asked(LIST)
    pauses = {round(later - earlier, 3) for earlier, later in pairwise(moments)}
    assert len(pauses) > len(moments) / 2
    assert min(pauses) >= 5
    assert max(pauses) <= 15


def test_a_poll_reads_the_status_only_of_an_unfinished_run() -> None:
    """A poll that finds the finished run sends no second call for the collection's status."""
    world = World()

    world.wait(*(world.add(number, ready=35) for number in range(1, 31)))

    assert not between(world.asked(GET), 10.1, 99)


def test_timeouts_do_not_make_the_list_polled_without_pause() -> None:
    """While the last polls of many expired waits run, the list is requested at its usual pace."""
    world = World(latency=0.4, requests=2)

    told = world.wait(*(world.add(number, ready=NEVER) for number in range(1, 41)), policy=for_seconds(50))

    assert len(told) == 40
    assert max(each.at for each in told) < 71  # a look has two pages and the status, and a second at the end
    assert len(world.asked(LIST)) <= 7


async def staggered(world: World, many: int, apart: float):
    """Runs that never end, taken in one after the other."""
    for number in range(1, many + 1):
        yield world.add(number, ready=NEVER)
        await asyncio.sleep(apart)


def test_patience_that_ends_is_no_reason_to_list_all() -> None:
    """Each gets its last look when its own patience ends; the list keeps its pace."""
    world = World()

    told = run_virtually(world.outcomes(staggered(world, 60, 0.25), policy=for_seconds(100)))

    assert len(told) == 60
    assert {type(each.outcome.error) for each in told} == {WaitTimeoutError}
    assert all(later - earlier >= 9.9 for earlier, later in pairwise(world.asked(LIST)))


def test_a_change_seen_during_a_poll_gets_another_poll() -> None:
    """A row that changes during a poll is polled again, because that poll may have been answered before the end."""
    world = World()
    at_work = [world.add(number, ready=NEVER) for number in range(2, 6)]

    def trouble(path: str, number: int, _: float) -> Response | None:
        first = path == HISTORY and number == 1 and not world.asked(HISTORY, 1)[1:]
        world.latency = 25 if first else 0.001
        return ok([]) if first else None

    world.trouble = trouble
    early = world.add(1, ready=15, shown=15)
    world.fakes[1].statuses = [(0.0, "Pending"), (15.0, "Completed")]  # is asked at once, for it is not at work
    told = world.wait(early, *at_work, policy=for_seconds(80))

    assert early == told[0].outcome.key
    assert told[0].at < 40


def test_an_end_listed_while_a_poll_finds_it_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends that the list shows during a long poll of all at the tenth tick count in favour of the list."""
    world = World(latency=0.5, requests=1)
    world.trouble = lambda path, *_: 0.001 if path == LIST else None
    started = [world.add(number, ready=number, shown=number) for number in range(1, 131)]
    started += [world.add(number, ready=NEVER) for number in range(131, 161)]

    waits: list[RunWaiter] = []
    made = BulkRuns._waits
    monkeypatch.setattr(BulkRuns, "_waits", lambda self, policy: waits.append(made(self, policy)) or waits[-1])
    world.wait(*started, policy=for_seconds(400))

    assert waits[0]._monitor._list_misses == 0
    assert waits[0]._monitor._list_hits >= 100
