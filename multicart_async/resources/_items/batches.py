"""Many items into a collection: in texts of a thousand, or in CSVs; what came of all calls is added up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs
from anyio.lowlevel import cancel_shielded_checkpoint

from multicart_async._core.redactor import Redactor
from multicart_async._core.threads import in_thread
from multicart_async._core.validation import a_flag, an_id
from multicart_async._http import Form
from multicart_async._http.caller import Caller
from multicart_async._http.endpoint import Endpoint
from multicart_async.errors import MultiCartError
from multicart_async.models import Added, ErrorRow
from multicart_async.resources._items.csv_schema import Layout, csv_parts, given_rows

__all__ = ["DUPLICATE", "add_all", "import_csv", "in_batches", "own"]

BATCH = 1_000  # items for one call
DUPLICATE = "Duplicate entry"  # the documented reason of an error row


def in_batches(items: Sequence[str]) -> Iterator[str]:
    """*items* as the service takes them: one text for each call, not an array."""
    for start in range(0, len(items), BATCH):
        yield ",".join(items[start : start + BATCH])


async def add_all(
    call: Caller, endpoint: Endpoint[Added], batches: Iterable[Mapping[str, object] | Form], *, blank_rows: int = 0
) -> Added:
    """What came of all *batches*, each one call; *blank_rows* were left out of them.

    Raises:
        MultiCartError: One failed; ``report`` holds what the earlier ones `Added`. Later ones were not sent.
    """
    total = Added(success_count=0, blank_rows=blank_rows)
    for batch in batches:
        try:
            answer = await call.ask(endpoint, batch)
        except MultiCartError as error:
            error.report = total
            raise
        added = own(answer.value) if answer.repeated else answer.value
        total += await _redacted(added, call.redactor) if added.error_rows else added
    return total


async def _redacted(added: Added, redactor: Redactor) -> Added:
    """The same without secrets, for its rows become the text of an error. There may be ten thousand."""
    rows: list[ErrorRow] = []
    for row in added.error_rows:
        rows.append(redactor.value(row))
        await cancel_shielded_checkpoint()  # what was added is not to be forgotten
    return attrs.evolve(redactor.value(attrs.evolve(added, error_rows=())), error_rows=tuple(rows))


async def import_csv(
    call: Caller,
    endpoint: Endpoint[Added],
    layout: Layout,
    collection_id: int,
    source: str | os.PathLike[str] | bytes | Iterable[object],
    *,
    split: bool,
) -> Added:
    """What came of a CSV; all of it is checked before anything is sent."""
    an_id("collection_id", collection_id)
    a_flag("split", split)
    given = given_rows(source, layout, split=split)
    made = await in_thread(lambda: csv_parts(given, layout, split=split))
    name = f"{layout.group}.csv"
    fields = {"collection_id": str(collection_id)}
    forms = (Form(fields, "csv", name, part) for part in made.contents)
    return await add_all(call, endpoint, forms, blank_rows=made.blank_rows)


def own(added: Added) -> Added:
    """After a lost answer, a duplicate is what the lost attempt added, as far as anybody knows."""
    rows = tuple(row for row in added.error_rows if row.error != DUPLICATE)
    assumed = len(added.error_rows) - len(rows)
    return attrs.evolve(added, success_count=added.success_count + assumed, error_rows=rows, assumed=assumed)
