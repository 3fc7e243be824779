"""End all in-flight operations when a client is closed.

Closing aiohttp's session while a response is being read can hang the reader, return a truncated body as a complete one,
or raise a CancelledError that task groups suppress. So all in-flight operations end with `ClientClosedError` before the
sessions are closed.
"""

from __future__ import annotations

import asyncio
import math
import os
from types import TracebackType

import anyio

from multicart_async._core.exceptions import ClientClosedError

__all__ = ["ClientLifetime"]

_SHUTDOWN_TIMEOUT = 10.0  # seconds for operations to end; a thread that writes to a dead disk may not


class ClientLifetime:
    """Track in-flight operations and reject new ones once the client is closed."""

    def __init__(self) -> None:
        self._deadlines: dict[anyio.CancelScope, float] = {}
        self._timer: asyncio.TimerHandle | None = None  # one for all operations: most end long before their deadline
        self._wakes_at = math.inf
        self._owner: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._all_ended: anyio.Event | None = None
        self.closed = False

    def track(self, limit: float = math.inf) -> _Operation:
        """Return a context manager for an operation: closing the client ends it with `ClientClosedError`.

        Do not ``yield`` to users inside.

        Raises:
            ClientClosedError: The client is closed, or was closed during the operation.
            TimeoutError: *limit* seconds have passed.
            RuntimeError: The event loop or process is not that of the first use.
        """
        return _Operation(self, limit)

    def ensure_open(self) -> asyncio.AbstractEventLoop:
        """Raise the errors of `track` before any work starts; return the event loop."""
        if self.closed:
            raise ClientClosedError
        loop = asyncio.get_running_loop()
        if self._owner is None:
            self._owner, self._process = loop, os.getpid()
        elif self._owner is not loop or self._process != os.getpid():
            what = "event loop" if self._process == os.getpid() else "process"
            raise RuntimeError(
                f"this client belongs to another {what}: its connections cannot be shared; make a client in each"
            )
        return loop

    async def sleep(self, seconds: float) -> None:
        """Sleep for *seconds*, unless the client is closed."""
        with self.track():
            await anyio.sleep(seconds)

    async def shutdown(self) -> None:
        """End all operations and wait until they have ended. Calling it again has no effect."""
        self.closed = True
        self._stop_timer()
        if not self._deadlines:
            return
        if self._all_ended is None:  # otherwise another task is already waiting for the same event
            self._all_ended = anyio.Event()
        for scope in self._deadlines:
            scope.cancel()
        with anyio.move_on_after(_SHUTDOWN_TIMEOUT):
            await self._all_ended.wait()

    def begin(self, scope: anyio.CancelScope, limit: float) -> None:
        """Add an operation that runs in *scope*, for *limit* seconds at most."""
        loop = self.ensure_open()
        until = self._deadlines[scope] = loop.time() + limit
        if until < self._wakes_at:
            self._wake_at(loop, until)

    def end(self, scope: anyio.CancelScope) -> None:
        """Remove an operation."""
        del self._deadlines[scope]
        if self._all_ended is not None and not self._deadlines:
            self._all_ended.set()

    def _wake_at(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self._stop_timer()
        self._wakes_at = until
        self._timer = loop.call_at(until, self._end_expired, loop)

    def _end_expired(self, loop: asyncio.AbstractEventLoop) -> None:
        self._stop_timer()
        now = loop.time()
        for scope in [scope for scope, until in self._deadlines.items() if until <= now]:
            self._deadlines[scope] = math.inf
            scope.cancel()
        until = min(self._deadlines.values(), default=math.inf)
        if until < math.inf:
            self._wake_at(loop, until)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._wakes_at = None, math.inf


class _Operation:
    """One tracked operation, as a context manager. It may be entered once."""

    __slots__ = ("_lifetime", "_limit", "_scope")

    def __init__(self, lifetime: ClientLifetime, limit: float) -> None:
        self._lifetime = lifetime
        self._limit = limit

    def __enter__(self) -> None:
        scope = self._scope = anyio.CancelScope()
        self._lifetime.begin(scope, self._limit)
        scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        scope = self._scope
        self._lifetime.end(scope)
        handled = scope.__exit__(kind, error, traceback)
        if scope.cancelled_caught:
            if self._lifetime.closed:
                raise ClientClosedError("the client was closed during the call")
            raise TimeoutError
        return handled
