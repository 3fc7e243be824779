"""Cancelling something at its k-th suspension point, in any of its tasks, in several ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal

import anyio
import attrs

How = Literal["native", "twice", "scope"]


@attrs.define
class Steps:
    """Counts the steps of all tasks, and does something before one of them."""

    at: int
    what: Callable[[], object]
    count: int = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.what()


class Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are counted."""

    def __init__(self, inner: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._inner = inner
        self._steps = steps

    def send(self, value: Any) -> Any:
        self._steps()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._steps()
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:  # anyio looks whether it runs
        return getattr(self._inner, name)


async def cancelled_at(at: int, inner: Coroutine[Any, Any, Any], how: How) -> tuple[str, bool]:
    """How it ended ("done" or "cancelled"), and whether the point was reached."""
    loop = asyncio.get_running_loop()
    scope = anyio.CancelScope()

    async def scoped() -> Any:
        with scope:
            return await inner
        raise asyncio.CancelledError  # so that each way of cancelling ends alike

    def cancel() -> None:
        if how == "scope":
            scope.cancel()
            return
        task.cancel()
        if how == "twice":
            loop.call_later(0.001, task.cancel)

    steps = Steps(at, cancel)
    loop.set_task_factory(lambda loop, work, **given: asyncio.Task(Counted(work, steps), loop=loop, **given))
    try:
        task = loop.create_task(scoped() if how == "scope" else inner)
        await asyncio.wait([task])
    finally:
        loop.set_task_factory(None)
    if not task.cancelled():
        task.result()
    return "cancelled" if task.cancelled() else "done", steps.count >= at
