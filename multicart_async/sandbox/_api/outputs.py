"""Outputs: what a run found for one item."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import NOT_FOUND, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.run import Run, run_of

_PAGE = 100
_SHOWN = ("asin", "sku", "title", "price", "availability")


def list_page(call: Call) -> object:
    """Return outputs of a collection without their large ``output_json``."""
    collection = call.state.collection(call.fields["collection_id"], call.user)
    skip, limit = call.window(_PAGE)
    rows: list[dict[str, object]] = []
    query = "SELECT * FROM runs WHERE collection = ? AND first_output IS NOT NULL ORDER BY first_output"
    for run in map(run_of, call.state.rows(query, collection["id"])):
        wanted = range(skip, min(run.outputs, skip + limit - len(rows)))
        rows += [{**_core(run, index), **_created(run), "updated_at": stamp(run.ends)} for index in wanted]
        skip = max(skip - run.outputs, 0)
    return rows


def get(call: Call) -> object:
    """Return one complete output; ``asin_id`` is the id of an output, and the id of an ASIN finds nothing."""
    output = call.fields["asin_id"]
    row = call.state.row(
        "SELECT * FROM runs WHERE first_output <= ? ORDER BY first_output DESC LIMIT 1",
        output,
    )
    run = run_of(row) if row else None
    if run is None or run.user != call.user or output >= (run.first_output or 0) + run.outputs:
        raise ApiFailure(NOT_FOUND, "ASIN output not found.")
    index = output - (run.first_output or 0)
    record = run.item(index).records()[0]
    # One object even if output_json_count is greater, as in the documentation's example.
    found = {name: record[name] for name in _SHOWN if name in record}
    head = _core(run, index)
    count = head.pop("output_json_count")
    return {**head, "output_json": found, "output_json_count": count, **_created(run)}


def _core(run: Run, index: int) -> dict[str, object]:
    return {
        "id": (run.first_output or 0) + index,
        "user": run.user,
        "collection": run.collection,
        "output_json_count": run.records_per_item,
    }


def _created(run: Run) -> dict[str, object]:
    return {"created_at": stamp(run.visible)}
