"""Collections. Documentation: api-docs/collections."""

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
"""Supplier of a new collection. Category scrapes carry ``amazon_category_scrape`` and have their own call."""

SupplierType = Literal[RequestType, "amazon_category_scrape"]
"""What ``collections.list(request_type=...)`` can choose."""

Schedule = Literal["Every X Minutes", "Daily", "Weekly", "Monthly", "Manual"]
Priority = Literal["Highest", "High", "Normal", "Low", "Lowest"]
FetchMode = Literal["full", "availability_only"]
SortOrder = Literal["asc", "desc"]


@attrs.frozen(kw_only=True)
class Collection(Model):
    """A set of ASINs or SKUs that is run together. Fields that an answer lacks are ``None``.

    ``status`` is ``draft`` until the first item is added, then ``enable``; only those are listed.
    ``schedule_status`` is ``Pending``, ``Processing``, ``Completed`` or ``Failed``; unknown values are kept.
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
        """Whether its last run failed; right after a start that may still be the run before."""
        return self.schedule_status == "Failed"

    @property
    def is_processing(self) -> bool:
        """Whether a run is at work."""
        return self.schedule_status == "Processing"


@attrs.frozen(kw_only=True)
class DeleteReport(Serializable):
    """What became of many deletions: ids ``deleted``, ``uncertain`` (asked for, no answer) and ``untouched`` (not asked for).

    ``details`` are the service's sentences, one for each batch; only they hold its own count.
    """

    deleted: tuple[int, ...] = ()
    uncertain: tuple[int, ...] = ()
    untouched: tuple[int, ...] = ()
    details: tuple[str, ...] = ()

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether everything asked for is gone."""
        return not self.uncertain and not self.untouched

    @property
    def failed(self) -> tuple[int, ...]:
        """All ids that are not known to be gone."""
        return self.uncertain + self.untouched


@attrs.frozen(kw_only=True)
class Shard(Serializable):
    """One of several collections that hold one list together. Not the service's: this library's.

    ``asins`` is what was placed there; ``added`` says how many the service took, and which it did not, and why.
    """

    collection_id: int
    name: str
    asins: tuple[str, ...]
    added: AddResult
