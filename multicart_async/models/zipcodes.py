"""Postcodes and domains. Documentation: api-docs/zipcodes, docs/concepts/postcodes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from multicart_async.models._base import Model, Strict

__all__ = ["Domain", "Zipcode", "ZipcodeStatus"]

ZipcodeStatus = Literal["active", "pending", "in-progress", "inactive", "failed"]


@attrs.frozen(kw_only=True)
class Domain(Model):
    """A domain that can be scraped. The answer of the domains call is not documented: every field may be ``None``."""

    id: Strict[int | None] = None
    domain: Strict[str | None] = None
    country_code: str | None = None
    supplier_type: str | None = None
    status: str | None = None


@attrs.frozen(kw_only=True)
class Zipcode(Model):
    """A postcode of one domain. ``status`` is pending, in-progress, active, inactive or failed, or something new.

    ``zipcode`` is the postcode itself, ``id`` its row's, which is what ``zipcode_id`` means elsewhere.
    """

    id: Strict[int]
    zipcode: str | None = None
    status: str | None = None
    domain: Domain | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
