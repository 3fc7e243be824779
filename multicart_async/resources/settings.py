"""``client.settings``: domains and stores. Documentation: docs/authentication, docs/guides/officeworks-skus."""

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
    """``client.settings``: domains and Officeworks stores, asked for once; no key is needed.

    Documentation: docs/authentication, docs/guides/officeworks-skus.
    """

    def __init__(self, context: ClientContext) -> None:
        super().__init__(context)
        self._domains = _Kept(context.api, DOMAINS)
        self._stores = _Kept(context.api, STORES)

    async def domains(self, *, refresh: bool = False) -> tuple[Domain, ...]:
        """Return the domains that can be scraped, with the ids and names that other calls expect. No key is needed.

        They are asked for once and kept as long as the client; *refresh* asks again. A refresh that fails leaves what
        is kept as it was. The documentation does not show the answer: fields may be ``None``, and more in ``extra``.
        """
        return await self._domains.rows(refresh=refresh)

    async def officeworks_stores(self, *, refresh: bool = False) -> tuple[Store, ...]:
        """Every active Officeworks store; `skus` wants a ``store_id``. No key is needed.

        They are asked for once and kept, as `domains` are.
        """
        return await self._stores.rows(refresh=refresh)


class _Kept(Generic[T]):
    """An answer that is asked for once, by one of all who want it at the same time."""

    def __init__(self, api: ApiCaller, endpoint: Endpoint[tuple[T, ...]]) -> None:
        self._api = api
        self._endpoint = endpoint
        self._lock = anyio.Lock()
        self._rows: tuple[T, ...] = ()
        self._begun = 0  # requests, also those that failed
        self._answered = 0  # the number of the request that brought the rows; 0 before there are any

    async def rows(self, *, refresh: bool) -> tuple[T, ...]:
        """Return what is kept; with *refresh*, what a request has brought that began after this call."""
        self._api.lifetime.ensure_open()
        wanted = self._begun + 1 if refresh else 1
        if self._answered < wanted:
            async with self._lock:  # who fails or is cancelled inside leaves it to the next
                await self._bring(wanted)
        return self._rows

    async def _bring(self, wanted: int) -> None:
        if self._answered >= wanted:  # another call has asked meanwhile
            return
        self._begun += 1
        self._rows = await self._api.call(self._endpoint)
        self._answered = self._begun
