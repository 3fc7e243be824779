"""ASINs of a collection: add one, several or a CSV; list, get, update, delete."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from multicart_async.sandbox._api.items import MAX_ITEMS, Item, count_items, get_with_items, insert_item, read_csv
from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, NOT_FOUND, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.seed import materialize_items

_PAGE = 100
_HEADER = ["domain", "customer_postcode", "asin", "include_raw_html"]
_FULL = f"Maximum {MAX_ITEMS} ASINs per collection."
_JOINED = (
    "SELECT asins.*, domains.domain AS domain_name, zipcodes.zipcode AS postcode FROM asins"
    " JOIN domains ON domains.id = asins.domain JOIN zipcodes ON zipcodes.id = asins.zipcode"
)


def create(call: Call) -> object:
    """Add an ASIN and return it; domain and postcode are ids here."""
    given, state = call.fields, call.state
    collection = get_with_items(call, given["collection"])
    if not state.row("SELECT 1 FROM domains WHERE id = ?", given["domain"]):
        raise ApiFailure(BAD_REQUEST, "domain: Invalid domain id.")
    if not state.row(
        "SELECT 1 FROM zipcodes WHERE id = ? AND user = ? AND domain = ?",
        *(given["customer_postcode"], call.user, given["domain"]),
    ):
        raise ApiFailure(BAD_REQUEST, "customer_postcode: Invalid zipcode id.")
    if count_items(state, collection["id"]) >= MAX_ITEMS:
        raise ApiFailure(BAD_REQUEST, _FULL)
    optional = {name: given[name] for name in ("include_raw_html", "custom_id", "output") if name in given}
    row_id = insert_item(
        state, collection["id"], Item(given["asin"], given["domain"], given["customer_postcode"], **optional)
    )
    if row_id is None:
        raise ApiFailure(CONFLICT, "ASIN already exists")  # the text is documented, the code is not
    row = _find(call, row_id)
    return {**_core(row), "domain": row["domain"], "customer_postcode": row["zipcode"], **_rest(row)} | _created(row)


def create_multiple(call: Call) -> object:
    """Add the ASINs of a comma-separated string and return their number; domain and postcode are values here."""
    given = call.fields
    collection = get_with_items(call, given["collection"])
    codes = [code.strip() for code in given["asins"].split(",")]
    raw = given.get("including_raw_html", False)  # this endpoint spells it differently
    rows = ((given["domain"], given["customer_postcode"], code, raw) for code in codes if code)
    return _insert_rows(call, collection["id"], rows)


def create_bulk(call: Call) -> object:
    """Add the rows of a CSV file and return their number."""
    collection = get_with_items(call, call.fields["collection_id"])
    lines = read_csv(call.fields["csv"], _HEADER)
    rows = ((line[0], line[1], line[2], line[3].lower() == "true") for line in lines)
    return _insert_rows(call, collection["id"], rows)


def list_page(call: Call) -> object:
    """Return ASINs of a collection: an array, or an object with their count."""
    collection = call.state.collection(call.fields["collection_id"], call.user)["id"]
    materialize_items(call.state, collection)
    skip, limit = call.window(_PAGE)
    query = f"{_JOINED} WHERE asins.collection = ? ORDER BY asins.id LIMIT ? OFFSET ?"
    rows = [
        {"id": row["id"], "asin": row["asin"], **_joined(row), **_rest(row)}
        for row in call.state.rows(query, collection, limit, skip)
    ]
    if call.fields.get("with_count"):  # any truthy value changes the shape
        return {"total_count": count_items(call.state, collection), "asin_list": rows}
    return rows


def get(call: Call) -> object:
    """Return one ASIN, found by its id alone: ``collection`` is accepted and not used."""
    row = _find(call, call.fields["id"])
    return {**_core(row), **_joined(row), **_rest(row), **_created(row)}


def update(call: Call) -> object:
    """Change an ASIN and return it."""
    given, row = call.fields, _find(call, call.fields["asin_id"])
    changes = {name: given[name] for name in ("asin", "include_raw_html", "output", "custom_id") if name in given}
    try:
        for name, value in changes.items():
            call.state.db.execute(f"UPDATE asins SET {name} = ? WHERE id = ?", (value, row["id"]))  # noqa: S608 - own
    except sqlite3.IntegrityError as error:
        raise ApiFailure(CONFLICT, "ASIN already exists") from error
    call.state.db.execute("UPDATE asins SET updated = ? WHERE id = ?", (call.state.now(), row["id"]))
    row = _find(call, row["id"])
    kept = {"asin": row["asin"], "include_raw_html": bool(row["include_raw_html"]), "output": row["output"]}
    return {"id": row["id"], **kept, "custom_id": row["custom_id"], "updated_at": stamp(row["updated"])}


def delete(call: Call) -> object:
    """Delete an ASIN; its outputs and files stay."""
    row = _find(call, call.fields["asin_id"])
    call.state.db.execute("DELETE FROM asins WHERE id = ?", (row["id"],))
    return "ASIN deleted successfully"


def _find(call: Call, row_id: int) -> sqlite3.Row:
    row = call.state.row(
        f"{_JOINED} JOIN collections ON collections.id = asins.collection WHERE asins.id = ? AND collections.user = ?",
        *(row_id, call.user),
    )
    if row is None:
        raise ApiFailure(NOT_FOUND, "ASIN not found.")
    return row


def _insert_rows(call: Call, collection: int, rows: Iterable[tuple[str, str, str, bool]]) -> object:
    """Insert the valid rows; report the others in the response, which is still a success."""
    state, ids_by_value = call.state, _postcode_ids(call)
    free, added, errors = MAX_ITEMS - count_items(call.state, collection), 0, list[dict[str, str]]()
    for domain, postcode, asin, raw in rows:
        ids = ids_by_value.get((domain, postcode))
        if ids is None:
            errors.append({"asin": asin, "error": "Domain or postcode not found"})
        elif not asin:
            errors.append({"asin": asin, "error": "ASIN is missing"})
        elif added >= free:
            errors.append({"asin": asin, "error": _FULL})
        elif insert_item(state, collection, Item(asin, *ids, raw)) is None:
            errors.append({"asin": asin, "error": "Duplicate entry"})
        else:
            added += 1
    return {"success_count": added, "error_rows": errors}


def _postcode_ids(call: Call) -> dict[tuple[str, str], tuple[int, int]]:
    rows = call.state.rows(
        "SELECT domains.id AS domain, domains.domain AS name, zipcodes.id AS zipcode, zipcodes.zipcode AS postcode"
        " FROM zipcodes JOIN domains ON domains.id = zipcodes.domain WHERE zipcodes.user = ?",
        call.user,
    )
    return {(row["name"], row["postcode"]): (row["domain"], row["zipcode"]) for row in rows}


def _core(row: sqlite3.Row) -> dict[str, object]:
    return {"id": row["id"], "asin": row["asin"], "collection": row["collection"]}


def _joined(row: sqlite3.Row) -> dict[str, object]:
    return {
        "domain": {"id": row["domain"], "domain": row["domain_name"]},
        "customer_postcode": {"id": row["zipcode"], "zipcode": row["postcode"]},
    }


def _rest(row: sqlite3.Row) -> dict[str, object]:
    return {
        "custom_id": row["custom_id"],
        "include_raw_html": bool(row["include_raw_html"]),
        "output": row["output"],
    }


def _created(row: sqlite3.Row) -> dict[str, object]:
    return {"created_at": stamp(row["created"])}
