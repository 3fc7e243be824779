"""``client.asins``: the ASINs of a collection."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress

import attrs

from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import (
    MAX_ITEMS,
    check_bool,
    check_choice,
    check_file_path,
    check_id,
    check_int,
    check_postcode,
    check_str,
    normalize_item,
    normalize_items,
    wrong_argument,
)
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async.config import PollPolicy
from multicart_async.errors import APIError, MultiCartError, NotFoundError
from multicart_async.models import AddResult, Asin, AsinRow, OutputFormat
from multicart_async.models._base import Model, Strict
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._items.batches import import_csv, join_batches, send_batches
from multicart_async.resources._items.csv_schema import AMAZON
from multicart_async.resources._items.ingestion import wait_for_count
from multicart_async.resources._pagination import find_first, paginate
from multicart_async.resources._polling import PollTimer
from multicart_async.resources.zipcodes import Zipcodes

__all__ = ["Asins"]


@attrs.frozen(kw_only=True)
class _Counted(Model):
    total_count: Strict[int]
    asin_list: tuple[Asin, ...] | None = ()


_PATH = "/schedules/amazon/asin/list/"
CREATE = Endpoint("/schedules/amazon/asin/create/", Asin, safety="idempotent", echo=("collection", "collection"))
CREATE_MULTIPLE = Endpoint("/schedules/amazon/asin/create/multiple/", AddResult, safety="idempotent")
CREATE_BULK = Endpoint("/schedules/amazon/asin/create/bulk/", AddResult, safety="idempotent")
LIST = Endpoint(_PATH, tuple[Asin, ...], safety="safe", subject=("collection", "collection_id"))
COUNT = Endpoint(
    _PATH, _Counted, safety="safe", subject=("collection", "collection_id")
)  # the same call: with_count changes the shape of its response
GET = Endpoint("/schedules/amazon/asin/get/", Asin, safety="safe", echo=("id", "id"), subject=("item", "id"))
UPDATE = Endpoint(
    "/schedules/amazon/asin/update/", Asin, safety="idempotent", echo=("asin_id", "id"), subject=("item", "asin_id")
)
DELETE = Endpoint("/schedules/amazon/asin/delete/", ANYTHING, safety="idempotent", subject=("item", "asin_id"))

PAGE = 100


class Asins(Resource):
    """``client.asins``: the ASINs of a collection, at most 5,000.

    `add` combines several calls; `create_many` and `import_csv` are single calls of the service.

    Service documentation: https://multicartapi.com/api-docs/amazon-items
    """

    def __init__(self, context: ClientContext, *, zipcodes: Zipcodes) -> None:
        super().__init__(context)
        self._zipcodes = zipcodes

    async def create(
        self,
        collection_id: int,
        asin: str,
        *,
        domain_id: int,
        zipcode_id: int,
        custom_id: str | Unset = UNSET,
        include_raw_html: bool | Unset = UNSET,
        output: OutputFormat | Unset = UNSET,
    ) -> Asin:
        """Add one ASIN. *domain_id* and *zipcode_id* are ids, not names: `create_many` takes names.

        The first item of a collection changes it from draft to enable.

        Raises:
            APIError: Rejected: a duplicate (the same ASIN, domain and postcode), or the 5,001st item.
            ArgumentError: An argument is invalid.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_id("domain_id", domain_id)
        check_id("zipcode_id", zipcode_id)
        check_str("custom_id", custom_id)
        check_bool("include_raw_html", include_raw_html)
        check_choice("output", output, OutputFormat)
        name = normalize_item("asin", asin)
        fields = {
            "collection": collection_id,
            "domain": domain_id,
            "customer_postcode": zipcode_id,
            "asin": name,
            "custom_id": custom_id,
            "include_raw_html": include_raw_html,
            "output": output,
        }
        try:
            return await self._call(CREATE, fields)
        except APIError as error:
            added = await self._find(collection_id, name, domain_id, zipcode_id) if error.maybe_applied else None
            if added is None:
                raise
            return added  # by an earlier attempt, whose response was lost

    async def _find(self, collection_id: int, asin: str, domain_id: int, zipcode_id: int) -> Asin | None:
        """Return the ASIN, if it is listed. A failure of the list is ignored: the caller must see the rejection."""

        def matches(item: Asin) -> bool:
            place = item.domain and item.domain.id, item.customer_postcode and item.customer_postcode.id
            return item.asin == asin and place == (domain_id, zipcode_id)

        with suppress(MultiCartError):
            return await find_first(self.iterate(collection_id), matches)
        return None

    async def create_many(
        self,
        collection_id: int,
        asins: Iterable[str],
        *,
        domain: str,
        postcode: str,
        include_raw_html: bool | Unset = UNSET,
    ) -> AddResult:
        """Add up to 5,000 ASINs, 1,000 per call; trimmed, without duplicates. The result names the rejected ones.

        *domain* and *postcode* are names, such as ``"amazon.com.au"`` and ``"4500"``, not ids. The service reports
        success even if it accepts none: see `AddResult.raise_for_errors`. After a lost response a call is repeated, and
        items that are present already count as added: `AddResult.assumed` is their number.

        Raises:
            MultiCartError: A batch failed; ``report`` holds the `AddResult` of the earlier ones.
            ArgumentError: An item is empty or contains whitespace or a comma, or there are more than 5,000. Nothing was
                sent.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_str("domain", domain, required=True)
        check_postcode("postcode", postcode)
        check_bool("include_raw_html", include_raw_html)
        wanted = normalize_items("asins", asins)
        batches = (
            {
                "collection": collection_id,
                "domain": domain,
                "customer_postcode": postcode,
                "asins": text,
                "including_raw_html": include_raw_html,  # includING here; the other spelling is ignored silently
            }
            for text in join_batches(wanted)
        )
        return await send_batches(self._context.api, CREATE_MULTIPLE, batches)

    async def add(
        self,
        collection_id: int,
        asins: Iterable[str],
        *,
        domain: str,
        postcode: str,
        include_raw_html: bool | Unset = UNSET,
        policy: PollPolicy = PollPolicy(),
    ) -> AddResult:
        """Add up to 5,000 ASINs and wait until the collection has them, ready for a run; return the result of adding.

        The postcode is created if necessary, and waited for until it is active (see `Zipcodes.ensure`; a new one takes
        up to a minute); then `create_many`, then `wait_ingested`. *policy* applies to each of the two waits. The second
        one counts items, so nothing else should add to the collection meanwhile; it is skipped if no item was accepted.
        After a lost response it searches for the items themselves, because some may have been there before. Rejected
        items are not an error: see `AddResult.raise_for_errors`.

        Raises:
            ZipcodeFailedError: The postcode is failed or inactive. Nothing was added.
            WaitTimeoutError: ``policy.wait_timeout`` has passed; ``report`` is set if it was the second wait.
            MultiCartError: A step failed; ``report`` holds the `AddResult`, or ``None`` before the first item was
                added.
            ArgumentError: An argument is invalid, or the service does not list the domain. Nothing was added.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_bool("include_raw_html", include_raw_html)
        wanted = normalize_items("asins", asins)
        await self._zipcodes.ensure(postcode, domain=domain, policy=policy)  # checks all three before sending
        before = await self.count(collection_id)
        added = await self.create_many(
            collection_id, wanted, domain=domain, postcode=postcode, include_raw_html=include_raw_html
        )
        try:
            if added.assumed:
                await self._wait_listed(collection_id, wanted, added, (domain, postcode), policy)
            elif added.success_count > 0:
                count = min(before + added.success_count, MAX_ITEMS)  # items may have been deleted since
                await self.wait_ingested(collection_id, max(0, count), policy=policy)
        except MultiCartError as error:
            error.report = added
            raise
        return added

    async def import_csv(
        self,
        collection_id: int,
        source: str | os.PathLike[str] | bytes | Iterable[AsinRow],
        *,
        split: bool = False,
    ) -> AddResult:
        """Add ASINs from a CSV: a file, its content, or its rows. The result names the rejected rows.

        The header of a file must be exactly ``domain,customer_postcode,asin,include_raw_html``, its encoding UTF-8.
        Domain and postcode are names; postcodes keep their leading zeros, and rows are sent unchanged. Rows of only
        commas and whitespace are not sent: `AddResult.blank_rows` counts them.

        One call takes 5,000 rows. With *split*, as many calls as needed are made, one after the other; for one
        collection this is useful only below 5,000 items in total: for more, see `Collections.create_sharded`.

        Raises:
            MultiCartError: A call failed; ``report`` holds the `AddResult` of the earlier ones. Later parts were not
                sent.
            ArgumentError: The header, a row or the number of rows is invalid. Nothing was sent.
            DiskError: The file cannot be read.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        return await import_csv(self._context.api, CREATE_BULK, AMAZON, collection_id, source, split=split)

    async def export_csv(self, collection_id: int, path: str | os.PathLike[str]) -> int:
        """Write the ASINs of a collection to a CSV that `import_csv` takes, and return the number of rows.

        It is written completely or not at all; an existing file is replaced. ``custom_id`` and ``output`` have no
        column. An empty collection gives only the header, which cannot be imported.

        Raises:
            InvalidResponseError: An item lacks the name of its domain, its postcode or ``include_raw_html``.
            DiskError: The file cannot be written.
            ArgumentError: *path* is not the name of a file.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        from multicart_async.resources._items.export import export_asins  # noqa: PLC0415 -- it needs the sinks

        check_id("collection_id", collection_id)
        target = check_file_path("path", path)
        async with aclosing(self.iterate(collection_id)) as listed:
            return await export_asins(listed, target, LIST.path)

    async def list(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> tuple[Asin, ...]:
        """Return one page of the ASINs of a collection.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_int("skip", skip)
        check_int("limit", limit, minimum=1)
        # with_count must be omitted, not false: any value may change the shape of the response
        return await self._call(LIST, {"collection_id": collection_id, "skip": skip, "limit": limit})

    def iterate(self, collection_id: int) -> AsyncGenerator[Asin, None]:
        """Yield every ASIN of a collection once. A list that changes meanwhile is read again.

        Raises:
            InvalidResponseError: The list has no end, or changes all the time.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        return self._iterate(collection_id, complete=True)

    def _iterate(self, collection_id: int, *, complete: bool) -> AsyncGenerator[Asin, None]:
        async def page(skip: int, limit: int) -> tuple[Asin, ...]:
            return await self.list(collection_id, skip=skip, limit=limit)

        return paginate(page, PAGE, LIST.path, complete=complete)

    async def count(self, collection_id: int) -> int:
        """Return the number of ASINs in a collection.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        fields = {"collection_id": collection_id, "skip": 0, "limit": 1, "with_count": 1}
        return (await self._call(COUNT, fields)).total_count

    async def wait_ingested(self, collection_id: int, count: int, *, policy: PollPolicy = PollPolicy()) -> int:
        """Wait until a collection has at least *count* ASINs, and return the number it has then.

        The service recommends this before a run. *count* is the number before adding, plus ``AddResult.success_count``:
        rejected items never arrive. ``AddResult.assumed`` of them may be included in the number before.

        Raises:
            WaitTimeoutError: ``policy.wait_timeout`` has passed; ``last`` is the last number seen.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("collection_id", collection_id)
        check_int("count", count)
        if count > MAX_ITEMS:
            raise wrong_argument("count", f"at most {MAX_ITEMS}, the limit of a collection", count)
        timer = PollTimer(policy, self._context.clock)
        return await wait_for_count(lambda: self.count(collection_id), count, "ASINs", collection_id, timer)

    async def _wait_listed(
        self, collection_id: int, asins: Sequence[str], added: AddResult, place: tuple[str, str], policy: PollPolicy
    ) -> None:
        """Wait until the *added* ASINs are listed, including those that an earlier attempt has added."""
        rejected = {row.item for row in added.error_rows}
        wanted = {asin.upper() for asin in asins if asin not in rejected}  # the service may change the case

        async def count_listed() -> int:
            # the list grows meanwhile; the next poll finds what one pass misses
            async with aclosing(self._iterate(collection_id, complete=False)) as listed:
                return len(wanted & {item.asin.upper() async for item in listed if _is_at(item, place)})

        count = min(added.success_count, len(wanted))  # an error row need not name its item
        await wait_for_count(
            count_listed, count, "of these ASINs", collection_id, PollTimer(policy, self._context.clock)
        )

    async def get(self, asin_id: int) -> Asin:
        """Return one ASIN by its id, as in the results of `list` and `create`.

        Raises:
            NotFoundError: There is no such item, or it belongs to another account.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("asin_id", asin_id)
        return await self._call(GET, {"id": asin_id})  # the service ignores a collection here

    async def update(
        self,
        asin_id: int,
        *,
        asin: str | Unset = UNSET,
        include_raw_html: bool | Unset = UNSET,
        output: OutputFormat | Unset = UNSET,
        custom_id: str | Unset = UNSET,
    ) -> Asin:
        """Change the given fields of an ASIN and leave the others unchanged.

        Raises:
            NotFoundError: There is no such item, or it belongs to another account.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("asin_id", asin_id)
        check_bool("include_raw_html", include_raw_html)
        check_choice("output", output, OutputFormat)
        check_str("custom_id", custom_id)
        return await self._call(
            UPDATE,
            {
                "asin_id": asin_id,
                "asin": UNSET if asin is UNSET else normalize_item("asin", asin),
                "include_raw_html": include_raw_html,
                "output": output,
                "custom_id": custom_id,
            },
        )

    async def delete(self, asin_id: int) -> None:
        """Delete an ASIN from its collection. Records and files of earlier runs are kept.

        Raises:
            NotFoundError: There is no such item, or it belongs to another account; not raised if an earlier attempt of
                this call may have deleted it.

        Service documentation: https://multicartapi.com/api-docs/amazon-items
        """
        check_id("asin_id", asin_id)
        try:
            await self._call(DELETE, {"asin_id": asin_id})
        except NotFoundError as error:
            if not error.maybe_applied:
                raise


def _is_at(item: Asin, place: tuple[str, str]) -> bool:
    """Return whether an item has that domain and postcode, or does not show them."""
    return item.domain_name in {None, place[0]} and item.postcode_text in {None, place[1]}
