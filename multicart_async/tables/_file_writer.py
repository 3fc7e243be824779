"""What the formats have in common that are one file: it is written anew, and replaces an earlier one when it is complete."""

from __future__ import annotations

import contextlib
from datetime import datetime

from multicart_async.tables._options import Target
from multicart_async.tables._state import TableState
from multicart_async.tables._stream import TableStream
from multicart_async.tables._writer import RunKey, Written

__all__ = ["FileWriter"]


class FileWriter:
    """The frame of a `TableWriter` for one file."""

    grows = False
    keeps_runs = False
    as_is = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._stream: TableStream | None = None
        self.written = Written()

    @property
    def stream(self) -> TableStream:
        """The stream, after `begin`."""
        assert self._stream is not None
        return self._stream

    def open(self) -> TableState | None:
        """See `TableWriter.open`."""
        return None

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """See `TableWriter.begin`."""
        del state, replaced
        self._stream = TableStream(self._target)

    def rewrite(self) -> bool:
        """See `TableWriter.rewrite`."""
        return False

    def start_run(self, run: RunKey) -> None:
        """See `TableWriter.start_run`."""

    def moment(self, moment: datetime | None) -> object:
        """Return the form of a time that the table has: text in ISO 8601."""
        return None if moment is None else moment.isoformat()

    def end_run(self) -> None:
        """See `TableWriter.end_run`."""

    def finish(self) -> None:
        """See `TableWriter.finish`."""
        self.stream.commit()
        self.written.parts = 1
        self.written.bytes = self.stream.output.size

    def close(self) -> None:
        """See `TableWriter.close`."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.abort()
