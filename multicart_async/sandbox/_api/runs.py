"""Runs of a collection: start, and the history with its download links."""

from __future__ import annotations

from urllib.parse import quote

from multicart_async.sandbox._api.request import Call, FileResponse
from multicart_async.sandbox._content.envelope import FORBIDDEN, NOT_FOUND, ApiFailure
from multicart_async.sandbox._content.zip_writer import Archive
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.run import CATEGORY_FILE, Run, run_of
from multicart_async.sandbox._state.run_lifecycle import start_product
from multicart_async.sandbox._state.state import SandboxState

# The order is not documented, so it is an option; the dashboard shows the newest first.
_ORDERS = {"newest": "id DESC", "oldest": "id", "shuffled": "id * 2654435761 & 65535, id"}
_EMPTY = {"pages": (), "all_pages": ""}
EPSILON = 1e-6
_DASHBOARD_PAGE = 50  # no default limit is documented; the dashboard shows 50 runs


def start(call: Call) -> object:
    """Start a run and return a sentence, which does not identify the run."""
    start_product(call.state, call.state.collection(call.fields["collection_id"], call.user))
    return "Scraping Processing Queued!"


def results(call: Call) -> object:
    """Return the listed runs of a collection."""
    collection = call.state.collection(call.fields["collection_id"], call.user)
    skip, limit = call.window(_DASHBOARD_PAGE)
    # A run is listed only some time after its start.
    query = "SELECT * FROM runs WHERE collection = ? AND visible <= ? ORDER BY "
    window = f"{_ORDERS[call.state.options.runs_order]} LIMIT ? OFFSET ?"
    rows = call.state.rows(query + window, collection["id"], call.state.now() + EPSILON, limit, skip)
    return [_row(call, run_of(row)) for row in rows]


def _row(call: Call, run: Run) -> dict[str, object]:
    now, done = call.state.now(), run.state == "done"
    return {
        "id": run.id,
        "collection": run.collection,
        "is_download_generated": done,
        **download_links(run, call.base, now),
        "total_exacted_result": run.extracted if done else 0,  # sic
        "total_results": run.items if done else 0,
        "created_at": stamp(run.visible),
        "updated_at": stamp(min(run.ends, now) if done else max(run.visible, min(run.ends, now))),
    }


def download_links(run: Run, base: str, now: float) -> dict[str, object]:
    """Return the field ``download_links``, in one of the forms that it may have until a run is finished."""
    if run.kind == "category":
        pages = [link(run, base, CATEGORY_FILE)] if run.state == "done" else []
        return {"download_links": {"pages": pages, "all_pages": ""}}
    written = run.pages_written(now)
    pages = [link(run, base, run.page_name(number)) for number in range(1, written + 1)]
    if run.state == "done":
        return {"download_links": {"pages": pages, "all_pages": link(run, base, run.zip_name) if pages else ""}}
    if not pages:  # "will not yet be populated": absent, null or empty, depending on the run
        forms: tuple[dict[str, object], ...] = ({}, {"download_links": None}, {"download_links": _EMPTY})
        return forms[run.id % len(forms)]
    return {"download_links": {"pages": pages, "all_pages": ""}}


def link(run: Run, base: str, name: str) -> str:
    """Return the URL of a file; the name of the collection is in it unescaped."""
    return f"{base}/results/{run.collection}/{run.id}/{name}"


def download(call: Call) -> object:
    """Return a result file."""
    state, fields = call.state, call.fields
    owner = state.row("SELECT user FROM collections WHERE id = ?", fields["collection_id"])
    if owner is None:
        raise ApiFailure(NOT_FOUND, "Schedule not found.")
    if owner["user"] != call.user:
        raise ApiFailure(FORBIDDEN, "You do not have permission to download this file.")
    row = state.row("SELECT * FROM runs WHERE id = ? AND collection = ?", fields["runner_id"], fields["collection_id"])
    found = _file(state, run_of(row), fields["file_name"]) if row else None
    if found is None:  # not written yet, or not a file of the run
        raise ApiFailure(NOT_FOUND, "File not found.")
    return found


def _file(state: SandboxState, run: Run, name: str) -> FileResponse | None:
    tag = f"{run.id:x}-{run.seed:x}-{quote(name, safe='')}"
    if run.kind == "category":
        there = name == CATEGORY_FILE and run.state == "done"
        return FileResponse(name, run.all_records(), tag) if there else None
    written = run.pages_written(state.now())
    if name == run.zip_name:
        if run.state != "done" or not written:  # it is written last
            return None
        pages = [(run.page_name(number), run.page(number)) for number in range(1, written + 1)]
        return FileResponse(name, Archive(pages, state.checksums.setdefault(run.id, {})), tag)
    head, tail = run.page_name(0).split(f"_{run.id}_Results_Page_0")
    number = name.removeprefix(f"{head}_{run.id}_Results_Page_").removesuffix(tail)
    if number.isdecimal() and 1 <= int(number) <= written and name == run.page_name(int(number)):
        return FileResponse(name, run.page(int(number)), tag)
    return None
