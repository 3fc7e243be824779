"""``client.outputs``: scraped records as the service keeps them. Documentation: api-docs/amazon-items."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from multicart_async._core.validation import check_id, check_int
from multicart_async._http.endpoint import Endpoint
from multicart_async.models import Output
from multicart_async.resources._base import Resource
from multicart_async.resources._pagination import paginate

__all__ = ["Outputs"]

LIST = Endpoint(
    "/schedules/amazon/asin/output/list/",
    tuple[Output, ...],
    safety="safe",
    echo=("collection_id", "collection"),
    subject=("collection", "collection_id"),
)
GET = Endpoint(
    "/schedules/amazon/asin/output/", Output, safety="safe", echo=("asin_id", "id"), subject=("output", "asin_id")
)

PAGE = 100


class Outputs(Resource):
    """``client.outputs``: the records that the service keeps of each ASIN. Documentation: api-docs/amazon-items."""

    async def list(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> tuple[Output, ...]:
        """One page of the output records of a collection, without their ``output_json``, which can be large."""
        check_id("collection_id", collection_id)
        check_int("skip", skip)
        check_int("limit", limit, minimum=1)
        return await self._call(LIST, {"collection_id": collection_id, "skip": skip, "limit": limit})

    def iterate(self, collection_id: int) -> AsyncGenerator[Output, None]:
        """Every output record of a collection, each once, without its ``output_json``; read again where the list moves.

        Raises:
            InvalidResponseError: It has no end, or moves all the time.
        """
        check_id("collection_id", collection_id)
        return paginate(lambda skip, limit: self.list(collection_id, skip=skip, limit=limit), PAGE, LIST.path)

    async def get(self, output_id: int) -> Output:
        """One output record with its ``output_json``, which is an object or an array of them.

        *output_id* is the id from `list`; the id of an ASIN is another number, and may be another account's record.

        Raises:
            NotFoundError: No such output record.
            InvalidResponseError: The service answered another record than was asked for.
        """
        check_id("output_id", output_id)
        return await self._call(GET, {"asin_id": output_id})  # named after an ASIN, but expects the output's id
