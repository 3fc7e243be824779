"""Everything that a sandbox knows while it runs: database, time, settings, scripts."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from typing import Any

import attrs

from multicart_async.sandbox._content.envelope import NOT_FOUND, ApiFailure
from multicart_async.sandbox._state.clock import ManualClock, RealClock
from multicart_async.sandbox._state.database import connect, recall, remember
from multicart_async.sandbox._state.options import Options


@attrs.define
class Script:
    """What the next run of a collection is to do."""

    failure: str | None = None
    lost_items: int = 0


@attrs.define
class SandboxState:
    """The state that all handlers share."""

    options: Options
    db: sqlite3.Connection
    clock: RealClock | ManualClock
    next_zipcode: str | None = None  # how the next postcode that needs a cookie ends, if not well
    scripts: dict[int | None, Script] = attrs.field(factory=dict[int | None, Script])
    sums: dict[int, MutableMapping[str, int]] = attrs.field(factory=dict[int, MutableMapping[str, int]])

    def now(self) -> float:
        """The sandbox's time."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Move a manual clock on, also for a later process with the same database."""
        if not isinstance(self.clock, ManualClock):
            raise RuntimeError('this sandbox runs in real time; make it with clock="manual"')  # noqa: TRY004 - a setting
        self.clock.advance(seconds)
        remember(self.db, "now", self.clock.now())
        self.db.commit()

    def script(self, collection: int | None) -> Script:
        """The script of a collection's next run; of any next run with ``None``."""
        return self.scripts.setdefault(collection, Script())

    def take_script(self, collection: int) -> Script:
        """The script for a run that starts now; it is used up."""
        return self.scripts.pop(collection, None) or self.scripts.pop(None, None) or Script()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """The first row of an answer."""
        row: sqlite3.Row | None = self.db.execute(query, values).fetchone()
        return row

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All rows of an answer."""
        return self.db.execute(query, values).fetchall()

    def number(self, query: str, *values: object) -> Any:
        """The one value of an answer that has one."""
        return self.db.execute(query, values).fetchone()[0]

    def collection(self, collection_id: int, user: int) -> sqlite3.Row:
        """A collection of a user; another user's is as absent as one that never was."""
        row = self.row("SELECT * FROM collections WHERE id = ? AND user = ?", collection_id, user)
        if row is None:
            raise ApiFailure(NOT_FOUND, "Schedule not found.")
        return row


def open_world(options: Options) -> SandboxState:
    """A world with an open database; its clock goes on where an earlier process left it."""
    db = connect(options.database)
    clock = RealClock()
    if options.clock == "manual":
        start = ManualClock()
        return SandboxState(options, db, ManualClock(recall(db, "now", start.now())))
    return SandboxState(options, db, clock)
