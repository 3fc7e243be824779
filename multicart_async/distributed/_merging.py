"""Merge the reports of tasks into the report of the call, and tell by event how far it is."""

from __future__ import annotations

from collections.abc import Callable, Collection

from multicart_async._sync.report import ReportBuilder
from multicart_async.distributed._orders import MirrorPart, MirrorPartReport
from multicart_async.errors import AuthenticationError, DiskError, MultiCartError
from multicart_async.events import Emit, SyncAdvanced
from multicart_async.models import SyncFailure, SyncReport

__all__ = ["MirrorMerger"]

_INTERVAL = 0.1  # seconds between two events, but for the first and the last one


class MirrorMerger:
    """The sum of what the tasks of one call have done."""

    def __init__(self, ids: Collection[int], emit: Emit, now: Callable[[], float]) -> None:
        self.report = ReportBuilder(dry_run=False)
        self._of_collections = len(ids)
        self._done = 0
        self._lacking = 0
        self._emit = emit
        self._now = now
        self._emitted_at = 0.0

    def begin(self) -> None:
        """Report that nothing is done yet."""
        self._report_now()

    def add(self, part: MirrorPart, outcome: MirrorPartReport | MultiCartError) -> None:
        """Add what a task has done, or its failure, which is one of each of its collections."""
        if isinstance(outcome, MultiCartError):
            self._fail(part, outcome)
        else:
            self.report.merge(outcome.report)
            self._lacking += outcome.lacking
        if not self.report.stopped:
            self._done += len(part.ids)
        if self._now() - self._emitted_at >= _INTERVAL:
            self._report_now()

    def end(self) -> None:
        """Report the state at the end of the call."""
        self._report_now()

    def build(self) -> SyncReport:
        """Return the report of the call."""
        return self.report.build()

    def _fail(self, part: MirrorPart, error: MultiCartError) -> None:
        report = self.report
        report.collections += len(part.ids)
        for collection in part.ids:
            report.fail(SyncFailure(collection, None, error.file, error))
        report.stopped = isinstance(error, AuthenticationError | DiskError)

    def _report_now(self) -> None:
        report = self.report
        self._emitted_at = self._now()
        self._emit(
            SyncAdvanced(
                collections=self._done,
                of_collections=self._of_collections,
                runs=report.runs,
                skipped=report.skipped,
                failed=len(report.failures),
                files=report.files,
                of_files=self._lacking,
                bytes=report.bytes,
            )
        )
