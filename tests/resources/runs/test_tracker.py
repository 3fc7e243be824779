"""Which of the rows is the run that was started, and has it ended?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._core.redaction import Redacted
from multicart_async._core.redactor import Redactor
from multicart_async.errors import AmbiguousRunError, RunFailedError
from multicart_async.models import Collection, Run, StartedRun
from multicart_async.resources.runs._tracker import RunTracker

STARTED = StartedRun(101, 87)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAILED = Collection(id=101, name="x", schedule_status="Failed", failed_message="No credits", updated_at=NOON)
PROCESSING = attrs.evolve(FAILED, schedule_status="Processing", failed_message=None)


def run(number: int, *, done: bool = False) -> Run:
    """A row of the history of runs."""
    return Run(id=number, collection=101, is_download_generated=done)


def judge(*, reject_ambiguous: bool = False, before: Collection | None = None) -> RunTracker:
    """A judge of the run after 87."""
    return RunTracker(STARTED, reject_ambiguous=reject_ambiguous, before=before)


def failed_looks(verdict: RunTracker, rows: list[Run], collection: Collection = FAILED, most: int = 20) -> int:
    """How often *collection* must be seen until the run counts as failed."""
    for look in range(1, most + 1):
        try:
            verdict.raise_if_failed(rows, collection)
        except RunFailedError:
            return look
    return most + 1


@pytest.mark.parametrize("size", [*range(235, 255), *range(4_070, 4_096)])
def test_a_reason_is_redacted_before_it_is_cut(size: int) -> None:
    """A part of the key would not be found any more."""
    key = "abcd.0123456789abcdefghij"
    failed = attrs.evolve(FAILED, failed_message=f"{'x' * size}{key}{'x' * 5_000}")
    verdict = RunTracker(STARTED, reject_ambiguous=False, before=PROCESSING, redactor=Redactor([Redacted(key)]))

    with pytest.raises(RunFailedError) as caught:
        verdict.raise_if_failed([], failed)

    assert "abcd" not in str(caught.value)
    assert "abcd" not in str(caught.value.failed_message)


def test_an_older_run_is_never_the_one() -> None:
    """However finished it is."""
    assert judge().find_finished([run(87, done=True), run(1, done=True)]) is None


def test_a_new_run_is_not_finished_before_its_files() -> None:
    """``is_download_generated`` is the only sign of success."""
    assert judge().find_finished([run(88), run(87, done=True)]) is None
    assert run(88, done=True) == judge().find_finished([run(88, done=True), run(87, done=True)])


def test_the_smallest_finished_run_is_the_one() -> None:
    """Of two finished ones the first, and it is marked as ambiguous."""
    found = judge().find_finished([run(90, done=True), run(89, done=True)])

    assert attrs.evolve(run(89, done=True), ambiguous=True) == found


def test_a_finished_run_after_an_unfinished_one_is_the_one() -> None:
    """A run that never ends must not hide those after it; the doubt is told."""
    found = judge().find_finished([run(88), run(89, done=True)])

    assert attrs.evolve(run(89, done=True), ambiguous=True) == found


rows_of_runs = st.lists(
    st.builds(run, st.integers(1, 200), done=st.booleans()), max_size=12, unique_by=lambda row: row.id
)


@given(rows_of_runs, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[Run], random: object) -> None:
    """The verdict is the smallest finished id above the baseline, whatever the order of the list."""
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    new = [row.id for row in rows if row.id > 87]
    done = [row.id for row in rows if row.id > 87 and row.is_download_generated]

    found = judge().find_finished(shuffled)

    assert min(done, default=None) == (found.id if found else None)
    assert found is None or found.ambiguous == (len(new) > 1)
    assert found == judge().find_finished(rows)


def test_several_new_runs_are_an_error_on_request() -> None:
    """With on_ambiguous="raise" several new runs are an error, also unfinished ones; it has all of them, smallest first."""
    with pytest.raises(AmbiguousRunError, match="88, 89") as caught:
        judge(reject_ambiguous=True).find_finished([run(89), run(87), run(88)])

    assert caught.value.runs == (run(88), run(89))
    assert (STARTED, run(88)) == (caught.value.started, caught.value.last)


def test_one_new_run_is_not_ambiguous() -> None:
    """Nothing to refuse, nothing to mark."""
    assert run(88, done=True) == judge(reject_ambiguous=True).find_finished([run(88, done=True), run(87)])


def test_a_state_tells_the_smallest_new_run() -> None:
    """Before the end, the row that is waited for most probably."""
    verdict = judge()

    state = verdict.snapshot([run(90), run(89), run(3)], "Processing", 1.5)

    assert (run(89), "Processing", 1.5, False) == (state.run, state.schedule_status, state.waited, state.finished)
    assert state is verdict.last


def test_a_state_shows_the_finished_run_not_a_smaller_one() -> None:
    """The state that watch yields has the run that wait will return, not a smaller unfinished one."""
    state = judge().snapshot([run(88), run(89, done=True)], "Completed", 2.0)

    assert state.finished
    assert state.run is not None
    assert state.run.id == 89


def test_a_state_without_a_new_row_has_none() -> None:
    """The row appears a moment after the start."""
    assert judge().snapshot([run(87, done=True)], None, 0.0).run is None


def test_a_stale_failed_right_after_the_start_is_not_believed() -> None:
    """The status can still tell of the run before: the same row as before the start says nothing new."""
    verdict = judge(before=FAILED)

    verdict.raise_if_failed([], FAILED)
    verdict.raise_if_failed([run(88)], FAILED)
    verdict.raise_if_failed([run(88)], PROCESSING)


def test_failed_after_another_status_is_believed_at_once() -> None:
    """It was seen to come."""
    verdict = judge(before=FAILED)
    verdict.raise_if_failed([run(88)], FAILED)
    verdict.raise_if_failed([run(88)], PROCESSING)

    assert failed_looks(verdict, [run(88)]) == 1


@pytest.mark.parametrize(
    "before",
    [
        PROCESSING,
        attrs.evolve(FAILED, updated_at=NOON - timedelta(hours=1)),
        attrs.evolve(FAILED, updated_at=None),
        attrs.evolve(FAILED, failed_message="Another reason"),
    ],
    ids=["another status", "an older moment", "no moment", "another reason"],
)
def test_a_failed_status_that_changed_is_trusted_at_once(before: Collection) -> None:
    """ "Failed" with another status, time or reason than before the start concerns this run, and ends the wait at once."""
    assert failed_looks(judge(before=before), [run(88)]) == 1


def test_failed_that_stays_is_believed() -> None:
    """After three looks if the run has a row, after ten if it has none."""
    assert failed_looks(judge(), [run(88)]) == 3
    assert failed_looks(judge(before=FAILED), [run(88)]) == 3
    assert failed_looks(judge(), [run(87, done=True)]) == 10


def test_looks_that_say_failed_count_in_a_row() -> None:
    """Another status in between ends the doubt about the old one."""
    verdict = judge(before=FAILED)
    for _ in range(2):
        verdict.raise_if_failed([run(88)], FAILED)
    verdict.raise_if_failed([run(88)], PROCESSING)

    assert failed_looks(verdict, [run(88)]) == 1


@pytest.mark.parametrize("status", ["Pending", "Processing", "Completed", "Paused", None], ids=repr)
def test_no_other_status_is_a_failure(status: str | None) -> None:
    """Unknown ones neither."""
    assert failed_looks(judge(), [run(88)], attrs.evolve(FAILED, schedule_status=status)) == 21


def test_the_failure_says_why_and_holds_what_was_seen() -> None:
    """The service's reason, what was waited for, and the last state."""
    verdict = judge(before=PROCESSING)
    state = verdict.snapshot([run(88)], "Failed", 9.0)

    with pytest.raises(RunFailedError, match="collection 101 failed: No credits") as caught:
        verdict.raise_if_failed([run(88)], FAILED)

    assert ("No credits", STARTED, state) == (caught.value.failed_message, caught.value.started, caught.value.last)


def test_a_failure_without_a_reason_says_so() -> None:
    """The service need not give one."""
    with pytest.raises(RunFailedError, match="no reason is given") as caught:
        judge(before=PROCESSING).raise_if_failed([], attrs.evolve(FAILED, failed_message=None))

    assert caught.value.failed_message is None
