"""All rows of a list that comes in pages, each once, however the rows move meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from multicart_async.errors import InvalidResponseError

__all__ = ["every_row"]

_MOST = 1_000_000  # no account has as many of anything


class _Row(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Row)


async def every_row(
    page: Callable[[int, int], Awaitable[Sequence[R]]], size: int, path: str
) -> AsyncGenerator[R, None]:
    """The rows of ``page(skip, limit)`` from the first on, de-duplicated by id; *path* is what an error names.

    Ends at a short or empty page, and at one that brings nothing new: a service that ignores ``skip`` would never end.

    Raises:
        InvalidResponseError: There is no end to it.
    """
    seen: set[int] = set()
    skip = 0
    while True:
        rows = await page(skip, size)
        new = [row for row in rows if row.id not in seen]
        for row in new:
            seen.add(row.id)
            yield row
        if len(seen) > _MOST:
            raise InvalidResponseError(path, f"more than {_MOST} rows, and no end")
        if len(rows) < size or not new:
            return
        skip += len(rows)
