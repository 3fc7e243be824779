"""The Officeworks catalogue. Documentation: api-docs/officeworks-catalogue."""

from __future__ import annotations

import attrs

from multicart_async.models._base import Model

__all__ = ["CatalogueCategory", "CatalogueTree"]


@attrs.frozen(kw_only=True)
class CatalogueCategory(Model):
    """A category and what is below it. ``children`` is empty where there is nothing, and in a flat list."""

    name: str | None = None
    seoPath: str | None = None  # noqa: N815 -- the wire's spelling, in answers alone
    children: tuple[CatalogueCategory, ...] | None = ()

    @property
    def seo_path(self) -> str | None:
        """What `Catalogue.categories` and `Catalogue.products` take, as ``"technology/computers"``."""
        return self.seoPath


@attrs.frozen(kw_only=True)
class CatalogueTree(Model):
    """Categories of the catalogue, and how many the service counts. No match is 0 and an empty tuple."""

    total: int | None = None
    categories: tuple[CatalogueCategory, ...] | None = ()
