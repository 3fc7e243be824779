"""What ends everything that is under way when a client is closed.

Closing aiohttp's session under a reader hangs it, or hands it a truncated body as a whole one, or invents a
CancelledError that task groups swallow. So: first everything under way ends with `ClientClosedError`, then the
sessions are closed.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from multicart_async._core.exceptions import ClientClosedError

__all__ = ["ClientLifetime"]

_SHUTDOWN_TIMEOUT = 10.0  # for what is under way to end; a thread in the middle of a write on a dead disk may not


class ClientLifetime:
    """Knows what is under way, in which loop; says no after the end."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._owner: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._all_ended: anyio.Event | None = None
        self.closed = False

    @contextmanager
    def track(self, limit: float = math.inf) -> Generator[None, None, None]:
        """Something under way: it ends with `ClientClosedError` when the client is closed. No ``yield`` to a user inside.

        Raises:
            ClientClosedError: The client is closed, or was closed meanwhile.
            TimeoutError: *limit* seconds have passed.
            RuntimeError: Another event loop or process than the first use.
        """
        self.ensure_open()
        until = anyio.current_time() + limit
        with anyio.CancelScope(deadline=until) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
                if self._all_ended is not None and not self._scopes:
                    self._all_ended.set()
        if scope.cancelled_caught:
            if self.closed:
                raise ClientClosedError("the client was closed during the call")
            raise TimeoutError

    def ensure_open(self) -> None:
        """Raise what `track` raises, before anything begins."""
        if self.closed:
            raise ClientClosedError
        here = (asyncio.get_running_loop(), os.getpid())
        if self._owner is None:
            self._owner = here
        elif self._owner != here:
            what = "process" if self._owner[1] != here[1] else "event loop"
            raise RuntimeError(
                f"this client belongs to another {what}: its connections cannot be shared; make a client in each"
            )

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless the client is closed."""
        with self.track():
            await anyio.sleep(seconds)

    async def shutdown(self) -> None:
        """Let everything under way end, and wait until it has. Doing it twice is once."""
        self.closed = True
        if not self._scopes:
            return
        if self._all_ended is None:  # else another task is shutting it down, and waits for the same
            self._all_ended = anyio.Event()
        for scope in self._scopes:
            scope.cancel()
        with anyio.move_on_after(_SHUTDOWN_TIMEOUT):
            await self._all_ended.wait()
