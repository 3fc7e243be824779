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
        self._deadlines: dict[anyio.CancelScope | _Bounded, float] = {}
        self._timer: asyncio.TimerHandle | None = None  # one for all operations: most end long before their deadline
        self._wakes_at = math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._make_scope: type[anyio.CancelScope] | None = None
        self._all_ended: anyio.Event | None = None
        self.closed = False

    def track(self, limit: float = math.inf) -> _Tracked:
        """Track an operation: closing the client ends it with `ClientClosedError`. Do not ``yield`` to users inside.

        Use it as ``with lifetime.track():``.

        Raises:
            ClientClosedError: The client is closed, or was closed during the operation.
            TimeoutError: *limit* seconds have passed.
            RuntimeError: The event loop or process is not that of the first use.
        """
        loop = self.ensure_open()
        if self._make_scope is None:
            self._make_scope = type(anyio.CancelScope())  # of the backend: anyio.CancelScope looks for it each time
        return _Tracked(self, loop.time() + limit, self._make_scope())

    def bound(self, limit: float) -> _Bounded:
        """Track an operation of at most *limit* seconds as `track` does, at a fraction of its cost.

        The operation must start no tasks and enter no cancel scopes: it is the running task that is cancelled.
        """
        loop = self.ensure_open()
        return _Bounded(self, loop, loop.time() + limit)

    def ensure_open(self) -> asyncio.AbstractEventLoop:
        """Raise the errors of `track` before any work starts; return the event loop."""
        if self.closed:
            raise ClientClosedError
        loop, process = asyncio.get_running_loop(), os.getpid()
        if self._loop is None:
            self._loop, self._process = loop, process
        elif self._loop is not loop or self._process != process:
            what = "process" if self._process != process else "event loop"
            raise RuntimeError(
                f"this client belongs to another {what}: its connections cannot be shared; make a client in each"
            )
        return loop

    def enter(self, operation: anyio.CancelScope | _Bounded, deadline: float) -> None:
        """Let `shutdown` cancel *operation*, and cancel it at *deadline*, a time of the loop."""
        self._deadlines[operation] = deadline
        if deadline < self._wakes_at:
            self._wake_at(deadline)

    def leave(self, operation: anyio.CancelScope | _Bounded) -> None:
        """Record that *operation* has ended."""
        del self._deadlines[operation]
        if self._all_ended is not None and not self._deadlines:
            self._all_ended.set()

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
        for operation in self._deadlines:
            operation.cancel()
        with anyio.move_on_after(_SHUTDOWN_TIMEOUT):
            await self._all_ended.wait()

    def _wake_at(self, deadline: float) -> None:
        assert self._loop is not None
        self._stop_timer()
        self._wakes_at = deadline
        self._timer = self._loop.call_at(deadline, self._cancel_expired)

    def _cancel_expired(self) -> None:
        assert self._loop is not None
        self._stop_timer()
        now = self._loop.time()
        for operation in [operation for operation, deadline in self._deadlines.items() if deadline <= now]:
            self._deadlines[operation] = math.inf
            operation.cancel()
        deadline = min(self._deadlines.values(), default=math.inf)
        if deadline < math.inf:
            self._wake_at(deadline)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._wakes_at = None, math.inf


class _Tracked:
    """The context manager of `ClientLifetime.track`; a generator would take three times as long, for each call."""

    __slots__ = ("_deadline", "_lifetime", "_scope")

    def __init__(self, lifetime: ClientLifetime, deadline: float, scope: anyio.CancelScope) -> None:
        self._lifetime = lifetime
        self._deadline = deadline
        self._scope = scope

    def __enter__(self) -> None:
        scope = self._scope
        scope.__enter__()
        self._lifetime.enter(scope, self._deadline)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        scope = self._scope
        self._lifetime.leave(scope)
        scope.__exit__(kind, error, traceback)
        if scope.cancelled_caught:
            if self._lifetime.closed:
                raise ClientClosedError("the client was closed during the call")
            raise TimeoutError


class _Bounded:
    """The context manager of `ClientLifetime.bound`: as `asyncio.timeout`, but the cancellation is repeated.

    Code that suppresses a cancellation would otherwise wait without a limit.
    """

    __slots__ = ("_before", "_cancels", "_deadline", "_lifetime", "_loop", "_next", "_task")

    def __init__(self, lifetime: ClientLifetime, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self._lifetime = lifetime
        self._loop = loop
        self._deadline = deadline
        self._cancels = 0
        self._next: asyncio.Handle | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None  # aiohttp needs a task, too
        self._task = task
        self._before = task.cancelling()
        self._lifetime.enter(self, self._deadline)

    def cancel(self) -> None:
        """Cancel the task, from the next turn of the loop on, and in each turn until the block is left.

        Not at once: a response that arrived in this turn counts, also if the loop was busy for longer than the limit.
        """
        if self._next is None:
            self._next = self._loop.call_soon(self._cancel)

    def _cancel(self) -> None:
        self._cancels += 1
        self._task.cancel()
        self._next = self._loop.call_soon(self._cancel)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._lifetime.leave(self)
        if self._next is None:
            return
        self._next.cancel()
        task = self._task
        for _cancel in range(self._cancels):
            task.uncancel()
        if kind is not asyncio.CancelledError or task.cancelling() > self._before:
            return  # another error, or a cancellation by others
        if self._lifetime.closed:
            raise ClientClosedError("the client was closed during the call")
        raise TimeoutError
