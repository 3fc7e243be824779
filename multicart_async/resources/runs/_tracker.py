"""Decide which run was started, and whether it has ended. Pure: runs in, state out."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from multicart_async._core.redactor import Redactor
from multicart_async._core.validation import check_id, check_int, wrong_argument
from multicart_async.errors import AmbiguousRunError, RunFailedError, WaitTimeoutError
from multicart_async.models import Collection, Run, RunState, StartedRun

__all__ = ["RunTracker", "check_started_run"]

_CONFIRMED = 3  # polls that report Failed while there is a new run
_CONFIRMED_WITHOUT_RUN = 10  # and while there is none: the status may still be that of the previous run


def check_started_run(started: object) -> StartedRun:
    """Return *started* if it is a `StartedRun` of two integers: one from another process may contain strings."""
    if not isinstance(started, StartedRun):
        raise wrong_argument("started", "a StartedRun from start", started)
    check_id("started", started.collection_id)
    check_int("started", started.after_run_id)
    return started


class RunTracker:
    """Follow one started run.

    ``is_download_generated`` of a run above ``started.after_run_id`` is the only sign of success. A run has no field
    for failure: the collection's ``schedule_status`` has, and right after a start it can still be that of the previous
    run. So Failed is trusted if it has replaced another status, or has another ``updated_at`` than *before* the start;
    otherwise only if it persists.
    """

    def __init__(
        self,
        started: StartedRun,
        *,
        reject_ambiguous: bool,
        before: Collection | None = None,
        redactor: Redactor = Redactor(),
    ) -> None:
        self._started = started
        self._reject_ambiguous = reject_ambiguous
        self._before = before
        self._redactor = redactor
        self._moved = False
        self._failed_polls = 0
        self.last: RunState | None = None
        self.poll_count = 0

    def find_finished(self, runs: Sequence[Run]) -> Run | None:
        """Return the smallest finished run above the baseline, in any order of *runs*; ``ambiguous`` if there are more.

        Raises:
            AmbiguousRunError: There are others, and the policy rejects that.
        """
        new = self._new(runs)
        if len(new) > 1 and self._reject_ambiguous:
            numbers = ", ".join(str(run.id) for run in new)
            reason = (
                f"collection {self._started.collection_id} has more than one new run: {numbers}; choose one of them"
            )
            raise self._redactor.error(AmbiguousRunError(reason, started=self._started, runs=new))
        done = next((run for run in new if run.is_download_generated), None)
        return done if done is None or len(new) == 1 else attrs.evolve(done, ambiguous=True)

    def snapshot(self, runs: Sequence[Run], status: str | None, waited: float) -> RunState:
        """Return the current state, of the finished run or else of the smallest new one."""
        run = self.find_finished(runs) or next(iter(self._new(runs)), None)
        self.last = RunState(run=run, schedule_status=self._redactor.value(status), waited=waited)
        return self.last

    def observe_status(self, collection: Collection) -> None:
        """Record the status of a collection that was read without its runs."""
        if not collection.is_failed:
            self._moved = True
            self._failed_polls = 0

    def raise_if_failed(self, runs: Sequence[Run], collection: Collection) -> None:
        """Raise `RunFailedError` if *collection* says that the run failed, and that can be trusted."""
        self.observe_status(collection)
        if not collection.is_failed:
            return
        self._failed_polls += 1
        enough = _CONFIRMED if self._new(runs) else _CONFIRMED_WITHOUT_RUN
        if self._moved or self._differs(collection) or self._failed_polls >= enough:
            message = self._redactor.value(collection.failed_message)  # before the error cuts it
            reason = f"the run of collection {self._started.collection_id} failed: {message or 'no reason is given'}"
            error = RunFailedError(reason, started=self._started, last=self.last, failed_message=message)
            raise self._redactor.error(error)

    def timeout_error(self, elapsed: float) -> WaitTimeoutError:
        """Return the error of a wait that has found no finished run in *elapsed* seconds."""
        started = self._started
        reason = (
            f"no finished run of collection {started.collection_id} above {started.after_run_id} in {elapsed:.0f} s"
        )
        return self._redactor.error(WaitTimeoutError(reason, started=started, last=self.last))

    def _differs(self, collection: Collection) -> bool:
        before = self._before
        return before is not None and (
            not before.is_failed
            or before.updated_at != collection.updated_at
            or before.failed_message != collection.failed_message
        )

    def _new(self, runs: Sequence[Run]) -> tuple[Run, ...]:
        return tuple(sorted((run for run in runs if run.id > self._started.after_run_id), key=lambda run: run.id))
