"""A list that changes between two calls, by chance: what a reader of its pages must not be fooled by."""

from __future__ import annotations

import os
import random

import attrs

__all__ = ["ANY_ORDER", "EVERYTHING", "KEPT_ORDER", "MovingList", "Restless", "trials"]


def trials(least: int, part: int, parts: int) -> range:
    """The numbers of the trials of one part: *least* in all, or as many as ``MULTICART_TRIALS`` says."""
    each = max(1, int(os.environ.get("MULTICART_TRIALS", least)) // parts)
    return range(part * each, (part + 1) * each)


@attrs.frozen
class Restless:
    """How likely each change is, between two calls, and how likely a page is cut short."""

    reorder: float = 0.0
    grow: float = 0.0
    shrink: float = 0.0
    cut: float = 0.0


ANY_ORDER = (Restless(0.05, 0.05, 0, 0.1), Restless(0.2, 0.2, 0, 0.4), Restless(0.7, 0.1, 0, 0.5), Restless(cut=0.6))
"""Rows come and change their places, pages are cut. A reader can be sure: no row twice means none missing."""

KEPT_ORDER = (Restless(0, 0.05, 0.05, 0), Restless(0, 0.2, 0.2, 0), Restless(0, 0, 0.4, 0))
"""Rows come and go, and the others keep their order. A reader can be sure: the last row of a page begins the next."""

EVERYTHING = (Restless(0.1, 0.1, 0.1, 0.2), Restless(0.03, 0.03, 0.03, 0.1), Restless(0, 0.2, 0.2, 0.3))
"""All of it. A page that is cut, and a row before it that goes before the next call, look like the end of the list."""


class MovingList:
    """Ids that answer ``skip`` and ``limit``, and change before each call but the first."""

    def __init__(self, chance: random.Random, restless: Restless, *, most: int = 12) -> None:
        self._chance = chance
        self._restless = restless
        count = chance.randrange(most + 1)
        self.ids = list(range(count, 0, -1)) if chance.random() < 0.7 else list(range(1, count + 1))
        if chance.random() < 0.3 and not restless.shrink:
            chance.shuffle(self.ids)
        self.stayed = set(self.ids)
        self.kept: set[int] = set()  # which never go
        self.highest = count
        self._to_come = 6
        self.answers: list[tuple[int, list[int]]] = []

    def begin(self) -> None:
        """From now on: ``stayed`` are the ids that are in the list all the time."""
        self.stayed = set(self.ids)
        self.answers.clear()

    def add(self) -> int:
        """One more id, mostly at the front."""
        self.highest += 1
        place = self._chance.choice([0, 0, len(self.ids), self._chance.randrange(len(self.ids) + 1)])
        self.ids.insert(place, self.highest)
        return self.highest

    def _move(self) -> None:
        chance, restless = self._chance, self._restless
        if chance.random() < restless.reorder:
            chance.shuffle(self.ids)
        if self._to_come and chance.random() < restless.grow:
            self._to_come -= 1
            self.add()
        if self.ids and chance.random() < restless.shrink:
            gone = chance.choice(self.ids)
            if gone not in self.kept:
                self.ids.remove(gone)
                self.stayed.discard(gone)

    def page(self, skip: int, limit: int) -> list[int]:
        """The answer to one call."""
        if self.answers:
            self._move()
        ids = self.ids[skip : skip + limit]
        if len(ids) > 1 and self._chance.random() < self._restless.cut:
            ids = ids[: self._chance.randrange(1, len(ids))]
        self.answers.append((skip, ids))
        return ids

    @property
    def could_stand_still(self) -> bool:
        """Whether one list that never moved, with some of its pages cut, would have given the same answers."""
        places: dict[int, int] = {}
        for skip, ids in self.answers:
            for place, number in enumerate(ids, skip):
                if places.setdefault(place, number) != number:
                    return False
        ends = [skip for skip, ids in self.answers if not ids]
        return len(set(places.values())) == len(places) == max(places, default=-1) + 1 <= min(ends)
