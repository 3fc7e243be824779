"""``client.skus``: the Officeworks SKUs of a collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from multicart_async._core.validation import (
    check_id,
    check_postcode,
    check_single_line,
    normalize_item,
    normalize_items,
)
from multicart_async._http.endpoint import Endpoint
from multicart_async.errors import APIError, MultiCartError
from multicart_async.models import AddResult, Asin, Sku, SkuRow
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._items.batches import import_csv, join_batches, send_batches
from multicart_async.resources._items.csv_schema import OFFICEWORKS
from multicart_async.resources._pagination import find_first
from multicart_async.resources.asins import Asins

__all__ = ["Skus"]

CREATE = Endpoint("/schedules/officeworks/sku/create/", Sku, safety="idempotent", echo=("collection", "collection"))
CREATE_MULTIPLE = Endpoint("/schedules/officeworks/sku/create/multiple/", AddResult, safety="idempotent")
CREATE_BULK = Endpoint("/schedules/officeworks/sku/create/bulk/", AddResult, safety="idempotent")


class Skus(Resource):
    """``client.skus``: the SKUs of a collection whose ``request_type`` is ``"officeworks.com.au"``.

    A SKU is unique in its collection, even with another store or postcode: the same SKU for two stores needs two
    collections. *postcode* is the postcode itself, as a string: the service takes a number for an id.

    Service documentation: https://multicartapi.com/api-docs/officeworks-items
    """

    def __init__(self, context: ClientContext, *, asins: Asins) -> None:
        super().__init__(context)
        self._asins = asins

    async def create(self, collection_id: int, sku: str, *, store_id: str, postcode: str) -> Sku:
        """Add one SKU. *store_id* is one of those that ``client.settings.officeworks_stores`` lists.

        The first item of a collection changes it from draft to enable. After a lost response the SKU is searched for
        among the items of ``client.asins``, where SKUs are stored according to the documentation; no list of SKUs is
        documented.

        Raises:
            APIError: Rejected: the SKU is in the collection, or it would be the 5,001st item. With ``maybe_applied``
                set, an earlier attempt may have added it, but it was not found.
            ArgumentError: An argument is invalid.

        Service documentation: https://multicartapi.com/api-docs/officeworks-items
        """
        check_id("collection_id", collection_id)
        fields = {"collection": collection_id, "sku": normalize_item("sku", sku), **_place(store_id, postcode)}
        try:
            return await self._call(CREATE, fields)
        except APIError as error:
            added = (
                await self._find(collection_id, normalize_item("sku", sku), store_id, postcode)
                if error.maybe_applied
                else None
            )
            if added is None:
                raise
            return added  # by an earlier attempt, whose response was lost

    async def _find(self, collection_id: int, sku: str, store_id: str, postcode: str) -> Sku | None:
        """Return the SKU, if it is listed with the store and postcode that were sent."""

        def matches(item: Asin) -> bool:
            return (item.asin, item.custom_id, item.postcode_text) == (sku, store_id, postcode)

        item = None
        with suppress(MultiCartError):  # this list need not show SKUs, and the caller must see the rejection
            item = await find_first(self._asins.iterate(collection_id), matches)
        if item is None:
            return None
        return Sku(
            id=item.id,
            sku=sku,
            store_id=store_id,
            customer_postcode=postcode,
            collection=collection_id,
            extra=item.extra,
        )

    async def create_many(self, collection_id: int, skus: Iterable[str], *, store_id: str, postcode: str) -> AddResult:
        """Add up to 5,000 SKUs, 1,000 per call; trimmed, without duplicates. The result names the rejected ones.

        All have the same store and postcode. The response of this call is only documented to be like that of
        `Asins.create_many`: a SKU that is present already is one of ``error_rows``.

        Raises:
            MultiCartError: A batch failed; ``report`` holds the `AddResult` of the earlier ones.
            ArgumentError: An item is empty or contains whitespace or a comma, or there are more than 5,000. Nothing was
                sent.

        Service documentation: https://multicartapi.com/api-docs/officeworks-items
        """
        check_id("collection_id", collection_id)
        place = _place(store_id, postcode)
        wanted = normalize_items("skus", skus)
        batches = ({"collection": collection_id, "skus": text, **place} for text in join_batches(wanted))
        return await send_batches(self._context.api, CREATE_MULTIPLE, batches)

    async def import_csv(
        self,
        collection_id: int,
        source: str | os.PathLike[str] | bytes | Iterable[SkuRow],
        *,
        split: bool = False,
    ) -> AddResult:
        """Add SKUs from a CSV: a file, its content, or its rows. The result names the rejected rows.

        The header of a file must be exactly ``sku,customer_postcode,store_id``, its encoding UTF-8. Each row has its
        own postcode and store; postcodes keep their leading zeros, and rows are sent unchanged. Rows of only commas and
        whitespace are not sent: `AddResult.blank_rows` counts them.

        One call takes 5,000 rows. With *split*, as many calls as needed are made, one after the other; for one
        collection this is useful only below 5,000 items in total.

        The columns and the limit are documented. The beginning of the path, the two form fields and the response are
        not: they are assumed to be like those of `Asins.import_csv`.

        Raises:
            MultiCartError: A call failed; ``report`` holds the `AddResult` of the earlier ones. Later parts were not
                sent.
            ArgumentError: The header, a row or the number of rows is invalid. Nothing was sent.
            DiskError: The file cannot be read.

        Service documentation: https://multicartapi.com/api-docs/officeworks-items
        """
        return await import_csv(self._context.api, CREATE_BULK, OFFICEWORKS, collection_id, source, split=split)


def _place(store_id: str, postcode: str) -> dict[str, str]:
    check_single_line("store_id", store_id)
    check_postcode("postcode", postcode)
    return {"store_id": store_id, "customer_postcode": postcode}
