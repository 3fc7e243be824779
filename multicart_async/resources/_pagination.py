"""Read a list page by page while it may change, without losing or repeating an item.

A *pass* reads from the first item to an empty page. With ``skip`` and ``limit`` alone, this is what it proves:

* Where items are added or reordered, a pass without a repeated item is complete, however short its pages: it has seen
  as many items as there are at its end.
* Where an item is removed, those behind it move up, and one can be missed between two pages. So a page begins with the
  last item of the previous page; another item in that place shows that the list has changed.

A pass that shows that the list has changed is repeated, until one does not and finds nothing new; or until so many have
found nothing new that a missing item is practically impossible.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import attrs

from multicart_async.errors import APIError, InvalidResponseError

__all__ = ["PagedReading", "find_first", "paginate"]

_MOST = 1_000_000  # items; no account has as many
_MOST_PAGES = 10_000
_MOST_PASSES = 100
_SETTLED = 20  # passes in a row that find nothing new: at random, each misses a given item with a probability below 1/2


class _Item(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Item)


@attrs.define
class _Pass:
    """The progress of a pass."""

    length: int  # of its last page
    position: int = 0
    ids: set[int] = attrs.field(factory=set[int])
    last: int | None = None
    overlapping: bool = False  # whether the next page begins with the last item of this one
    moved: bool = False
    brought: bool = False  # whether it found an item that no earlier pass had


@attrs.frozen
class _Misfit:
    """A page that does not continue where the previous one ended."""

    limit: int
    ids: list[int]
    known: bool  # each of its items had been read before


class PagedReading(Generic[R]):
    """A reading of ``page(skip, limit)``, continued page by page; *path* appears in errors.

    ``page`` is the last page, ``passes`` counts the finished passes, ``complete`` says that no item is missing.
    """

    def __init__(self, page: Callable[[int, int], Awaitable[Sequence[R]]], size: int, path: str) -> None:
        self._request = page
        self._size = size
        self.path = path
        self.page: Sequence[R] = ()
        self.passes = 0
        self.complete = False
        self._seen: set[int] = set()
        self._requests = 0
        self._settled = 0
        self._full = size + 1  # length of a page after which another may follow; less if the service returns less
        self._misfit: _Misfit | None = None
        self._skips = False  # whether the service is known to return nothing beyond the end
        self._pass = _Pass(size)

    @property
    def moved(self) -> bool:
        """Whether this pass has shown that the list is changing, and so proves nothing."""
        return self._misfit is not None or self._pass.moved

    async def read_on(self) -> list[R]:
        """Read the next page, and return those of its items that no earlier page had.

        Raises:
            InvalidResponseError: The list has no end, or changes all the time.
        """
        if self._misfit is not None and await self._ends_with(self._misfit):
            return []
        now = self._pass
        overlap = int(now.overlapping)
        limit = self._size + overlap
        self.page = await self._read_page(now.position - overlap, limit)
        ids = [item.id for item in self.page]
        new = self._new_items()
        if not ids and not overlap:
            self._end_pass(clean=not now.moved)
        elif now.moved:
            self._drift(ids)
        elif await self._continues(ids, overlap):
            self._advance(ids, limit)
        else:
            self._misfit = _Misfit(limit, ids, known=not new)
        return new

    def _new_items(self) -> list[R]:
        new: list[R] = []
        for item in self.page:
            if item.id not in self._seen:
                self._seen.add(item.id)
                new.append(item)
        if len(self._seen) > _MOST:
            raise InvalidResponseError(self.path, f"the list has no end: more than {_MOST} items")
        self._pass.brought = self._pass.brought or bool(new)
        return new

    async def _continues(self, ids: list[int], overlap: int) -> bool:
        """Return whether a page continues where the previous one ended."""
        now, further = self._pass, ids[overlap:]
        if (overlap and ids[:1] != [now.last]) or not now.ids.isdisjoint(further):
            return False
        return bool(overlap) or now.last is None or await self._is_adjacent(further[0])

    async def _is_adjacent(self, first: int) -> bool:
        """Return whether the item *first* directly follows the previous page, which was short but not the last."""
        now = self._pass
        self._full = min(self._full, now.length)
        pair = [item.id for item in await self._read_page(now.position - 1, 2)]
        return bool(pair) and pair == [now.last, first][: len(pair)]

    def _advance(self, ids: list[int], limit: int) -> None:
        now, overlap = self._pass, limit - self._size
        now.position += len(ids) - overlap
        now.ids.update(ids)
        now.last = ids[-1]
        now.length = len(ids)
        # after a short page, or one without a new item, the end is likely; only an empty page proves it
        now.overlapping = len(ids) > overlap and len(ids) >= min(limit, self._full)

    def _drift(self, ids: list[int]) -> None:
        """Continue a pass that proves nothing any more to its end, for the items that it finds."""
        self._pass.position += len(ids)
        if self._pass.position > 2 * len(self._seen) + self._size:
            self._end_pass(clean=False)  # no list is that long: this service continues beyond its end

    async def _ends_with(self, misfit: _Misfit) -> bool:
        """Return whether a misfit is not a change, but what the service returns beyond the end instead of nothing.

        This is so for a service that ignores ``skip`` or repeats its last page. In that case the pass has ended.
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
            return [item.id for item in await self._read_page(_MOST, limit)]
        except (APIError, InvalidResponseError):
            return []

    def _end_pass(self, *, clean: bool) -> None:
        self.passes += 1
        brought = self._pass.brought
        self._settled = 0 if brought else self._settled + 1
        self.complete = (clean and (self.passes == 1 or not brought)) or self._settled >= _SETTLED
        if not self.complete and self.passes >= _MOST_PASSES:
            raise InvalidResponseError(
                self.path, f"the list changed during each of {_MOST_PASSES} readings; call again"
            )
        self._pass = _Pass(self._size)

    async def _read_page(self, skip: int, limit: int) -> Sequence[R]:
        self._requests += 1
        if self._requests > _MOST_PAGES:
            raise InvalidResponseError(self.path, f"the list has no end: more than {_MOST_PAGES} pages")
        return await self._request(skip, limit)


async def paginate(
    page: Callable[[int, int], Awaitable[Sequence[R]]], size: int, path: str, *, complete: bool = True
) -> AsyncGenerator[R, None]:
    """Yield each item of ``page(skip, limit)`` once, as it is found; *path* appears in errors.

    Without *complete*, one pass is enough: where the list changes, items may be missing.

    Raises:
        InvalidResponseError: The list has no end, or changes all the time.
    """
    reading = PagedReading(page, size, path)
    while not reading.complete and (complete or not reading.passes):
        for item in await reading.read_on():
            yield item


async def find_first(items: AsyncGenerator[R, None], matches: Callable[[R], bool]) -> R | None:
    """Return the first item that matches, and close *items*."""
    async with aclosing(items):
        async for item in items:
            if matches(item):
                return item
    return None
