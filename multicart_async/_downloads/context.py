"""The infrastructure shared by all downloads of one client: transport, retries, slots, free space."""

from __future__ import annotations

import anyio

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redactor import Redactor
from multicart_async._core.shared_workers import SharedWorkers
from multicart_async._downloads.free_space import FreeSpace
from multicart_async._http import Transport
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async.config import Limits
from multicart_async.events import Emit

__all__ = ["DownloadContext"]


class DownloadContext:
    """Infrastructure for downloads. At most ``limits.downloads`` files are transferred at once by the whole client."""

    def __init__(
        self,
        transport: Transport,
        *,
        retrier: Retrier | None = None,
        limits: Limits = Limits(),
        lifetime: ClientLifetime | None = None,
        emit: Emit = ignore_event,
        clock: Clock = Clock(),
        redactor: Redactor = Redactor(),
    ) -> None:
        self.redactor = redactor
        self.transport = transport
        self.lifetime = lifetime or ClientLifetime()
        self.retrier = retrier or Retrier(emit=emit, lifetime=self.lifetime, clock=clock)
        self.limits = limits
        self.limiter = anyio.CapacityLimiter(limits.downloads)
        self.workers = limits.downloads
        self.shared_workers = SharedWorkers()  # more of them would only wait for slots
        self.emit = emit
        self.clock = clock
        self.space = FreeSpace(clock.now)

    def slot(self) -> _Slot:
        """Return a context manager that holds one of the client's download slots.

        It waits for the slot, and while the service asks for a pause.
        """
        return _Slot(self)


class _Slot:
    """A download slot. It is not bound to a task: a generator may be closed in another task than the one that began it."""

    __slots__ = ("_context",)

    def __init__(self, context: DownloadContext) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        context, limiter = self._context, self._context.limiter
        try:
            limiter.acquire_on_behalf_of_nowait(self)
        except anyio.WouldBlock:
            with context.lifetime.track():
                await limiter.acquire_on_behalf_of(self)
        try:
            await context.retrier.wait_for_rate_limit()
        except BaseException:
            limiter.release_on_behalf_of(self)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._context.limiter.release_on_behalf_of(self)
