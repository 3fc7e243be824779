"""All rows of a list that is read page by page while it may change: none is lost, none comes twice.

A *pass* reads from the first row to an empty page. With ``skip`` and ``limit`` alone, this is what it proves:

* Where rows are added or change their places, a pass in which no row came twice is complete, however short its pages:
  it has seen as many rows as there are at its end.
* Where a row is removed, those behind it move up, and one can slip through between two pages. So a page begins with the
  last row of the page before; another row in that place shows that the list has moved.

A pass that shows that the list has moved is repeated, until one does not and brings nothing new; or until so many have
brought nothing new that a missing row would be a miracle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import attrs

from multicart_async.errors import APIError, InvalidResponseError

__all__ = ["PagedReading", "find_first", "paginate"]

_MOST = 1_000_000  # rows; no account has as many of anything
_MOST_PAGES = 10_000
_MOST_PASSES = 100
_SETTLED = 20  # passes in a row without anything new: at random, each misses a given row less than every other time


class _Row(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Row)


@attrs.define
class _Pass:
    """How far a pass has come."""

    length: int  # of its last page
    position: int = 0
    ids: set[int] = attrs.field(factory=set[int])
    last: int | None = None
    overlapping: bool = False  # whether the next page begins with the last row of this one
    moved: bool = False
    brought: bool = False  # a row that no pass before had


@attrs.frozen
class _Misfit:
    """A page that does not go on where the one before it has ended."""

    limit: int
    ids: list[int]
    known: bool  # each of its rows had been read before


class PagedReading(Generic[R]):
    """A reading of ``page(skip, limit)``, to be continued page by page; *path* is what an error names.

    ``page`` is the last page, ``passes`` counts the passes that have ended, ``complete`` says that no row is missing.
    """

    def __init__(self, page: Callable[[int, int], Awaitable[Sequence[R]]], size: int, path: str) -> None:
        self._ask_for = page
        self._size = size
        self.path = path
        self.page: Sequence[R] = ()
        self.passes = 0
        self.complete = False
        self._seen: set[int] = set()
        self._requests = 0
        self._settled = 0
        self._full = size + 1  # rows of a page behind which another may begin; fewer where the service gives fewer
        self._misfit: _Misfit | None = None
        self._skips = False  # whether it is known that there is nothing beyond the end
        self._pass = _Pass(size)

    @property
    def moved(self) -> bool:
        """Whether this pass has shown that the list moves; it proves nothing any more."""
        return self._misfit is not None or self._pass.moved

    async def read_on(self) -> list[R]:
        """Read the next page, and return those of its rows that no page before had.

        Raises:
            InvalidResponseError: There is no end to it, or it moves all the time.
        """
        if self._misfit is not None and await self._ends_with(self._misfit):
            return []
        now = self._pass
        overlap = int(now.overlapping)
        limit = self._size + overlap
        self.page = await self._ask(now.position - overlap, limit)
        ids = [row.id for row in self.page]
        new = self._new_rows()
        if not ids and not overlap:
            self._end_pass(clean=not now.moved)
        elif now.moved:
            self._drift(ids)
        elif await self._goes_on(ids, overlap):
            self._advance(ids, limit)
        else:
            self._misfit = _Misfit(limit, ids, known=not new)
        return new

    def _new_rows(self) -> list[R]:
        new: list[R] = []
        for row in self.page:
            if row.id not in self._seen:
                self._seen.add(row.id)
                new.append(row)
        if len(self._seen) > _MOST:
            raise InvalidResponseError(self.path, f"the list has no end: more than {_MOST} rows")
        self._pass.brought = self._pass.brought or bool(new)
        return new

    async def _goes_on(self, ids: list[int], overlap: int) -> bool:
        """Return whether a page goes on where the one before it has ended."""
        now, further = self._pass, ids[overlap:]
        if (overlap and ids[:1] != [now.last]) or not now.ids.isdisjoint(further):
            return False
        return bool(overlap) or now.last is None or await self._touches(further[0])

    async def _touches(self, first: int) -> bool:
        """Return whether the row *first* comes right after the page before it, which was short and not the last."""
        now = self._pass
        self._full = min(self._full, now.length)
        pair = [row.id for row in await self._ask(now.position - 1, 2)]
        return bool(pair) and pair == [now.last, first][: len(pair)]

    def _advance(self, ids: list[int], limit: int) -> None:
        now, overlap = self._pass, limit - self._size
        now.position += len(ids) - overlap
        now.ids.update(ids)
        now.last = ids[-1]
        now.length = len(ids)
        # behind a short page, or one without a new row, the end is likely: only an empty page proves it
        now.overlapping = len(ids) > overlap and len(ids) >= min(limit, self._full)

    def _drift(self, ids: list[int]) -> None:
        """Go on to the end of a pass that proves nothing any more, for the rows that it brings."""
        self._pass.position += len(ids)
        if self._pass.position > 2 * len(self._seen) + self._size:
            self._end_pass(clean=False)  # no list is as long: this service goes on beyond its end

    async def _ends_with(self, misfit: _Misfit) -> bool:
        """Return whether a misfit shows no move, but is what the service gives beyond the end, instead of nothing.

        So does one that ignores ``skip``, or gives its last page again. If it is, the pass has ended.
        """
        self._misfit = None
        if not self._skips:
            beyond = await self._beyond_the_end(misfit.limit)
            self._skips = not beyond
            if beyond and beyond == misfit.ids:
                self._end_pass(clean=misfit.known)
                return True
        self._pass.moved, self._pass.overlapping = True, False
        return False

    async def _beyond_the_end(self, limit: int) -> list[int]:
        try:
            return [row.id for row in await self._ask(_MOST, limit)]
        except (APIError, InvalidResponseError):
            return []

    def _end_pass(self, *, clean: bool) -> None:
        self.passes += 1
        brought = self._pass.brought
        self._settled = 0 if brought else self._settled + 1
        self.complete = (clean and (self.passes == 1 or not brought)) or self._settled >= _SETTLED
        if not self.complete and self.passes >= _MOST_PASSES:
            raise InvalidResponseError(self.path, f"the list has changed during each of {_MOST_PASSES} readings")
        self._pass = _Pass(self._size)

    async def _ask(self, skip: int, limit: int) -> Sequence[R]:
        self._requests += 1
        if self._requests > _MOST_PAGES:
            raise InvalidResponseError(self.path, f"the list has no end: more than {_MOST_PAGES} pages")
        return await self._ask_for(skip, limit)


async def paginate(
    page: Callable[[int, int], Awaitable[Sequence[R]]], size: int, path: str, *, complete: bool = True
) -> AsyncGenerator[R, None]:
    """Each row of ``page(skip, limit)`` once, as it is found; *path* is what an error names.

    Without *complete*, one pass is enough: where the list moves, rows may be missing.

    Raises:
        InvalidResponseError: There is no end to it, or it moves all the time.
    """
    reading = PagedReading(page, size, path)
    while not reading.complete and (complete or not reading.passes):
        for row in await reading.read_on():
            yield row


async def find_first(items: AsyncGenerator[R, None], matches: Callable[[R], bool]) -> R | None:
    """Return the first item that matches, and close *items*."""
    async with aclosing(items):
        async for item in items:
            if matches(item):
                return item
    return None
