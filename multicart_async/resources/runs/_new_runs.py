"""Read the runs of a collection that are newer than a start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from multicart_async.errors import InvalidResponseError
from multicart_async.models import Run, StartedRun
from multicart_async.resources.runs._api import RunApi

__all__ = ["NewRunsReader"]

_MOST_NEW = 10_000  # runs above a baseline


class NewRunsReader:
    """The runs of a collection that are newer than a start, read page by page."""

    def __init__(self, api: RunApi, started: StartedRun) -> None:
        self._reading = api.read(started.collection_id)
        self._started = started
        self._seen: dict[int, Run] = {}

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that were read so far."""
        return tuple(self._seen.values())

    async def read(self, *, whole: bool) -> None:
        """Read until a finished run is found; else the *whole* list, until no run can be missing.

        Unless *whole*, one pass is enough. It ends at a page that descends strictly to the baseline, because usually
        the newest come first, and if the list has changed, at one without a new run.

        Raises:
            InvalidResponseError: The list has no end.
        """
        reading, after = self._reading, self._started.after_run_id
        while not (reading.complete or (reading.passes and not whole)):
            new = await self._read_on()
            if any(run.is_download_generated for run in self._seen.values()):
                return
            if not whole and (_descends_to(after, reading.page) or (reading.moved and not new)):
                return

    async def read_all(self) -> None:
        """Read on until no run can be missing. Raises the errors of `read`."""
        while not self._reading.complete:
            await self._read_on()

    async def _read_on(self) -> list[Run]:
        reading, after = self._reading, self._started.after_run_id
        new = await reading.read_on()
        self._seen.update({run.id: run for run in reading.page if run.id > after})
        if len(self._seen) > _MOST_NEW:
            raise InvalidResponseError(reading.path, f"the list has no end: more than {_MOST_NEW} runs above {after}")
        return new


def _descends_to(after: int, runs: Sequence[Run]) -> bool:
    return bool(runs) and runs[-1].id <= after and all(left.id > right.id for left, right in pairwise(runs))
