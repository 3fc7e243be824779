"""Fresh links to the files of a run, when the old ones are refused: the run is listed again, once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import anyio

from multicart_async._links import Place
from multicart_async._plan import plan, planned
from multicart_async.download import Wanted
from multicart_async.errors import UnreachableResultError
from multicart_async.models import CategoryRun, Run

__all__ = ["FreshLinks", "Relist", "find_run"]

Relist = Callable[[], Awaitable[Run | CategoryRun | None]]
"""Asks for the run's row again; ``None`` if there is no such run any more."""


class FreshLinks:
    """Links may be signed, and hold the collection's name, which may change: both make them stale."""

    def __init__(self, relist: Relist, base: str) -> None:
        self._relist = relist
        self._base = base
        self._lock = anyio.Lock()
        self._links: dict[str, Place] | None = None

    async def link(self, wanted: Wanted) -> Place:
        """A fresh link to the same file.

        Raises:
            UnreachableResultError: The service lists the run or the file no more.
        """
        async with self._lock:  # whoever asks first lists for all
            links = self._links = await self._all() if self._links is None else self._links
        if wanted.name not in links:
            raise UnreachableResultError(wanted.link.label, "the service lists it no more")
        return links[wanted.name]

    async def _all(self) -> dict[str, Place]:
        run = await self._relist()
        if run is None:
            return {}
        wanted = await planned(plan, run, "both" if run.download_links.all_pages else "pages", self._base)
        return {file.name: file.link for file in wanted}


async def find_run(runs: AsyncGenerator[Run, None], run_id: int) -> Run | None:
    """The run of that id among *runs*."""
    async with aclosing(runs) as rows:
        async for row in rows:
            if row.id == run_id:
                return row
    return None
