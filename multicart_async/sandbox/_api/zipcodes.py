"""Postcodes: create, list. Their cookies are made in the background, so that one is active only later."""

from __future__ import annotations

import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.state import SandboxState

_LONGEST = 12
_SAME = "SELECT 1 FROM zipcodes WHERE domain = ? AND zipcode = ? AND "
_JOINED = (
    "SELECT zipcodes.*, domains.domain AS name, country_code, supplier_type, domains.status AS domain_status"
    " FROM zipcodes JOIN domains ON domains.id = zipcodes.domain WHERE "
)


def create(call: Call) -> object:
    """A new row, in progress for a scraping domain, unless another user has the same one ready."""
    given, world = call.fields, call.world
    domain = world.row("SELECT supplier_type FROM domains WHERE id = ?", given["domain"])
    if domain is None:
        raise ApiFailure(BAD_REQUEST, "domain: Invalid domain id.")
    if len(given["zipcode"]) > _LONGEST:
        raise ApiFailure(BAD_REQUEST, f"zipcode: At most {_LONGEST} characters.")
    if world.row(_SAME + "user = ?", given["domain"], given["zipcode"], call.user):
        raise ApiFailure(CONFLICT, "Zipcode already exists")
    row_id = _insert(call, at_once=domain["supplier_type"] != "scraping" or _is_ready(call))
    (row,) = world.rows(f"{_JOINED} zipcodes.id = ?", row_id)
    return _shown(row, {"id": row["domain"], "domain": row["name"], "supplier_type": row["supplier_type"]})


def list_all(call: Call) -> object:
    """The caller's rows, with more of the domain than a new one shows."""
    rows = call.world.rows(f"{_JOINED} zipcodes.user = ? ORDER BY zipcodes.id", call.user)
    return [_shown(row, _domain(row)) for row in rows if _wanted(call, row)]


def _insert(call: Call, *, at_once: bool) -> int | None:
    given, world, now = call.fields, call.world, call.world.now()
    status, ready, outcome = "active", None, None
    if not at_once:
        status, ready, outcome = "in-progress", now + world.options.activation_seconds, _outcome(world)
    cursor = world.db.execute(
        "INSERT INTO zipcodes (user, domain, zipcode, status, ready, outcome, created, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (call.user, given["domain"], given["zipcode"], status, ready, outcome, now, now),
    )
    return cursor.lastrowid


def _outcome(world: SandboxState) -> str:
    outcome, world.next_zipcode = world.next_zipcode, None
    return outcome or "active"


def _is_ready(call: Call) -> bool:
    """Whether another user's cookie can be reused."""
    given = call.fields
    return call.world.row(_SAME + "status = 'active'", given["domain"], given["zipcode"]) is not None


def _wanted(call: Call, row: sqlite3.Row) -> bool:
    return all(row[name] == value for name, value in call.fields.items())


def _domain(row: sqlite3.Row) -> dict[str, object]:
    between = {name: row[name] for name in ("country_code", "supplier_type")}
    return {"id": row["domain"], "domain": row["name"], **between, "status": row["domain_status"]}


def _shown(row: sqlite3.Row, domain: dict[str, object]) -> dict[str, object]:
    stamps = {"created_at": stamp(row["created"]), "updated_at": stamp(row["updated"])}
    return {"id": row["id"], "zipcode": row["zipcode"], "domain": domain, "status": row["status"], **stamps}
