"""A thread of its own for long work in many steps: the memory that they use stays in one place, and so does a database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar, TypeVarTuple, Unpack

from multicart_async._core.threads import join_thread, submit_to

__all__ = ["WorkerThread"]

T = TypeVar("T")
Args = TypeVarTuple("Args")


class WorkerThread:
    """Run work in one thread; it ends with the context. As in `run_in_thread`, a cancellation waits for the work."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="multicart-tables")

    async def run(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Run *work* from start to end."""
        return await join_thread(submit_to(self._executor, work, *args))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=False)  # it is idle
