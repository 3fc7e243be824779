"""Which runs of a collection are given out, in which order, and what is remembered of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async.models import Run
from multicart_async.resources.runs._follow_delivery import CONFIRMATIONS, MAX_OPEN, RECENT, DeliveredRuns


def runs(**finished: bool) -> list[Run]:
    """Runs by id, as ``runs(r5=True)``, in the order of the arguments."""
    return [
        Run(id=int(name[1:]), collection=1, is_download_generated=is_finished) for name, is_finished in finished.items()
    ]


def finished(*ids: int) -> list[Run]:
    return [Run(id=number, collection=1, is_download_generated=True) for number in ids]


def selected(
    delivered: DeliveredRuns, found: list[Run], *, in_progress: bool = False, settle: bool = True
) -> list[int]:
    """What one complete reading gives; each is settled, as when it was given out."""
    ids = [run.id for run in delivered.select(found, in_progress=in_progress)]
    for number in ids if settle else ():
        delivered.settle(number)
    return ids


def test_finished_runs_are_given_once_in_the_order_of_ids() -> None:
    """Whatever the order of the list is."""
    delivered = DeliveredRuns()

    assert selected(delivered, finished(7, 5, 6)) == [5, 6, 7]
    assert selected(delivered, finished(7, 5, 6)) == []
    assert selected(delivered, finished(8, 7, 5, 6)) == [8]


def test_an_unfinished_run_is_not_given() -> None:
    """It is given when it has finished."""
    delivered = DeliveredRuns()

    assert selected(delivered, runs(r5=False)) == []
    assert selected(delivered, runs(r5=True)) == [5]


def test_what_is_old_is_not_given() -> None:
    """What was unfinished at the beginning is given when it finishes, also if a later run is old."""
    delivered = DeliveredRuns()
    delivered.settle_finished(runs(r5=True, r6=False, r7=True, r8=False))

    assert selected(delivered, runs(r5=True, r6=False, r7=True, r8=True)) == [8]
    assert selected(delivered, runs(r5=True, r6=True, r7=True, r8=True)) == [6]


def test_a_run_waits_for_an_older_one_in_progress() -> None:
    """Both come in order."""
    delivered = DeliveredRuns()

    assert selected(delivered, runs(r6=True, r5=False), in_progress=True) == []
    assert delivered.is_holding
    assert selected(delivered, runs(r6=True, r5=True), in_progress=True) == [5, 6]
    assert not delivered.is_holding


def test_a_run_does_not_wait_if_nothing_is_in_progress() -> None:
    """The older one has failed, or is late."""
    delivered = DeliveredRuns()

    assert selected(delivered, runs(r6=True, r5=False)) == [6]
    assert not delivered.is_holding


def test_a_run_waits_only_for_so_many_readings() -> None:
    """A failed run stays unfinished, and its collection may be in progress all the time."""
    delivered = DeliveredRuns()

    given_out = [selected(delivered, runs(r6=True, r5=False), in_progress=True) for _ in range(CONFIRMATIONS + 1)]

    assert given_out == [[]] * (CONFIRMATIONS - 1) + [[6], []]


def test_each_unfinished_run_is_confirmed_for_itself() -> None:
    """The older one has been confirmed already, the younger one has not."""
    delivered = DeliveredRuns()
    for _ in range(CONFIRMATIONS - 1):
        selected(delivered, runs(r6=True, r5=False), in_progress=True)

    assert selected(delivered, runs(r8=True, r7=False, r6=True, r5=False), in_progress=True) == [6]
    assert selected(delivered, runs(r8=True, r7=False, r6=True, r5=False), in_progress=True) == []
    assert selected(delivered, runs(r8=True, r7=False, r6=True, r5=False), in_progress=True) == [8]


def test_a_failed_run_holds_back_one_run_at_most() -> None:
    """Once a later one was given out, the order is broken anyway."""
    delivered = DeliveredRuns()
    selected(delivered, runs(r6=True, r5=False))

    assert selected(delivered, runs(r7=True, r6=True, r5=False), in_progress=True) == [7]


def test_a_run_that_finishes_late_is_given_late() -> None:
    """It is not lost, however many were given out meanwhile."""
    delivered = DeliveredRuns()
    selected(delivered, [*runs(r5=False), *finished(*range(6, 6 + 3 * RECENT))])

    assert delivered.floor > 5
    assert delivered.open == [5]
    assert selected(delivered, finished(5)) == [5]
    assert delivered.open == []
    assert selected(delivered, finished(5)) == []


def test_a_run_that_is_listed_late_is_given_late() -> None:
    """Its successors are remembered one by one."""
    delivered = DeliveredRuns()
    selected(delivered, finished(6, 7))

    assert selected(delivered, finished(5, 6, 7)) == [5]


def test_only_recent_runs_are_remembered_one_by_one() -> None:
    """So the size of the record does not depend on the number of runs."""
    delivered = DeliveredRuns()
    selected(delivered, finished(*range(1, 1_001)))

    assert delivered.to_line() == {"floor": 1_000 - RECENT, "recent": [*range(1_001 - RECENT, 1_001)], "open": []}


def test_the_oldest_of_many_failed_runs_are_given_up() -> None:
    """Each of them was followed by so many others that have not finished."""
    delivered = DeliveredRuns()
    for number in range(1, 4 * MAX_OPEN, 2):
        failed = [Run(id=each, collection=1, is_download_generated=False) for each in range(1, number + 1, 2)]
        selected(delivered, [*failed, *finished(number + 1)])

    assert len(delivered.open) == MAX_OPEN
    assert selected(delivered, finished(1)) == []
    assert selected(delivered, finished(delivered.open[0])) != []


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_that_is_no_id_is_never_given(number: int) -> None:
    """Nor is it remembered."""
    delivered = DeliveredRuns()
    delivered.settle_finished(finished(3, number))

    assert delivered.top == 3
    assert selected(delivered, finished(number)) == []


def test_a_run_settled_twice_is_remembered_once() -> None:
    """Nothing else changes."""
    delivered = DeliveredRuns()
    delivered.settle(5)
    delivered.settle(5)

    assert delivered.recent == [5]


def test_what_is_awaited_is_known() -> None:
    """An unfinished run above a given one may still finish."""
    delivered = DeliveredRuns()
    assert not delivered.awaits_above(0)

    delivered.select(runs(r5=False, r6=True), in_progress=False)

    assert delivered.awaits_above(4)
    assert not delivered.awaits_above(6)


def test_a_record_is_kept_as_a_line() -> None:
    """A new one is empty, and needs none."""
    delivered = DeliveredRuns()
    assert delivered.is_empty
    selected(delivered, [*runs(r5=False), *finished(*range(6, 20))])

    again = DeliveredRuns.from_line(json.loads(json.dumps(delivered.to_line())))

    assert again is not None
    assert again.to_line() == delivered.to_line()
    assert not again.is_empty


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"floor": -1, "recent": [], "open": []},
        {"floor": True, "recent": [], "open": []},
        {"floor": 2**60, "recent": [], "open": []},
        {"floor": 0, "recent": None, "open": []},
        {"floor": 0, "recent": ["1"], "open": []},
        {"floor": 0, "recent": [], "open": [0]},
    ],
    ids=str,
)
def test_another_line_is_no_record(line: dict[str, Any]) -> None:
    """A damaged file is not guessed at."""
    assert DeliveredRuns.from_line(line) is None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_happens_each_finished_run_is_given_once(data: st.DataObject) -> None:
    """With restarts, in any order of finishing; a restart keeps only what `to_line` has."""
    delivered, state, given_out = DeliveredRuns(), dict[int, bool](), list[int]()
    for _ in range(data.draw(st.integers(1, 30))):
        match data.draw(st.sampled_from(["start", "finish", "read", "restart"])):
            case "start":
                state[len(state) + 1] = False
            case "finish" if state:
                state[data.draw(st.sampled_from(sorted(state)))] = True
            case "restart":
                again = DeliveredRuns.from_line(delivered.to_line())
                assert again is not None
                delivered = again
            case _:
                found = [Run(id=number, collection=1, is_download_generated=done) for number, done in state.items()]
                given_out += selected(delivered, found, in_progress=data.draw(st.booleans()))
    found = [Run(id=number, collection=1, is_download_generated=done) for number, done in state.items()]
    given_out += selected(delivered, found)

    assert sorted(given_out) == [number for number, done in state.items() if done]
