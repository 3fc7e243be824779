"""Models of category scrapes.

Service documentation: https://multicartapi.com/api-docs/amazon-category
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from multicart_async._core.unset import UNSET, Unset
from multicart_async.models._base import Model, Strict
from multicart_async.models._serialization import Serializable
from multicart_async.models.collections import Priority
from multicart_async.models.runs import DownloadLinks

__all__ = ["CategoryRequest", "CategoryRun", "DeliveryDay", "StartedCategory"]

DeliveryDay = Literal["tomorrow", "within_2_days"]


@attrs.frozen
class CategoryRequest(Serializable):
    """A category scrape to submit; see `Categories.submit` for the fields."""

    category_url: str
    domain: str = attrs.field(kw_only=True)
    postcode: str = attrs.field(kw_only=True)
    amazon_node_id: str | Unset = attrs.field(default=UNSET, kw_only=True)
    name: str | Unset = attrs.field(default=UNSET, kw_only=True)
    filter_prime_ships_from_au: bool | Unset = attrs.field(default=UNSET, kw_only=True)
    filter_delivery_day: DeliveryDay | Unset | None = attrs.field(default=UNSET, kw_only=True)
    price_min_cents: int | Unset = attrs.field(default=UNSET, kw_only=True)
    price_max_cents: int | Unset = attrs.field(default=UNSET, kw_only=True)
    notification_email: str | Unset = attrs.field(default=UNSET, kw_only=True)
    priority: Priority | Unset = attrs.field(default=UNSET, kw_only=True)


@attrs.frozen
class StartedCategory(Serializable):
    """A submitted category scrape: its own collection and its run.

    Two integers, so any process can wait for it.
    """

    collection_id: int
    runner_id: int


@attrs.frozen(kw_only=True)
class CategoryRun(Model):
    """A category scrape. ``stage`` ends as ``done`` or ``failed``; any other value means that it is still running.

    ``progress`` is present while it runs; its keys are not documented. ``asins`` is present once
    ``is_download_generated``; records are open mappings, as received from the service.
    """

    id: Strict[int]
    collection: Strict[int]
    is_download_generated: Strict[bool]
    stage: Strict[str | None] = None
    progress: Mapping[str, Any] | None = None
    asin_count: int | None = None
    asins: tuple[dict[str, Any], ...] | None = attrs.field(default=(), repr=False)
    download_links: Strict[DownloadLinks] = attrs.field(factory=DownloadLinks)
