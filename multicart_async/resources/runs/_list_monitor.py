"""Select the collections to poll for their runs, based on the list of all collections. No I/O.

The list shows which collections have changed. Only those are polled; all of them at times, because it is not documented
that a collection's status and its run's ``is_download_generated`` change together.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import attrs

from multicart_async.models import Collection

__all__ = ["ListMonitor"]

CONFIRM = 10  # ticks between polls of all collections
CONFIRM_RARELY = 50  # the same, once the list of this account has proved reliable
TRUSTED = 100  # finished runs that the list must have shown, without missing any
EXTRA_POLLS = 2  # ticks at which a collection that was just processed is polled again, in case its run lags behind

_Stamp: TypeAlias = tuple[object, object]


def _stamp(collection: Collection) -> _Stamp:
    return collection.schedule_status, collection.updated_at


@attrs.define(eq=False)
class _Seen:
    """What the list has shown of one collection."""

    stamp: _Stamp | None = None
    was_processing: bool = False
    extra_polls: int = 0

    def may_have_finished(self, collection: Collection) -> bool:
        """Apply a listed collection, and return whether a run may have finished."""
        changed, self.stamp = _stamp(collection) != self.stamp, _stamp(collection)
        if collection.is_processing:
            self.was_processing = True
            return False
        if changed:
            self.extra_polls = EXTRA_POLLS if self.was_processing else 0
            return True
        self.extra_polls -= 1
        return self.extra_polls >= 0


class ListMonitor:
    """Watch collections through the list, and learn how reliable the list is."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._ticks = 0
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

    def tick(self) -> None:
        """Count a tick."""
        self._ticks += 1

    @property
    def polls_all(self) -> bool:
        """Whether all collections are polled at this tick, regardless of the list."""
        trusted = self._list_hits >= TRUSTED and not self._list_misses
        return self._ticks % (CONFIRM_RARELY if trusted else CONFIRM) == 0

    def select(self, listed: Mapping[int, Collection], expired: AbstractSet[int]) -> list[tuple[int, bool]]:
        """Return the collections to poll, each with whether the list says that a run may have finished.

        Those in *expired* are polled for the last time. A draft or a category scrape is not listed, so it is polled
        too; and so is a collection that is Failed: that may concern an earlier run, and is trusted only if it persists.
        """
        self._count_misses(listed)
        selected: list[tuple[int, bool]] = []
        for collection_id, seen in self._seen.items():
            collection = listed.get(collection_id)
            if collection is None or collection_id in expired:
                selected.append((collection_id, False))
            elif (finished := seen.may_have_finished(collection)) or self.polls_all or collection.is_failed:
                selected.append((collection_id, finished))
        return selected

    def run_finished(self, collection_id: int, *, shown: bool) -> None:
        """Record that a run was found finished, and whether it was polled because the list had *shown* a change."""
        self._list_hits += shown
        stamp = self._seen[collection_id].stamp
        if not shown and stamp is not None:
            self._unconfirmed[collection_id] = stamp

    def _count_misses(self, listed: Mapping[int, Collection]) -> None:
        """Count the runs that were found finished before the list showed it, and that it still does not show."""
        for collection_id, stamp in self._unconfirmed.items():
            collection = listed.get(collection_id)
            self._list_misses += collection is not None and _stamp(collection) == stamp
        self._unconfirmed.clear()
