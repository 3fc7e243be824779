"""``client.catalogue``: the Officeworks catalogue. Documentation: api-docs/officeworks-catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import check_bool, check_extra_fields, check_str
from multicart_async._http.endpoint import Endpoint
from multicart_async.models import CatalogueTree, Undocumented
from multicart_async.resources._base import Resource

__all__ = ["Catalogue"]

CATEGORIES = Endpoint("/schedules/officeworks/categories/", CatalogueTree, safety="safe")
PRODUCTS = Endpoint("/schedules/officeworks/categories/products/", Undocumented, safety="safe")


class Catalogue(Resource):
    """``client.catalogue``: what Officeworks sells. Looking costs no credits."""

    async def categories(self, *, flat: bool | Unset = UNSET, seo_path: str | Unset = UNSET) -> CatalogueTree:
        """Return the categories as a tree, or with *flat* as a list; all of them, or *seo_path* and what is below it.

        The service keeps its answer for 24 hours. A *seo_path* that it does not know is no error: ``total`` is 0.
        """
        check_bool("flat", flat)
        check_str("seo_path", seo_path)
        return await self._call(CATEGORIES, {"flat": flat, "seo_path": seo_path})

    async def products(self, seo_path: str, *, extra: Mapping[str, object] = {}) -> Undocumented:
        """Products of a category, as they are sold now: ``data`` is what the service answered.

        The documentation is cut: it says that there are pages, sorting and products of categories below, but names
        *seo_path* alone, as ``"technology/computers/laptops"``. What else you know goes into *extra*, as it is.

        Raises:
            ArgumentError: *extra* is no mapping, or has a ``seo_path`` too.
        """
        check_str("seo_path", seo_path, required=True)
        return await self._call(PRODUCTS, {"seo_path": seo_path, **check_extra_fields(extra, "seo_path")})
