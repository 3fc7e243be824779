"""The table of items, in which ASINs and SKUs live alike."""

from __future__ import annotations

import csv
import io
import sqlite3

import attrs

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, ApiFailure
from multicart_async.sandbox._state.seed import materialize_items
from multicart_async.sandbox._state.state import SandboxState

MOST = 5000


@attrs.frozen
class Item:
    """A row to be added: the ids of its domain and postcode, and what it is called."""

    asin: str
    domain: int
    zipcode: int
    include_raw_html: bool = False
    custom_id: str = ""
    output: str = "JSON"


def items_of(call: Call, collection: int) -> sqlite3.Row:
    """A collection of the caller, all of whose items are rows."""
    row = call.world.collection(collection, call.user)
    materialize_items(call.world, collection)
    return row


def count_items(world: SandboxState, collection: int) -> int:
    """How many rows a collection has."""
    found: int = world.number("SELECT count(*) FROM asins WHERE collection = ?", collection)
    return found


def insert_item(world: SandboxState, collection: int, item: Item) -> int | None:
    """The id of a new row, or nothing if the same one is there."""
    now = world.now()
    cursor = world.db.execute(
        "INSERT OR IGNORE INTO asins (collection, domain, zipcode, asin, custom_id, include_raw_html, output,"
        " created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(collection, item.domain, item.zipcode, item.asin, item.custom_id),
            *(item.include_raw_html, item.output, now, now),
        ),
    )
    if not cursor.rowcount:
        return None
    # The first item promotes a draft.
    world.db.execute("UPDATE collections SET status = 'enable', updated = ? WHERE id = ?", (now, collection))
    return cursor.lastrowid


def read_csv(content: bytes, header: list[str]) -> list[list[str]]:
    """The rows of an uploaded file, filled up to the width of the header; names and order must match exactly."""
    try:
        lines = [line for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ApiFailure(BAD_REQUEST, f"csv: {error}") from error
    if not lines or lines[0] != header:
        raise ApiFailure(BAD_REQUEST, f"csv: The header row must be {','.join(header)}.")
    if len(lines) > MOST + 1:
        raise ApiFailure(BAD_REQUEST, f"csv: At most {MOST} rows.")
    return [line + [""] * (len(header) - len(line)) for line in lines[1:]]
