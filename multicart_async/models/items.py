"""ASINs, what came of adding them, and output records. Documentation: api-docs/amazon-items."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import attrs

from multicart_async.errors import ItemsRejectedError
from multicart_async.models._base import Model

__all__ = ["Added", "Asin", "DomainRef", "ErrorRow", "Output", "OutputFormat", "PostcodeRef"]

OutputFormat = Literal["JSON", "HTML"]


@attrs.frozen(kw_only=True)
class DomainRef(Model):
    """The domain of an item. ``domain`` is its name, where the answer has it."""

    id: int
    domain: str | None = None


@attrs.frozen(kw_only=True)
class PostcodeRef(Model):
    """The postcode row of an item. ``zipcode`` is the postcode itself, where the answer has it."""

    id: int
    zipcode: str | None = None


@attrs.frozen(kw_only=True)
class Asin(Model):
    """One ASIN in a collection.

    `create` answers ids for ``domain`` and ``customer_postcode``, `list` and `get` answer joined rows, `update` neither:
    all arrive here as `DomainRef` and `PostcodeRef`, or ``None``.
    """

    id: int
    asin: str
    collection: int | None = None
    domain: DomainRef | None = None
    customer_postcode: PostcodeRef | None = None
    custom_id: str | None = None
    include_raw_html: bool | None = None
    output: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@attrs.frozen(kw_only=True)
class ErrorRow(Model):
    """An item that was not taken, and why."""

    asin: str | None = None
    sku: str | None = None
    error: str | None = None

    @property
    def item(self) -> str | None:
        """The ASIN or SKU."""
        return self.asin if self.asin is not None else self.sku


@attrs.frozen(kw_only=True)
class Added(Model):
    """How many items were taken, and which were not. The service calls it success even when it took none."""

    success_count: int
    error_rows: tuple[ErrorRow, ...] = ()

    def raise_for_errors(self) -> None:
        """Raises `ItemsRejectedError`, which holds this, if any item was not taken."""
        if self.error_rows:
            raise ItemsRejectedError(self)

    def __add__(self, other: Added) -> Added:
        return Added(
            success_count=self.success_count + other.success_count,
            error_rows=self.error_rows + other.error_rows,
            extra={**self.extra, **other.extra},
        )


@attrs.frozen(kw_only=True)
class Output(Model):
    """A scraped output record. ``output_json`` is an object or an array of them; `list` leaves it out, it can be large."""

    id: int
    user: int | None = None
    collection: int | None = None
    output_json: Any = None
    output_json_count: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
