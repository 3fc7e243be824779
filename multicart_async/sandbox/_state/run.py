"""A stored run, and what follows from it at a moment: items scraped, pages written, names of files."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from typing import Literal, cast

import attrs

from multicart_async.sandbox._content.records import Page, RecordKind, Template, template

State = Literal["running", "done", "failed", "cancelled"]
Kind = Literal["product", "category"]
CATEGORY_FILE = "category_asins.json"
EPSILON = 1e-6  # seconds; rounding errors of sums are smaller


@attrs.frozen(kw_only=True)
class Run:
    """A row of the table of runs."""

    id: int
    user: int
    collection: int
    name: str  # of the collection at the start: files keep it when the collection is renamed
    kind: Kind
    fetch_mode: str
    state: State
    items: int
    extracted: int
    reserved: int
    started: float
    visible: float
    pace: float
    ends: float
    failure: str | None
    first_output: int | None
    asins: str | None
    seed: int
    items_per_page: int
    records_per_item: int
    record_bytes: int
    records: RecordKind
    item_name: str  # the field of a record with its item: asin or sku

    @property
    def outputs(self) -> int:
        """The number of its outputs: 0 until it is done."""
        return self.extracted if self.state == "done" and self.kind == "product" else 0

    @property
    def pages(self) -> int:
        """The number of page files that it has when it is done."""
        return -(-self.extracted // self.items_per_page)

    def scraped(self, now: float) -> int:
        """Return the number of items scraped so far."""
        if self.state == "done":
            return self.items
        moment = min(now, self.ends) + EPSILON
        if moment < self.visible:
            return 0
        if not self.pace:
            return self.items // 2 if self.failure else self.items
        return min(int((moment - self.visible) / self.pace), self.items)

    def pages_written(self, now: float) -> int:
        """Return the number of page files that exist so far."""
        done = min(self.scraped(now), self.extracted)
        return self.pages if done == self.extracted else done // self.items_per_page

    def page_name(self, number: int) -> str:
        """Return the file name of a page, counted from 1."""
        return f"{self.name}_{self.id}_Results_Page_{number}.json"

    @property
    def zip_name(self) -> str:
        """The file name of the ZIP."""
        return f"{self.name}_{self.id}_Results_All_Pages.zip"

    def page(self, number: int) -> Page:
        """Return a page file, counted from 1."""
        first = (number - 1) * self.items_per_page
        return Page(_template(self), first, min(self.items_per_page, self.extracted - first), self.records_per_item)

    def all_records(self) -> Page:
        """Return all records in one file, as a category run has it."""
        return Page(_template(self), 0, self.extracted, self.records_per_item)

    def item(self, index: int) -> Page:
        """Return the records of one item."""
        return Page(_template(self), index, 1, self.records_per_item)


@lru_cache(maxsize=64)
def _template(run: Run) -> Template:
    kind = "category" if run.kind == "category" else run.fetch_mode
    asins = None if run.asins is None else cast("list[str]", json.loads(run.asins))
    return template(
        *(kind, run.item_name),
        seed=run.seed,
        run=run.id,
        collection=run.collection,
        record_bytes=run.record_bytes,
        records=run.records,
        asins=asins,
    )


def run_of(row: sqlite3.Row) -> Run:
    """Return the run that a row of the table describes."""
    return Run(**dict(row))


def find_run(db: sqlite3.Connection, run_id: int) -> Run | None:
    """Return the run with an id, or None."""
    row = db.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
    return run_of(row) if row else None
