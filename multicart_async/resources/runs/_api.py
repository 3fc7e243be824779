"""The calls of the service that concern runs, and readings of its list of runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

import anyio

from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async.errors import APITimeoutError
from multicart_async.models import Run
from multicart_async.resources._base import ClientContext
from multicart_async.resources._pagination import PagedReading, find_first, paginate

__all__ = ["LIST", "PAGE", "START", "RunApi", "find_run", "newest_finished"]

START = Endpoint("/schedules/run/result/", ANYTHING, safety="verifiable", subject=("collection", "collection_id"))
LIST = Endpoint(
    "/schedules/collections/results/download/",
    tuple[Run, ...],
    safety="safe",
    echo=("collection_id", "collection"),
    subject=("collection", "collection_id"),
)

PAGE = 50  # runs, as many as the dashboard requests

_MAX_BASELINE_TIME = 300.0  # seconds to read all runs before a start


class RunApi:
    """Start runs and read their list; the caller checks the arguments."""

    def __init__(self, context: ClientContext) -> None:
        self._call = context.api.call

    async def start(self, collection_id: int) -> None:
        """Start a run; the request is sent once."""
        await self._call(START, {"collection_id": collection_id})

    def page(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> Coroutine[Any, Any, tuple[Run, ...]]:
        """Return the coroutine that reads one page of the runs of a collection."""
        return self._call(LIST, {"collection_id": collection_id, "skip": skip, "limit": limit})

    def read(self, collection_id: int) -> PagedReading[Run]:
        """Return a new reading of the runs of a collection, page by page."""
        return PagedReading(lambda skip, limit: self.page(collection_id, skip=skip, limit=limit), PAGE, LIST.path)

    def iterate(self, collection_id: int) -> AsyncGenerator[Run, None]:
        """Yield every run of a collection once, even if the list changes meanwhile."""
        return paginate(lambda skip, limit: self.page(collection_id, skip=skip, limit=limit), PAGE, LIST.path)

    async def newest_id(self, collection_id: int) -> int:
        """Return the highest run id of a collection, 0 if there are no runs: the baseline of a start.

        Raises:
            InvalidResponseError: The list has no end, or changes all the time.
            APITimeoutError: Reading it takes too long.
        """
        reading, newest = self.read(collection_id), 0
        with anyio.move_on_after(_MAX_BASELINE_TIME):
            while not reading.complete:
                newest = max([newest, *(run.id for run in await reading.read_on())])
        if not reading.complete:
            reason = (
                f"the earlier runs could not be read within {_MAX_BASELINE_TIME:g} s; nothing was started; call again"
            )
            raise APITimeoutError(reading.path, reason)
        return newest

    async def find(self, collection_id: int, run_id: int) -> Run | None:
        """Return the run with that id, if it is listed."""
        return await find_run(self.iterate(collection_id), run_id)


async def find_run(runs: AsyncGenerator[Run, None], run_id: int) -> Run | None:
    """Return the run with that id among *runs*, which are closed."""
    return await find_first(runs, lambda run: run.id == run_id)


async def newest_finished(runs: AsyncGenerator[Run, None]) -> Run | None:
    """Return the finished run with the highest id among *runs*, which are closed."""
    newest: Run | None = None
    async with aclosing(runs):
        async for run in runs:
            if run.is_download_generated and (newest is None or run.id > newest.id):
                newest = run
    return newest
