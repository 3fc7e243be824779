"""Estimate what runs cost, from the list of all collections and the credits of the account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import MAX_INTEGER
from multicart_async.errors import InvalidResponseError
from multicart_async.models import Collection, Credits, Estimate
from multicart_async.resources.account import Account
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs._journal import RunJournal

__all__ = ["estimate_runs", "make_estimate", "without_started"]


async def estimate_runs(collection_ids: Iterable[int], collections: Collections, account: Account) -> Estimate:
    """Request the list of collections and the credits, and return what runs of *collection_ids*, each once, cost."""
    listed = {collection.id: collection for collection in await collections.list()}
    try:
        found = await account.credits()
    except InvalidResponseError:
        found = None  # another shape than the documented fields
    return make_estimate(collection_ids, listed, found)


def make_estimate(collection_ids: Iterable[int], listed: Mapping[int, Collection], account: Credits | None) -> Estimate:
    """Return the estimate that follows from the responses of the service."""
    counts = {number: _known(listed[number].asin_count) if number in listed else None for number in collection_ids}
    return Estimate(
        collections=len(counts),
        items=sum(count for count in counts.values() if count is not None),
        spendable=None if account is None else account.spendable,
        unknown=tuple(number for number, count in counts.items() if count is None),
    )


async def without_started(collection_ids: Iterable[int], journal: str | os.PathLike[str] | None) -> list[int]:
    """Return the collections that a call with *journal* would still start. The journal is only read.

    Raises:
        ArgumentError: The journal is damaged, or no journal of runs.
        DiskError: It cannot be read.
    """
    if journal is None:
        return [*collection_ids]
    noted = RunJournal(journal)
    await run_in_thread(noted.read)
    return [number for number in collection_ids if noted.needs_start(number)]


def _known(count: int | None) -> int | None:
    """Return *count* if it is a possible number of items; the service may return any number."""
    return count if count is not None and 0 <= count <= MAX_INTEGER else None
