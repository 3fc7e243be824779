"""Model of an Officeworks store.

Service documentation: https://multicartapi.com/docs/guides/officeworks-skus
"""

from __future__ import annotations

import attrs

from multicart_async.models._base import Model, Strict

__all__ = ["Store"]


@attrs.frozen(kw_only=True)
class Store(Model):
    """An Officeworks store. ``store_id`` is what the calls for SKUs expect; ``lat`` and ``lon`` are degrees."""

    store_id: Strict[str]
    store_name: str | None = None
    address: str | None = None
    state: str | None = None
    postcode: str | None = None
    phone: str | None = None
    lat: float | None = None
    lon: float | None = None
    status: str | None = None
