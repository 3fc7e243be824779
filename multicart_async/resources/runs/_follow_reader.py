"""Read the runs of one collection that have not been given out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import attrs

from multicart_async.models import Run
from multicart_async.resources.runs._api import RunApi
from multicart_async.resources.runs._follow_delivery import DeliveredRuns

__all__ = ["Reading", "read_unsettled"]


@attrs.frozen
class Reading:
    """The runs of a collection that are not settled. Unless it is *complete*, none of them is finished."""

    runs: tuple[Run, ...]
    complete: bool


async def read_unsettled(api: RunApi, collection_id: int, delivered: DeliveredRuns, *, whole: bool) -> Reading:
    """Read the runs of a collection until none can be missing.

    Unless *whole*, a first page is enough that descends to a settled run, and has no finished run that is not settled:
    usually the newest come first.

    Raises:
        InvalidResponseError: The list has no end, or changes all the time.
    """
    reading = api.read(collection_id)
    unsettled: dict[int, Run] = {}
    while not reading.complete:
        await reading.read_on()
        unsettled.update({run.id: run for run in reading.page if not delivered.is_settled(run.id)})
        if not whole and _descends_to(delivered.top, [run.id for run in reading.page]) and not _finished(unsettled):
            return Reading(tuple(unsettled.values()), complete=False)
        whole = True  # only the first page can show that
    return Reading(tuple(unsettled.values()), complete=True)


def _finished(runs: dict[int, Run]) -> bool:
    return any(run.is_download_generated for run in runs.values())


def _descends_to(top: int, ids: Sequence[int]) -> bool:
    return bool(ids) and ids[-1] <= top and all(left > right for left, right in pairwise(ids))
