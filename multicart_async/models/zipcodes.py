"""Postcodes and domains. Documentation: api-docs/zipcodes, docs/concepts/postcodes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from multicart_async.models._base import Model, Tentative

__all__ = ["Domain", "Zipcode", "ZipcodeStatus"]

ZipcodeStatus = Literal["active", "pending", "in-progress", "inactive", "failed"]


@attrs.frozen(kw_only=True)
class Domain(Tentative):
    """A domain that can be scraped. The answer of the domains call is not documented: every field may be ``None``.

    A field that comes with another type is ``None`` too, and its value is in ``extra``.
    """

    id: int | None = None
    domain: str | None = None
    country_code: str | None = None
    supplier_type: str | None = None
    status: str | None = None


@attrs.frozen(kw_only=True)
class Zipcode(Model):
    """A postcode of one domain. ``status`` is pending, in-progress, active, inactive or failed, or something new.

    ``zipcode`` is the postcode itself, ``id`` its row's, which is what ``zipcode_id`` means elsewhere.
    """

    id: int
    zipcode: str
    status: str
    domain: Domain | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
