"""Distribute one list of items to several collections, one after the other, without repeating finished steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs

from multicart_async._http.retry_rules import is_definite_rejection
from multicart_async.errors import ItemsRejectedError, MultiCartError
from multicart_async.models import AddResult, Shard
from multicart_async.resources._items.batches import own
from multicart_async.resources._items.shard_journal import JournalRecord, ShardJournal

__all__ = ["Steps", "make_shards"]


@attrs.frozen
class Steps:
    """The two operations on a collection: create it with a name, which returns its id, and add items to it."""

    create: Callable[[str], Awaitable[int]]
    add: Callable[[int, tuple[str, ...]], Awaitable[AddResult]]


async def make_shards(notes: ShardJournal, items: Iterable[str], size: int, steps: Steps) -> tuple[Shard, ...]:
    """Create and fill all collections, and return them; those that were finished before cost no request.

    Raises:
        MultiCartError: A step failed; ``report`` holds the collections that are finished.
    """
    try:
        await notes.place(items, size)
        for number, known in enumerate(notes.shards, 1):
            collection_id = known.collection_id or await _create(notes, number, steps)
            if known.pending:
                await _fill(notes, number, collection_id, steps)
    except MultiCartError as error:
        error.report = notes.completed()
        raise
    return notes.completed()


async def _create(notes: ShardJournal, number: int, steps: Steps) -> int:
    name = notes.name(number)
    await notes.record(JournalRecord(state="intent", shard=number, name=name))
    try:
        collection_id = await steps.create(name)
    except MultiCartError as error:
        if is_definite_rejection(error):
            await notes.record(JournalRecord(state="refused", shard=number))
        else:
            error.add_note(f"A draft named {name!r} may exist, which only the dashboard shows.")
        raise
    try:
        await notes.record(JournalRecord(state="created", shard=number, collection=collection_id))
    except MultiCartError as error:
        _add_note(error, collection_id, name)
        raise
    return collection_id


async def _fill(notes: ShardJournal, number: int, collection_id: int, steps: Steps) -> None:
    known = notes.shards[number - 1]
    uncertain = known.possibly_added
    try:
        await notes.record(JournalRecord(state="filling", shard=number))
        added = own(await steps.add(collection_id, known.pending), uncertain)
        if not added.success_count and not any(shard.added.success_count for shard in notes.shards):
            raise ItemsRejectedError(added)  # an unknown postcode, for example: the next would be an empty draft too
        await notes.record(JournalRecord(state="filled", shard=number, added=added))
    except MultiCartError as error:
        _add_note(error, collection_id, notes.name(number))
        raise


def _add_note(error: MultiCartError, collection_id: int, name: str) -> None:
    """Add the id of a collection to the error: without a journal it is not kept, and a draft is not listed."""
    error.add_note(f"Collection {collection_id}, {name!r}, exists, and does not have all its items.")
