"""``client.catalogue``: the Officeworks catalogue."""

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
    """``client.catalogue``: the products of Officeworks. Browsing costs no credits.

    Service documentation: https://multicartapi.com/api-docs/officeworks-catalogue
    """

    async def categories(self, *, flat: bool | Unset = UNSET, seo_path: str | Unset = UNSET) -> CatalogueTree:
        """Return the categories as a tree, or with *flat* as a list; all of them, or *seo_path* and its subcategories.

        The service caches its response for 24 hours. An unknown *seo_path* is not an error: ``total`` is 0.

        Service documentation: https://multicartapi.com/api-docs/officeworks-catalogue
        """
        check_bool("flat", flat)
        check_str("seo_path", seo_path)
        return await self._call(CATEGORIES, {"flat": flat, "seo_path": seo_path})

    async def products(self, seo_path: str, *, extra: Mapping[str, object] = {}) -> Undocumented:
        """Return the products of a category as they are sold now: ``data`` is the response of the service.

        The documentation is incomplete: it mentions pages, sorting and products of subcategories, but names only
        *seo_path*, such as ``"technology/computers/laptops"``. Further fields go into *extra*, which is sent unchanged.

        Raises:
            ArgumentError: *extra* is not a mapping, or contains ``seo_path`` too.

        Service documentation: https://multicartapi.com/api-docs/officeworks-catalogue
        """
        check_str("seo_path", seo_path, required=True)
        return await self._call(PRODUCTS, {"seo_path": seo_path, **check_extra_fields(extra, "seo_path")})
