"""The base class of all resources and the context that they share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http.caller import ApiCaller
from multicart_async.config import Limits

if TYPE_CHECKING:  # imported by the first download
    from multicart_async._downloads.manager import DownloadManager
    from multicart_async.events import Emit

__all__ = ["ClientContext", "Resource"]


@attrs.frozen(kw_only=True)
class ClientContext:
    """The infrastructure of one client. Resources receive it, and other resources by type; none receives the client."""

    api: ApiCaller
    _downloads: DownloadManager | Callable[[], DownloadManager] = attrs.field(alias="downloads")
    limits: Limits
    lifetime: ClientLifetime
    clock: Clock
    emit: Emit

    @cached_property
    def downloads(self) -> DownloadManager:
        """The manager of downloads, made when the first one needs it."""
        return self._downloads() if callable(self._downloads) else self._downloads


class Resource:
    """The methods for one noun of the service."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._call = context.api.call
