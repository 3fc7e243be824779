"""Divide ids into tasks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

__all__ = ["plan_tasks"]

T = TypeVar("T")

_TASKS_PER_THREAD: Final = 4  # at least, so that a slow task does not leave the others without work


def plan_tasks(ids: Sequence[T], *, workers: int, most: int, tasks: int | None = None) -> list[tuple[T, ...]]:
    """Return *ids* in parts of nearly equal size, in their order; none is empty.

    Args:
        ids: What is to be done.
        workers: The number of worker threads in the cluster.
        most: How many ids a part has at most, unless *tasks* is given.
        tasks: The number of parts, else at least 4 for each worker thread.
    """
    wanted = max(-(-len(ids) // most), _TASKS_PER_THREAD * max(workers, 1)) if tasks is None else tasks
    count = min(wanted, len(ids))
    bounds = [len(ids) * number // count for number in range(count + 1)] if count else [0]
    return [tuple(ids[start:end]) for start, end in pairwise(bounds)]
