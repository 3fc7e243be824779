"""A journal of starts, on disk before and after each call, so that a crash causes no second charge.

One JSON object per line: ``intent`` before a run is started, ``started`` when the service has responded, ``refused``
when it rejected the start, ``done`` with the run's id at the end. It contains only ids.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async.models import StartedRun
from multicart_async.resources._journal_file import JournalFile

__all__ = ["JournalEntry", "RunJournal", "State"]

State = Literal["intent", "started", "refused", "done"]
_HEAD: Final = {"journal": "multicart_async", "version": 1}
_STATES = ("intent", "started", "refused", "done")


@attrs.frozen
class JournalEntry:
    """The last known state of a collection's start."""

    state: State
    started: StartedRun
    run: int | None = None


class RunJournal:
    """Use as ``async with RunJournal(path) as journal``, in one process at a time.

    ``entries`` are those that earlier processes have left.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = JournalFile(path, _HEAD)
        self.entries: dict[int, JournalEntry] = {}

    async def __aenter__(self) -> Self:
        try:
            await run_in_thread(self._file.open, self._replay)
        except BaseException:  # a cancellation arrives after the file was opened
            self._file.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await run_in_thread(self._file.close)

    def read(self) -> None:
        """Read ``entries`` without opening the journal: it may be in use, and is neither changed nor created. Blocking.

        Raises:
            ArgumentError: It is damaged, or no journal of runs.
            DiskError: It cannot be read.
        """
        self._file.read(self._replay)

    async def record(self, state: State, started: StartedRun, run: int | None = None) -> None:
        """Record a state, which is on disk when this returns.

        Raises:
            DiskError: It could not be written; then nothing must be started.
        """
        self.entries[started.collection_id] = JournalEntry(state, started, run)
        fields = {"state": state, "collection": started.collection_id, "after": started.after_run_id}
        await run_in_thread(self._file.append, fields if run is None else {**fields, "run": run})

    def needs_start(self, collection_id: int) -> bool:
        """Return whether no start of this collection is known, or it was rejected."""
        noted = self.entries.get(collection_id)
        return noted is None or noted.state == "refused"

    def _replay(self, line: Any) -> bool:
        noted = _noted(line)
        if noted is None:
            return False
        self.entries[noted.started.collection_id] = noted
        return True


def _noted(line: Any) -> JournalEntry | None:
    if not isinstance(line, dict):
        return None
    fields = cast("dict[str, Any]", line)
    ids = (fields.get("collection"), fields.get("after"), fields.get("run", 0))
    if fields.get("state") not in _STATES or any(type(value) is not int for value in ids):
        return None
    return JournalEntry(fields["state"], StartedRun(fields["collection"], fields["after"]), fields.get("run"))
