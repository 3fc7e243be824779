"""What travels to the workers and back. No credential is part of it: a worker takes that from its environment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import attrs

from multicart_async._downloads.plan import Files
from multicart_async.models import Collection, DownloadedFile, Run, RunDownload, SyncReport

__all__ = ["ClusterCall", "DownloadedRun", "ListedCollection", "MirrorPart", "MirrorPartReport", "RunOrder"]


@attrs.frozen(kw_only=True)
class ClusterCall:
    """One call of the driver: what all of its tasks have in common.

    ``leases`` is the name of the cluster's leases, of which there are ``requests``. ``nonce`` is the name of a file in
    ``dest`` that contains ``content``: it proves that a worker has the same destination, and it is gone when the call
    is over.
    """

    base_url: str
    leases: str
    requests: int
    requests_per_task: int
    dest: str
    nonce: str
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class ListedCollection:
    """What a mirror needs to know of a collection, as the driver has listed it."""

    id: int
    updated_at: datetime | None
    schedule_status: str | None

    @classmethod
    def of(cls, collection: Collection) -> ListedCollection:
        """Return the small part of *collection*."""
        return cls(collection.id, collection.updated_at, collection.schedule_status)

    def collection(self) -> Collection:
        """Return a collection with nothing else known."""
        return Collection(id=self.id, updated_at=self.updated_at, schedule_status=self.schedule_status)


@attrs.frozen(kw_only=True)
class MirrorPart:
    """One task of `mirror`: the collections *ids*, of which ``listed`` are known from the driver's list."""

    call: ClusterCall
    runs: Literal["latest", "all"]
    files: Files
    check: Literal["changed", "all"]
    ids: tuple[int, ...]
    listed: tuple[ListedCollection, ...]


@attrs.frozen
class MirrorPartReport:
    """The report of a task, and the number of files that its runs lacked when they were examined."""

    report: SyncReport
    lacking: int


@attrs.frozen(kw_only=True)
class RunOrder:
    """One task of `run_many`: a finished run, to be downloaded. Its links may be signed, so the worker lists it again."""

    call: ClusterCall
    collection: int
    run: int
    files: Files
    overwrite: bool
    count_records: bool
    strict: bool


@attrs.frozen(kw_only=True)
class DownloadedRun:
    """What a task has stored of a run: the fields of a `RunDownload` without the run itself."""

    directory: Path
    files: tuple[DownloadedFile, ...]
    skipped: int
    bytes: int
    differences: tuple[str, ...]

    @classmethod
    def of(cls, done: RunDownload[Run]) -> DownloadedRun:
        """Return *done* without the run."""
        return cls(
            directory=done.directory,
            files=done.files,
            skipped=done.skipped,
            bytes=done.bytes,
            differences=done.differences,
        )

    def with_run(self, run: Run) -> RunDownload[Run]:
        """Return the download of *run*, as the driver knows it."""
        return RunDownload(run, self.directory, self.files, self.skipped, self.bytes, self.differences)
