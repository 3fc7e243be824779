"""One list of items into several collections, one after the other; what an earlier call did is not done again."""

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
    """What is done with a collection: create it under a name, which gives its id; add items to it."""

    create: Callable[[str], Awaitable[int]]
    add: Callable[[int, tuple[str, ...]], Awaitable[AddResult]]


async def make_shards(notes: ShardJournal, items: Iterable[str], size: int, steps: Steps) -> tuple[Shard, ...]:
    """All collections, each with its items; those that were finished before cost no request.

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
        _tell(error, collection_id, name)
        raise
    return collection_id


async def _fill(notes: ShardJournal, number: int, collection_id: int, steps: Steps) -> None:
    known = notes.shards[number - 1]
    uncertain = known.possibly_added
    try:
        await notes.record(JournalRecord(state="filling", shard=number))
        added = own(await steps.add(collection_id, known.pending), uncertain)
        if not added.success_count and not any(shard.added.success_count for shard in notes.shards):
            raise ItemsRejectedError(added)  # as with a postcode that is unknown: the next would be an empty draft too
        await notes.record(JournalRecord(state="filled", shard=number, added=added))
    except MultiCartError as error:
        _tell(error, collection_id, notes.name(number))
        raise


def _tell(error: MultiCartError, collection_id: int, name: str) -> None:
    """Note the id of a collection in the error: without a journal it is not kept, and a draft is not listed."""
    error.add_note(f"Collection {collection_id}, {name!r}, exists, and does not have all its items.")
