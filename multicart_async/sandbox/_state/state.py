"""The complete state of a running sandbox: options, database, time, and planned failures."""

from __future__ import annotations

import sqlite3
from collections.abc import MutableMapping
from typing import Any

import attrs

from multicart_async.sandbox._content.envelope import NOT_FOUND, ApiFailure
from multicart_async.sandbox._state.clock import ManualClock, RealClock
from multicart_async.sandbox._state.database import connect, load_number, save_number
from multicart_async.sandbox._state.options import Options


@attrs.define
class Script:
    """What the next run of a collection will do."""

    failure: str | None = None
    lost_items: int = 0


@attrs.define
class SandboxState:
    """The state that all handlers share."""

    options: Options
    db: sqlite3.Connection
    clock: RealClock | ManualClock
    next_zipcode: str | None = None  # the final status of the next postcode that needs a cookie, unless it is active
    scripts: dict[int | None, Script] = attrs.field(factory=dict[int | None, Script])
    checksums: dict[int, MutableMapping[str, int]] = attrs.field(factory=dict[int, MutableMapping[str, int]])

    def now(self) -> float:
        """Return the sandbox's time, in seconds since 1970."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Move a manual clock forward, also for a later process with the same database."""
        if not isinstance(self.clock, ManualClock):
            text = 'this sandbox runs in real time; create it with clock="manual" to use advance()'
            raise RuntimeError(text)  # noqa: TRY004 - an option
        self.clock.advance(seconds)
        save_number(self.db, "now", self.clock.now())
        self.db.commit()

    def script(self, collection: int | None) -> Script:
        """Return the script for the next run of a collection; with None, of any collection."""
        return self.scripts.setdefault(collection, Script())

    def take_script(self, collection: int) -> Script:
        """Return the script for a run that starts now, and remove it."""
        return self.scripts.pop(collection, None) or self.scripts.pop(None, None) or Script()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row that a query finds."""
        row: sqlite3.Row | None = self.db.execute(query, values).fetchone()
        return row

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows that a query finds."""
        return self.db.execute(query, values).fetchall()

    def number(self, query: str, *values: object) -> Any:
        """Return the value of a query that has exactly one."""
        return self.db.execute(query, values).fetchone()[0]

    def collection(self, collection_id: int, user: int) -> sqlite3.Row:
        """Return a collection of a user; the collection of another user is not found either."""
        row = self.row("SELECT * FROM collections WHERE id = ? AND user = ?", collection_id, user)
        if row is None:
            raise ApiFailure(NOT_FOUND, "Schedule not found.")
        return row


def open_state(options: Options) -> SandboxState:
    """Return a state with an open database; a manual clock continues at the time of an earlier process."""
    db = connect(options.database)
    clock = RealClock()
    if options.clock == "manual":
        start = ManualClock()
        return SandboxState(options, db, ManualClock(load_number(db, "now", start.now())))
    return SandboxState(options, db, clock)
