"""What is there from the start, and what tests put there without a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from multicart_async.sandbox._content.records import synthetic_asin
from multicart_async.sandbox._state.run_lifecycle import take_outputs
from multicart_async.sandbox._state.state import SandboxState
from multicart_async.sandbox._state.users import NewUser, insert_user

DEFAULT_USER_ID = 42
API_KEY = "sandbox.0000-not-a-real-secret"
TOKEN = "sandbox-session-token-not-a-real-secret"  # noqa: S105 - opens nothing but the sandbox
FIRST_COLLECTION = 101
_PASSWORD = "S3cur3p@ss"  # noqa: S105 - that of the documentation's example
_DEFAULT_ZIPCODE = 15
_MOST_ITEMS = 5000
_RUN_SECONDS = 300
_DOMAINS = (
    (1, "amazon.com.au", "AU", "scraping", "active"),
    (2, "amazon.com", "US", "scraping", "active"),
    # The documentation names "REST API" and "CSV import" as kinds of suppliers, but not the value.
    (3, "officeworks.com.au", "AU", "rest_api", "active"),
)


def seed_defaults(world: SandboxState) -> None:
    """Put the default user, domains, postcode and invoice into an empty database."""
    if world.row("SELECT 1 FROM users"):
        return
    world.db.executemany("INSERT INTO domains VALUES (?, ?, ?, ?, ?)", _DOMAINS)
    now = world.now()
    insert_user(world, _alice(world.options.credits))
    world.db.execute(
        "INSERT INTO zipcodes (id, user, domain, zipcode, status, created, updated)"
        " VALUES (15, ?, 1, '4500', 'active', ?, ?)",
        (DEFAULT_USER_ID, now, now),
    )
    world.db.execute("INSERT INTO invoices (id, user) VALUES (1, ?)", (DEFAULT_USER_ID,))
    # Numbering goes on from the ids of the documentation's examples.
    world.db.executemany(
        "INSERT INTO sqlite_sequence VALUES (?, ?)",
        [("collections", FIRST_COLLECTION - 1), ("runs", 87), ("asins", 4)],
    )
    world.db.commit()


def _alice(available: int) -> NewUser:
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


def add_zipcode(world: SandboxState, zipcode: str, domain: str, status: str, user: int) -> int:
    """A postcode's row id, after adding it for a user and a domain."""
    found = world.row("SELECT id FROM domains WHERE domain = ?", domain)
    if found is None:
        raise LookupError(f"no domain {domain!r} in this sandbox")
    now = world.now()
    cursor = world.db.execute(
        "INSERT INTO zipcodes (user, domain, zipcode, status, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (user, found["id"], zipcode, status, now, now),
    )
    world.db.commit()
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def set_zipcode_status(world: SandboxState, zipcode_id: int, status: str) -> None:
    """Set what a postcode is from now on; what was to become of it does not happen."""
    cursor = world.db.execute(
        "UPDATE zipcodes SET status = ?, ready = NULL, updated = ? WHERE id = ?", (status, world.now(), zipcode_id)
    )
    world.db.commit()
    if not cursor.rowcount:
        raise LookupError(f"no postcode {zipcode_id} in this sandbox")


def add_invoice(world: SandboxState, user: int) -> int:
    """An invoice's id, after adding it for a user."""
    cursor = world.db.execute("INSERT INTO invoices (user) VALUES (?)", (user,))
    world.db.commit()
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def add_collections(world: SandboxState, count: int, runs: int, items: int, name: str, user: int) -> range:
    """The ids of new, finished collections. Their ASIN rows are made only when somebody asks for them."""
    if not 0 <= items <= _MOST_ITEMS:
        raise ValueError(f"items: wants 0 to {_MOST_ITEMS}, not {items!r}")
    first = _next_id(world, "collections")
    ids, now = range(first, first + count), world.now()
    statuses = ("enable" if items else "draft", "Completed" if runs else "Pending")
    oldest = now - (runs + 1) * _RUN_SECONDS
    world.db.executemany(
        "INSERT INTO collections (id, user, name, status, schedule_status, request_type, schedule, priority,"
        " fetch_mode, notification_email, latent, created, updated)"
        " VALUES (?, ?, ?, ?, ?, 'amazon', 'Manual', 'Normal', 'full', 'ops@example.com', ?, ?, ?)",
        ((number, user, f"{name} {number}", *statuses, items, oldest, now) for number in ids),
    )
    _add_runs(world, ids, runs, items, name, user)
    world.db.commit()
    return ids


def _add_runs(world: SandboxState, ids: range, runs: int, items: int, name: str, user: int) -> None:
    options, now = world.options, world.now()
    first, output = _next_id(world, "runs"), take_outputs(world, len(ids) * runs * items)

    def rows() -> Iterator[tuple[object, ...]]:
        for place in range(runs * len(ids)):
            nth, at = divmod(place, len(ids))
            ends = now - (runs - nth - 1) * _RUN_SECONDS
            started = ends - _RUN_SECONDS / 2
            yield (
                *(first + place, user, ids[at], f"{name} {ids[at]}", items, items, items, started, started),
                *(ends, output + place * items, options.seed, options.items_per_page),
                *(options.records_per_item, options.record_bytes),
            )

    world.db.executemany(
        "INSERT INTO runs (id, user, collection, name, items, extracted, reserved, started, visible,"
        " ends, first_output, seed, items_per_page, records_per_item, record_bytes, kind, fetch_mode, state, pace)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'product', 'full', 'done', 0)",
        rows(),
    )


def materialize_items(world: SandboxState, collection_id: int) -> None:
    """Make the ASIN rows of a collection that was put there without a request."""
    latent = world.row("SELECT user, latent, created FROM collections WHERE id = ? AND latent > 0", collection_id)
    if latent is None:
        return
    zipcode = world.row("SELECT id FROM zipcodes WHERE user = ? AND domain = 1 ORDER BY id", latent["user"])
    place = zipcode["id"] if zipcode else _DEFAULT_ZIPCODE
    world.db.executemany(
        "INSERT INTO asins (collection, domain, zipcode, asin, custom_id, include_raw_html, output, created, updated)"
        " VALUES (?, 1, ?, ?, '', 0, 'JSON', ?, ?)",
        (
            (collection_id, place, synthetic_asin(collection_id, index), latent["created"], latent["created"])
            for index in range(latent["latent"])
        ),
    )
    world.db.execute("UPDATE collections SET latent = 0 WHERE id = ?", (collection_id,))


def _next_id(world: SandboxState, table: str) -> int:
    row = world.row("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
    assert row is not None
    seq: int = row["seq"]
    return seq + 1
