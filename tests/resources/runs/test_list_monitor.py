"""Which collections are polled, judged by the list of all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from multicart_async.models import Collection
from multicart_async.resources.runs._list_monitor import (
    CONFIRM,
    CONFIRM_RARELY,
    EXTRA_POLLS,
    LATER,
    TRUSTED,
    ListMonitor,
)


def rows_of(status: str, minute: int = 0, *collection_ids: int) -> dict[int, Collection]:
    """A list in which all collections have one status and were updated in one minute."""
    moment = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    return {
        number: Collection(id=number, schedule_status=status, updated_at=moment) for number in collection_ids or (1,)
    }


def select(monitor: ListMonitor, rows: dict[int, Collection], **expired: Any) -> list[tuple[int, bool]]:
    """Tick, and select."""
    monitor.tick()
    return monitor.select(rows, expired.get("expired", frozenset()))


def test_a_row_that_changes_is_polled_once() -> None:
    """The first row of a run is a change: what was seen before it does not concern it."""
    monitor = ListMonitor()
    monitor.watch(1)

    assert select(monitor, rows_of("Completed")) == [(1, True)]
    assert select(monitor, rows_of("Completed")) == []
    assert select(monitor, rows_of("Completed", 1)) == [(1, True)]


def test_a_collection_at_work_is_not_polled() -> None:
    """Its run cannot have finished."""
    monitor = ListMonitor()
    monitor.watch(1)

    assert [select(monitor, rows_of("Processing", minute)) for minute in range(3)] == [[], [], []]


def test_a_collection_that_stops_working_is_polled_again() -> None:
    """Its run may lag behind its status by a tick or two."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Processing"))

    polled = [select(monitor, rows_of("Completed", 1)) for _ in range(EXTRA_POLLS + 3)]

    assert polled == [[(1, True)]] * (1 + EXTRA_POLLS) + [[], []]


def test_a_run_that_lags_far_behind_is_polled_ever_later() -> None:
    """After the extra polls, each comes three times as many lists after the change as the last; a new change restarts it."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Processing"))

    monitor.tick(between=True)  # so that none is a poll of all
    polled = [age for age in range(60) if monitor.select(rows_of("Completed", 1), frozenset())]
    again = [bool(select(monitor, rows_of("Completed", 2))) for _ in range(EXTRA_POLLS + 2)]

    assert polled == [0, 1, 2, 2 * LATER, 2 * LATER**2, 2 * LATER**3]
    assert again == [True] * (1 + EXTRA_POLLS) + [False]


def test_a_run_found_long_after_its_row_was_not_missed() -> None:
    """The list has shown the end before the run was finished, so it has hidden nothing."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Processing"))
    monitor.run_finished(1, shown=True)
    select(monitor, rows_of("Completed", 1))
    monitor.run_finished(1, shown=False)

    select(monitor, rows_of("Completed", 1))

    assert monitor.shows_ends


def test_a_collection_at_work_again_can_be_missed() -> None:
    """What the list has shown of an earlier run does not count for the one that is processed now."""
    monitor = ListMonitor()
    monitor.watch(1)
    for status in ("Processing", "Completed", "Processing"):
        select(monitor, rows_of(status))
    monitor.run_finished(1, shown=True)
    monitor.run_finished(1, shown=False)

    select(monitor, rows_of("Processing"))

    assert not monitor.shows_ends


def test_only_changes_are_polled_between_two_ticks() -> None:
    """What is not listed, what is Failed and the polls of all are left to the ticks; the last poll of a wait is not."""
    monitor = ListMonitor()
    for number in range(1, 5):
        monitor.watch(number)
    before = {**rows_of("Processing", 0, 1, 2), **rows_of("Failed", 0, 3)}
    for _ in range(CONFIRM):
        select(monitor, before)
    monitor.tick(between=True)
    unchanged = monitor.select(before, frozenset())
    changed = monitor.select({**before, **rows_of("Completed", 1, 1)}, {2, 4})

    assert unchanged == []
    assert changed == [(1, True), (2, False), (4, False)]


def test_a_collection_that_is_not_listed_is_always_polled() -> None:
    """A draft, or a category scrape."""
    monitor = ListMonitor()
    monitor.watch(1)

    assert [select(monitor, {}) for _ in range(2)] == [[(1, False)], [(1, False)]]


def test_an_expired_wait_is_polled_whatever_its_row_says() -> None:
    """For the last time; the row is left for other runs of the collection."""
    monitor = ListMonitor()
    monitor.watch(1)

    assert select(monitor, rows_of("Processing"), expired={1}) == [(1, False)]


def test_a_failed_collection_is_polled_at_each_tick() -> None:
    """The status may be of an earlier run, and is trusted only if it stays."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Failed"))

    assert select(monitor, rows_of("Failed")) == [(1, False)]


def test_all_are_polled_at_every_tenth_tick() -> None:
    """Nothing documents that the row changes when the run has finished."""
    monitor = ListMonitor()
    monitor.watch(1)

    polled = [bool(select(monitor, rows_of("Processing"))) for _ in range(2 * CONFIRM)]

    assert [number for number, one in enumerate(polled, 1) if one] == [CONFIRM, 2 * CONFIRM]


def test_a_list_that_shows_the_end_of_runs_is_confirmed_rarely() -> None:
    """Until it misses one."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Processing"))
    for _ in range(TRUSTED):
        monitor.run_finished(1, shown=True)

    rarely = [bool(select(monitor, rows_of("Processing"))) for _ in range(1, CONFIRM_RARELY)]
    monitor.run_finished(1, shown=False)
    select(monitor, rows_of("Processing"))
    often = [bool(select(monitor, rows_of("Processing"))) for _ in range(CONFIRM)]

    assert (rarely.count(True), often.count(True)) == (1, 1)


def test_a_run_that_the_list_shows_a_tick_later_was_not_missed() -> None:
    """It was found a moment before, by a poll that was made to be sure."""
    monitor = ListMonitor()
    monitor.watch(1)
    select(monitor, rows_of("Processing"))
    for _ in range(TRUSTED):
        monitor.run_finished(1, shown=True)
    monitor.run_finished(1, shown=False)

    select(monitor, rows_of("Completed", 1))

    assert sum(bool(select(monitor, rows_of("Processing", 2))) for _ in range(CONFIRM)) == 0


def test_a_collection_that_is_forgotten_is_not_selected() -> None:
    """Nor any, once all are."""
    monitor = ListMonitor()
    for number in (1, 2, 3):
        monitor.watch(number)
    monitor.forget(1)
    selected = select(monitor, rows_of("Completed", 0, 1, 2, 3))
    monitor.clear()

    assert selected == [(2, True), (3, True)]
    assert select(monitor, rows_of("Completed", 1, 1, 2, 3)) == []
