"""End all in-flight operations when a client is closed.

Closing aiohttp's session while a response is being read can hang the reader, return a truncated body as a complete one,
or raise a CancelledError that task groups suppress. So all in-flight operations end with `ClientClosedError` before the
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

_SHUTDOWN_TIMEOUT = 10.0  # seconds for operations to end; a thread that writes to a dead disk may not


class ClientLifetime:
    """Track in-flight operations and reject new ones once the client is closed."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._owner: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._all_ended: anyio.Event | None = None
        self.closed = False

    @contextmanager
    def track(self, limit: float = math.inf) -> Generator[None, None, None]:
        """Track an operation: closing the client ends it with `ClientClosedError`. Do not ``yield`` to users inside.

        Raises:
            ClientClosedError: The client is closed, or was closed during the operation.
            TimeoutError: *limit* seconds have passed.
            RuntimeError: The event loop or process is not that of the first use.
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
        """Raise the errors of `track` before any work starts."""
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
        """Sleep for *seconds*, unless the client is closed."""
        with self.track():
            await anyio.sleep(seconds)

    async def shutdown(self) -> None:
        """End all operations and wait until they have ended. Calling it again has no effect."""
        self.closed = True
        if not self._scopes:
            return
        if self._all_ended is None:  # otherwise another task is already waiting for the same event
            self._all_ended = anyio.Event()
        for scope in self._scopes:
            scope.cancel()
        with anyio.move_on_after(_SHUTDOWN_TIMEOUT):
            await self._all_ended.wait()
