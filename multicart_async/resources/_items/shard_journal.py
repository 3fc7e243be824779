"""What is known of several collections that hold one list of items; with a journal, on disk before and after each call.

One JSON object to a line: ``for`` says whose journal it is; ``placed``, which items belong to a collection; ``intent``,
that it is about to be created; ``created`` or ``refused``, what came of that; ``filling``, that all its items that are
not in it yet are about to be added; ``filled``, what came of that. What is read back goes the way of what is noted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._http.codec import decode
from multicart_async.errors import ArgumentError, InvalidResponseError
from multicart_async.models import AddResult, Model, Shard
from multicart_async.models._base import Strict
from multicart_async.resources._items.shard_plan import spread
from multicart_async.resources._journal_file import JournalFile

__all__ = ["JournalRecord", "ShardJournal", "ShardState"]

_HEAD: Final = {"journal": "multicart_async shards", "version": 1}


@attrs.frozen(kw_only=True)
class JournalRecord(Model):
    """A line. Which fields it has is its ``state``'s affair; collections are counted from 1."""

    state: Strict[str]
    shard: Strict[int | None] = None
    name: Strict[str | None] = None
    domain: Strict[str | None] = None
    postcode: Strict[str | None] = None
    items: Strict[tuple[str, ...] | None] = None
    collection: Strict[int | None] = None
    added: Strict[AddResult | None] = None

    def row(self) -> dict[str, Any]:
        """As it is written: what it has."""
        return attrs.asdict(self, filter=lambda field, value: field.name != "extra" and value is not None)


@attrs.define
class ShardState:
    """What is known of one collection: of its ``items``, the first ``filled`` are dealt with, and ``begun`` were sent."""

    items: list[str]
    intended: bool = False
    collection_id: int | None = None
    sent: int = 0
    done: int = 0
    added: AddResult = attrs.field(factory=lambda: AddResult(success_count=0))

    def apply(self, note: JournalRecord) -> bool:
        """Whether the note makes sense here; it is taken in then."""
        made = self.collection_id is not None
        match note.state:
            case "intent" if not made:  # the one before may have been lost: a draft whose id is unknown
                self.intended = True
            case "refused" if self.intended and not made:
                self.intended = False
            case "created" if self.intended and not made and note.collection is not None and note.collection > 0:
                self.collection_id = note.collection
            case "filling" if made and self.pending:
                self.sent = len(self.items)
            case "filled" if self.done < self.sent and note.added is not None:
                self.done = self.sent
                self.added += note.added
            case _:
                return False
        return True

    @property
    def pending(self) -> tuple[str, ...]:
        """The items of which it is not known that they were added or refused."""
        return tuple(self.items[self.done :])

    @property
    def possibly_added(self) -> frozenset[str]:
        """Those of them that were sent, so that they may be there."""
        return frozenset(self.items[self.done : self.sent])


class ShardJournal:
    """``async with ShardJournal(name, domain, postcode, journal) as notes``; ``shards`` is what earlier calls left."""

    def __init__(self, name: str, domain: str, postcode: str, journal: str | os.PathLike[str] | None) -> None:
        self._claim = JournalRecord(state="for", name=name, domain=domain, postcode=postcode)
        self._owner: JournalRecord | None = None
        self._ledger = None if journal is None else JournalFile(journal, _HEAD)
        self.shards: list[ShardState] = []
        self._known: set[str] = set()

    async def __aenter__(self) -> Self:
        if self._ledger is not None:
            try:
                await run_in_thread(self._open, self._ledger)
            except BaseException:  # a cancellation comes when the file is open
                self._ledger.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ledger is not None:
            await run_in_thread(self._ledger.close)

    async def record(self, *notes: JournalRecord) -> None:
        """On disk, and known, when this returns.

        Raises:
            DiskError: It could not be written; then nothing must follow from it.
        """
        if self._ledger is not None:
            await run_in_thread(self._ledger.append, *(note.row() for note in notes))
        for note in notes:
            taken = self._take_note(note)
            assert taken, note

    async def place(self, items: Iterable[str], size: int) -> None:
        """Give each item that has none a collection, of at most *size* items."""
        plan = spread(items, size, [known.items for known in self.shards])
        before = [len(known.items) for known in self.shards] + [0] * (len(plan) - len(self.shards))
        news = ((number, shard[count:]) for number, (shard, count) in enumerate(zip(plan, before, strict=True), 1))
        notes = [JournalRecord(state="placed", shard=number, items=new) for number, new in news if new]
        if notes:
            await self.record(*notes)

    def name(self, number: int) -> str:
        """Return the name of the collection with that number."""
        return f"{self._claim.name} {number}"

    def orphaned_names(self) -> list[str]:
        """Return the names of drafts that may exist although their ids are unknown."""
        shards = enumerate(self.shards, 1)
        return [self.name(number) for number, known in shards if known.intended and known.collection_id is None]

    def completed(self) -> tuple[Shard, ...]:
        """Those that hold all their items, or were refused some for good."""
        return tuple(
            Shard(
                collection_id=known.collection_id,
                name=self.name(number),
                asins=tuple(known.items),
                added=known.added,
            )
            for number, known in enumerate(self.shards, 1)
            if known.collection_id is not None and not known.pending
        )

    def _open(self, ledger: JournalFile) -> None:
        ledger.open(self._take)
        if self._owner is None:
            ledger.append(self._claim.row())
        elif self._owner != self._claim:
            owner = f"{self._owner.name!r} for {self._owner.domain}, {self._owner.postcode}"
            raise ArgumentError("journal", f"{ledger.path} is that of {owner}, and of nothing else")

    def _take(self, row: Any) -> bool:
        try:
            return self._take_note(decode(row, JournalRecord, "journal"))
        except InvalidResponseError:
            return False

    def _take_note(self, note: JournalRecord) -> bool:
        if note.state == "for":
            first, self._owner = self._owner is None, note
            return first
        if note.shard is None or not 1 <= note.shard <= len(self.shards) + 1:
            return False
        if note.state == "placed":
            return self._placed(note.shard, note.items or ())
        return note.shard <= len(self.shards) and self.shards[note.shard - 1].apply(note)

    def _placed(self, number: int, items: tuple[str, ...]) -> bool:
        new = set(items)
        if not new or len(new) < len(items) or not new.isdisjoint(self._known):
            return False
        self._known |= new
        if number > len(self.shards):
            self.shards.append(ShardState([]))
        self.shards[number - 1].items.extend(items)
        return True
