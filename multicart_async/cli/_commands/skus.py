"""``multicart skus``."""

from __future__ import annotations

import click

from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._flag_option import option
from multicart_async.cli._items import ADDED, added, item_words
from multicart_async.cli._parameters import COLLECTION_ID
from multicart_async.cli._plural import counted
from multicart_async.models import AddResult

__all__ = ["skus"]

skus = group("skus", "Add Officeworks SKUs to a collection.")


@command(
    skus,
    "add",
    example="multicart skus add 101 JBMS310BK --store W411 --postcode 0800",
    view=ADDED,
)
@COLLECTION_ID
@click.argument("items", nargs=-1, metavar="[SKU]...")
@option("--csv", "path", type=click.Path(exists=True, dir_okay=False), help="A CSV of the service: see docs/items.md.")
@option("--store", help="The id of the store, such as W411.")
@option("--postcode", help="The postcode of the SKUs.")
async def add(
    call: Call, *, collection_id: int, items: tuple[str, ...], path: str | None, store: str | None, postcode: str | None
) -> AddResult | None:
    """Add SKUs to a collection of Officeworks, or those of a CSV.

    SKUs are arguments, or words on stdin if the only one is -. The rows of a CSV have a store and a postcode each.
    """
    words = await item_words(items, path, {"--store": store, "--postcode": postcode})
    if call.planned(f"{path or counted(len(words), 'SKU')} would be added to collection {collection_id}"):
        return None
    if path is not None:
        return added(await call.client.skus.import_csv(collection_id, path, split=True), call)
    assert store is not None and postcode is not None  # noqa: PT018 -- checked by item_words
    return added(await call.client.skus.create_many(collection_id, words, store_id=store, postcode=postcode), call)
