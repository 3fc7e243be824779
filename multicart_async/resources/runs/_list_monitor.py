"""Select the collections to poll for their runs, based on the list of all collections. No I/O.

The list shows which collections have changed. Only those are polled; all of them at times, because it is not documented
that a collection's status and its run's ``is_download_generated`` change together. If the status was first, the
collection is polled again at the next two lists, and then each time three times as late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import attrs

from multicart_async.models import Collection

__all__ = ["ListMonitor"]

CONFIRM = 10  # ticks between polls of all collections
CONFIRM_RARELY = 50  # the same, once the list of this account has proved reliable
TRUSTED = 100  # finished runs that the list must have shown, without missing any
EXTRA_POLLS = 2  # lists at which a collection that was just processed is polled again, in case its run lags behind
LATER = 3  # how many times as late each further poll is: at the 6th list, the 18th, the 54th

_Stamp: TypeAlias = tuple[object, object]


def _stamp(collection: Collection) -> _Stamp:
    return collection.schedule_status, collection.updated_at


@attrs.define(eq=False)
class _Seen:
    """What the list has shown of one collection."""

    stamp: _Stamp | None = None
    was_processing: bool = False
    age: int = 0  # lists since the last change
    next_poll: float = math.inf  # the age at which it is polled again

    @property
    def has_ended(self) -> bool:
        """Whether the list has shown the end of processing; the run may lag behind."""
        return self.next_poll < math.inf

    def may_have_finished(self, collection: Collection) -> bool:
        """Apply a listed collection, and return whether a run may have finished."""
        changed, self.stamp = _stamp(collection) != self.stamp, _stamp(collection)
        if collection.is_processing:
            self.was_processing, self.next_poll = True, math.inf
            return False
        if changed:
            self.age, self.next_poll = 0, 1 if self.was_processing else math.inf
            return True
        self.age += 1
        if self.age < self.next_poll:
            return False
        self.next_poll = self.age + 1 if self.age < EXTRA_POLLS else self.age * LATER
        return True


class ListMonitor:
    """Watch collections through the list, and learn how reliable the list is."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._ticks = 0
        self._between = False
        self._list_hits = self._list_misses = 0
        self._unconfirmed: dict[int, _Stamp] = {}

    def watch(self, collection_id: int) -> None:
        """Watch a collection for one more run. What the list has shown so far does not concern that run."""
        self._seen.setdefault(collection_id, _Seen()).stamp = None

    def forget(self, collection_id: int) -> None:
        """Stop watching a collection."""
        self._seen.pop(collection_id, None)

    def clear(self) -> None:
        """Stop watching all collections."""
        self._seen.clear()

    def tick(self, *, between: bool = False) -> None:
        """Count a tick; a list *between* two ticks is none."""
        self._between = between
        self._ticks += not between

    @property
    def shows_ends(self) -> bool:
        """Whether the list has shown the end of a run, and has missed none."""
        return self._list_hits > 0 and not self._list_misses

    @property
    def polls_all(self) -> bool:
        """Whether all collections are polled now, regardless of the list."""
        trusted = self._list_hits >= TRUSTED and not self._list_misses
        return not self._between and self._ticks % (CONFIRM_RARELY if trusted else CONFIRM) == 0

    def select(self, listed: Mapping[int, Collection], expired: AbstractSet[int]) -> list[tuple[int, bool]]:
        """Return the collections to poll, each with whether the list says that a run may have finished.

        Those in *expired* are polled for the last time. A draft or a category scrape is not listed, so it is polled
        too; and so is a collection that is Failed: that may concern an earlier run, and is trusted only if it persists.
        Between two ticks neither is polled.
        """
        self._count_misses(listed)
        selected: list[tuple[int, bool]] = []
        for collection_id, seen in self._seen.items():
            collection = listed.get(collection_id)
            if collection is None or collection_id in expired:
                finished, polled = False, collection_id in expired or not self._between
            else:
                finished = seen.may_have_finished(collection)
                polled = finished or self.polls_all or (collection.is_failed and not self._between)
            if polled:
                selected.append((collection_id, finished))
        return selected

    def select_changed(self, listed: Mapping[int, Collection]) -> list[tuple[int, bool]]:
        """Return the collections to poll, as `select` does, where no single run is waited for.

        A collection that is not listed, or Failed, is polled only at times, with all others: it may stay so for weeks.
        """
        self._count_misses(listed)
        selected: list[tuple[int, bool]] = []
        for collection_id, seen in self._seen.items():
            collection = listed.get(collection_id)
            finished = collection is not None and seen.may_have_finished(collection)
            if finished or self.polls_all:
                selected.append((collection_id, finished))
        return selected

    def rest(self, collection_id: int) -> None:
        """Poll the collection no more because its processing has ended: all of its runs are known to have finished."""
        self._seen[collection_id].next_poll = math.inf

    def run_finished(self, collection_id: int, *, shown: bool) -> None:
        """Record that a run was found finished, and whether it was polled because the list had *shown* a change."""
        self._list_hits += shown
        seen = self._seen[collection_id]
        if not shown and seen.stamp is not None and not seen.has_ended:
            self._unconfirmed[collection_id] = seen.stamp

    def _count_misses(self, listed: Mapping[int, Collection]) -> None:
        """Count the runs that were found finished before the list showed it, and that it still does not show."""
        for collection_id, stamp in self._unconfirmed.items():
            collection = listed.get(collection_id)
            self._list_misses += collection is not None and _stamp(collection) == stamp
        self._unconfirmed.clear()
