"""Which items of a collection a run did not bring."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from multicart_async._core.short_repr import short_repr
from multicart_async._downloads.manager import check_finished, check_run
from multicart_async.errors import ArgumentError
from multicart_async.models import Asin, CategoryRun, Run
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections

__all__ = ["find_missing_items"]


async def find_missing_items(
    run: Run, collections: Collections, asins: Asins, read: Callable[[Run], AsyncGenerator[dict[str, Any], None]]
) -> tuple[Asin, ...]:
    """Return the items without a record, in the order of the list. Keeps the items, at most 5,000, and no records."""
    await _check_collection(run, collections)
    async with aclosing(asins.iterate(run.collection)) as listed:
        items = [item async for item in listed if not _is_newer(item, run)]
    missing = {item.asin.upper() for item in items}  # the service may change the case
    async with aclosing(read(run)) as records:
        async for record in records:
            missing.discard(str(record.get("asin")).upper())
    return tuple(item for item in items if item.asin.upper() in missing)


async def _check_collection(run: Run, collections: Collections) -> None:
    """Raise `ArgumentError` unless *run* is a finished run of a collection of ASINs: others are not listed."""
    check_run(run)
    if isinstance(run, CategoryRun):
        raise ArgumentError("run", f"expected the run of a collection of ASINs, got category scrape {run.id}")
    check_finished(run)
    kind = (await collections.get(run.collection)).request_type
    if kind != "amazon":
        reason = "expected the run of an Amazon collection, because the service lists no other items"
        raise ArgumentError("run", f"{reason}; collection {run.collection} has request_type {short_repr(kind)}")


def _is_newer(item: Asin, run: Run) -> bool:
    return item.created_at is not None and run.created_at is not None and item.created_at > run.created_at
