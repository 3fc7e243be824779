"""The report of a mirror, built while it is made."""

from __future__ import annotations

from multicart_async._sync.pruning import Pruned
from multicart_async.models import CategoryRun, Run, RunDownload, SyncFailure, SyncReport

__all__ = ["ReportBuilder", "clear_tracebacks"]


class ReportBuilder:
    """Count what is done, and build the report."""

    def __init__(self, *, dry_run: bool) -> None:
        self._dry_run = dry_run
        self.collections = self.runs = self.skipped = self.files = self.bytes = 0
        self.stopped = False
        self.failures: list[SyncFailure] = []
        self._differences: list[str] = []
        self._gone: list[str] = []
        self._removed: list[str] = []

    def add(self, done: RunDownload[Run | CategoryRun]) -> None:
        """Count a run that is in place, with the files that were fetched for it."""
        fetched = len(done.files) - done.skipped
        self.files += fetched
        self.bytes += done.bytes
        self.skipped += not fetched
        self._differences += done.differences

    def add_unchanged(self, run_id: int | None) -> None:
        """Count the run of a collection that needed no request, if it has one."""
        if run_id is not None:
            self.runs += 1
            self.skipped += 1

    def add_missing(self, files: int) -> None:
        """Count the files of a run that a dry run would fetch."""
        self.files += files
        self.skipped += not files

    def add_pruned(self, pruned: Pruned) -> None:
        """Add what is gone, what was deleted, and what failed at that."""
        self._gone += pruned.gone
        self._removed += pruned.removed
        self._differences += pruned.differences
        for failure in pruned.failures:
            self.fail(failure)

    def merge(self, part: SyncReport) -> None:
        """Add the report of one of several calls that together make the mirror."""
        self.collections += part.collections
        self.runs += part.runs
        self.skipped += part.skipped
        self.files += part.files
        self.bytes += part.bytes
        self.failures += part.failures
        self.stopped = self.stopped or part.stopped
        self._differences += part.differences
        self._gone += part.gone
        self._removed += part.removed

    def fail(self, failure: SyncFailure) -> None:
        """Count a failure."""
        clear_tracebacks(failure.error)  # their frames would keep the data of thousands of transfers alive
        self.failures.append(failure)

    def build(self) -> SyncReport:
        """Return the report of the call."""
        return SyncReport(
            collections=self.collections,
            runs=self.runs,
            skipped=self.skipped,
            failed=len(self.failures),
            files=self.files,
            bytes=self.bytes,
            failures=tuple(self.failures),
            differences=tuple(self._differences),
            gone=tuple(sorted(self._gone, key=_ids)),
            removed=tuple(self._removed),
            dry_run=self._dry_run,
            stopped=self.stopped,
        )


def clear_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of the error and of all its causes."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:  # one that was never raised may have a cause that was
            seen.add(id(found))
            found.__traceback__ = None
            waiting += [found.__cause__, found.__context__]


def _ids(path: str) -> list[int]:
    return [int(part) for part in path.split("/")]
