"""Officeworks SKUs of a collection: add one, several or a CSV. They are items like the ASINs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from multicart_async.sandbox._api.items import MAX_ITEMS, Item, get_with_items, insert_item, read_csv
from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._content.stores import STORE_IDS
from multicart_async.sandbox._state.state import SandboxState

_SUPPLIER = "officeworks.com.au"
_HEADER = ["sku", "customer_postcode", "store_id"]
_FULL = f"Maximum {MAX_ITEMS} SKUs per collection."


def create(call: Call) -> object:
    """Add a SKU and return it; the postcode is a value or an id, and the response has the value."""
    given = call.fields
    collection = _get_officeworks(call, given["collection"])
    postcode_row = _Postcodes(call).find(given["customer_postcode"])
    if given["store_id"] not in STORE_IDS:
        raise ApiFailure(BAD_REQUEST, "store_id: Invalid store id.")
    if postcode_row is None:
        raise ApiFailure(BAD_REQUEST, "customer_postcode: Invalid zipcode.")
    codes = _codes(call.state, collection)
    if len(codes) >= MAX_ITEMS:
        raise ApiFailure(BAD_REQUEST, _FULL)
    if given["sku"] in codes:
        raise ApiFailure(CONFLICT, "SKU already exists")  # neither text nor code is documented: as for ASINs
    row_id = _insert(call.state, collection, given["sku"], given["store_id"], postcode_row)
    shown = {"sku": given["sku"], "store_id": given["store_id"], "customer_postcode": postcode_row["zipcode"]}
    return {"id": row_id, **shown, "collection": collection}


def create_multiple(call: Call) -> object:
    """Add the SKUs of a comma-separated string and return their number.

    The response is not documented: the sandbox returns that of ASINs, with ``sku``.
    """
    given = call.fields
    collection = _get_officeworks(call, given["collection"])
    codes = (code.strip() for code in given["skus"].split(","))
    rows = ((code, given["customer_postcode"], given["store_id"]) for code in codes if code)
    return _insert_rows(call, collection, rows)


def create_bulk(call: Call) -> object:
    """Add the rows of a CSV file and return their number.

    The response is not documented: the sandbox returns that of ASINs, with ``sku``.
    """
    collection = _get_officeworks(call, call.fields["collection_id"])
    return _insert_rows(call, collection, read_csv(call.fields["csv"], _HEADER))


def _get_officeworks(call: Call, collection: int) -> int:
    row = get_with_items(call, collection)
    if row["request_type"] != _SUPPLIER:
        raise ApiFailure(BAD_REQUEST, f"collection: Its request_type must be {_SUPPLIER}.")
    return collection


class _Postcodes:
    """The postcodes of a caller.

    Whether a postcode must belong to Officeworks is not documented: the sandbox accepts those of any domain.
    """

    def __init__(self, call: Call) -> None:
        rows = call.state.rows(
            "SELECT id, zipcode FROM zipcodes WHERE user = ? ORDER BY domain = ("
            "SELECT id FROM domains WHERE domain = ?), id DESC",
            *(call.user, _SUPPLIER),
        )
        self._by_id = {str(row["id"]): row for row in rows}
        # Of several with the same value the last one counts: that of Officeworks, or else the oldest.
        self._by_value = {row["zipcode"]: row for row in rows}

    def find(self, given: str | int) -> sqlite3.Row | None:
        """Return the postcode with a value, or else with an id; which has priority is not documented."""
        return self._by_value.get(str(given)) or self._by_id.get(str(given))


def _codes(state: SandboxState, collection: int) -> set[str]:
    """Return the SKUs of a collection; a SKU can be in it once, regardless of store and postcode."""
    return {row["asin"] for row in state.rows("SELECT asin FROM asins WHERE collection = ?", collection)}


def _insert(state: SandboxState, collection: int, sku: str, store: str, postcode_row: sqlite3.Row) -> int | None:
    domain: int = state.number("SELECT id FROM domains WHERE domain = ?", _SUPPLIER)
    return insert_item(state, collection, Item(sku, domain, postcode_row["id"], custom_id=store))


def _insert_rows(call: Call, collection: int, rows: Iterable[Sequence[str]]) -> object:
    """Insert the valid rows; report the others in the response, which is still a success."""
    postcodes, codes = _Postcodes(call), _codes(call.state, collection)
    added, errors = 0, list[dict[str, str]]()
    for sku, postcode, store, *_ in rows:
        postcode_row = postcodes.find(postcode)
        if postcode_row is None:
            errors.append({"sku": sku, "error": "Postcode not found"})
        elif store not in STORE_IDS:
            errors.append({"sku": sku, "error": "Store not found"})
        elif not sku:
            errors.append({"sku": sku, "error": "SKU is missing"})
        elif sku in codes:
            errors.append({"sku": sku, "error": "Duplicate entry"})
        elif len(codes) >= MAX_ITEMS:
            errors.append({"sku": sku, "error": _FULL})
        else:
            _insert(call.state, collection, sku, store, postcode_row)
            codes.add(sku)
            added += 1
    return {"success_count": added, "error_rows": errors}
