"""The state of several collections that hold one list of items; with a journal, on disk before and after each call.

One JSON object per line: ``for`` identifies the journal; ``placed``, which items belong to a collection; ``intent``,
that it is about to be created; ``created`` or ``refused``, the outcome; ``filling``, that all its items that are not in
it yet are about to be added; ``filled``, the outcome. Lines that are read back are applied like new ones.
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
    """A line of the journal. Its fields depend on its ``state``; collections are numbered from 1."""

    state: Strict[str]
    shard: Strict[int | None] = None
    name: Strict[str | None] = None
    domain: Strict[str | None] = None
    postcode: Strict[str | None] = None
    items: Strict[tuple[str, ...] | None] = None
    collection: Strict[int | None] = None
    added: Strict[AddResult | None] = None

    def to_line(self) -> dict[str, Any]:
        """Return the object to write, with the fields that are set."""
        return attrs.asdict(self, filter=lambda field, value: field.name != "extra" and value is not None)


@attrs.define
class ShardState:
    """The known state of one collection: ``done`` counts its finished ``items``, and ``sent`` those that were sent."""

    items: list[str]
    intended: bool = False
    collection_id: int | None = None
    sent: int = 0
    done: int = 0
    added: AddResult = attrs.field(factory=lambda: AddResult(success_count=0))

    def apply(self, record: JournalRecord) -> bool:
        """Apply a record if it is valid in this state, and return whether it is."""
        created = self.collection_id is not None
        match record.state:
            case "intent" if not created:  # an earlier one may have been lost: a draft whose id is unknown
                self.intended = True
            case "refused" if self.intended and not created:
                self.intended = False
            case "created" if self.intended and not created and record.collection is not None and record.collection > 0:
                self.collection_id = record.collection
            case "filling" if created and self.pending:
                self.sent = len(self.items)
            case "filled" if self.done < self.sent and record.added is not None:
                self.done = self.sent
                self.added += record.added
            case _:
                return False
        return True

    @property
    def pending(self) -> tuple[str, ...]:
        """The items that are not known to be added or rejected."""
        return tuple(self.items[self.done :])

    @property
    def possibly_added(self) -> frozenset[str]:
        """The pending items that were sent, and so may have been added."""
        return frozenset(self.items[self.done : self.sent])


class ShardJournal:
    """Use as ``async with ShardJournal(name, domain, postcode, journal) as journal``.

    ``shards`` is the state that earlier calls have left.
    """

    def __init__(self, name: str, domain: str, postcode: str, journal: str | os.PathLike[str] | None) -> None:
        self._identity = JournalRecord(state="for", name=name, domain=domain, postcode=postcode)
        self._owner: JournalRecord | None = None
        self._file = None if journal is None else JournalFile(journal, _HEAD)
        self.shards: list[ShardState] = []
        self._known: set[str] = set()

    async def __aenter__(self) -> Self:
        if self._file is not None:
            try:
                await run_in_thread(self._open, self._file)
            except BaseException:  # a cancellation arrives after the file was opened
                self._file.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            await run_in_thread(self._file.close)

    async def record(self, *records: JournalRecord) -> None:
        """Record *records*: they are on disk and applied when this returns.

        Raises:
            DiskError: They could not be written; then their consequences must not follow.
        """
        if self._file is not None:
            await run_in_thread(self._file.append, *(record.to_line() for record in records))
        for record in records:
            taken = self._apply(record)
            assert taken, record

    async def place(self, items: Iterable[str], size: int) -> None:
        """Assign each unassigned item to a collection of at most *size* items."""
        plan = spread(items, size, [known.items for known in self.shards])
        before = [len(known.items) for known in self.shards] + [0] * (len(plan) - len(self.shards))
        news = ((number, shard[count:]) for number, (shard, count) in enumerate(zip(plan, before, strict=True), 1))
        records = [JournalRecord(state="placed", shard=number, items=new) for number, new in news if new]
        if records:
            await self.record(*records)

    def name(self, number: int) -> str:
        """Return the name of the collection with that number."""
        return f"{self._identity.name} {number}"

    def orphaned_names(self) -> list[str]:
        """Return the names of drafts that may exist although their ids are unknown."""
        shards = enumerate(self.shards, 1)
        return [self.name(number) for number, known in shards if known.intended and known.collection_id is None]

    def completed(self) -> tuple[Shard, ...]:
        """Return the collections whose items were all added or finally rejected."""
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

    def _open(self, file: JournalFile) -> None:
        file.open(self._replay)
        if self._owner is None:
            file.append(self._identity.to_line())
        elif self._owner != self._identity:
            owner = f"{self._owner.name!r} ({self._owner.domain}, {self._owner.postcode})"
            reason = f"expected the journal of this list, got {file.path}, which belongs to {owner}; use another file"
            raise ArgumentError("journal", reason)

    def _replay(self, line: Any) -> bool:
        try:
            return self._apply(decode(line, JournalRecord, "journal"))
        except InvalidResponseError:
            return False

    def _apply(self, record: JournalRecord) -> bool:
        if record.state == "for":
            first, self._owner = self._owner is None, record
            return first
        if record.shard is None or not 1 <= record.shard <= len(self.shards) + 1:
            return False
        if record.state == "placed":
            return self._placed(record.shard, record.items or ())
        return record.shard <= len(self.shards) and self.shards[record.shard - 1].apply(record)

    def _placed(self, number: int, items: tuple[str, ...]) -> bool:
        new = set(items)
        if not new or len(new) < len(items) or not new.isdisjoint(self._known):
            return False
        self._known |= new
        if number > len(self.shards):
            self.shards.append(ShardState([]))
        self.shards[number - 1].items.extend(items)
        return True
