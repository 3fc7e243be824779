"""The tables of the database. Each request is one transaction, committed before the response is sent."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from pathlib import Path

_MEMORY = ":memory:"
_OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR
_ACCESS_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, name TEXT, email TEXT, api_key TEXT UNIQUE, token TEXT UNIQUE,
    password BLOB, available INTEGER, used INTEGER, frozen INTEGER, created REAL, updated REAL);
CREATE TABLE IF NOT EXISTS codes (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT, code INTEGER, sent REAL);
CREATE INDEX IF NOT EXISTS codes_of_email ON codes (email);
CREATE TABLE IF NOT EXISTS invoices (id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER);
CREATE TABLE IF NOT EXISTS domains (
    id INTEGER PRIMARY KEY, domain TEXT UNIQUE, country_code TEXT, supplier_type TEXT, status TEXT);
CREATE TABLE IF NOT EXISTS zipcodes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER, domain INTEGER, zipcode TEXT, status TEXT,
    ready REAL, outcome TEXT, created REAL, updated REAL, UNIQUE (user, domain, zipcode));
CREATE TABLE IF NOT EXISTS collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER, name TEXT, status TEXT, schedule_status TEXT,
    request_type TEXT, schedule TEXT, priority TEXT, fetch_mode TEXT, notification_email TEXT,
    schedule_time TEXT, destinations TEXT, failed_message TEXT, latent INTEGER DEFAULT 0,
    created REAL, updated REAL);
CREATE INDEX IF NOT EXISTS collections_of_user ON collections (user);
CREATE TABLE IF NOT EXISTS asins (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER, domain INTEGER, zipcode INTEGER, asin TEXT,
    custom_id TEXT, include_raw_html INTEGER, output TEXT, created REAL, updated REAL,
    UNIQUE (collection, domain, zipcode, asin));
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER, collection INTEGER, name TEXT, kind TEXT, fetch_mode TEXT,
    state TEXT, items INTEGER, extracted INTEGER, reserved INTEGER, started REAL, visible REAL, pace REAL,
    ends REAL, failure TEXT, first_output INTEGER, asins TEXT, seed INTEGER, items_per_page INTEGER,
    records_per_item INTEGER, record_bytes INTEGER, item_name TEXT DEFAULT 'asin', records TEXT DEFAULT 'text');
CREATE INDEX IF NOT EXISTS runs_of_collection ON runs (collection, id);
CREATE INDEX IF NOT EXISTS runs_under_way ON runs (ends) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS runs_with_outputs ON runs (first_output);
"""
# Databases from before the column existed have runs with long texts alone.
_ADD_RECORDS = "ALTER TABLE runs ADD COLUMN records TEXT DEFAULT 'text'"


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a database and create missing tables; without a path, in memory. Only its owner can read the file.

    Raises:
        sqlite3.Error: The file cannot be used, or others can read it and that cannot be changed.
    """
    if path is not None and os.fspath(path) != _MEMORY:
        path = Path(os.path.realpath(path))  # as SQLite does for the names of the files beside it
        _restrict_to_owner(path)
    db = sqlite3.connect(path or _MEMORY)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")  # a commit survives the end of the process, but needs no fsync
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(_TABLES)
    if not db.execute("SELECT 1 FROM pragma_table_info('runs') WHERE name = 'records'").fetchone():
        db.execute(_ADD_RECORDS)
    return db


def _restrict_to_owner(path: Path) -> None:
    """Create a database file that only its owner can read, or restrict an existing one and those beside it.

    SQLite gives new files beside it the mode of the database. An existing file is not opened: when a process closes a
    file, it loses all locks that it holds on it, also those of another connection of SQLite.
    """
    try:
        with contextlib.suppress(FileExistsError):
            path.touch(_OWNER_ONLY, exist_ok=False)
            path.chmod(_OWNER_ONLY)  # the umask may have removed more
        for beside in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                _remove_access_of_others(Path(f"{path}{beside}"))
    except OSError as error:
        raise sqlite3.OperationalError(f"{error.strerror}: {error.filename}") from error


def _remove_access_of_others(path: Path) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "expected a regular file", os.fspath(path))
    if mode & _ACCESS_OF_OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~_ACCESS_OF_OTHERS)


def load_number(db: sqlite3.Connection, name: str, default: float) -> float:
    """Return a number stored in the database, such as the time of a manual clock."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return float(row[0]) if row else default


def save_number(db: sqlite3.Connection, name: str, value: float) -> None:
    """Store a number in the database."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
