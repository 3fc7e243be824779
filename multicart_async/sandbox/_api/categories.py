"""Category scrapes: submit, poll, cancel."""

from __future__ import annotations

import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._api.runs import download_links
from multicart_async.sandbox._content.envelope import BAD_REQUEST, NOT_FOUND, ApiFailure
from multicart_async.sandbox._state.run import Run, run_of
from multicart_async.sandbox._state.run_lifecycle import cancel as revoke
from multicart_async.sandbox._state.run_lifecycle import start_category
from multicart_async.sandbox._state.state import SandboxState

REQUEST_TYPE = "amazon_category_scrape"


def submit(call: Call) -> object:
    """Start a category scrape and return the ids of its new collection and run.

    The filters are accepted, but the generated products are not filtered.
    """
    given, state, now = call.fields, call.state, call.state.now()
    if not state.row(
        "SELECT 1 FROM zipcodes JOIN domains ON domains.id = zipcodes.domain"
        " WHERE zipcodes.user = ? AND domains.domain = ? AND zipcodes.zipcode = ? AND zipcodes.status = 'active'",
        *(call.user, given["domain"], given["postcode"]),
    ):
        raise ApiFailure(BAD_REQUEST, f"No cookie file found for {given['domain']} and postcode {given['postcode']}.")
    email = given.get("notification_email") or state.number("SELECT email FROM users WHERE id = ?", call.user)
    name = given.get("name") or f"amazon_category_{given['amazon_node_id']}"
    cursor = state.db.execute(
        "INSERT INTO collections (user, name, status, schedule_status, request_type, schedule, priority, fetch_mode,"
        " notification_email, created, updated) VALUES (?, ?, 'enable', 'Pending', ?, 'Manual', ?, 'full', ?, ?, ?)",
        (call.user, name, REQUEST_TYPE, given.get("priority", "Normal"), email, now, now),
    )
    run = start_category(state, state.collection(cursor.lastrowid or 0, call.user))
    return {"id": run.collection, "runner_id": run.id}


def result(call: Call) -> object:
    """Return the state of the scrape, always as an array of one element."""
    _, run = _find(call)
    done = run.state == "done"
    row: dict[str, object] = {"id": run.id, "collection": run.collection, "is_download_generated": done}
    row["stage"] = _stage(call.state, run)
    if done:
        records = run.all_records().records()
        row["asin_count"] = len(records)
        row["asins"] = [{name: record[name] for name in ("asin", "title", "price")} for record in records]
    elif run.state == "running":
        row["progress"] = _progress(run, call.state.now())
    return [{**row, **download_links(run, call.base, call.state.now())}]


def cancel(call: Call) -> object:
    """Cancel the scrape and return whether it was running; if it was not, that is not a failure."""
    collection, run = _find(call)
    return {"id": collection["id"], "revoked": revoke(call.state, run)}


def _find(call: Call) -> tuple[sqlite3.Row, Run]:
    collection = call.state.collection(call.fields["collection_id"], call.user)
    row = call.state.row("SELECT * FROM runs WHERE collection = ? AND kind = 'category'", collection["id"])
    if row is None:
        raise ApiFailure(NOT_FOUND, "Category scrape not found.")
    return collection, run_of(row)


def _stage(state: SandboxState, run: Run) -> str:
    if run.state == "cancelled":
        return state.options.stage_after_cancel  # not documented
    return {"running": "scraping", "done": "done", "failed": "failed"}[run.state]


def _progress(run: Run, now: float) -> dict[str, object]:
    # Only "current page and total pages" is documented; the names of the two keys are invented.
    return {"current_page": min(run.pages_written(now) + 1, max(run.pages, 1)), "total_pages": max(run.pages, 1)}
