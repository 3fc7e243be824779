"""Events that a client emits while it works: small frozen values for ``on_event``.

Their `repr` is safe to print: it escapes what a terminal would interpret. Attributes hold values as received.

They are emitted on the event loop, in order, and must be handled quickly. An exception from ``on_event`` ends the call
that emitted the event, cleanly. Byte counts add up: ``FileProgress.received`` restarts at 0 after a ``FileRestarted``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import attrs

from multicart_async._core.text import shorten

if TYPE_CHECKING:  # few programs make a mirror
    from multicart_async.models import SyncReport

__all__ = [
    "Event",
    "ExportAdvanced",
    "FileCompleted",
    "FileFailed",
    "FileProgress",
    "FileRestarted",
    "FileStarted",
    "RateLimited",
    "RecordsSkipped",
    "Retrying",
    "RunDownloaded",
    "RunProgress",
    "SyncAdvanced",
    "SyncCompleted",
]


def _kept(text: str | None) -> str | None:
    return shorten(text) if isinstance(text, str) else text


@attrs.frozen(kw_only=True)
class Event:
    """The base class of all events."""


@attrs.frozen(kw_only=True)
class Retrying(Event):
    """A call or transfer is retried. ``attempt`` is the number of the attempt that starts, 2 for the first retry."""

    path: str
    attempt: int
    error: Exception


@attrs.frozen(kw_only=True)
class RateLimited(Event):
    """The service asked for a pause: the whole client sends nothing for ``seconds``."""

    path: str
    seconds: float


@attrs.frozen(kw_only=True)
class RunProgress(Event):
    """The known state of a run or category scrape that is being waited for has changed.

    ``run_id`` is ``None`` until the run is listed. The middle of a ``status`` of more than 500 characters is left out.
    """

    collection_id: int
    run_id: int | None
    status: str | None = attrs.field(converter=_kept)
    waited: float
    finished: bool


@attrs.frozen(kw_only=True)
class FileStarted(Event):
    """A file is about to be received. ``expected`` is its size in bytes, or ``None`` where that is unknown."""

    name: str
    expected: int | None


@attrs.frozen(kw_only=True)
class FileProgress(Event):
    """``received`` bytes of a file have arrived, of ``expected``; emitted at most about ten times a second per file."""

    name: str
    received: int
    expected: int | None


@attrs.frozen(kw_only=True)
class FileRestarted(Event):
    """A transfer was interrupted and starts again: subtract ``discarded`` bytes from any sum."""

    name: str
    discarded: int
    error: Exception


@attrs.frozen(kw_only=True)
class FileCompleted(Event):
    """A file is complete, verified and stored under its final name."""

    name: str
    size: int


@attrs.frozen(kw_only=True)
class FileFailed(Event):
    """A file could not be downloaded: subtract ``discarded`` bytes from any sum."""

    name: str
    discarded: int
    error: Exception


@attrs.frozen(kw_only=True)
class RunDownloaded(Event):
    """All files of a run are stored, and so is the manifest."""

    collection_id: int
    run_id: int
    files: int
    size: int


@attrs.frozen(kw_only=True)
class RecordsSkipped(Event):
    """``records(on_invalid="skip")`` skipped ``count`` values of a page: not objects, or not fitting ``into``.

    Emitted once per page, when it has been read or abandoned; ``page`` is its file name.
    """

    collection_id: int
    run_id: int
    page: str
    count: int


@attrs.frozen(kw_only=True)
class SyncAdvanced(Event):
    """``client.sync`` has got on: emitted when it begins, at most about ten times a second, and once more before it returns.

    ``collections`` have all their runs in place, skipped or failed, of ``of_collections``, which counts each id once and
    only those of the shard. It is ``None`` if *collections* is an iterator or asynchronous. ``runs``, ``skipped`` and
    ``failed`` are counted as in `SyncReport`, without runs that are under way. ``files`` with ``bytes`` have been
    received, of ``of_files`` that the runs examined so far lacked: a retry changes neither, and a file that failed
    remains in ``of_files``. With *dry_run* nothing is received. The size of a file is unknown until its ``FileStarted``,
    so there is no total of bytes.

    At the end ``collections`` is ``of_collections``, unless the report is ``stopped``. A call that raises has no such
    event at its end.
    """

    collections: int
    of_collections: int | None
    runs: int
    skipped: int
    failed: int
    files: int = 0
    of_files: int = 0
    bytes: int = 0


@attrs.frozen(kw_only=True)
class SyncCompleted(Event):
    """``client.sync`` has ended; with ``follow=True``, one of its passes has. ``report`` is what it returns."""

    report: SyncReport


@attrs.frozen(kw_only=True)
class ExportAdvanced(Event):
    """`tables.export` has got on: emitted about ten times a second.

    In the ``phase`` ``"reading"``, which JSON Lines do not need, it finds the columns, in ``"writing"`` it writes the table.
    ``runs`` of ``of_runs`` are done in this phase, with ``rows`` records.
    """

    phase: Literal["reading", "writing"]
    runs: int
    of_runs: int
    rows: int


Emit = Callable[[Event], None]
"""A function that takes each event."""
