"""Send many items to a collection, as strings of a thousand or as CSVs, and add up the results."""

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

BATCH = 1_000  # items per call
DUPLICATE = "Duplicate entry"  # the documented reason of an error row


def join_batches(items: Sequence[str]) -> Iterator[str]:
    """Yield *items* as the service expects them: one comma-separated string per call, not an array."""
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
        MultiCartError: A batch failed; ``report`` holds the `AddResult` of the earlier ones. Later ones were not sent.
    """
    total = AddResult(success_count=0, blank_rows=blank_rows)
    for batch in batches:
        try:
            response = await call.call_with_info(endpoint, batch)
        except MultiCartError as error:
            error.report = total
            raise
        added = own(response.value) if response.maybe_applied else response.value
        total += await _redacted(added, call.redactor) if added.error_rows else added
    return total


async def _redacted(added: AddResult, redactor: Redactor) -> AddResult:
    """Redact the error rows, up to ten thousand, because they become part of an error message."""
    rows: list[ErrorRow] = []
    for row in added.error_rows:
        rows.append(redactor.value(row))
        await cancel_shielded_checkpoint()  # a cancellation must not lose the result
    return attrs.evolve(redactor.value(attrs.evolve(added, error_rows=())), error_rows=tuple(rows))


async def import_csv(
    call: ApiCaller,
    endpoint: Endpoint[AddResult],
    schema: CsvSchema,
    collection_id: int,
    source: str | os.PathLike[str] | bytes | Iterable[object],
    *,
    split: bool,
) -> AddResult:
    """Send a CSV and return the result; all of it is checked before anything is sent."""
    check_id("collection_id", collection_id)
    check_bool("split", split)
    csv_source = collect_rows(source, schema, split=split)
    parts = await run_in_thread(lambda: prepare_csv(csv_source, schema, split=split))
    name = f"{schema.group}.csv"
    fields = {"collection_id": str(collection_id)}
    forms = (MultipartForm(fields, "csv", name, content) for content in parts.contents)
    return await send_batches(call, endpoint, forms, blank_rows=parts.blank_rows)


def own(added: AddResult, sent: Container[str | None] | None = None) -> AddResult:
    """Count each duplicate, or those in *sent*, as added by the attempt whose response was lost, as far as known."""
    rows = tuple(
        row for row in added.error_rows if row.error != DUPLICATE or (sent is not None and row.item not in sent)
    )
    found = len(added.error_rows) - len(rows)
    return attrs.evolve(
        added, success_count=added.success_count + found, error_rows=rows, assumed=added.assumed + found
    )
