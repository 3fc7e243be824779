"""Tables in an SQLite database, which grows: one transaction for each run, and one for a change of the columns."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from multicart_async._core.short_repr import short_repr
from multicart_async.errors import ArgumentError, DiskError, IntegrityError, MultiCartError
from multicart_async.sinks._atomic_file import disk_error
from multicart_async.tables._frames import Frame, Place
from multicart_async.tables._layout import Layout
from multicart_async.tables._migration import Step, keeps_columns, migrate
from multicart_async.tables._options import Target
from multicart_async.tables._pages import Values
from multicart_async.tables._state import TableState
from multicart_async.tables._writer import RunKey, Written

__all__ = ["SqliteWriter"]

_OLDEST: Final = (3, 37, 0)  # with STRICT tables
_BUSY: Final = 30.0  # seconds to wait for another process
_OWN_NAMES: Final = ("history", "history_run", "runs", "_export")
_RUNS: Final = (
    "CREATE TABLE runs (collection_id INTEGER NOT NULL, run_id INTEGER NOT NULL, scraped_at TEXT, rows INTEGER NOT NULL,"
    " manifest TEXT NOT NULL, PRIMARY KEY (collection_id, run_id)) STRICT, WITHOUT ROWID"
)
_EXPORT: Final = "CREATE TABLE _export (version INTEGER NOT NULL, state TEXT NOT NULL) STRICT"
_INDEX: Final = "CREATE INDEX history_run ON history (collection_id, run_id)"
_ADDED: Final = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = 'history' AND type IN ('index', 'trigger') AND sql NOT NULL"
)
_DISK_ERRORS: Final[Mapping[int, int | None]] = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: None,
}
_KINDS: Final = {"bool": "INTEGER", "int64": "INTEGER", "double": "REAL", "decimal": "REAL"}


class SqliteWriter:
    """Write the tables ``history`` and ``runs`` of the database *target*."""

    grows = True
    keeps_runs = True
    as_is = False

    def __init__(self, target: Target) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise ArgumentError("dest", f"expected SQLite 3.37 or later for its tables, got {sqlite3.sqlite_version}")
        self._path = target.path
        self._db: sqlite3.Connection | None = None
        self._old: TableState | None = None
        self._version = 0
        self._frame = Frame(Layout())
        self._insert = ""
        self._run: RunKey | None = None
        self._rows = 0
        self.written = Written()

    def open(self) -> TableState | None:
        """See `TableWriter.open`."""
        with self._explained():
            if not self._path.exists():
                return None
            db = self._connect()
            there = {name for (name,) in db.execute("SELECT lower(name) FROM sqlite_schema")}
            if "_export" not in there:
                self._refuse(there)
                return None
            self._version, state = db.execute("SELECT version, state FROM _export").fetchone()
            runs = db.execute("SELECT collection_id, run_id, manifest FROM runs")
            self._old = TableState.from_json(
                json.loads(state), {f"{collection}/{run}": manifest for collection, run, manifest in runs}
            )
            _check_columns(db, self._old.layout)
        return self._old

    def _refuse(self, there: set[str]) -> None:
        taken = sorted(there.intersection(_OWN_NAMES))
        if taken:
            reason = f"expected a database without a table or index {taken[0]!r}, or one that export has made"
            raise ArgumentError("dest", f"{reason}, got {short_repr(str(self._path))}")

    def moment(self, moment: datetime | None) -> object:
        """Return the form of a time that the table has: text in ISO 8601."""
        return None if moment is None else moment.isoformat()

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """Create the tables, or change their columns."""
        del replaced  # each in its own transaction
        self._frame = Frame(state.layout)
        names = state.layout.names
        marks = ", ".join("?" * len(names))
        self._insert = f"INSERT INTO history ({', '.join(map(_quoted, names))}) VALUES ({marks})"  # noqa: S608 -- names are quoted
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = self._begin()
            if self._old is None:
                for statement in (_create("history", state.layout), _INDEX, _RUNS, _EXPORT):
                    db.execute(statement)
                db.execute("INSERT INTO _export VALUES (0, '')")
            elif self._old.layout != state.layout:
                _widen(db, self._old, state.layout)
            db.execute("UPDATE _export SET state = ?", (json.dumps(state.to_json()),))
            self._commit()

    def rewrite(self) -> bool:
        """See `TableWriter.rewrite`: `begin` has done it, because it is one transaction."""
        return False

    def start_run(self, run: RunKey) -> None:
        """Begin the transaction of a run, and remove an earlier version of it."""
        with self._explained():
            ids = (run.collection_id, run.run_id)
            self._begin().execute("DELETE FROM history WHERE collection_id = ? AND run_id = ?", ids)
        self._run, self._rows = run, 0

    def write(self, place: Place, values: Values) -> None:
        """Insert rows."""
        columns = self._frame.columns(place, values)
        rows = zip(*(map(_cell, cells) if _has_decimals(cells) else cells for cells in columns), strict=True)
        with self._explained():
            self._connect().executemany(self._insert, rows)
        self._rows += len(values.values)

    def end_run(self) -> None:
        """Commit the run."""
        run, self._run = self._run, None
        assert run is not None
        moment = self.moment(run.scraped_at)
        with self._explained():
            values = (run.collection_id, run.run_id, moment, self._rows, run.checksum)
            self._connect().execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", values)
            self._commit()
        self.written.rows += self._rows
        self.written.rest = self._frame.rest

    def finish(self) -> None:
        """See `TableWriter.finish`."""
        self.written.parts = 1
        self.written.bytes = self._path.stat().st_size

    def close(self) -> None:
        """Roll back what was not committed, and close the database."""
        if self._db is not None:
            self._db.close()

    def _connect(self) -> sqlite3.Connection:
        if self._db is None:
            # the threads of a call use it one after the other
            self._db = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        return self._db

    def _begin(self) -> sqlite3.Connection:
        """Begin a transaction that writes. Raises `ArgumentError` if another process has written meanwhile."""
        db = self._connect()
        db.execute("BEGIN IMMEDIATE")
        there = db.execute("SELECT 1 FROM sqlite_schema WHERE name = '_export'").fetchone()
        version = db.execute("SELECT version FROM _export").fetchone()[0] if there else 0
        if version != self._version:
            reason = "was changed by another process during this export; what it lacks is added by calling again"
            raise ArgumentError("dest", f"{short_repr(str(self._path))} {reason}")
        return db

    def _commit(self) -> None:
        db = self._connect()
        self._version += 1
        db.execute("UPDATE _export SET version = ?", (self._version,))
        db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (MultiCartError, sqlite3.ProgrammingError):
            raise
        except sqlite3.Error as error:
            raise _translated(self._path, error) from error
        except OSError as error:
            raise disk_error(self._path, error) from error
        except (LookupError, TypeError, ValueError) as error:
            raise _untrusted(self._path, error) from error


def _translated(path: Path, error: sqlite3.Error) -> MultiCartError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without its details
    if code == sqlite3.SQLITE_BUSY:
        reason = f"is in use by another program, which has locked it for {_BUSY:.0f} seconds; wait until it has ended"
        return ArgumentError("dest", f"{short_repr(str(path))} {reason}, and call again")
    if code == sqlite3.SQLITE_NOTADB:
        return ArgumentError("dest", f"expected a database of SQLite, got {short_repr(str(path))}; choose another name")
    if code in _DISK_ERRORS:
        return DiskError(str(path), str(error), _DISK_ERRORS[code])
    return _untrusted(path, error)


def _untrusted(path: Path, error: Exception) -> IntegrityError:
    reason = f"expected a database as export has made it, got: {error}; restore it, or export to a new one"
    return IntegrityError(str(path), reason)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check_columns(db: sqlite3.Connection, layout: Layout) -> None:
    """Raise `ValueError` unless the table has the columns of *layout*: others would be lost when it is written again."""
    names = {name for (name,) in db.execute("SELECT name FROM pragma_table_info('history')")}
    for name in sorted(names.symmetric_difference(layout.names)):
        problem = "an unknown" if name in names else "no"
        raise ValueError(f"a table 'history' with {problem} column {short_repr(name)}")


def _create(table: str, layout: Layout) -> str:
    return f"CREATE TABLE {table} ({', '.join(f'{_quoted(name)} {kind}' for name, kind in _types(layout))}) STRICT"


def _types(layout: Layout) -> Sequence[tuple[str, str]]:
    return [(name, _KINDS.get(kind, "TEXT")) for name, kind in zip(layout.names, layout.kinds, strict=True)]


def _widen(db: sqlite3.Connection, old: TableState, layout: Layout) -> None:
    """Give the table the columns of *layout*. New ones are added; if others change, the table is written again."""
    steps = migrate(old.layout, old.fields, layout)
    there = {*old.layout.names}
    if not keeps_columns(old.layout, steps):
        _write_again(db, {step.name: step for step in steps}, there, layout)
        return
    for name, kind in _types(layout):
        if name not in there:
            db.execute(f"ALTER TABLE history ADD COLUMN {_quoted(name)} {kind}")


def _write_again(db: sqlite3.Connection, steps: Mapping[str, Step], there: set[str], layout: Layout) -> None:
    """Write the table again in the columns of *layout*. Views, indexes and triggers that users have added stay."""
    chosen = [
        _expression(db, name, steps.get(name), number, there=name in there) for number, name in enumerate(layout.names)
    ]
    added = db.execute(_ADDED).fetchall()
    db.execute("PRAGMA legacy_alter_table = ON")  # else a view of the table, which is gone for a moment, is an error
    db.execute(_create("_export_history", layout))
    db.execute(f"INSERT INTO _export_history SELECT {', '.join(chosen)} FROM history")  # noqa: S608 -- as above
    db.execute("DROP TABLE history")
    db.execute("ALTER TABLE _export_history RENAME TO history")
    for (statement,) in added:
        try:
            db.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # that is an index of a column that is gone
                raise


def _expression(db: sqlite3.Connection, name: str, step: Step | None, number: int, *, there: bool) -> str:
    """Return the SQL for a column of the new table."""
    if step is None:
        return _quoted(name) if there else "NULL"
    if not step.sources:
        return "NULL"
    if step.convert is None:
        return _quoted(step.sources[0])
    function: Callable[..., Any] = step.convert
    db.create_function(f"_convert_{number}", len(step.sources), function, deterministic=True)
    return f"_convert_{number}({', '.join(map(_quoted, step.sources))})"


def _has_decimals(cells: Sequence[Any]) -> bool:
    return any(type(cell) is Decimal for cell in cells)


def _cell(cell: Decimal | None) -> float | None:
    return None if cell is None else float(cell)
