"""Officeworks SKUs of a collection: add one, several or a CSV. They are rows among the ASINs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from multicart_async.sandbox._api.items import MOST, Item, insert_item, items_of, read_csv
from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._content.stores import STORE_IDS
from multicart_async.sandbox._state.state import SandboxState

_SUPPLIER = "officeworks.com.au"
_HEADER = ["sku", "customer_postcode", "store_id"]
_FULL = f"Maximum {MOST} SKUs per collection."


def create(call: Call) -> object:
    """A new row; the postcode is a value or a row id, and comes back as the value."""
    given = call.fields
    collection = _open(call, given["collection"])
    place = _Places(call).find(given["customer_postcode"])
    if given["store_id"] not in STORE_IDS:
        raise ApiFailure(BAD_REQUEST, "store_id: Invalid store id.")
    if place is None:
        raise ApiFailure(BAD_REQUEST, "customer_postcode: Invalid zipcode.")
    codes = _codes(call.world, collection)
    if len(codes) >= MOST:
        raise ApiFailure(BAD_REQUEST, _FULL)
    if given["sku"] in codes:
        raise ApiFailure(CONFLICT, "SKU already exists")  # neither text nor code is documented: as the ASINs'
    row_id = _insert(call.world, collection, given["sku"], given["store_id"], place)
    shown = {"sku": given["sku"], "store_id": given["store_id"], "customer_postcode": place["zipcode"]}
    return {"id": row_id, **shown, "collection": collection}


def create_multiple(call: Call) -> object:
    """How many of a comma-separated string went in. Not documented: the sandbox answers as for ASINs, with ``sku``."""
    given = call.fields
    collection = _open(call, given["collection"])
    codes = (code.strip() for code in given["skus"].split(","))
    rows = ((code, given["customer_postcode"], given["store_id"]) for code in codes if code)
    return _insert_rows(call, collection, rows)


def create_bulk(call: Call) -> object:
    """How many rows of a CSV file went in. Not documented: the sandbox answers as for ASINs, with ``sku``."""
    collection = _open(call, call.fields["collection_id"])
    return _insert_rows(call, collection, read_csv(call.fields["csv"], _HEADER))


def _open(call: Call, collection: int) -> int:
    row = items_of(call, collection)
    if row["request_type"] != _SUPPLIER:
        raise ApiFailure(BAD_REQUEST, f"collection: Its request_type must be {_SUPPLIER}.")
    return collection


class _Places:
    """The postcodes of a caller. That one must belong to Officeworks is not documented: any domain's will do."""

    def __init__(self, call: Call) -> None:
        rows = call.world.rows(
            "SELECT id, zipcode FROM zipcodes WHERE user = ? ORDER BY domain = ("
            "SELECT id FROM domains WHERE domain = ?), id DESC",
            *(call.user, _SUPPLIER),
        )
        self._by_id = {str(row["id"]): row for row in rows}
        self._by_value = {
            row["zipcode"]: row for row in rows
        }  # the last of equal ones: Officeworks' own, or the oldest

    def find(self, given: str | int) -> sqlite3.Row | None:
        """The row of a value, or else of a row id; which of the two comes first is not documented."""
        return self._by_value.get(str(given)) or self._by_id.get(str(given))


def _codes(world: SandboxState, collection: int) -> set[str]:
    """The SKUs that are there: store and postcode do not count, so each can be there once."""
    return {row["asin"] for row in world.rows("SELECT asin FROM asins WHERE collection = ?", collection)}


def _insert(world: SandboxState, collection: int, sku: str, store: str, place: sqlite3.Row) -> int | None:
    domain: int = world.number("SELECT id FROM domains WHERE domain = ?", _SUPPLIER)
    return insert_item(world, collection, Item(sku, domain, place["id"], custom_id=store))


def _insert_rows(call: Call, collection: int, rows: Iterable[Sequence[str]]) -> object:
    """Add what can be added; the others are told of, not refused."""
    places, codes = _Places(call), _codes(call.world, collection)
    added, errors = 0, list[dict[str, str]]()
    for sku, postcode, store, *_ in rows:
        place = places.find(postcode)
        if place is None:
            errors.append({"sku": sku, "error": "Postcode not found"})
        elif store not in STORE_IDS:
            errors.append({"sku": sku, "error": "Store not found"})
        elif not sku:
            errors.append({"sku": sku, "error": "SKU is missing"})
        elif sku in codes:
            errors.append({"sku": sku, "error": "Duplicate entry"})
        elif len(codes) >= MOST:
            errors.append({"sku": sku, "error": _FULL})
        else:
            _insert(call.world, collection, sku, store, place)
            codes.add(sku)
            added += 1
    return {"success_count": added, "error_rows": errors}
