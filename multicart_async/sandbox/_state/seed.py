"""The initial content of a sandbox, and what tests add without a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from multicart_async._core.short_repr import short_repr
from multicart_async.sandbox._content.records import synthetic_asin
from multicart_async.sandbox._state.run_lifecycle import reserve_output_ids
from multicart_async.sandbox._state.state import SandboxState
from multicart_async.sandbox._state.users import NewUser, insert_user

DEFAULT_USER_ID = 42
API_KEY = "sandbox.0000-not-a-real-secret"
TOKEN = "sandbox-session-token-not-a-real-secret"  # noqa: S105 - valid only for a sandbox
FIRST_COLLECTION = 101
_PASSWORD = "S3cur3p@ss"  # noqa: S105 - from the documentation's example
_DEFAULT_ZIPCODE = 15
_MAX_ITEMS = 5000
_RUN_SECONDS = 300
_DOMAINS = (
    (1, "amazon.com.au", "AU", "scraping", "active"),
    (2, "amazon.com", "US", "scraping", "active"),
    # The documentation names "REST API" and "CSV import" as supplier types, but not their values.
    (3, "officeworks.com.au", "AU", "rest_api", "active"),
)


def seed_defaults(state: SandboxState) -> None:
    """Insert the default user, domains, postcode and invoice into an empty database."""
    if state.row("SELECT 1 FROM users"):
        return
    state.db.executemany("INSERT INTO domains VALUES (?, ?, ?, ?, ?)", _DOMAINS)
    now = state.now()
    insert_user(state, _default_user(state.options.credits))
    state.db.execute(
        "INSERT INTO zipcodes (id, user, domain, zipcode, status, created, updated)"
        " VALUES (15, ?, 1, '4500', 'active', ?, ?)",
        (DEFAULT_USER_ID, now, now),
    )
    state.db.execute("INSERT INTO invoices (id, user) VALUES (1, ?)", (DEFAULT_USER_ID,))
    # Ids continue from those of the documentation's examples.
    state.db.executemany(
        "INSERT INTO sqlite_sequence VALUES (?, ?)",
        [("collections", FIRST_COLLECTION - 1), ("runs", 87), ("asins", 4)],
    )
    state.db.commit()


def _default_user(available: int) -> NewUser:
    return NewUser(
        id=DEFAULT_USER_ID,
        name="Alice Smith",
        email="ops@example.com",
        api_key=API_KEY,
        token=TOKEN,
        password=_PASSWORD,
        available=available,
        created=datetime(2025, 1, 15, 9, tzinfo=UTC).timestamp(),
        updated=datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp(),
    )


def add_zipcode(state: SandboxState, zipcode: str, domain: str, status: str, user: int) -> int:
    """Add a postcode for a user and a domain, and return its id."""
    found = state.row("SELECT id FROM domains WHERE domain = ?", domain)
    if found is None:
        raise LookupError(
            f"domain: expected a domain of this sandbox, such as 'amazon.com.au', got {short_repr(domain)}"
        )
    now = state.now()
    cursor = state.db.execute(
        "INSERT INTO zipcodes (user, domain, zipcode, status, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (user, found["id"], zipcode, status, now, now),
    )
    state.db.commit()
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def set_zipcode_status(state: SandboxState, zipcode_id: int, status: str) -> None:
    """Set the status of a postcode permanently, and cancel a change that is due later."""
    cursor = state.db.execute(
        "UPDATE zipcodes SET status = ?, ready = NULL, updated = ? WHERE id = ?", (status, state.now(), zipcode_id)
    )
    state.db.commit()
    if not cursor.rowcount:
        raise LookupError(f"zipcode_id: expected the id of a postcode in this sandbox, got {short_repr(zipcode_id)}")


def add_invoice(state: SandboxState, user: int) -> int:
    """Add an invoice for a user and return its id."""
    cursor = state.db.execute("INSERT INTO invoices (user) VALUES (?)", (user,))
    state.db.commit()
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def add_collections(state: SandboxState, count: int, runs: int, items: int, name: str, user: int) -> range:
    """Add collections with finished runs and return their ids; their items are created on first use."""
    if not 0 <= items <= _MAX_ITEMS:
        raise ValueError(f"items: expected a number from 0 to {_MAX_ITEMS}, got {short_repr(items)}")
    first = _next_id(state, "collections")
    ids, now = range(first, first + count), state.now()
    statuses = ("enable" if items else "draft", "Completed" if runs else "Pending")
    oldest = now - (runs + 1) * _RUN_SECONDS
    state.db.executemany(
        "INSERT INTO collections (id, user, name, status, schedule_status, request_type, schedule, priority,"
        " fetch_mode, notification_email, latent, created, updated)"
        " VALUES (?, ?, ?, ?, ?, 'amazon', 'Manual', 'Normal', 'full', 'ops@example.com', ?, ?, ?)",
        ((number, user, f"{name} {number}", *statuses, items, oldest, now) for number in ids),
    )
    _add_runs(state, ids, runs, items, name, user)
    state.db.commit()
    return ids


def _add_runs(state: SandboxState, ids: range, runs: int, items: int, name: str, user: int) -> None:
    options, now = state.options, state.now()
    first, output = _next_id(state, "runs"), reserve_output_ids(state, len(ids) * runs * items)

    def rows() -> Iterator[tuple[object, ...]]:
        for index in range(runs * len(ids)):
            nth, at = divmod(index, len(ids))
            ends = now - (runs - nth - 1) * _RUN_SECONDS
            started = ends - _RUN_SECONDS / 2
            yield (
                *(first + index, user, ids[at], f"{name} {ids[at]}", items, items, items, started, started),
                *(ends, output + index * items, options.seed, options.items_per_page),
                *(options.records_per_item, options.record_bytes, options.records),
            )

    state.db.executemany(
        "INSERT INTO runs (id, user, collection, name, items, extracted, reserved, started, visible,"
        " ends, first_output, seed, items_per_page, records_per_item, record_bytes, records, kind, fetch_mode, state,"
        " pace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'product', 'full', 'done', 0)",
        rows(),
    )


def materialize_items(state: SandboxState, collection_id: int) -> None:
    """Create the ASINs of a collection that was added without a request."""
    latent = state.row("SELECT user, latent, created FROM collections WHERE id = ? AND latent > 0", collection_id)
    if latent is None:
        return
    zipcode = state.row("SELECT id FROM zipcodes WHERE user = ? AND domain = 1 ORDER BY id", latent["user"])
    zipcode_id = zipcode["id"] if zipcode else _DEFAULT_ZIPCODE
    state.db.executemany(
        "INSERT INTO asins (collection, domain, zipcode, asin, custom_id, include_raw_html, output, created, updated)"
        " VALUES (?, 1, ?, ?, '', 0, 'JSON', ?, ?)",
        (
            (collection_id, zipcode_id, synthetic_asin(collection_id, index), latent["created"], latent["created"])
            for index in range(latent["latent"])
        ),
    )
    state.db.execute("UPDATE collections SET latent = 0 WHERE id = ?", (collection_id,))


def _next_id(state: SandboxState, table: str) -> int:
    row = state.row("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
    assert row is not None
    seq: int = row["seq"]
    return seq + 1
