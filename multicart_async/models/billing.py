"""Models of plans. The response of the public catalogue is not documented.

Service documentation: https://multicartapi.com/api-docs/plans
"""

from __future__ import annotations

from typing import Any

import attrs

from multicart_async.models._base import Model, Strict

__all__ = ["Feature", "Plan"]


@attrs.frozen(kw_only=True)
class Feature(Model):
    """One feature of a plan."""

    text: str | None = None
    active: bool | None = None


@attrs.frozen(kw_only=True)
class Plan(Model):
    """A plan. Calculate with ``price_cents``, ``scrape_quota`` and ``interval``.

    ``price`` (in dollars), ``credits``, ``duration``, ``currency_symbol`` and ``description`` are older names of such
    fields. ``price`` is left as in the JSON, so it may be a binary float, which is unsuitable for money.
    """

    id: Strict[int | None] = None
    code: str | None = None
    name: str | None = None
    title: str | None = None
    features: tuple[Feature, ...] | None = ()
    price_cents: int | None = None
    scrape_quota: int | None = None
    interval: str | None = None
    currency: str | None = None
    is_default: bool | None = None
    is_featured: bool | None = None
    is_contact_sales: bool | None = None
    sort_order: int | None = None
    status: str | None = None
    paypal_product_id: str | None = None
    paypal_plan_id: str | None = None
    price: Any = None
    credits: int | None = None
    duration: str | None = None
    currency_symbol: str | None = None
    description: str | None = None
