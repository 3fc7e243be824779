"""What was started, on disk before and after each call, so that a crash is no second charge.

One JSON object to a line: ``intent`` before a run is asked for, ``started`` when the service has answered, ``refused``
when it said no, ``done`` with the run's id at the end. It holds ids and nothing else.
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
    """The last that is known of a collection's start."""

    state: State
    started: StartedRun
    run: int | None = None


class RunJournal:
    """``async with RunJournal(path) as journal``: one process at a time; ``noted`` is what earlier ones left."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._ledger = JournalFile(path, _HEAD)
        self.entries: dict[int, JournalEntry] = {}

    async def __aenter__(self) -> Self:
        try:
            await run_in_thread(self._ledger.open, self._take)
        except BaseException:  # a cancellation comes when the file is open
            self._ledger.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await run_in_thread(self._ledger.close)

    async def record(self, state: State, started: StartedRun, run: int | None = None) -> None:
        """On disk when this returns.

        Raises:
            DiskError: It could not be written; then nothing must be started.
        """
        self.entries[started.collection_id] = JournalEntry(state, started, run)
        fields = {"state": state, "collection": started.collection_id, "after": started.after_run_id}
        await run_in_thread(self._ledger.append, fields if run is None else {**fields, "run": run})

    def needs_start(self, collection_id: int) -> bool:
        """Whether nothing is known of a start of this collection, or that there was none."""
        noted = self.entries.get(collection_id)
        return noted is None or noted.state == "refused"

    def _take(self, row: Any) -> bool:
        noted = _noted(row)
        if noted is None:
            return False
        self.entries[noted.started.collection_id] = noted
        return True


def _noted(row: Any) -> JournalEntry | None:
    if not isinstance(row, dict):
        return None
    fields = cast("dict[str, Any]", row)
    ids = (fields.get("collection"), fields.get("after"), fields.get("run", 0))
    if fields.get("state") not in _STATES or any(type(value) is not int for value in ids):
        return None
    return JournalEntry(fields["state"], StartedRun(fields["collection"], fields["after"]), fields.get("run"))
