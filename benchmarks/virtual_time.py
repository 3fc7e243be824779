"""An event loop whose clock jumps to the next timer: hours of waiting in seconds, exactly, and the same each time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Protocol


class World(Protocol):
    """What goes on beside the loop, in the same time."""

    def advance(self, until: float | None) -> float | None:
        """Let time pass up to *until*, or up to the moment before it in which the loop has something to do.

        Return the moment that was reached; ``None`` if *until* is ``None`` and nothing goes on.
        """
        ...


class _Jumping(selectors.DefaultSelector):
    """Does not wait: tells the loop's clock how long it would have waited."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            until = None if timeout is None else self.loop.now + timeout
            if self.loop.world is not None and timeout != 0:
                until = self.loop.world.advance(until)
            if until is None:
                raise RuntimeError("everybody waits and no timer is set")
            self.loop.now = until
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when nothing else is to be done."""

    def __init__(self, world: World | None = None) -> None:
        selector = _Jumping()
        selector.loop = self
        self.now = 0.0
        self.world = world
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run_virtually(main: Coroutine[Any, Any, Any], world: World | None = None) -> Any:
    """The result of *main*, in virtual time, which is also that of *world*."""
    loop = VirtualLoop(world)
    try:
        return loop.run_until_complete(main)
    finally:
        _cancel_all(loop)
        loop.close()


def _cancel_all(loop: VirtualLoop) -> None:
    """End what is left after an error of the world, which goes no further."""
    loop.world = None
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
