"""Count what a command has done, from the events of the client alone. No I/O; the memory does not grow with the work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from multicart_async.cli._plural import counted
from multicart_async.events import (
    Event,
    ExportAdvanced,
    FileCompleted,
    FileFailed,
    FileProgress,
    FileRestarted,
    FileStarted,
    RateLimited,
    Retrying,
    RunDownloaded,
    RunProgress,
    SyncAdvanced,
)

__all__ = ["ActiveFile", "Progress", "Snapshot"]

_SHOWN: Final = 5  # active files of a snapshot
_RATE_WINDOW: Final = 10.0  # seconds
_ETA_WINDOW: Final = 60.0  # seconds: collections end less evenly than bytes arrive
_RATE_FROM: Final = 1.0  # seconds that are measured before a rate is given
_ETA_FROM: Final = 5.0
_SAMPLE: Final = 0.25  # seconds between two samples of a rate
_SILENT: Final = 3.0  # seconds without an event, after a failure, until a file is taken for one of the failed run
_RETRY_SHOWN: Final = 5.0  # seconds that a retry is worth a message


@attrs.frozen
class ActiveFile:
    """A file that is being received. ``expected`` is its size in bytes, or ``None`` where that is unknown."""

    name: str
    received: int
    expected: int | None


@attrs.frozen(kw_only=True)
class Snapshot:
    """What is done at one moment. ``None`` stands for what is not known."""

    collections: int
    of_collections: int | None
    runs: int
    skipped: int
    failed: int
    files: int
    """Received and in place; without those that a sync found in place."""
    of_files: int | None
    """The files that the runs examined so far lacked: it grows while further runs are examined, never by a retry."""
    bytes: int
    """Received, without what was discarded."""
    of_bytes: int
    """The size of the files that were received or begun, as far as it is known."""
    rate: float | None
    """Bytes received per second in the last 10 seconds, also those that were discarded."""
    eta: float | None
    """Seconds."""
    message: str | None
    active: tuple[ActiveFile, ...]
    """Up to 5 files that are being received, the oldest first."""
    further: int
    """The number of files that are being received besides those."""

    @property
    def fraction(self) -> float | None:
        """The part of the collections that is done, at most 1; ``None`` if their number is not known."""
        if self.of_collections is None:
            return None
        return min(self.collections / self.of_collections, 1.0) if self.of_collections else 1.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened."""
        return not (self.collections or self.of_collections or self.runs or self.failed or self.of_bytes)


