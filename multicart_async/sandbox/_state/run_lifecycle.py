"""A run's life: start, end, cancel, and the credits that go with it.

Nothing happens in the background. What is due by the clock is settled when somebody looks, so a manual clock is exact.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from multicart_async.sandbox._content.envelope import BAD_REQUEST, INSUFFICIENT_CREDITS, ApiFailure
from multicart_async.sandbox._state.database import recall, remember
from multicart_async.sandbox._state.run import Kind, Run, State, find_run, run_of
from multicart_async.sandbox._state.state import SandboxState

# Far from the ids of ASIN rows, so that an ASIN id given to asins.output finds nothing ("404 or wrong record").
_FIRST_OUTPUT = 1_000_000_001
EPSILON = 1e-6


def start_product(world: SandboxState, collection: sqlite3.Row) -> Run:
    """Start a run of all items of a collection, after the credit check."""
    asins = [row[0] for row in world.rows("SELECT asin FROM asins WHERE collection = ? ORDER BY id", collection["id"])]
    items = len(asins) + collection["latent"]
    if not items:  # not documented: a draft, or a collection whose items are all deleted
        raise ApiFailure(BAD_REQUEST, "Collection has no items to scrape.")
    spend(world, collection["user"], items)
    return _begin(world, collection, "product", items, items, None if collection["latent"] else asins)


def start_category(world: SandboxState, collection: sqlite3.Row) -> Run:
    """Start a category scrape. Its size is not known beforehand, so it is refused only without any spendable credit."""
    items = world.options.category_items
    spendable = spendable_credits(world, collection["user"])
    reserved = min(items, spendable)  # the database lets nobody spend more than is there
    spend(world, collection["user"], max(reserved, 1), reserved)
    return _begin(world, collection, "category", items, reserved, None)


def spendable_credits(world: SandboxState, user: int) -> int:
    """What a run may cost: available - (used + frozen)."""
    found: int = world.number("SELECT available - (used + frozen) FROM users WHERE id = ?", user)
    return found


def spend(world: SandboxState, user: int, needed: int, reserved: int | None = None) -> None:
    """Freeze credits, or refuse with code 402 and change nothing."""
    spendable = spendable_credits(world, user)
    if spendable < needed:
        raise ApiFailure(
            INSUFFICIENT_CREDITS, f"Not enough credits — you need {needed} but have {max(spendable, 0)} remaining."
        )
    world.db.execute(
        "UPDATE users SET frozen = frozen + ? WHERE id = ?", (needed if reserved is None else reserved, user)
    )


def _begin(
    world: SandboxState, collection: sqlite3.Row, kind: Kind, items: int, reserved: int, asins: Sequence[str] | None
) -> Run:
    options, now, script = world.options, world.now(), world.take_script(collection["id"])
    pace = options.item_seconds
    # A category scrape answers with its runner id, so its row is there at once; a product run's row comes later.
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
        "item_name": "sku" if collection["request_type"] == "officeworks.com.au" else "asin",
    }
    return _insert(world, fields)


def _insert(world: SandboxState, fields: dict[str, object]) -> Run:
    names, marks = ", ".join(fields), ", ".join("?" * len(fields))
    world.db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", tuple(fields.values()))  # noqa: S608 - own names
    run = find_run(world.db, world.number("SELECT last_insert_rowid()"))
    assert run is not None
    world.db.execute(
        "UPDATE collections SET schedule_status = 'Processing', failed_message = NULL, updated = ? WHERE id = ?",
        (run.started, run.collection),
    )
    return run


def apply_due_changes(world: SandboxState) -> None:
    """End every run whose time has come, in the order of their ends; postcodes likewise."""
    due = world.rows(
        "SELECT * FROM runs WHERE state = 'running' AND ends <= ? ORDER BY ends, id", world.now() + EPSILON
    )
    for run in map(run_of, due):
        _end(world, run, "failed" if run.failure else "done", run.ends, run.failure)
    ready = world.db.execute(
        "UPDATE zipcodes SET status = outcome, updated = ready, ready = NULL WHERE ready <= ?", (world.now() + EPSILON,)
    )
    if due or ready.rowcount:
        world.db.commit()


def cancel(world: SandboxState, run: Run) -> bool:
    """Revoke a run that is under way; false when there is nothing to revoke."""
    if run.state != "running":
        return False
    _end(world, run, "cancelled", world.now(), "Cancelled by user")
    return True


def fail(world: SandboxState, run: Run, message: str) -> None:
    """Let a run under way fail now."""
    _end(world, run, "failed", world.now(), message)


def release(world: SandboxState, run: Run) -> None:
    """Give back what a run reserved and did not use; what was scraped is paid for."""
    used = min(run.reserved, run.scraped(world.now()), run.extracted)
    world.db.execute(
        "UPDATE users SET used = used + ?, frozen = frozen - ? WHERE id = ?", (used, run.reserved, run.user)
    )


def _end(world: SandboxState, run: Run, state: State, moment: float, message: str | None) -> None:
    release(world, run)
    world.db.execute(
        "UPDATE runs SET state = ?, ends = ?, failure = ?, first_output = ? WHERE id = ?",
        (state, moment, message, _reserve_outputs(world, run) if state == "done" else None, run.id),
    )
    others = world.number(
        "SELECT count(*) FROM runs WHERE collection = ? AND state = 'running' AND ends > ?", run.collection, moment
    )
    status = "Processing" if others else "Completed" if state == "done" else "Failed"
    world.db.execute(
        "UPDATE collections SET schedule_status = ?, failed_message = ?, updated = ? WHERE id = ?",
        (status, message, moment, run.collection),
    )


def _reserve_outputs(world: SandboxState, run: Run) -> int | None:
    return None if run.kind == "category" else take_outputs(world, run.extracted)


def take_outputs(world: SandboxState, count: int) -> int:
    """The first id for so many output rows; a run's are numbered without gaps and kept nowhere else."""
    first = int(recall(world.db, "next_output", _FIRST_OUTPUT))
    remember(world.db, "next_output", first + count)
    return first


def credits_of(world: SandboxState, user: int) -> tuple[int, int, int]:
    """Available, used and frozen credits of a user at this moment."""
    row = world.row("SELECT available, used, frozen FROM users WHERE id = ?", user)
    if row is None:
        raise LookupError(f"no user {user} in this sandbox")
    runs = map(run_of, world.rows("SELECT * FROM runs WHERE user = ? AND state = 'running'", user))
    moving = sum(min(run.reserved, run.scraped(world.now()), run.extracted) for run in runs)
    return row["available"], row["used"] + moving, row["frozen"] - moving
