"""Models of postcodes and domains.

Service documentation: https://multicartapi.com/api-docs/zipcodes, https://multicartapi.com/docs/concepts/postcodes
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import attrs

from multicart_async.models._base import Model, Strict

__all__ = ["Domain", "Zipcode", "ZipcodeStatus"]

ZipcodeStatus = Literal["active", "pending", "in-progress", "inactive", "failed"]


@attrs.frozen(kw_only=True)
class Domain(Model):
    """A domain that can be scraped. The response of the domains call is not documented: every field may be ``None``."""

    id: Strict[int | None] = None
    domain: Strict[str | None] = None
    country_code: str | None = None
    supplier_type: str | None = None
    status: str | None = None


@attrs.frozen(kw_only=True)
class Zipcode(Model):
    """A postcode of one domain. ``status`` is pending, in-progress, active, inactive, failed or an undocumented value.

    ``zipcode`` is the postcode itself; ``id`` is what other calls name ``zipcode_id``.
    """

    id: Strict[int]
    zipcode: str | None = None
    status: str | None = None
    domain: Domain | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
