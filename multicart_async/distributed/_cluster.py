"""What the drivers need of a cluster: submit a task, and run something on all workers. Dask is one; tests use a fake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from multicart_async.distributed._lease_pool import LeaseSource

__all__ = ["Cluster", "LostTaskError"]

A = TypeVar("A")
R = TypeVar("R")


class LostTaskError(Exception):
    """A task has no result because its workers died, or because the cluster forgot it. It can be submitted again."""


class Cluster(Protocol):
    """Workers in other processes. Functions, arguments and results are pickled on the way."""

    async def threads(self) -> Mapping[str, int]:
        """Return the number of threads of each worker, by its address."""
        ...

    async def run(self, work: Callable[[A], R], argument: A) -> R:
        """Call *work* in a thread of one worker, and return what it returns.

        The cluster keeps neither argument nor result after that. A cancellation withdraws a task that has not begun; one
        that has begun continues, and its result is discarded.

        Raises:
            LostTaskError: The workers that had the task died.
            Exception: The error of *work*.
        """
        ...

    async def run_everywhere(self, work: Callable[[A], Awaitable[R]], argument: A) -> Mapping[str, R | BaseException]:
        """Await *work* once on each worker that is there now; return the results, or errors, by address."""
        ...

    def leases(self, name: str, most: int) -> AbstractAsyncContextManager[LeaseSource]:
        """Provide the driver with the leases called *name* in the cluster, of which there are *most*.

        Raises:
            ArgumentError: They are in use with another number.
        """
        ...
