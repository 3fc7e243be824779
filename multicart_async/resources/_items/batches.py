"""Many items into a collection: in texts of a thousand, or in CSVs; what came of all calls is added up."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import attrs
from anyio.lowlevel import cancel_shielded_checkpoint

from multicart_async._core.redactor import Redactor
from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_bool, check_id
from multicart_async._http import MultipartForm
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import Endpoint
from multicart_async.errors import MultiCartError
from multicart_async.models import AddResult, ErrorRow
from multicart_async.resources._items.csv_schema import CsvSchema, collect_rows, prepare_csv

__all__ = ["DUPLICATE", "import_csv", "join_batches", "own", "send_batches"]

BATCH = 1_000  # items for one call
DUPLICATE = "Duplicate entry"  # the documented reason of an error row


def join_batches(items: Sequence[str]) -> Iterator[str]:
    """*items* as the service takes them: one text for each call, not an array."""
    for start in range(0, len(items), BATCH):
        yield ",".join(items[start : start + BATCH])


async def send_batches(
    call: ApiCaller,
    endpoint: Endpoint[AddResult],
    batches: Iterable[Mapping[str, object] | MultipartForm],
    *,
    blank_rows: int = 0,
) -> AddResult:
    """Send *batches*, one call each, and add up the results; *blank_rows* were left out of them.

    Raises:
        MultiCartError: One failed; ``report`` holds the `AddResult` of the earlier ones. Later ones were not sent.
    """
    total = AddResult(success_count=0, blank_rows=blank_rows)
    for batch in batches:
        try:
            answer = await call.call_with_info(endpoint, batch)
        except MultiCartError as error:
            error.report = total
            raise
        added = own(answer.value) if answer.maybe_applied else answer.value
        total += await _redacted(added, call.redactor) if added.error_rows else added
    return total


async def _redacted(added: AddResult, redactor: Redactor) -> AddResult:
    """Redact the rows, because they become the text of an error. There may be ten thousand of them."""
    rows: list[ErrorRow] = []
    for row in added.error_rows:
        rows.append(redactor.value(row))
        await cancel_shielded_checkpoint()  # what was added is not to be forgotten
    return attrs.evolve(redactor.value(attrs.evolve(added, error_rows=())), error_rows=tuple(rows))


async def import_csv(
    call: ApiCaller,
    endpoint: Endpoint[AddResult],
    layout: CsvSchema,
    collection_id: int,
    source: str | os.PathLike[str] | bytes | Iterable[object],
    *,
    split: bool,
) -> AddResult:
    """Send a CSV and return the result; all of it is checked before anything is sent."""
    check_id("collection_id", collection_id)
    check_bool("split", split)
    given = collect_rows(source, layout, split=split)
    made = await run_in_thread(lambda: prepare_csv(given, layout, split=split))
    name = f"{layout.group}.csv"
    fields = {"collection_id": str(collection_id)}
    forms = (MultipartForm(fields, "csv", name, part) for part in made.contents)
    return await send_batches(call, endpoint, forms, blank_rows=made.blank_rows)


def own(added: AddResult, sent: Container[str | None] | None = None) -> AddResult:
    """Count each duplicate, or those among *sent*, as added: by the attempt whose answer was lost, as far as is known."""
    rows = tuple(
        row for row in added.error_rows if row.error != DUPLICATE or (sent is not None and row.item not in sent)
    )
    found = len(added.error_rows) - len(rows)
    return attrs.evolve(
        added, success_count=added.success_count + found, error_rows=rows, assumed=added.assumed + found
    )
