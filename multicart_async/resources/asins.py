"""``client.asins``: the ASINs of a collection. Documentation: api-docs/amazon-items."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
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
from multicart_async.errors import APIError, MultiCartError, NotFoundError, WaitTimeoutError
from multicart_async.models import AddResult, Asin, AsinRow, OutputFormat
from multicart_async.models._base import Model, Strict
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._items.batches import import_csv, join_batches, send_batches
from multicart_async.resources._items.csv_schema import AMAZON
from multicart_async.resources._items.export import export_asins
from multicart_async.resources._pagination import find_first, paginate
from multicart_async.resources._polling import PollResult, PollTimer, poll_until_done
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
)  # the same call: with_count changes the shape of its answer
GET = Endpoint("/schedules/amazon/asin/get/", Asin, safety="safe", echo=("id", "id"), subject=("item", "id"))
UPDATE = Endpoint(
    "/schedules/amazon/asin/update/", Asin, safety="idempotent", echo=("asin_id", "id"), subject=("item", "asin_id")
)
DELETE = Endpoint("/schedules/amazon/asin/delete/", ANYTHING, safety="idempotent", subject=("item", "asin_id"))

PAGE = 100


class Asins(Resource):
    """``client.asins``: the ASINs of a collection, at most 5,000 of them.

    `add` is the simple way; `create_many` and `import_csv` are the service's calls. Documentation: api-docs/amazon-items.
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
        """Add one ASIN. *domain_id* and *zipcode_id* are ids of rows, not names: `create_many` takes names.

        The first item of a collection takes it from draft to enable.

        Raises:
            APIError: Refused: a duplicate (the same ASIN, domain and postcode), or the 5,001st.
            ArgumentError: An argument cannot be right.
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
            return added  # an earlier attempt, whose answer was lost, has added it

    async def _find(self, collection_id: int, asin: str, domain_id: int, zipcode_id: int) -> Asin | None:
        """Return the ASIN, if it is listed. A list that fails is ignored: the rejection is what the caller must know."""

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
        """Add up to 5,000 ASINs, 1,000 in a call; trimmed, each once. What you get says which were not taken, and why.

        *domain* and *postcode* are names, as ``"amazon.com.au"`` and ``"4500"``, not ids. The service calls it success
        when it takes none: see `AddResult.raise_for_errors`. After a lost answer a call is repeated, and what is there
        already counts as taken: `AddResult.assumed` says for how many that was so.

        Raises:
            MultiCartError: A batch failed; ``report`` holds the `AddResult` of the earlier ones.
            ArgumentError: An item is empty or holds a blank or comma, or there are more than 5,000. Nothing was sent.
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
                "including_raw_html": include_raw_html,  # includING here; the other spelling is dropped silently
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
        """Add up to 5,000 ASINs, and have them ready for a run: what was taken, once the collection has it.

        The postcode is created where it is missing, and waited for until it is active (see `Zipcodes.ensure`; a new one
        takes up to a minute); then `create_many`, then `wait_ingested`. *policy* is for each of the two waits. The
        second one counts rows, so nothing else should add to the collection meanwhile; none taken, none waited for.
        After a lost answer it looks for the items themselves instead, because some may have been there before.
        What was not taken is no error: see `AddResult.raise_for_errors`.

        Raises:
            ZipcodeFailedError: The postcode is failed or inactive. Nothing was added.
            WaitTimeoutError: ``policy.wait_timeout`` is over; ``report`` tells whether it was the second wait.
            MultiCartError: Something failed; ``report`` holds the `AddResult`, or ``None`` before the first item.
            ArgumentError: An argument cannot be right, or the service does not know the domain. Nothing was added.
        """
        check_id("collection_id", collection_id)
        check_bool("include_raw_html", include_raw_html)
        wanted = normalize_items("asins", asins)
        await self._zipcodes.ensure(
            postcode, domain=domain, policy=policy
        )  # checks these three before it sends anything
        before = await self.count(collection_id)
        added = await self.create_many(
            collection_id, wanted, domain=domain, postcode=postcode, include_raw_html=include_raw_html
        )
        try:
            if added.assumed:
                await self._wait_listed(collection_id, wanted, added, (domain, postcode), policy)
            elif added.success_count > 0:
                there = max(
                    0, min(before + added.success_count, MAX_ITEMS)
                )  # rows may have been deleted since the count
                await self.wait_ingested(collection_id, there, policy=policy)
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
        """Add ASINs from a CSV: a file, its content, or its rows. What you get says which rows were not taken.

        Header and order of a file must be ``domain,customer_postcode,asin,include_raw_html``, exactly, its encoding
        UTF-8. Domain and postcode are names; postcodes keep their leading zeros, and the rows their bytes. Rows of commas
        and blanks alone are not sent: `AddResult.blank_rows` counts them.

        One call takes 5,000 rows. With *split* there are as many calls as needed, one after the other; into one
        collection that helps only below 5,000 items in total: for more, see `Collections.create_sharded`.

        Raises:
            MultiCartError: A call failed; ``report`` holds the `AddResult` of the earlier ones. Later parts were not sent.
            ArgumentError: The header, a row or the number of rows is not right. Nothing was sent.
            DiskError: The file cannot be read.
        """
        return await import_csv(self._context.api, CREATE_BULK, AMAZON, collection_id, source, split=split)

    async def export_csv(self, collection_id: int, path: str | os.PathLike[str]) -> int:
        """Write the ASINs of a collection to a CSV that `import_csv` takes; how many rows it has.

        It is there whole or not at all; an older file of that name is replaced. ``custom_id`` and ``output`` have no
        column. An empty collection gives the header alone, which cannot be imported.

        Raises:
            InvalidResponseError: A row lacks the name of its domain, its postcode or ``include_raw_html``.
            DiskError: The file cannot be written.
            ArgumentError: *path* is not the name of a file.
        """
        check_id("collection_id", collection_id)
        target = check_file_path("path", path)
        async with aclosing(self.iterate(collection_id)) as rows:
            return await export_asins(rows, target, LIST.path)

    async def list(self, collection_id: int, *, skip: int = 0, limit: int = PAGE) -> tuple[Asin, ...]:
        """One page of the ASINs of a collection."""
        check_id("collection_id", collection_id)
        check_int("skip", skip)
        check_int("limit", limit, minimum=1)
        # with_count must be left out, not false: any value may change the shape of the answer
        return await self._call(LIST, {"collection_id": collection_id, "skip": skip, "limit": limit})

    def iterate(self, collection_id: int) -> AsyncGenerator[Asin, None]:
        """Every ASIN of a collection, each once, however the list moves meanwhile: then it is read again.

        Raises:
            InvalidResponseError: It has no end, or moves all the time.
        """
        check_id("collection_id", collection_id)
        return self._rows(collection_id, complete=True)

    def _rows(self, collection_id: int, *, complete: bool) -> AsyncGenerator[Asin, None]:
        async def page(skip: int, limit: int) -> tuple[Asin, ...]:
            return await self.list(collection_id, skip=skip, limit=limit)

        return paginate(page, PAGE, LIST.path, complete=complete)

    async def count(self, collection_id: int) -> int:
        """How many ASINs a collection has."""
        check_id("collection_id", collection_id)
        fields = {"collection_id": collection_id, "skip": 0, "limit": 1, "with_count": 1}
        return (await self._call(COUNT, fields)).total_count

    async def wait_ingested(self, collection_id: int, count: int, *, policy: PollPolicy = PollPolicy()) -> int:
        """Wait until a collection has at least *count* ASINs; how many it has then.

        The service advises to do so before a run. *count* is what was there before, plus ``AddResult.success_count``: rows
        that were rejected never come. With ``AddResult.assumed``, so many of them may be counted in what was there before.

        Raises:
            WaitTimeoutError: ``policy.wait_timeout`` is over; ``last`` is the number seen last.
        """
        check_id("collection_id", collection_id)
        check_int("count", count)
        if count > MAX_ITEMS:
            raise wrong_argument("count", f"at most {MAX_ITEMS}, because a collection holds no more ASINs", count)

        async def there() -> int:
            return await self.count(collection_id)

        return await self._wait(there, count, "ASINs", collection_id, policy)

    async def _wait_listed(
        self, collection_id: int, asins: Sequence[str], added: AddResult, place: tuple[str, str], policy: PollPolicy
    ) -> None:
        """Wait until those that were *added* are in the list, also if an earlier attempt has put them there."""
        rejected = {row.item for row in added.error_rows}
        wanted = {asin.upper() for asin in asins if asin not in rejected}  # how it writes them is the service's affair

        async def there() -> int:
            # the list grows meanwhile; what one pass misses, the next poll finds
            async with aclosing(self._rows(collection_id, complete=False)) as rows:
                return len(wanted & {row.asin.upper() async for row in rows if _is_at(row, place)})

        count = min(added.success_count, len(wanted))  # a rejected row need not name its item
        await self._wait(there, count, "of these ASINs", collection_id, policy)

    async def _wait(
        self, there: Callable[[], Awaitable[int]], count: int, what: str, collection_id: int, policy: PollPolicy
    ) -> int:
        pace = PollTimer(policy, self._context.clock)
        seen: list[int] = []

        async def look() -> PollResult[int]:
            seen[:] = [await there()]
            return PollResult(seen[0], seen[0], finished=seen[0] >= count)

        def timed_out() -> WaitTimeoutError:
            number = seen[0] if seen else "an unknown number of"
            reason = f"collection {collection_id} has {number} {what}, not {count}"
            return WaitTimeoutError(reason, started=collection_id, last=seen[0] if seen else None)

        return await poll_until_done(look, pace, timed_out)

    async def get(self, asin_id: int) -> Asin:
        """One ASIN by the id of its row, as `list` and `create` give it.

        Raises:
            NotFoundError: No such row, or not yours.
        """
        check_id("asin_id", asin_id)
        return await self._call(GET, {"id": asin_id})  # the collection is accepted there and ignored

    async def update(
        self,
        asin_id: int,
        *,
        asin: str | Unset = UNSET,
        include_raw_html: bool | Unset = UNSET,
        output: OutputFormat | Unset = UNSET,
        custom_id: str | Unset = UNSET,
    ) -> Asin:
        """Change the given fields of an ASIN's row and leave the others as they are.

        Raises:
            NotFoundError: No such row, or not yours.
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
        """Delete an ASIN's row. Records and files of earlier runs stay.

        Raises:
            NotFoundError: No such row, or not yours. (When an earlier attempt's answer was lost, it is gone: no error.)
        """
        check_id("asin_id", asin_id)
        try:
            await self._call(DELETE, {"asin_id": asin_id})
        except NotFoundError as error:
            if not error.maybe_applied:
                raise


def _is_at(row: Asin, place: tuple[str, str]) -> bool:
    """Whether a row is for that domain and postcode, as far as it tells."""
    return row.domain_name in {None, place[0]} and row.postcode_text in {None, place[1]}
