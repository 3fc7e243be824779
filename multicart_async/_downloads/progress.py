"""Emit the events of one file, such that the reported bytes always add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from multicart_async.errors import MultiCartError
from multicart_async.events import Emit, FileCompleted, FileFailed, FileProgress, FileRestarted, FileStarted

__all__ = ["FileReporter", "TransferTotals"]

_INTERVAL: Final = 0.1  # seconds between two FileProgress of one file


@attrs.define
class TransferTotals:
    """The files that several runs lack, each counted once, and those of them that have been received."""

    planned: int = 0
    files: int = 0
    bytes: int = 0


class FileReporter:
    """Emit the events of one file. Discarded bytes were always reported as received before."""

    def __init__(self, name: str, emit: Emit, now: Callable[[], float]) -> None:
        self.received = 0
        self.expected: int | None = None
        self._name = name
        self._emit = emit
        self._now = now
        self._started = False
        self._reported = 0
        self._reported_at = 0.0

    def start(self, expected: int | None) -> None:
        """Report the first acceptable response of the file, of *expected* bytes; call it for each attempt."""
        self.expected = expected
        if not self._started:
            self._started = True
            self._emit(FileStarted(name=self._name, expected=expected))
        self._reported_at = self._now()

    def add(self, size: int) -> None:
        """Count *size* more bytes, and report them if the last report is old enough."""
        self.received += size
        now = self._now()
        if now - self._reported_at >= _INTERVAL:
            self._reported_at = now
            self._report()

    def restart(self, error: MultiCartError) -> None:
        """Count from 0 again, because of *error*."""
        if self._started:
            self._report()
            self._emit(FileRestarted(name=self._name, discarded=self.received, error=error))
        self.received = self._reported = 0

    def fail(self, error: MultiCartError) -> None:
        """Report that the file could not be fetched, if its start was reported."""
        if self._started:
            self._report()
            self._emit(FileFailed(name=self._name, discarded=self.received, error=error))

    def complete(self) -> None:
        """Report that the file is in place."""
        self._emit(FileCompleted(name=self._name, size=self.received))

    def _report(self) -> None:
        if self.received > self._reported:
            self._reported = self.received
            self._emit(FileProgress(name=self._name, received=self.received, expected=self.expected))
