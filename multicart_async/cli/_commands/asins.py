"""``multicart asins``."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator
from typing import Any

import click

from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._flag_option import option
from multicart_async.cli._items import ADDED, added, item_words
from multicart_async.cli._numbers import ID
from multicart_async.cli._parameters import COLLECTION_ID, policy_of, poll_options
from multicart_async.cli._plural import counted
from multicart_async.cli._view import View
from multicart_async.errors import NotFoundError, WaitTimeoutError
from multicart_async.models import AddResult, Asin

__all__ = ["asins"]

_ASIN = View(
    ("id", "asin", "domain=domain.domain", "postcode=customer_postcode.zipcode", "custom_id", "created_at"),
    "id",
    "ASINs",
)

asins = group("asins", "Add, list, export and remove the ASINs of a collection.")


@command(asins, "list", example="multicart asins list 101 --jsonl", view=_ASIN)
@COLLECTION_ID
async def list_asins(call: Call, *, collection_id: int) -> AsyncGenerator[Asin, None]:
    """List the ASINs of a collection, all of them."""
    return call.client.asins.iterate(collection_id)


@command(asins, "add", example="multicart asins add 101 B0DJQQ38TG --domain amazon.com.au --postcode 4500", view=ADDED)
@COLLECTION_ID
@click.argument("items", nargs=-1, metavar="[ASIN]...")
@option("--csv", "path", type=click.Path(exists=True, dir_okay=False), help="A CSV of the service: see docs/items.md.")
@option("--domain", help="The domain of the ASINs, such as amazon.com.au.")
@option("--postcode", help="The postcode of the ASINs; it is made ready for use if necessary.")
@poll_options
async def add(
    call: Call,
    *,
    collection_id: int,
    items: tuple[str, ...],
    path: str | None,
    domain: str | None,
    postcode: str | None,
    wait_timeout: float | None,
    poll_interval: float,
) -> AddResult | None:
    """Add ASINs to a collection, and wait until the service lists them; or add those of a CSV.

    ASINs are arguments, or words on stdin if the only one is -. The rows of a CSV have a domain and a postcode each.
    """
    words = await item_words(items, path, {"--domain": domain, "--postcode": postcode})
    if call.planned(f"{path or counted(len(words), 'ASIN')} would be added to collection {collection_id}"):
        return None
    if path is not None:
        return added(await call.client.asins.import_csv(collection_id, path, split=True), call)
    assert domain is not None and postcode is not None  # noqa: PT018 -- checked by item_words
    policy = policy_of(wait_timeout, poll_interval)
    try:
        result = await call.client.asins.add(collection_id, words, domain=domain, postcode=postcode, policy=policy)
    except WaitTimeoutError as error:
        ensure = ["multicart", "zipcodes", "ensure", postcode, "--domain", domain]
        call.resume = f"multicart asins count {collection_id}" if error.report else shlex.join(ensure)
        raise
    return added(result, call)


@command(asins, "count", example="multicart asins count 101", view=View(("count",), "count", ""))
@COLLECTION_ID
async def count(call: Call, *, collection_id: int) -> dict[str, int]:
    """Count the ASINs of a collection."""
    return {"count": await call.client.asins.count(collection_id)}


@command(asins, "export", example="multicart asins export 101 asins.csv", view=View(("rows", "path"), None, ""))
@COLLECTION_ID
@click.argument("path", type=click.Path(dir_okay=False), metavar="FILE")
async def export(call: Call, *, collection_id: int, path: str) -> dict[str, Any] | None:
    """Write the ASINs of a collection as a CSV that `asins add --csv` reads."""
    if call.planned(f"the ASINs of collection {collection_id} would be written to {path}"):
        return None
    return {"rows": await call.client.asins.export_csv(collection_id, path), "path": path}


@command(
    asins, "remove", example="multicart asins remove 5001 5002 --yes", view=View(("asin_id", "removed"), "asin_id")
)
@click.argument("asin_ids", nargs=-1, required=True, type=ID, metavar="ASIN_ID...")
async def remove(call: Call, *, asin_ids: tuple[int, ...]) -> AsyncGenerator[dict[str, Any]] | None:
    """Remove ASINs from their collection. ASIN_ID is the id that `asins list` shows, not the ASIN itself."""
    text = f"{counted(len(asin_ids), 'ASIN')} to remove: {', '.join(map(str, asin_ids[:10]))}"
    if call.planned(text, {"remove": list(asin_ids)}):
        return None
    call.ask_on_a_terminal(text + ".")
    return _remove_each(call, asin_ids)


async def _remove_each(call: Call, asin_ids: tuple[int, ...]) -> AsyncGenerator[dict[str, Any]]:
    for asin_id in dict.fromkeys(asin_ids):
        try:
            await call.client.asins.delete(asin_id)
        except NotFoundError as error:
            call.fail(error)
        else:
            yield {"asin_id": asin_id, "removed": True}
