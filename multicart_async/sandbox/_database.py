"""The tables. Every request is one transaction, committed before it is answered."""

from __future__ import annotations

import sqlite3
from pathlib import Path

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
    records_per_item INTEGER, record_bytes INTEGER, item_name TEXT DEFAULT 'asin');
CREATE INDEX IF NOT EXISTS runs_of_collection ON runs (collection, id);
CREATE INDEX IF NOT EXISTS runs_under_way ON runs (ends) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS runs_with_outputs ON runs (first_output);
"""


def connect(path: Path | None) -> sqlite3.Connection:
    """An open database, in memory without a path, with all tables."""
    db = sqlite3.connect(path or ":memory:")
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")  # a commit survives the end of the process, and costs no fsync
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(_TABLES)
    return db


def recall(db: sqlite3.Connection, name: str, default: float) -> float:
    """A number kept in the database, such as the hand-moved time."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return float(row[0]) if row else default


def remember(db: sqlite3.Connection, name: str, value: float) -> None:
    """Keep a number in the database."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
