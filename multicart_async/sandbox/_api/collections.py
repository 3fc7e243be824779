"""Collections: create, list, get, update, delete."""

from __future__ import annotations

import json
import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.run import run_of
from multicart_async.sandbox._state.run_lifecycle import release_credits

_SORTABLE = {
    **{name: name for name in ("id", "name", "status", "schedule_status", "request_type", "fetch_mode")},
    **{name: name for name in ("schedule", "priority", "notification_email", "asin_count")},
    "created_at": "created",
    "updated_at": "updated",
}
_LISTED = (
    "SELECT *, latent + (SELECT count(*) FROM asins WHERE collection = collections.id) AS asin_count"
    " FROM collections WHERE user = ? AND status = 'enable'"
)
_BATCH_THAT_TIMES_OUT = 1000  # "passing thousands of IDs in a single request will cause a timeout"


def _heading(row: sqlite3.Row) -> dict[str, object]:
    names = ("id", "name", "status", "schedule_status", "request_type", "fetch_mode")
    return {name: row[name] for name in names}


def _stamps(row: sqlite3.Row) -> dict[str, object]:
    return {"created_at": stamp(row["created"]), "updated_at": stamp(row["updated"])}


def create(call: Call) -> object:
    """Create a collection and return it."""
    given, now = call.fields, call.state.now()
    cursor = call.state.db.execute(
        # Status is always draft; the first item enables the collection.
        "INSERT INTO collections (user, name, status, schedule_status, request_type, schedule, priority, fetch_mode,"
        " notification_email, schedule_time, destinations, created, updated)"
        " VALUES (?, ?, 'draft', 'Pending', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(call.user, given["name"], given["request_type"], given["schedule"], given["priority"]),
            *(given.get("fetch_mode", "full"), given["notification_email"], json.dumps(given.get("schedule_time", {}))),
            *(given.get("destinations"), now, now),
        ),
    )
    row = call.state.collection(cursor.lastrowid or 0, call.user)
    return {**_heading(row), **_stamps(row)}


def list_all(call: Call) -> object:
    """Return all collections that are not drafts."""
    field = call.fields.get("sort_by", "updated_at")
    if field not in _SORTABLE:  # not documented
        raise ApiFailure(BAD_REQUEST, f"sort_by: cannot sort by {field}.")
    order = "ASC" if call.fields.get("sort_order") == "asc" else "DESC"
    # Processing collections are first for each sort_by and sort_order.
    sorting = f" ORDER BY schedule_status = 'Processing' DESC, {_SORTABLE[field]} {order}, id {order}"
    rows = call.state.rows(_LISTED + sorting, call.user)
    return [{**_heading(row), "asin_count": row["asin_count"], **_stamps(row)} for row in rows]


def get(call: Call) -> object:
    """Return one collection."""
    row = call.state.collection(call.fields["schedule_id"], call.user)
    middle = {name: row[name] for name in ("schedule", "priority", "fetch_mode", "notification_email")}
    # failed_message is documented as set by a cancellation, but in no response. The sandbox returns it here if it is set.
    failed = {} if row["failed_message"] is None else {"failed_message": row["failed_message"]}
    return {**_heading(row), **middle, **failed, **_stamps(row)}


def update(call: Call) -> object:
    """Change a collection and return five of its fields, as the service does."""
    row = call.state.collection(call.fields["schedule_id"], call.user)
    for name in ("name", "schedule", "priority", "notification_email", "fetch_mode"):
        if name in call.fields:
            value = call.fields[name]
            call.state.db.execute(f"UPDATE collections SET {name} = ? WHERE id = ?", (value, row["id"]))  # noqa: S608
    if "schedule_time" in call.fields:
        times = json.dumps(call.fields["schedule_time"])
        call.state.db.execute("UPDATE collections SET schedule_time = ? WHERE id = ?", (times, row["id"]))
    call.state.db.execute("UPDATE collections SET updated = ? WHERE id = ?", (call.state.now(), row["id"]))
    row = call.state.collection(row["id"], call.user)
    return {name: row[name] for name in ("id", "name", "priority", "schedule")} | {"updated_at": stamp(row["updated"])}


def delete(call: Call) -> object:
    """Delete a collection with its items, runs and files."""
    row = call.state.collection(call.fields["schedule_id"], call.user)
    _remove(call, row["id"])
    return {"detail": "Schedule deleted successfully."}


def delete_multiple(call: Call) -> object:
    """Delete several collections one after another, with a commit for each."""
    deleted = 0
    for number, collection in enumerate(call.fields["schedule_ids"], 1):
        if call.state.row("SELECT 1 FROM collections WHERE id = ? AND user = ?", collection, call.user):
            _remove(call, collection)
            call.commit()
            deleted += 1
        if number == _BATCH_THAT_TIMES_OUT:
            raise TimeoutError
    return {"detail": f"{deleted} schedule(s) and associated folder(s) deleted successfully."}


def _remove(call: Call, collection: int) -> None:
    state = call.state
    for run in map(run_of, state.rows("SELECT * FROM runs WHERE collection = ?", collection)):
        if run.state == "running":
            release_credits(state, run)
        state.checksums.pop(run.id, None)
    for table, column in (("runs", "collection"), ("asins", "collection"), ("collections", "id")):
        state.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (collection,))  # noqa: S608 - own names
