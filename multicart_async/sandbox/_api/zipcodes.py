"""Postcodes: create, list.

A postcode that needs a cookie becomes active only later, because its cookie is created in the background.
"""

from __future__ import annotations

import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.state import SandboxState

_MAX_LENGTH = 12
_SAME = "SELECT 1 FROM zipcodes WHERE domain = ? AND zipcode = ? AND "
_JOINED = (
    "SELECT zipcodes.*, domains.domain AS name, country_code, supplier_type, domains.status AS domain_status"
    " FROM zipcodes JOIN domains ON domains.id = zipcodes.domain WHERE "
)


def create(call: Call) -> object:
    """Create a postcode and return it.

    For a scraping domain it is in progress, unless the same postcode of another user is active.
    """
    given, state = call.fields, call.state
    domain = state.row("SELECT supplier_type FROM domains WHERE id = ?", given["domain"])
    if domain is None:
        raise ApiFailure(BAD_REQUEST, "domain: Invalid domain id.")
    if len(given["zipcode"]) > _MAX_LENGTH:
        raise ApiFailure(BAD_REQUEST, f"zipcode: At most {_MAX_LENGTH} characters.")
    if state.row(_SAME + "user = ?", given["domain"], given["zipcode"], call.user):
        raise ApiFailure(CONFLICT, "Zipcode already exists")
    row_id = _insert(call, at_once=domain["supplier_type"] != "scraping" or _is_ready(call))
    (row,) = state.rows(f"{_JOINED} zipcodes.id = ?", row_id)
    return _shown(row, {"id": row["domain"], "domain": row["name"], "supplier_type": row["supplier_type"]})


def list_all(call: Call) -> object:
    """Return the caller's postcodes, with more fields of the domain than a new one has."""
    rows = call.state.rows(f"{_JOINED} zipcodes.user = ? ORDER BY zipcodes.id", call.user)
    return [_shown(row, _domain(row)) for row in rows if _matches(call, row)]


def _insert(call: Call, *, at_once: bool) -> int | None:
    given, state, now = call.fields, call.state, call.state.now()
    status, ready, outcome = "active", None, None
    if not at_once:
        status, ready, outcome = "in-progress", now + state.options.activation_seconds, _outcome(state)
    cursor = state.db.execute(
        "INSERT INTO zipcodes (user, domain, zipcode, status, ready, outcome, created, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (call.user, given["domain"], given["zipcode"], status, ready, outcome, now, now),
    )
    return cursor.lastrowid


def _outcome(state: SandboxState) -> str:
    outcome, state.next_zipcode = state.next_zipcode, None
    return outcome or "active"


def _is_ready(call: Call) -> bool:
    """Return whether the cookie of another user can be reused."""
    given = call.fields
    return call.state.row(_SAME + "status = 'active'", given["domain"], given["zipcode"]) is not None


def _matches(call: Call, row: sqlite3.Row) -> bool:
    return all(row[name] == value for name, value in call.fields.items())


def _domain(row: sqlite3.Row) -> dict[str, object]:
    between = {name: row[name] for name in ("country_code", "supplier_type")}
    return {"id": row["domain"], "domain": row["name"], **between, "status": row["domain_status"]}


def _shown(row: sqlite3.Row, domain: dict[str, object]) -> dict[str, object]:
    stamps = {"created_at": stamp(row["created"]), "updated_at": stamp(row["updated"])}
    return {"id": row["id"], "zipcode": row["zipcode"], "domain": domain, "status": row["status"], **stamps}
