"""Models of collections.

Service documentation: https://multicartapi.com/api-docs/collections
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from multicart_async.models._base import Model, Strict
from multicart_async.models._serialization import Serializable
from multicart_async.models.items import AddResult

__all__ = [
    "Collection",
    "DeleteReport",
    "FetchMode",
    "Priority",
    "RequestType",
    "Schedule",
    "Shard",
    "SortOrder",
    "SupplierType",
]

RequestType = Literal["amazon", "officeworks.com.au"]
"""Supplier of a new collection. Category scrapes have ``amazon_category_scrape`` and a call of their own."""

SupplierType = Literal[RequestType, "amazon_category_scrape"]
"""The values that ``collections.list(request_type=...)`` accepts."""

Schedule = Literal["Every X Minutes", "Daily", "Weekly", "Monthly", "Manual"]
Priority = Literal["Highest", "High", "Normal", "Low", "Lowest"]
FetchMode = Literal["full", "availability_only"]
SortOrder = Literal["asc", "desc"]


@attrs.frozen(kw_only=True)
class Collection(Model):
    """A set of ASINs or SKUs that is run together. Fields that a response lacks are ``None``.

    ``status`` is ``draft`` until the first item is added, then ``enable``; drafts are not listed. ``schedule_status``
    is ``Pending``, ``Processing``, ``Completed`` or ``Failed``; unknown values are kept.
    """

    id: Strict[int]
    name: str | None = None
    status: str | None = None
    schedule_status: str | None = None
    failed_message: str | None = None
    request_type: str | None = None
    schedule: str | None = None
    schedule_time: Mapping[str, Any] | None = None
    priority: str | None = None
    fetch_mode: str | None = None
    notification_email: str | None = None
    asin_count: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_category(self) -> bool:
        """Whether it belongs to a category scrape."""
        return self.request_type == "amazon_category_scrape"

    @property
    def is_failed(self) -> bool:
        """Whether its last run failed; right after a start this may still refer to the previous run."""
        return self.schedule_status == "Failed"

    @property
    def is_processing(self) -> bool:
        """Whether a run is in progress."""
        return self.schedule_status == "Processing"


@attrs.frozen(kw_only=True)
class DeleteReport(Serializable):
    """The outcome of deleting many collections, by id.

    ``deleted`` are gone; ``uncertain`` were sent without a response; ``untouched`` were not sent. ``details`` are the
    service's messages, one per batch; only they contain its own count.
    """

    deleted: tuple[int, ...] = ()
    uncertain: tuple[int, ...] = ()
    untouched: tuple[int, ...] = ()
    details: tuple[str, ...] = ()

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether everything that was requested is gone."""
        return not self.uncertain and not self.untouched

    @property
    def failed(self) -> tuple[int, ...]:
        """All ids that are not known to be gone."""
        return self.uncertain + self.untouched


@attrs.frozen(kw_only=True)
class Shard(Serializable):
    """One of several collections that together hold one list. An object of this library, not of the service.

    ``asins`` are the ASINs assigned to it; ``added`` says how many the service accepted, and why it rejected others.
    """

    collection_id: int
    name: str
    asins: tuple[str, ...]
    added: AddResult
