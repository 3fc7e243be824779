"""``client.settings``: domains and stores."""

from __future__ import annotations

from typing import Generic, TypeVar

import anyio

from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import Endpoint
from multicart_async.models import Domain, Store
from multicart_async.resources._base import ClientContext, Resource

__all__ = ["ServiceSettings"]

T = TypeVar("T")

DOMAINS = Endpoint("/settings/domains/", tuple[Domain, ...], safety="safe", public=True)
STORES = Endpoint("/settings/officeworks/stores/", tuple[Store, ...], safety="safe", public=True)


class ServiceSettings(Resource):
    """``client.settings``: domains and Officeworks stores, requested once; no key is needed.

    Service documentation: https://multicartapi.com/docs/authentication,
    https://multicartapi.com/docs/guides/officeworks-skus
    """

    def __init__(self, context: ClientContext) -> None:
        super().__init__(context)
        self._domains = _Cached(context.api, DOMAINS)
        self._stores = _Cached(context.api, STORES)

    async def domains(self, *, refresh: bool = False) -> tuple[Domain, ...]:
        """Return the domains that can be scraped, with the ids and names that other calls expect. No key is needed.

        They are requested once and kept as long as the client; *refresh* requests them again. A failed refresh leaves
        the kept ones unchanged. The response is not documented: fields may be ``None``, and ``extra`` may contain more.

        Service documentation: https://multicartapi.com/docs/authentication
        """
        return await self._domains.get(refresh=refresh)

    async def officeworks_stores(self, *, refresh: bool = False) -> tuple[Store, ...]:
        """Return every active Officeworks store; `skus` expects its ``store_id``. No key is needed.

        They are requested once and kept, as for `domains`.

        Service documentation: https://multicartapi.com/docs/guides/officeworks-skus
        """
        return await self._stores.get(refresh=refresh)


class _Cached(Generic[T]):
    """A response that is requested once, by one of all callers that need it at the same time."""

    def __init__(self, api: ApiCaller, endpoint: Endpoint[tuple[T, ...]]) -> None:
        self._api = api
        self._endpoint = endpoint
        self._lock = anyio.Lock()
        self._values: tuple[T, ...] = ()
        self._begun = 0  # requests, also those that failed
        self._answered = 0  # the number of the request that returned the values; 0 before the first

    async def get(self, *, refresh: bool) -> tuple[T, ...]:
        """Return the kept values; with *refresh*, those of a request that started after this call."""
        self._api.lifetime.ensure_open()
        wanted = self._begun + 1 if refresh else 1
        if self._answered < wanted:
            async with self._lock:  # a caller that fails or is cancelled inside leaves it to the next one
                await self._fetch(wanted)
        return self._values

    async def _fetch(self, wanted: int) -> None:
        if self._answered >= wanted:  # another caller has requested them meanwhile
            return
        self._begun += 1
        self._values = await self._api.call(self._endpoint)
        self._answered = self._begun
