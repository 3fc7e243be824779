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

# The order of rows is not documented, so it can be chosen; newest first is what the dashboard shows.
_ORDERS = {"newest": "id DESC", "oldest": "id", "shuffled": "id * 2654435761 & 65535, id"}
_EMPTY = {"pages": (), "all_pages": ""}
EPSILON = 1e-6
_DASHBOARD_PAGE = 50  # no default limit is documented; the dashboard shows 50 runs


def start(call: Call) -> object:
    """A sentence; which run was started is not said."""
    start_product(call.world, call.world.collection(call.fields["collection_id"], call.user))
    return "Scraping Processing Queued!"


def results(call: Call) -> object:
    """The rows of a collection's runs."""
    collection = call.world.collection(call.fields["collection_id"], call.user)
    skip, limit = call.window(_DASHBOARD_PAGE)
    # A run's row appears only a moment after its start.
    query = "SELECT * FROM runs WHERE collection = ? AND visible <= ? ORDER BY "
    window = f"{_ORDERS[call.world.options.runs_order]} LIMIT ? OFFSET ?"
    rows = call.world.rows(query + window, collection["id"], call.world.now() + EPSILON, limit, skip)
    return [_row(call, run_of(row)) for row in rows]


def _row(call: Call, run: Run) -> dict[str, object]:
    now, done = call.world.now(), run.state == "done"
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
    """The field ``download_links``, in each of the forms that it may have while a run is not finished."""
    if run.kind == "category":
        pages = [link(run, base, CATEGORY_FILE)] if run.state == "done" else []
        return {"download_links": {"pages": pages, "all_pages": ""}}
    written = run.pages_written(now)
    pages = [link(run, base, run.page_name(number)) for number in range(1, written + 1)]
    if run.state == "done":
        return {"download_links": {"pages": pages, "all_pages": link(run, base, run.zip_name) if pages else ""}}
    if not pages:  # "will not yet be populated": absent, null or empty, each for some of the runs
        forms: tuple[dict[str, object], ...] = ({}, {"download_links": None}, {"download_links": _EMPTY})
        return forms[run.id % len(forms)]
    return {"download_links": {"pages": pages, "all_pages": ""}}


def link(run: Run, base: str, name: str) -> str:
    """The URL of a file, with whatever its collection was called, raw and unescaped."""
    return f"{base}/results/{run.collection}/{run.id}/{name}"


def download(call: Call) -> object:
    """A result file."""
    world, fields = call.world, call.fields
    owner = world.row("SELECT user FROM collections WHERE id = ?", fields["collection_id"])
    if owner is None:
        raise ApiFailure(NOT_FOUND, "Schedule not found.")
    if owner["user"] != call.user:
        raise ApiFailure(FORBIDDEN, "You do not have permission to download this file.")
    row = world.row("SELECT * FROM runs WHERE id = ? AND collection = ?", fields["runner_id"], fields["collection_id"])
    found = _file(world, run_of(row), fields["file_name"]) if row else None
    if found is None:  # too early, or never to be
        raise ApiFailure(NOT_FOUND, "File not found.")
    return found


def _file(world: SandboxState, run: Run, name: str) -> FileResponse | None:
    tag = f"{run.id:x}-{run.seed:x}-{quote(name, safe='')}"
    if run.kind == "category":
        there = name == CATEGORY_FILE and run.state == "done"
        return FileResponse(name, run.whole(), tag) if there else None
    written = run.pages_written(world.now())
    if name == run.zip_name:
        if run.state != "done" or not written:  # written last
            return None
        pages = [(run.page_name(number), run.page(number)) for number in range(1, written + 1)]
        return FileResponse(name, Archive(pages, world.sums.setdefault(run.id, {})), tag)
    head, tail = run.page_name(0).split(f"_{run.id}_Results_Page_0")
    number = name.removeprefix(f"{head}_{run.id}_Results_Page_").removesuffix(tail)
    if number.isdecimal() and 1 <= int(number) <= written and name == run.page_name(int(number)):
        return FileResponse(name, run.page(int(number)), tag)
    return None
