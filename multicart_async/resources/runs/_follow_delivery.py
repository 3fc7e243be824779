"""Decide which runs of one collection can be given out, and remember which were. No I/O.

A run is settled when it was given out, or was old at the beginning. Run ids grow, so a watermark, the *floor*, says that
for all older runs. Exceptions are kept by id: the newest settled runs, which are above the floor, so that a run that is
listed later than its successors is not taken for an old one; and runs below the floor that were never finished.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, cast

import attrs

from multicart_async._core.validation import MAX_INTEGER
from multicart_async.models import Run

__all__ = ["CONFIRMATIONS", "MAX_OPEN", "RECENT", "DeliveredRuns"]

CONFIRMATIONS = 3  # readings that must show an unfinished run below a finished one before it holds it back no longer
RECENT = 8  # settled runs above the floor
MAX_OPEN = 64  # unfinished runs below the floor; older ones are given up: each was followed by so many that have failed


def _is_run_id(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_INTEGER


def _ids(value: object) -> list[int] | None:
    if not isinstance(value, list):
        return None
    ids = cast("list[object]", value)
    return cast("list[int]", ids) if all(map(_is_run_id, ids)) else None


@attrs.define
class DeliveredRuns:
    """Which runs of a collection are settled: those in ``recent``, and all up to ``floor`` that are not ``open``."""

    floor: int = 0
    recent: list[int] = attrs.field(factory=list[int])
    open: list[int] = attrs.field(factory=list[int])
    _unfinished: tuple[int, ...] = ()  # in the last complete reading, above the floor of that time
    _doubts: dict[int, int] = attrs.field(factory=dict[int, int])  # readings, by the run that holds back others

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Self | None:
        """Return the record of a line that `to_line` has made, or ``None`` if it is another one."""
        floor, recent, unfinished = line.get("floor"), _ids(line.get("recent")), _ids(line.get("open"))
        if type(floor) is not int or not 0 <= floor <= MAX_INTEGER or recent is None or unfinished is None:
            return None
        return cls(floor, sorted(recent), sorted(unfinished))

    def to_line(self) -> dict[str, Any]:
        """Return what is written to disk."""
        return {"floor": self.floor, "recent": self.recent, "open": self.open}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is settled, as at the beginning."""
        return not self.recent and not self.floor

    @property
    def top(self) -> int:
        """The newest settled run, 0 if there is none."""
        return self.recent[-1] if self.recent else self.floor

    @property
    def is_holding(self) -> bool:
        """Whether the last complete reading had a finished run that is held back."""
        return bool(self._doubts)

    def awaits_above(self, run_id: int) -> bool:
        """Return whether the last complete reading had an unfinished run above *run_id*."""
        return bool(self._unfinished) and self._unfinished[-1] > run_id

    def is_settled(self, run_id: int) -> bool:
        """Return whether the run was given out or is old. Numbers below 1, which are no ids, count as settled."""
        return run_id in self.recent if run_id > self.floor else run_id not in self.open

    def settle_finished(self, runs: Sequence[Run]) -> None:
        """Apply the first complete reading of a collection: its finished runs count as old."""
        old = {run.id for run in runs if run.is_download_generated and run.id > 0}
        self._unfinished = tuple(sorted({run.id for run in runs if run.id > 0} - old))
        self.recent = sorted(old)
        self._raise_floor()

    def select(self, runs: Iterable[Run], *, in_progress: bool) -> list[Run]:
        """Apply a complete reading, and return the runs to give out now, by id. Settle each when it was given out.

        *runs* need not contain settled ones. A finished run is held back while an older unfinished one may finish:
        while a run of the collection is *in_progress*, and no more than `CONFIRMATIONS` readings have shown the two. An
        unfinished run that is older than the newest settled one holds back nothing; if it finishes, it is given out
        late.
        """
        new = sorted((run for run in runs if not self.is_settled(run.id)), key=lambda run: run.id)
        self._unfinished = tuple(run.id for run in new if not run.is_download_generated and run.id > self.floor)
        finished = [run for run in new if run.is_download_generated]
        newest = finished[-1].id if finished else 0
        doubts = {number: self._doubts.get(number, 0) + 1 for number in self._unfinished if self.top < number < newest}
        blocking = [number for number, count in doubts.items() if in_progress and count < CONFIRMATIONS]
        self._doubts = doubts if blocking else {}
        return [run for run in finished if not blocking or run.id < blocking[0]]

    def settle(self, run_id: int) -> None:
        """Record that the run was given out."""
        if run_id in self.open:
            self.open.remove(run_id)
        elif run_id > self.floor and run_id not in self.recent:
            insort(self.recent, run_id)
            self._raise_floor()

    def _raise_floor(self) -> None:
        """Raise the floor so far that only the newest settled runs are above it."""
        if len(self.recent) > RECENT:
            self.floor = self.recent[-RECENT - 1]
            del self.recent[:-RECENT]
            below = [number for number in self._unfinished if number < self.floor]
            self.open = sorted({*self.open, *below})[-MAX_OPEN:]
