"""The infrastructure shared by all downloads of one client: transport, retries, slots, free space."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redactor import Redactor
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
        self.emit = emit
        self.clock = clock
        self.space = FreeSpace(clock.now)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None, None]:
        """Hold one of the client's download slots, and wait while the service asks for a pause.

        The slot is not bound to a task, because a generator may be closed in another task than the one that started it.
        """
        borrower = object()
        try:
            self.limiter.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            with self.lifetime.track():
                await self.limiter.acquire_on_behalf_of(borrower)
        try:
            await self.retrier.wait_for_rate_limit()
            yield
        finally:
            self.limiter.release_on_behalf_of(borrower)
