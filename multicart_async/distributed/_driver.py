"""The driver of `mirror`, once the collections are listed: it submits the tasks, and merges what they report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final, Literal

import attrs

from multicart_async._downloads.plan import Files
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._merging import MirrorMerger
from multicart_async.distributed._orders import ClusterCall, ListedCollection, MirrorPart, MirrorPartReport
from multicart_async.distributed._planning import plan_tasks
from multicart_async.distributed._tasks import Work, run_tasks
from multicart_async.events import Emit
from multicart_async.models import Collection

__all__ = ["MirrorDriver"]

_MOST_COLLECTIONS: Final = 50  # of a task, which a slow worker may have begun last; a task itself takes some 10 ms
_NOTHING: Final[Mapping[int, Collection]] = {}


@attrs.frozen(kw_only=True)
class MirrorDriver:
    """Mirror collections by tasks of the cluster. *work* is `mirror_part`, except in tests and simulations."""

    cluster: Cluster
    call: ClusterCall
    runs: Literal["latest", "all"] = "latest"
    files: Files = "pages"
    check: Literal["changed", "all"] = "changed"
    tasks: int | None = None
    retries: int = 2
    work: Work[MirrorPart, MirrorPartReport]
    emit: Emit

    async def run(self, ids: Sequence[int], listed: Mapping[int, Collection] = _NOTHING) -> MirrorMerger:
        """Mirror the collections *ids*, of which *listed* are known from a list; return the sum of the reports.

        What would affect all tasks, such as a full disk, ends the call: then the report is ``stopped``.
        """
        threads = sum((await self.cluster.threads()).values())
        plan = plan_tasks(ids, workers=threads, most=_MOST_COLLECTIONS, tasks=self.tasks)
        parts = (self._part(part, listed) for part in plan)  # made one by one: they hold what is listed once more
        merged = MirrorMerger(ids, self.emit, asyncio.get_running_loop().time)
        merged.begin()
        async with aclosing(run_tasks(self.cluster, self.work, parts, retries=self.retries)) as outcomes:
            async for part, outcome in outcomes:
                merged.add(part, outcome)
                if merged.report.stopped:
                    break
        return merged

    def _part(self, ids: tuple[int, ...], listed: Mapping[int, Collection]) -> MirrorPart:
        return MirrorPart(
            call=self.call,
            runs=self.runs,
            files=self.files,
            check=self.check,
            ids=ids,
            listed=tuple(ListedCollection.of(listed[one]) for one in ids if one in listed),
        )
