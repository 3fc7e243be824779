"""``multicart collections``."""

from __future__ import annotations

import json
from typing import Any, cast, get_args

import click

from multicart_async._core.short_repr import short_repr
from multicart_async._core.threads import run_in_thread
from multicart_async._core.unset import UNSET
from multicart_async.cli._asin_file import read_asins
from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._flag_option import option
from multicart_async.cli._parameters import COLLECTION_ID, STDIN, collection_ids, find_ids
from multicart_async.cli._plural import counted
from multicart_async.cli._view import View
from multicart_async.models import Collection
from multicart_async.models.collections import FetchMode, Priority, Schedule, Shard, SupplierType

__all__ = ["collections"]

_COLLECTION = View(
    ("id", "name", "items=asin_count", "status", "schedule_status", "schedule", "updated_at"), "id", "collections"
)
_SHARD = View(("collection_id", "name", "accepted=added.success_count"), "collection_id", "collections")

collections = group(
    "collections", "Make, list, change and delete collections. A collection is a set of items that are run together."
)


@command(collections, "list", example="multicart collections list --jsonl", view=_COLLECTION)
@option("--request-type", type=click.Choice(get_args(SupplierType)), help="Those of one supplier alone.")
async def list_collections(call: Call, *, request_type: Any) -> tuple[Collection, ...]:
    """List all collections; drafts, which have no item yet, are not listed by the service."""
    return await call.client.collections.list(request_type=request_type or UNSET)


@command(collections, "get", example="multicart collections get 101", view=_COLLECTION)
@COLLECTION_ID
async def get(call: Call, *, collection_id: int) -> Collection:
    """Show one collection."""
    return await call.client.collections.get(collection_id)


def _json_object(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    """Return the object that *text* is."""
    if text is None:
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise click.BadParameter(f"expected a JSON object, got {short_repr(text)}")
    return cast("dict[str, Any]", value)


def _settings(function: Any) -> Any:
    for add in (
        option("--notification-email", "--email", metavar="ADDRESS", help="Where the service sends messages."),
        option("--schedule", type=click.Choice(get_args(Schedule)), help="When it is run."),
        option(
            "--schedule-time",
            callback=_json_object,
            metavar="JSON",
            help='Its times, such as \'{"hours": ["06.00"]}\' for Daily; without them it may run each hour.',
        ),
        option("--priority", type=click.Choice(get_args(Priority)), help="Its place in the queue."),
        option("--fetch-mode", type=click.Choice(get_args(FetchMode)), help="What is scraped."),
    )[::-1]:
        function = add(function)
    return function


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@command(
    collections,
    "create",
    example="multicart collections create Laptops --notification-email ops@example.com",
    view=_COLLECTION,
)
@click.argument("name")
@_settings
@option("--request-type", type=click.Choice(get_args(SupplierType)[:2]), help="The supplier; default: amazon.")
async def create(
    call: Call,
    *,
    name: str,
    notification_email: str | None,
    schedule: Any,
    schedule_time: Any,
    priority: Any,
    fetch_mode: Any,
    request_type: Any,
) -> Collection | None:
    """Create an empty collection. It is a draft, which is not listed, until its first item is added."""
    email = _required_email(notification_email)
    if call.planned(f"collection {name} would be created"):
        return None
    settings = _given(
        schedule=schedule,
        schedule_time=schedule_time,
        priority=priority,
        fetch_mode=fetch_mode,
        request_type=request_type,
    )
    return await call.client.collections.create(name, notification_email=email, **settings)


def _required_email(address: str | None) -> str:
    if address is None:
        raise click.UsageError("--notification-email is missing: the service requires it for a new collection")
    return address


@command(collections, "update", example="multicart collections update 101 --priority High", view=_COLLECTION)
@COLLECTION_ID
@option("--name", help="A new name.")
@_settings
async def update(
    call: Call,
    *,
    collection_id: int,
    name: str | None,
    notification_email: str | None,
    schedule: Any,
    schedule_time: Any,
    priority: Any,
    fetch_mode: Any,
) -> Collection | None:
    """Change what is given, and leave the rest as it is."""
    fields = _given(
        name=name,
        notification_email=notification_email,
        schedule=schedule,
        schedule_time=schedule_time,
        priority=priority,
        fetch_mode=fetch_mode,
    )
    if not fields:
        raise click.UsageError(
            "nothing to change: give --name, --schedule, --schedule-time, --priority, --fetch-mode or --notification-email"
        )
    if call.planned(f"collection {collection_id} would be changed: {', '.join(fields)}"):
        return None
    return await call.client.collections.update(collection_id, **fields)


@command(
    collections,
    "delete",
    example="multicart collections delete 101 --yes",
    view=View(("collection_id", "deleted"), "collection_id", "collections"),
)
@collection_ids(everything=False)
async def delete(call: Call, *, ids: tuple[str, ...]) -> list[dict[str, Any]] | None:
    """Delete collections with all their items. Their results at the service are gone too; a mirror keeps its files."""
    if STDIN in ids:
        call.require_answer("deleting what stdin names")
    wanted = await find_ids(call, ids, everything=False)
    text = f"{counted(len(wanted), 'collection')} to delete with all items: {', '.join(map(str, wanted[:10]))}"
    if call.planned(text, {"delete": wanted}):
        return None
    call.ask_on_a_terminal(text + ".")
    report = await call.client.collections.delete_many(wanted)
    return [{"collection_id": number, "deleted": True} for number in report.deleted]


@command(
    collections,
    "import",
    example="multicart collections import Laptops --csv asins.csv --notification-email ops@example.com",
    view=_SHARD,
)
@click.argument("name")
@option("--csv", "path", required=True, type=click.Path(exists=True, dir_okay=False), help="A CSV with a column asin.")
@option("--domain", help="The domain, if the file has no column domain.")
@option("--postcode", help="The postcode, if the file has no column customer_postcode.")
@option("--size", type=click.IntRange(1, 5000), default=5000, show_default=True, help="ASINs in each collection.")
@option("--journal", type=click.Path(dir_okay=False), help="A file with which the same call can be repeated.")
@_settings
async def import_csv(
    call: Call,
    *,
    name: str,
    path: str,
    domain: str | None,
    postcode: str | None,
    size: int,
    journal: str | None,
    notification_email: str | None,
    schedule: Any,
    schedule_time: Any,
    priority: Any,
    fetch_mode: Any,
) -> tuple[Shard, ...] | None:
    """Make as many collections as a list of any length needs: NAME 1, NAME 2 and so on.

    All ASINs have one domain and one postcode, which the file or the options say. With --journal, the same command can
    be repeated after a crash, or with more ASINs: what is done is not repeated.
    """
    email = _required_email(notification_email)
    asins = await run_in_thread(read_asins, path, domain, postcode)
    shards = -(-len(asins.asins) // size)
    if call.planned(f"{counted(len(asins.asins), 'ASIN')} would be added to {counted(shards, 'collection')}"):
        return None
    return await call.client.collections.create_sharded(
        name,
        asins.asins,
        notification_email=email,
        domain=asins.domain,
        postcode=asins.postcode,
        size=size,
        journal=journal,
        **_given(schedule=schedule, schedule_time=schedule_time, priority=priority, fetch_mode=fetch_mode),
    )
