"""A service in memory that creates collections and adds ASINs, and a process on top of it that can be ended at any step.

A step is a request, or a line in the journal. What ends there has happened, or not, or only half of it.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs
import pytest

from multicart_async import RetryPolicy
from multicart_async._http import MultipartForm, Response
from multicart_async.errors import MultiCartError, MultiCartWarning
from multicart_async.models import Shard
from multicart_async.resources._journal_file import JournalFile, _line
from support.fakes import ok, refused
from support.groups import groups_over

__all__ = [
    "ADD",
    "CREATE",
    "FIVE",
    "PLACE",
    "Crash",
    "How",
    "ShardService",
    "call",
    "crashing_ledger",
    "failed",
    "notes",
    "warned",
]

T = TypeVar("T")
CREATE = "/schedules/add_schedule/"
ADD = "/schedules/amazon/asin/create/multiple/"
PLACE = {"name": "AU", "domain": "amazon.com.au", "postcode": "4500"}
FIVE = ["A", "B", "C", "D", "E"]

How = Literal["before", "half", "after"]
"""Nothing of the step has happened; or a part, which only a line of a journal or a batch can have; or all of it."""


class Crash(BaseException):
    """The process ends: nobody cleans up."""


@attrs.define
class ShardService:
    """The service. It ends the process at step ``crash_at``, counted from 1 after each `arm`."""

    collections: dict[int, tuple[str, list[str]]] = attrs.field(factory=dict[int, tuple[str, list[str]]])
    sent: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list[tuple[str, dict[str, Any]]])
    steps: int = 0
    crash_at: int = 0
    how: How = "before"

    def arm(self, crash_at: int = 0, how: How = "before") -> None:
        """From here on, end at that step; 0 is never."""
        self.steps, self.crash_at, self.how = 0, crash_at, how
        self.sent.clear()

    def step(self, whole: Callable[[], T], half: Callable[[], object] = lambda: None) -> T:
        """One step, if the process lives through it."""
        self.steps += 1
        if self.steps != self.crash_at:
            return whole()
        {"before": lambda: None, "half": half, "after": whole}[self.how]()
        raise Crash

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The side of the `Transport`."""
        assert isinstance(body, bytes)
        fields = json.loads(body)
        self.sent.append((path, fields))
        if path == CREATE:
            return self.step(lambda: self._create(fields["name"]))
        assert path == ADD
        items = fields["asins"].split(",")
        number = fields["collection"]
        return self.step(lambda: self._add(number, items), lambda: self._add(number, items[: len(items) // 2]))

    def _create(self, name: str) -> Response:
        number = 101 + len(self.collections)
        self.collections[number] = (name, [])
        return ok({"id": number, "name": name, "status": "draft"})

    def _add(self, number: int, items: list[str]) -> Response:
        if number not in self.collections:
            return refused(404, "Schedule not found.")
        held = self.collections[number][1]
        rows = [{"asin": item, "error": "Duplicate entry"} for item in items if item in held]
        held += [item for item in items if item not in held]
        return ok({"success_count": len(items) - len(rows), "error_rows": rows})

    def unknown(self, shards: tuple[Shard, ...]) -> Counter[str]:
        """How many collections there are of each name that are not among *shards*."""
        known = {shard.collection_id for shard in shards}
        return Counter(name for number, (name, _) in self.collections.items() if number not in known)

    def homes(self) -> dict[str, str]:
        """The collection of each ASIN."""
        return {item: name for name, items in self.collections.values() for item in items}

    def check(self, shards: tuple[Shard, ...], wanted: list[str], size: int) -> None:
        """Each ASIN is in exactly one collection, all of which are known but for empty drafts, and counted once."""
        placed = [item for shard in shards for item in shard.asins]
        assert sorted(set(wanted)) == sorted(placed)
        assert sorted(placed) == sorted(item for _, items in self.collections.values() for item in items)
        for shard in shards:
            assert self.collections[shard.collection_id] == (shard.name, [*shard.asins])
            assert (len(shard.asins), ()) == (shard.added.success_count, shard.added.error_rows)
            assert size >= len(shard.asins)
        assert [f"AU {number}" for number in range(1, len(shards) + 1)] == [shard.name for shard in shards]


@contextmanager
def crashing_ledger(service: ShardService) -> Iterator[None]:
    """Each line of a journal is a step too."""
    append = JournalFile.append

    def stepwise(self: JournalFile, *rows: Mapping[str, Any]) -> None:
        def half() -> None:
            text = b"".join(map(_line, rows))
            assert self._file is not None
            self._file.write(text[: len(text) // 2])
            self._file.flush()

        service.step(lambda: append(self, *rows), half)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JournalFile, "append", stepwise)
        yield


async def call(transport: Any, asins: list[str], journal: Path | None, size: int = 2, **changed: Any) -> Any:
    """The call, as its user makes it."""
    groups = groups_over(transport, retry=RetryPolicy(attempts=1))
    arguments = {**PLACE, "notification_email": "ops@example.com", **changed}
    name = arguments.pop("name")
    return await groups.collections.create_sharded(name, asins, size=size, journal=journal, **arguments)


async def warned(
    transport: Any, asins: list[str], journal: Path, size: int = 2, drafts: list[str] | None = None
) -> tuple[tuple[Shard, ...], list[str]]:
    """What it gives, and the *drafts* that it warns of."""
    drafts = [] if drafts is None else drafts
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            shards = await call(transport, asins, journal, size)
        finally:
            drafts += [str(one.message).split("'")[1] for one in told]
    assert {(__file__, MultiCartWarning)} >= {(one.filename, one.category) for one in told}
    return shards, drafts


async def failed(transport: Any, asins: list[str], journal: Path | None) -> MultiCartError:
    """What it ends with."""
    with pytest.raises(MultiCartError) as caught:
        await call(transport, asins, journal)
    return caught.value


def notes(journal: Path) -> list[dict[str, Any]]:
    """The whole lines after the two that say whose they are."""
    return [json.loads(line) for line in journal.read_text().split("\n")[2:-1]]
