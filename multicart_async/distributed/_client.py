"""The client of one process of the cluster: each of its requests holds a lease."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import anyio

from multicart_async._core.credentials import Given, Settings, resolve
from multicart_async._http import Transport
from multicart_async._sync.engine import Synchronizer
from multicart_async._sync.options import SyncOptions
from multicart_async.client import AsyncMultiCart
from multicart_async.config import Limits
from multicart_async.distributed._lease_pool import LeasePool, LeaseSource
from multicart_async.distributed._leased_transport import LeasedTransport
from multicart_async.errors import ConfigurationError
from multicart_async.events import Event
from multicart_async.resources._base import ClientContext
from multicart_async.sinks._protocol import VerifyingSink

__all__ = ["LeasedClient", "lease_name", "read_settings"]


def read_settings(base_url: str | None) -> Settings:
    """Return the base URL, and the credential of this process's environment.

    Raises:
        ConfigurationError: There is no credential, or one of them cannot be used.
    """
    settings = resolve(Given(), base_url)
    if settings.credential is None:
        raise ConfigurationError("no credential: set MULTICART_API_KEY or MULTICART_TOKEN in the environment")
    return settings


def lease_name(settings: Settings) -> str:
    """Return the name under which the processes that use this account share their leases.

    It is a hash of the base URL and of the public part of the key. Tokens have no such part: those of all accounts share
    their leases.
    """
    text = f"{settings.base_url} {settings.credential!r}"  # the text of a credential shows nothing that is secret
    return f"multicart-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class LeasedClient(AsyncMultiCart):
    """A client with the key of its environment. Use it as ``async with``."""

    def __init__(
        self,
        leases: LeaseSource,
        *,
        base_url: str | None,
        limits: Limits,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._leases = LeasePool(leases)
        super().__init__(base_url=base_url, limits=limits, on_event=on_event)

    def _bounded(self, transport: Transport) -> Transport:
        return LeasedTransport(transport, self._leases, self._lifetime)

    async def aclose(self) -> None:
        """Close the client, and take no lease from now on."""
        try:
            await super().aclose()
        finally:
            with anyio.CancelScope(shield=True):
                await self._leases.aclose()

    @property
    def context(self) -> ClientContext:
        """The infrastructure of the client."""
        return self._context

    async def sink(self, dest: str | os.PathLike[str]) -> VerifyingSink:
        """Return the sink for *dest*.

        Raises:
            ArgumentError: It is no path or URL.
            DiskError: It cannot be written to.
        """
        return await self._context.downloads.sink(dest)

    def synchronizer(self, options: SyncOptions, sink: VerifyingSink) -> Synchronizer:
        """Return what mirrors collections into *sink*."""
        limits = self._context.limits
        return Synchronizer(
            options,
            sink,
            collections=self.collections,
            runs=self.runs,
            downloads=self._context.downloads,
            listers=max(1, limits.requests // 2),
            fetchers=limits.downloads,
        )
