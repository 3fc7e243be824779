"""Models of the Officeworks catalogue.

Service documentation: https://multicartapi.com/api-docs/officeworks-catalogue
"""

from __future__ import annotations

import attrs

from multicart_async.models._base import Model

__all__ = ["CatalogueCategory", "CatalogueTree"]


@attrs.frozen(kw_only=True)
class CatalogueCategory(Model):
    """A category and its subcategories. ``children`` is empty if there are none, and in a flat list."""

    name: str | None = None
    seoPath: str | None = None  # noqa: N815 -- the spelling of the wire format, in responses only
    children: tuple[CatalogueCategory, ...] | None = ()

    @property
    def seo_path(self) -> str | None:
        """The argument for `Catalogue.categories` and `Catalogue.products`, such as ``"technology/computers"``."""
        return self.seoPath


@attrs.frozen(kw_only=True)
class CatalogueTree(Model):
    """Categories of the catalogue, and the number that the service reports. Without a match: 0 and an empty tuple."""

    total: int | None = None
    categories: tuple[CatalogueCategory, ...] | None = ()
