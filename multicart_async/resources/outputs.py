"""``client.outputs``: scraped output as stored by the service."""

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
    """``client.outputs``: the output that the service stores for each ASIN.

    Service documentation: https://multicartapi.com/api-docs/amazon-items
    """

    async def list(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> tuple[Output, ...]:
        """Return one page of the output records of a collection, without their ``output_json``, which can be large.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_int("skip", skip)
        check_int("limit", limit, minimum=1)
        return await self._call(LIST, {"collection_id": collection_id, "skip": skip, "limit": limit})

    def iterate(self, collection_id: int) -> AsyncGenerator[Output, None]:
        """Yield every output record of a collection once, without its ``output_json``.

        A list that changes meanwhile is read again.

        Raises:
            InvalidResponseError: The list has no end, or changes all the time.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        return paginate(lambda skip, limit: self.list(collection_id, skip=skip, limit=limit), PAGE, LIST.path)

    async def get(self, output_id: int) -> Output:
        """Return one output record with its ``output_json``, which is an object or an array of them.

        *output_id* is the id from `list`; the id of an ASIN is a different number, and may be that of another account's
        record.

        Raises:
            NotFoundError: There is no such output record.
            InvalidResponseError: The service responded with another record than requested.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("output_id", output_id)
        return await self._call(GET, {"asin_id": output_id})  # named after an ASIN, but expects the id of the output
