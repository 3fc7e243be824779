"""The life of a run: start, end, cancellation, and the credits that go with it.

No task runs in the background. Changes that are due are applied when a request arrives, so a manual clock is exact.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from multicart_async._core.short_repr import short_repr
from multicart_async.sandbox._content.envelope import BAD_REQUEST, INSUFFICIENT_CREDITS, ApiFailure
from multicart_async.sandbox._state.database import load_number, save_number
from multicart_async.sandbox._state.run import Kind, Run, State, find_run, run_of
from multicart_async.sandbox._state.state import SandboxState

# Far from the ids of ASINs, so that the output with the id of an ASIN does not exist ("404 or wrong record").
_FIRST_OUTPUT = 1_000_000_001
EPSILON = 1e-6


def start_product(state: SandboxState, collection: sqlite3.Row) -> Run:
    """Start a run of all items of a collection, if the user has enough credits."""
    asins = [row[0] for row in state.rows("SELECT asin FROM asins WHERE collection = ? ORDER BY id", collection["id"])]
    items = len(asins) + collection["latent"]
    if not items:  # not documented: a draft, or a collection whose items were all deleted
        raise ApiFailure(BAD_REQUEST, "Collection has no items to scrape.")
    freeze_credits(state, collection["user"], items)
    return _start(state, collection, "product", items, items, None if collection["latent"] else asins)


def start_by_id(state: SandboxState, collection_id: int) -> int:
    """Start a run of a collection of any user, commit it, and return its id."""
    collection = state.row("SELECT * FROM collections WHERE id = ?", collection_id)
    if collection is None:
        raise RuntimeError(
            f"collection_id: expected the id of a collection in this sandbox, got {short_repr(collection_id)}"
        )
    run = start_product(state, collection)
    state.db.commit()
    return run.id


def start_category(state: SandboxState, collection: sqlite3.Row) -> Run:
    """Start a category scrape.

    Its size is not known in advance, so it is rejected only if the user has no spendable credits at all.
    """
    items = state.options.category_items
    spendable = spendable_credits(state, collection["user"])
    reserved = min(items, spendable)  # a user cannot spend more than they have
    freeze_credits(state, collection["user"], max(reserved, 1), reserved)
    return _start(state, collection, "category", items, reserved, None)


def spendable_credits(state: SandboxState, user: int) -> int:
    """Return the credits that a run may cost: available - (used + frozen)."""
    found: int = state.number("SELECT available - (used + frozen) FROM users WHERE id = ?", user)
    return found


def freeze_credits(state: SandboxState, user: int, needed: int, reserved: int | None = None) -> None:
    """Freeze credits; with fewer than *needed*, fail with code 402 and change nothing."""
    spendable = spendable_credits(state, user)
    if spendable < needed:
        raise ApiFailure(
            INSUFFICIENT_CREDITS, f"Not enough credits — you need {needed} but have {max(spendable, 0)} remaining."
        )
    state.db.execute(
        "UPDATE users SET frozen = frozen + ? WHERE id = ?", (needed if reserved is None else reserved, user)
    )


def _start(
    state: SandboxState, collection: sqlite3.Row, kind: Kind, items: int, reserved: int, asins: Sequence[str] | None
) -> Run:
    options, now, script = state.options, state.now(), state.take_script(collection["id"])
    pace = options.item_seconds
    # The response to a category scrape has its runner id, so it is listed at once; a product run is listed later.
    visible = now if kind == "category" else now + options.listing_seconds
    worked = items // 2 if script.failure else items + 1  # one more step after the last item: the ZIP is written last
    fields: dict[str, object] = {
        "user": collection["user"],
        "collection": collection["id"],
        "name": collection["name"],
        "kind": kind,
        "fetch_mode": collection["fetch_mode"],
        "state": "running",
        "items": items,
        "extracted": max(items - script.lost_items, 0),
        "reserved": reserved,
        "started": now,
        "visible": visible,
        "pace": pace,
        "ends": visible + worked * pace,
        "failure": script.failure,
        "asins": None if asins is None else json.dumps(asins),
        "seed": options.seed,
        "items_per_page": options.category_items_per_page if kind == "category" else options.items_per_page,
        "records_per_item": 1 if kind == "category" else options.records_per_item,
        "record_bytes": options.record_bytes,
        "records": options.records,
        "item_name": "sku" if collection["request_type"] == "officeworks.com.au" else "asin",
    }
    return _insert(state, fields)


def _insert(state: SandboxState, fields: dict[str, object]) -> Run:
    names, marks = ", ".join(fields), ", ".join("?" * len(fields))
    state.db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(fields.values()))  # noqa: S608 - own names
    run = find_run(state.db, state.number("SELECT last_insert_rowid()"))
    assert run is not None
    state.db.execute(
        "UPDATE collections SET schedule_status = 'Processing', failed_message = NULL, updated = ? WHERE id = ?",
        (run.started, run.collection),
    )
    return run


def apply_due_changes(state: SandboxState) -> None:
    """End all runs that are due, in the order of their ends, and activate postcodes that are due."""
    due = state.rows(
        "SELECT * FROM runs WHERE state = 'running' AND ends <= ? ORDER BY ends, id", state.now() + EPSILON
    )
    for run in map(run_of, due):
        _finish(state, run, "failed" if run.failure else "done", run.ends, run.failure)
    ready = state.db.execute(
        "UPDATE zipcodes SET status = outcome, updated = ready, ready = NULL WHERE ready <= ?", (state.now() + EPSILON,)
    )
    if due or ready.rowcount:
        state.db.commit()


def cancel(state: SandboxState, run: Run) -> bool:
    """Cancel a running run; return False if it is not running."""
    if run.state != "running":
        return False
    _finish(state, run, "cancelled", state.now(), "Cancelled by user")
    return True


def fail_all(state: SandboxState, collection_id: int, message: str) -> int:
    """Make all running runs of a collection fail now, commit that, and return how many they are."""
    rows = state.rows("SELECT * FROM runs WHERE collection = ? AND state = 'running'", collection_id)
    for row in rows:
        _finish(state, run_of(row), "failed", state.now(), message)
    state.db.commit()
    return len(rows)


def release_credits(state: SandboxState, run: Run) -> None:
    """Release the credits that a run reserved and did not use; scraped items are charged."""
    used = min(run.reserved, run.scraped(state.now()), run.extracted)
    state.db.execute(
        "UPDATE users SET used = used + ?, frozen = frozen - ? WHERE id = ?", (used, run.reserved, run.user)
    )


def _finish(state: SandboxState, run: Run, final: State, moment: float, message: str | None) -> None:
    release_credits(state, run)
    state.db.execute(
        "UPDATE runs SET state = ?, ends = ?, failure = ?, first_output = ? WHERE id = ?",
        (final, moment, message, _first_output_id(state, run) if final == "done" else None, run.id),
    )
    others = state.number(
        "SELECT count(*) FROM runs WHERE collection = ? AND state = 'running' AND ends > ?", run.collection, moment
    )
    status = "Processing" if others else "Completed" if final == "done" else "Failed"
    state.db.execute(
        "UPDATE collections SET schedule_status = ?, failed_message = ?, updated = ? WHERE id = ?",
        (status, message, moment, run.collection),
    )


def _first_output_id(state: SandboxState, run: Run) -> int | None:
    return None if run.kind == "category" else reserve_output_ids(state, run.extracted)


def reserve_output_ids(state: SandboxState, count: int) -> int:
    """Reserve consecutive ids for *count* outputs and return the first.

    A run keeps only the first id of its outputs, so its ids have no gaps.
    """
    first = int(load_number(state.db, "next_output", _FIRST_OUTPUT))
    save_number(state.db, "next_output", first + count)
    return first


def credits_of(state: SandboxState, user: int) -> tuple[int, int, int]:
    """Return the available, used and frozen credits of a user at this moment."""
    row = state.row("SELECT available, used, frozen FROM users WHERE id = ?", user)
    if row is None:
        raise LookupError(f"user_id: expected the id of a user in this sandbox, got {short_repr(user)}")
    runs = map(run_of, state.rows("SELECT * FROM runs WHERE user = ? AND state = 'running'", user))
    scraped = sum(min(run.reserved, run.scraped(state.now()), run.extracted) for run in runs)
    return row["available"], row["used"] + scraped, row["frozen"] - scraped
