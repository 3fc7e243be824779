"""The table of items, for ASINs and SKUs alike."""

from __future__ import annotations

import csv
import io
import sqlite3

import attrs

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, ApiFailure
from multicart_async.sandbox._state.seed import materialize_items
from multicart_async.sandbox._state.state import SandboxState

MAX_ITEMS = 5000


@attrs.frozen
class Item:
    """An item to be added: its ASIN or SKU, and the ids of its domain and postcode."""

    asin: str
    domain: int
    zipcode: int
    include_raw_html: bool = False
    custom_id: str = ""
    output: str = "JSON"


def get_with_items(call: Call, collection: int) -> sqlite3.Row:
    """Return a collection of the caller after creating its missing items."""
    row = call.state.collection(collection, call.user)
    materialize_items(call.state, collection)
    return row


def count_items(state: SandboxState, collection: int) -> int:
    """Return how many items a collection has."""
    found: int = state.number("SELECT count(*) FROM asins WHERE collection = ?", collection)
    return found


def insert_item(state: SandboxState, collection: int, item: Item) -> int | None:
    """Insert an item and return its id, or None if it exists already."""
    now = state.now()
    cursor = state.db.execute(
        "INSERT OR IGNORE INTO asins (collection, domain, zipcode, asin, custom_id, include_raw_html, output,"
        " created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(collection, item.domain, item.zipcode, item.asin, item.custom_id),
            *(item.include_raw_html, item.output, now, now),
        ),
    )
    if not cursor.rowcount:
        return None
    # The first item enables a draft.
    state.db.execute("UPDATE collections SET status = 'enable', updated = ? WHERE id = ?", (now, collection))
    return cursor.lastrowid


def read_csv(content: bytes, header: list[str]) -> list[list[str]]:
    """Return the rows of an uploaded CSV file, each filled up to the width of the header.

    The header must have exactly the expected names in their order.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ApiFailure(BAD_REQUEST, f"csv: {error}") from error
    if not lines or lines[0] != header:
        raise ApiFailure(BAD_REQUEST, f"csv: The header row must be {','.join(header)}.")
    if len(lines) > MAX_ITEMS + 1:
        raise ApiFailure(BAD_REQUEST, f"csv: At most {MAX_ITEMS} rows.")
    return [line + [""] * (len(header) - len(line)) for line in lines[1:]]
