"""The leases of one client: each stands for one request in progress, of all that the cluster may have.

A lease that is given back goes to the next waiting request of the same client if it is young enough, without a message to
the scheduler. One message at a time asks for another: with one for each waiting request, each lease that becomes free
would wake them all.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol

import attrs

__all__ = ["Lease", "LeasePool", "LeaseSource"]

_KEPT: Final = 1.0  # seconds after which a lease goes back to the cluster, because other workers wait too


class LeaseSource(Protocol):
    """Leases that all processes of the cluster share. Its methods return at once, and may be called in any thread."""

    def request(self) -> Future[bool]:
        """Ask for a lease; the result is whether it was granted, after a wait of a few seconds at most."""
        ...

    def give_back(self) -> None:
        """Give a lease back, in the background."""
        ...


@attrs.frozen(eq=False)
class Lease:
    """The right to make one request at a time. ``since`` is when the cluster granted it."""

    since: float


class LeasePool:
    """Leases for the requests of one client, in one event loop."""

    def __init__(self, source: LeaseSource, *, now: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._now = now
        self._waiters: deque[asyncio.Future[Lease]] = deque()
        self._asking = False
        self._closed = False
        self._lock = threading.Lock()  # of _closed: a lease is granted in a thread of the cluster's client

    async def acquire(self) -> Lease:
        """Wait for a lease, which must be passed to `release`.

        Raises:
            Exception: The cluster cannot be asked.
        """
        waiter: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._ask()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
            raise

    def release(self, lease: Lease) -> None:
        """Pass *lease* to the next waiting request, or back to the cluster."""
        waiter = self._next_waiter() if self._now() - lease.since < _KEPT else None
        if waiter is None:
            self._source.give_back()
        else:
            waiter.set_result(lease)

    async def aclose(self) -> None:
        """Give back what is still granted from now on; call it when no request is left."""
        with self._lock:
            self._closed = True
        await asyncio.sleep(0)  # a lease that was granted just now

    def _next_waiter(self) -> asyncio.Future[Lease] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():  # its request may be cancelled
                return waiter
        return None

    def _ask(self) -> None:
        """Ask for a lease, unless it was done already."""
        if self._asking:
            return
        self._asking = True
        loop = asyncio.get_running_loop()
        self._source.request().add_done_callback(lambda answer: self._pass_on(answer, loop))

    def _pass_on(self, answer: Future[bool], loop: asyncio.AbstractEventLoop) -> None:
        """Take the answer of the cluster, in a thread of its client, to the loop of the requests."""
        with self._lock:
            if not self._closed:
                loop.call_soon_threadsafe(self._arrived, answer)
                return
        if _is_granted(answer):
            self._source.give_back()

    def _arrived(self, answer: Future[bool]) -> None:
        self._asking = False
        if _is_granted(answer):
            self.release(Lease(self._now()))
        elif answer.cancelled() or answer.exception() is not None:
            while (waiter := self._next_waiter()) is not None:
                waiter.set_exception(_reason(answer))
        if any(not waiter.done() for waiter in self._waiters):
            self._ask()


def _is_granted(answer: Future[bool]) -> bool:
    return not answer.cancelled() and answer.exception() is None and answer.result()


def _reason(answer: Future[bool]) -> Exception:
    error = None if answer.cancelled() else answer.exception()
    return ConnectionError(f"the scheduler of the cluster does not grant a lease: {type(error).__name__}: {error}")