class Progress:
    """Add up events. *of_collections* is for commands that report each outcome by `add_outcome`; a sync has its own count.

    What a failed or cancelled transfer had received is taken off, and a new pass of a sync begins at 0.
    """

    def __init__(self, *, of_collections: int | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of_collections = of_collections
        self._is_sync = False
        self._messages = _Messages()
        self._clear()

    def _clear(self) -> None:
        self._collections = self._runs = self._skipped = self._failed = 0
        self._of_files: int | None = None
        self._files = _Files()
        self._speed = _Window(self._now(), _ETA_WINDOW, _ETA_FROM)

    def on_event(self, event: Event) -> None:
        """Count an event; those that have nothing to do with progress are ignored."""
        now = self._now()
        self._messages.add(event, now)
        if isinstance(event, SyncAdvanced):
            self._add_sync(event, now)
        elif isinstance(event, RunDownloaded):
            self._runs += not self._is_sync
            self._files.end_run(f"{event.collection_id}/{event.run_id}/")
        else:
            self._files.add(event, now)

    def _add_sync(self, event: SyncAdvanced, now: float) -> None:
        self._is_sync = True
        if not (event.collections or event.runs or event.failed or event.of_files):
            self._clear()  # a pass begins
        if event.failed > self._failed:
            self._files.failed_at = now
        self._of_collections, self._of_files = event.of_collections, event.of_files
        self._runs, self._skipped, self._failed = event.runs, event.skipped, event.failed
        self._set_collections(event.collections, now)
        if event.collections == event.of_collections:
            self._files.end_run("")

    def add_outcome(self, ok: bool) -> None:  # noqa: FBT001 -- what each outcome has
        """Count one of the collections that a command was given as done, or as failed."""
        now = self._now()
        if not ok:
            self._failed += 1
            self._files.failed_at = now
        self._set_collections(self._collections + 1, now)

    def _set_collections(self, collections: int, now: float) -> None:
        self._speed.add(now, collections - self._collections)
        self._collections = collections

    def snapshot(self) -> Snapshot:
        """Return what is done now."""
        now = self._now()
        files = self._files
        files.forget_silent(now)
        active = [ActiveFile(name, file.received, file.expected) for name, file in files.active.items()]
        received = files.bytes + sum(file.received for file in active)
        rate = files.speed.rate(now) if files.speed else None
        return Snapshot(
            collections=self._collections,
            of_collections=self._of_collections,
            runs=self._runs,
            skipped=self._skipped,
            failed=self._failed,
            files=files.done,
            of_files=None if self._of_files is None else max(self._of_files, files.done + len(active)),
            bytes=received,
            of_bytes=files.bytes + sum(max(file.expected or 0, file.received) for file in active),
            rate=rate,
            eta=self._eta(now, rate, [max((file.expected or 0) - file.received, 0) for file in active]),
            message=self._messages.current(now),
            active=tuple(active[:_SHOWN]),
            further=max(len(active) - _SHOWN, 0),
        )

    def _eta(self, now: float, rate: float | None, remaining: list[int]) -> float | None:
        """Return the time that the remaining collections take, but at least that of the files which are known."""
        if self._of_collections is None:
            return None
        left = self._of_collections - self._collections
        if left <= 0:
            return 0.0
        speed = self._speed.rate(now)
        if not speed:
            return None
        files = self._files
        waiting = max((self._of_files or 0) - files.done - len(files.active), 0)
        known = sum(remaining) + (waiting * files.bytes / files.done if files.done else 0.0)
        return max(left / speed, known / rate if rate else 0.0)


@attrs.define
class _Active:
    received: int
    expected: int | None
    heard: float  # when its last event came


class _Files:
    """The files of one pass: those that are complete as sums, the others one by one."""

    def __init__(self) -> None:
        self.active: dict[str, _Active] = {}
        self.done = self.bytes = 0
        self.speed: _Window | None = None  # since the first file has begun
        self.failed_at: float | None = None

    def add(self, event: Event, now: float) -> None:
        """Count an event of a file."""
        if isinstance(event, FileStarted):
            self.speed = self.speed or _Window(now, _RATE_WINDOW, _RATE_FROM)
            self.active[event.name] = _Active(0, event.expected, now)
        elif isinstance(event, FileProgress):
            self._receive(event, now)
        elif isinstance(event, FileRestarted):
            if (file := self.active.get(event.name)) is not None:
                file.received, file.heard = 0, now
        elif isinstance(event, FileCompleted):
            file = self.active.pop(event.name, None)
            self._measure(now, file, event.size)
            self.done += 1
            self.bytes += event.size
        elif isinstance(event, FileFailed):
            self.active.pop(event.name, None)
            self.failed_at = now

    def _receive(self, event: FileProgress, now: float) -> None:
        file = self.active.get(event.name)
        self._measure(now, file, event.received)
        if file is None:  # it had been taken for cancelled
            self.active[event.name] = _Active(event.received, event.expected, now)
        else:
            file.received, file.expected, file.heard = event.received, event.expected, now

    def _measure(self, now: float, file: _Active | None, received: int) -> None:
        if file is not None and self.speed is not None:
            self.speed.add(now, max(received - file.received, 0))

    def end_run(self, folder: str) -> None:
        """Forget the active files in *folder*: the run is complete, or all are."""
        for name in [name for name in self.active if name.startswith(folder)]:
            del self.active[name]

    def forget_silent(self, now: float) -> None:
        """Forget files of which nothing was heard since a failure: when a run fails, its other transfers end silently."""
        failed_at, latest = self.failed_at, now - _SILENT
        if failed_at is None:
            return
        for name in [name for name, file in self.active.items() if file.heard < failed_at and file.heard <= latest]:
            del self.active[name]


class _Window:
    """How much is added per second, over the last *seconds*."""

    def __init__(self, now: float, seconds: float, minimum: float) -> None:
        self._start = now
        self._seconds = seconds
        self._minimum = minimum
        self._total = 0
        self._samples: deque[tuple[float, int]] = deque([(now, 0)])  # times, and the total after each

    def add(self, now: float, amount: int) -> None:
        """Add *amount*."""
        self._total += amount
        if now - self._samples[-1][0] < _SAMPLE and len(self._samples) > 1:
            self._samples[-1] = (self._samples[-1][0], self._total)
        else:
            self._samples.append((now, self._total))
        self._drop_old(now)

    def _drop_old(self, now: float) -> None:
        while len(self._samples) > 1 and self._samples[1][0] <= now - self._seconds:
            self._samples.popleft()

    def rate(self, now: float) -> float | None:
        """Return the amount per second, ``None`` shortly after the start."""
        elapsed = now - self._start
        if elapsed < self._minimum:
            return None
        self._drop_old(now)
        return (self._total - self._samples[0][1]) / min(elapsed, self._seconds)


class _Messages:
    """What is worth a line: a pause, a retry, the run that is being waited for, or the table that is being written."""

    def __init__(self) -> None:
        self._pause_until = self._retry_until = 0.0
        self._retry = ""
        self._waiting: tuple[int, str] | None = None  # collection, text
        self._table: str | None = None

    def add(self, event: Event, now: float) -> None:
        """Take note of an event."""
        if isinstance(event, RateLimited):
            self._pause_until = max(self._pause_until, now + event.seconds)
        elif isinstance(event, Retrying):
            self._retry, self._retry_until = f"attempt {event.attempt}: {event.error}", now + _RETRY_SHOWN
        elif isinstance(event, RunProgress):
            self._wait(event)
        elif isinstance(event, ExportAdvanced):
            records = counted(event.rows, "record")
            self._table = f"{event.phase} run {event.runs + 1:,} of {event.of_runs:,}, {records} so far"

    def _wait(self, event: RunProgress) -> None:
        if not event.finished:
            run = "a new run" if event.run_id is None else f"run {event.run_id}"
            text = f"waiting for {run} of collection {event.collection_id}: {event.status or 'not started'}"
            self._waiting = event.collection_id, text
        elif self._waiting is not None and self._waiting[0] == event.collection_id:
            self._waiting = None

    def current(self, now: float) -> str | None:
        """Return the most important message."""
        if now < self._pause_until:
            return f"rate limited: the service asked for a pause, {self._pause_until - now:.0f} s left"
        if now < self._retry_until:
            return self._retry
        return self._waiting[1] if self._waiting else self._table
