"""Report how far one pass of a mirror is, by collection: one is done when its last queued run has ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Collection, Iterable
from typing import Final, cast

from multicart_async._downloads.progress import TransferTotals
from multicart_async._sync.report import ReportBuilder
from multicart_async.events import Emit, SyncAdvanced

__all__ = ["PassProgress"]

_INTERVAL: Final = 0.1  # seconds between two events, but for the first and the last one


class PassProgress:
    """Emit `SyncAdvanced`. Without a listener nothing is counted by collection, and no event is made."""

    def __init__(self, emit: Emit | None, report: ReportBuilder, *, now: Callable[[], float] = time.monotonic) -> None:
        self.totals = TransferTotals()
        self._emit = emit
        self._report = report
        self._now = now
        self._open: dict[int, int] = {}  # reasons why a collection is not done: it is being listed, or a run is queued
        self._left: set[int] | None = None  # those that are to be done, if they are known
        self._of_collections: int | None = None
        self._done = 0
        self._running = 0
        self._emitted_at = 0.0

    def begin(self, collections: Iterable[int] | AsyncIterable[int], includes: Callable[[int], bool]) -> None:
        """Report that nothing is done yet. If *collections* can be read twice, count those that *includes* accepts."""
        if self._emit is None:
            return
        if isinstance(collections, Collection):
            ids = cast("Collection[object]", collections)  # an invalid one ends the call later
            self._left = {one for one in ids if isinstance(one, int) and includes(one)}
            self._of_collections = len(self._left)
        self._report_now(self._emit)

    def open(self, collection_id: int) -> None:
        """Note that a collection is being listed, or that a run of it is queued; each needs its `close`."""
        if self._emit is not None:
            self._open[collection_id] = self._open.get(collection_id, 0) + 1

    def begin_run(self) -> None:
        """Count a queued run as under way."""
        self._running += 1

    def end_run(self, collection_id: int) -> None:
        """Count a run as done, and its collection if this was the last reason to wait."""
        self._running -= 1
        self._settle(collection_id)
        self._report_if_due()

    def close(self, collection_id: int) -> None:
        """Count a collection as done if this was the last reason to wait."""
        if self._settle(collection_id):
            self._report_if_due()

    def _settle(self, collection_id: int) -> bool:
        """Return whether a collection is done with this."""
        if self._emit is None:
            return False
        self._open[collection_id] -= 1
        if self._open[collection_id]:
            return False
        del self._open[collection_id]
        if self._left is None:
            self._done += 1
        elif collection_id in self._left:  # not if it was named twice, far apart
            self._left.remove(collection_id)
            self._done += 1
        return True

    def _report_if_due(self) -> None:
        if self._emit is not None and self._now() - self._emitted_at >= _INTERVAL:
            self._report_now(self._emit)

    def end(self) -> None:
        """Report the state at the end of the pass."""
        if self._emit is not None:
            self._report_now(self._emit)

    def _report_now(self, emit: Emit) -> None:
        report, totals = self._report, self.totals
        self._emitted_at = self._now()
        emit(
            SyncAdvanced(
                collections=self._done,
                of_collections=self._of_collections,
                runs=report.runs - self._running,
                skipped=report.skipped,
                failed=len(report.failures),
                files=totals.files,
                of_files=totals.planned,
                bytes=totals.bytes,
            )
        )
