"""The collections whose runs are to be read: each at most once at a time, those that have changed first. No I/O."""

from __future__ import annotations

import enum
from collections import OrderedDict

__all__ = ["ReadingQueue", "Reason"]


class Reason(enum.Enum):
    """Why the runs of a collection are read."""

    SHOWN = enum.auto()  # the list shows that one may have finished
    ALL = enum.auto()  # all collections are read at times
    AGAIN = enum.auto()  # for the first time, after a failure, or because a run is held back


class ReadingQueue:
    """Collections that wait for a reading, and those that are being read."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, Reason] = OrderedDict()
        self._reading: dict[int, bool] = {}  # whether to read it once more: the change may be later than the reading

    @property
    def waiting(self) -> int:
        """The number of collections that wait for a reading."""
        return len(self._waiting)

    @property
    def reading(self) -> int:
        """The number of collections that are being read."""
        return len(self._reading)

    def add(self, collection_id: int, reason: Reason) -> None:
        """Add a collection. It is not added twice."""
        if collection_id in self._reading:
            self._reading[collection_id] |= reason is Reason.SHOWN
        elif reason is Reason.SHOWN:
            self._waiting[collection_id] = reason
            self._waiting.move_to_end(collection_id, last=False)
        else:
            self._waiting.setdefault(collection_id, reason)

    def take(self) -> tuple[int, Reason] | None:
        """Return the next collection, which is being read from now on; ``None`` if none is waiting."""
        if not self._waiting:
            return None
        collection_id, reason = self._waiting.popitem(last=False)
        self._reading[collection_id] = False
        return collection_id, reason

    def finish(self, collection_id: int) -> None:
        """Record that a collection has been read."""
        if self._reading.pop(collection_id):
            self.add(collection_id, Reason.SHOWN)

    def discard(self, collection_id: int) -> None:
        """Forget a collection that is not being read."""
        self._waiting.pop(collection_id, None)
