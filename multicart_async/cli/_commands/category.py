"""``multicart category``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import click

from multicart_async._core.unset import UNSET
from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._flag_option import option
from multicart_async.cli._parameters import COLLECTION_ID, DEST, policy_of, poll_options
from multicart_async.cli._spending import confirm_category_spending
from multicart_async.cli._view import View
from multicart_async.models import CategoryRequest, CategoryRun, RunDownload, StartedCategory
from multicart_async.models.outcome import Outcome

__all__ = ["category"]

_STARTED = View(("collection_id", "runner_id"), "collection_id", "scrapes")
_SCRAPE = View(("id", "collection", "stage", "items=asin_count"), "id", "scrapes")
_OUTCOME = View(
    ("collection_id", "ok", "run=run.id", "items=run.asin_count", "category_url", "error"), "collection_id", "scrapes"
)
_DOWNLOAD = View(("collection=run.collection", "run=run.id", "bytes", "skipped", "directory"), "run.id", "scrapes")

category = group("category", "Scrape entire Amazon categories. A scrape costs one credit per product that is found.")


def _place(function: Any) -> Any:
    for add in (
        option("--domain", required=True, help="The domain, such as amazon.com.au."),
        option("--postcode", required=True, help="An active postcode (see multicart zipcodes ensure)."),
    )[::-1]:
        function = add(function)
    return function


@command(
    category,
    "submit",
    example="multicart category submit 'https://www.amazon.com.au/s?rh=n%3A4851693051' --domain amazon.com.au --postcode 4500",
    view=_STARTED,
)
@click.argument("url")
@_place
@option("--name", help="The name of the collection that is made for it.")
async def submit(call: Call, *, url: str, domain: str, postcode: str, name: str | None) -> StartedCategory | None:
    """Submit a category, and print what `category wait` needs."""
    if not await confirm_category_spending(call, 1):
        return None
    chosen = UNSET if name is None else name
    return await call.client.categories.submit(url, domain=domain, postcode=postcode, name=chosen)


@command(category, "wait", example="multicart category wait 101", view=_SCRAPE, progress=True)
@COLLECTION_ID
@poll_options
async def wait(call: Call, *, collection_id: int, wait_timeout: float | None, poll_interval: float) -> CategoryRun:
    """Wait until the scrape of a category is finished."""
    policy = policy_of(wait_timeout, poll_interval)
    call.resume = f"multicart category wait {collection_id}"
    async with call.progress_shown():
        return await call.client.categories.wait(collection_id, policy=policy)


@command(category, "cancel", example="multicart category cancel 101", view=View(("collection_id", "revoked"), None, ""))
@COLLECTION_ID
async def cancel(call: Call, *, collection_id: int) -> dict[str, Any] | None:
    """Stop the scrape of a category, which cannot be resumed. One that has ended already is no error."""
    text = f"the scrape of collection {collection_id} is stopped, and cannot be resumed"
    if call.planned(text):
        return None
    call.ask_on_a_terminal(text + ".")
    return {"collection_id": collection_id, "revoked": await call.client.categories.cancel(collection_id)}


@command(category, "download", example="multicart category download 101 --dest results", view=_DOWNLOAD, progress=True)
@COLLECTION_ID
@DEST
@option("--overwrite", is_flag=True, help="Fetch files again that are present.")
async def download(
    call: Call, *, collection_id: int, dest: str | None, overwrite: bool
) -> RunDownload[CategoryRun] | None:
    """Download the JSON of a finished scrape, and make a CSV of it."""
    folder = dest or "."
    found = await call.client.categories.result(collection_id)
    if call.planned(f"scrape {found.id} of collection {collection_id} would be downloaded to {folder}", found):
        return None
    async with call.progress_shown():
        return await call.client.categories.download(found, folder, overwrite=overwrite)


@command(
    category,
    "run",
    example=(
        "multicart category run 'https://www.amazon.com.au/s?rh=n%3A4851693051' --domain amazon.com.au "
        "--postcode 4500 --dest results"
    ),
    view=_OUTCOME,
    progress=True,
)
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@_place
@DEST
@poll_options
async def run(
    call: Call,
    *,
    urls: tuple[str, ...],
    domain: str,
    postcode: str,
    dest: str | None,
    wait_timeout: float | None,
    poll_interval: float,
) -> AsyncGenerator[Outcome[CategoryRequest, Any], None] | None:
    """Submit categories, wait for them, and with --dest download each as soon as it is finished."""
    if not await confirm_category_spending(call, len(urls)):
        return None
    call.expect(len(urls))
    requests = [CategoryRequest(url, domain=domain, postcode=postcode) for url in urls]
    return call.client.categories.submit_many(requests, dest, policy=policy_of(wait_timeout, poll_interval))
