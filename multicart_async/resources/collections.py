"""``client.collections``: create, list, change and delete collections."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from itertools import chain
from typing import Any

import attrs

from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import (
    MAX_ITEMS,
    check_bool,
    check_choice,
    check_collection_size,
    check_id,
    check_ids,
    check_postcode,
    check_str,
    normalize_items,
)
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async.errors import MultiCartError, MultiCartWarning, NotFoundError
from multicart_async.models import (
    AddResult,
    Collection,
    DeleteReport,
    FetchMode,
    Priority,
    RequestType,
    Schedule,
    Shard,
    SortOrder,
    SupplierType,
)
from multicart_async.models._base import Model
from multicart_async.resources._base import ClientContext, Resource
from multicart_async.resources._schedule import ScheduleTime, find_schedule_problems, schedule_time_to_send
from multicart_async.resources.asins import Asins

__all__ = ["Collections"]


@attrs.frozen(kw_only=True)
class _Deleted(Model):
    detail: str | None = None


CREATE = Endpoint("/schedules/add_schedule/", Collection, safety="unsafe")  # names may repeat, drafts are not listed
LIST = Endpoint("/schedules/get_schedules/", tuple[Collection, ...], safety="safe")
GET = Endpoint(
    "/schedules/get/", Collection, safety="safe", echo=("schedule_id", "id"), subject=("collection", "schedule_id")
)
UPDATE = Endpoint(
    "/schedules/update_schedule/",
    Collection,
    safety="idempotent",
    echo=("schedule_id", "id"),
    subject=("collection", "schedule_id"),
)
DELETE = Endpoint("/schedules/delete_schedule/", ANYTHING, safety="idempotent", subject=("collection", "schedule_id"))
DELETE_MULTIPLE = Endpoint("/schedules/delete_multiple/", _Deleted, safety="idempotent")

BATCH = 50  # ids per call; thousands time out


class Collections(Resource):
    """``client.collections``: sets of items that are scraped together.

    A new one is a draft, hidden from `list`, until its first item is added.

    Service documentation: https://multicartapi.com/api-docs/collections,
    https://multicartapi.com/docs/concepts/collections
    """

    def __init__(self, context: ClientContext, *, asins: Asins) -> None:
        super().__init__(context)
        self._asins = asins

    async def create(
        self,
        name: str,
        *,
        notification_email: str,
        request_type: RequestType = "amazon",
        schedule: Schedule = "Manual",
        priority: Priority = "Normal",
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: ScheduleTime | Unset = UNSET,
        destinations: str | Unset = UNSET,
    ) -> Collection:
        """Create an empty collection.

        It stays a draft, hidden from `list`, until its first item is added.

        Its name becomes part of the names of its result files: a name that causes problems there is a
        `MultiCartWarning`, and so is a *schedule* without the times that it needs. The format of *destinations* is not
        documented.

        Raises:
            OutcomeUnknownError: The response was lost. A draft of this name may exist, which only the dashboard shows.
            ArgumentError: An argument is invalid.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        fields = _new(name, notification_email, request_type, schedule, priority, fetch_mode, schedule_time)
        check_str("destinations", destinations)
        _warn(_unfit(name), find_schedule_problems(schedule, fields["schedule_time"], new=True))
        return await self._call(CREATE, {**fields, "destinations": destinations})

    async def create_sharded(
        self,
        name: str,
        asins: Iterable[str],
        *,
        notification_email: str,
        domain: str,
        postcode: str,
        size: int = MAX_ITEMS,
        journal: str | os.PathLike[str] | None = None,
        include_raw_html: bool | Unset = UNSET,
        schedule: Schedule = "Manual",
        priority: Priority = "Normal",
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: ScheduleTime | Unset = UNSET,
    ) -> tuple[Shard, ...]:
        """Add any number of ASINs to as many new collections as needed: ``"<name> 1"``, ``"<name> 2"`` and so on.

        Each holds at most *size* ASINs. The collections are created and filled one after the other, as by
        `asins.create_many`; check ``shard.added`` for rejected ASINs. They are distributed as by `plan_shards`.

        With a *journal*, a path, the call can be repeated after a crash or with more ASINs: completed steps are not
        repeated, interrupted ones are finished, ASINs keep their collection, and new ones fill the free places (even in
        collections that have a schedule: the other arguments apply to new collections). Only a crash between a creation
        and its response leaves a draft whose id is unknown; it is created again, and a `MultiCartWarning` names the
        draft to check for in the dashboard. A journal belongs to one name, domain and postcode.

        Raises:
            MultiCartError: A step failed; ``report`` holds each finished `Shard`. Without a journal, the notes
                of the error say which collection is not.
            ItemsRejectedError: The first ASINs were all rejected, so no further collection was created.
            ArgumentError: An argument is invalid, or the journal is in use, damaged or belongs to another call. Nothing
                was sent.
            DiskError: The journal cannot be written.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        fields = _new(name, notification_email, "amazon", schedule, priority, fetch_mode, schedule_time)
        check_str("domain", domain, required=True)
        check_postcode("postcode", postcode)
        check_collection_size("size", size)
        check_bool("include_raw_html", include_raw_html)
        wanted = normalize_items("asins", asins, maximum=None)
        last = f"{name} {-(-len(wanted) // size)}"
        _warn(_unfit(last), find_schedule_problems(schedule, fields["schedule_time"], new=True))

        from multicart_async.resources._items.shard_journal import ShardJournal  # noqa: PLC0415 -- few programs need it
        from multicart_async.resources._items.sharding import Steps, make_shards  # noqa: PLC0415

        async def create(name: str) -> int:
            return (await self._call(CREATE, {**fields, "name": name})).id

        async def add(collection_id: int, asins: tuple[str, ...]) -> AddResult:
            return await self._asins.create_many(
                collection_id, asins, domain=domain, postcode=postcode, include_raw_html=include_raw_html
            )

        async with ShardJournal(name, domain, postcode, journal) as notes:
            _warn(
                f"{lost!r} is created again; an earlier draft of that name may be in the dashboard"
                for lost in notes.orphaned_names()
            )
            return await make_shards(notes, wanted, size, Steps(create, add))

    async def list(
        self,
        *,
        sort_by: str | Unset = UNSET,
        sort_order: SortOrder | Unset = UNSET,
        request_type: SupplierType | Unset = UNSET,
    ) -> tuple[Collection, ...]:
        """Return all collections that are not drafts, each with its ``asin_count``.

        Those being processed (``schedule_status`` Processing) come first, regardless of *sort_by*; then the latest
        ``updated_at``. The service returns all of them in one response.

        *request_type* selects those of one supplier, or the category scrapes. The service has no such filter: it is
        never sent, and all collections are fetched.

        Raises:
            ArgumentError: An argument is invalid.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_str("sort_by", sort_by)
        check_choice("sort_order", sort_order, SortOrder)
        check_choice("request_type", request_type, SupplierType)
        found = await self._call(LIST, {"sort_by": sort_by, "sort_order": sort_order})
        if request_type is UNSET:
            return found
        return tuple(collection for collection in found if collection.request_type == request_type)

    async def get(self, collection_id: int) -> Collection:
        """Return one collection, draft or not, with its schedule, priority and e-mail address.

        Raises:
            NotFoundError: There is no such collection, or it belongs to another account.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        fields = {"schedule_id": collection_id}  # with collection_id the service reports "not found"
        return await self._call(GET, fields)

    async def update(
        self,
        collection_id: int,
        *,
        name: str | Unset = UNSET,
        schedule: Schedule | Unset = UNSET,
        priority: Priority | Unset = UNSET,
        notification_email: str | Unset = UNSET,
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: ScheduleTime | Unset = UNSET,
    ) -> Collection:
        """Change the given fields and leave the others unchanged.

        The response has only a few fields; the others are ``None`` in the result, not in the collection.

        Raises:
            NotFoundError: There is no such collection, or it belongs to another account.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        check_str("name", name)
        check_str("notification_email", notification_email)
        check_choice("priority", priority, Priority)
        check_choice("fetch_mode", fetch_mode, FetchMode)
        times = schedule_time_to_send(schedule, schedule_time)
        _warn(() if name is UNSET else _unfit(name), find_schedule_problems(schedule, times, new=False))
        return await self._call(
            UPDATE,
            {
                "schedule_id": collection_id,
                "name": name,
                "schedule": schedule,
                "priority": priority,
                "notification_email": notification_email,
                "fetch_mode": fetch_mode,
                "schedule_time": times,
            },
        )

    async def delete(self, collection_id: int) -> None:
        """Delete a collection, its items and all its result files. This cannot be undone.

        Raises:
            NotFoundError: There is no such collection, or it belongs to another account; not raised if an earlier
                attempt of this call may have deleted it.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        check_id("collection_id", collection_id)
        try:
            await self._call(DELETE, {"schedule_id": collection_id})
        except NotFoundError as error:
            if not error.maybe_applied:
                raise

    async def delete_many(self, collection_ids: Iterable[int]) -> DeleteReport:
        """Delete collections as `delete` does, 50 per call, and report which are gone.

        The service deletes one by one: after an error, part of a batch is gone. Deleting again is safe.

        Raises:
            MultiCartError: A batch failed; ``report`` holds the `DeleteReport` so far, later batches were not sent.

        Service documentation: https://multicartapi.com/api-docs/collections
        """
        self._context.lifetime.ensure_open()
        wanted = check_ids("collection_ids", collection_ids)
        report = DeleteReport()
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            try:
                detail = await self._delete_batch(batch)
            except MultiCartError as error:
                error.report = DeleteReport(
                    deleted=report.deleted,
                    uncertain=batch,
                    untouched=wanted[start + BATCH :],
                    details=report.details,
                )
                raise
            report = DeleteReport(deleted=report.deleted + batch, details=(*report.details, detail))
        return report

    async def _delete_batch(self, batch: tuple[int, ...]) -> str:
        try:
            data = await self._call(DELETE_MULTIPLE, {"schedule_ids": [*batch]})
        except NotFoundError as error:
            if not error.maybe_applied:
                raise
        else:
            return data.detail or ""
        for collection_id in batch:  # a response was lost and some are gone: only separate calls show which
            try:
                await self.delete(collection_id)
            except NotFoundError:
                continue
        return "deleted one by one after a lost response"


def _new(
    name: str,
    notification_email: str,
    request_type: RequestType,
    schedule: Schedule,
    priority: Priority,
    fetch_mode: FetchMode | Unset,
    schedule_time: ScheduleTime | Unset,
) -> dict[str, Any]:
    """Check and return the fields of a new collection."""
    check_str("name", name, required=True)
    check_str("notification_email", notification_email, required=True)
    check_choice("request_type", request_type, RequestType)
    check_choice("priority", priority, Priority)
    check_choice("fetch_mode", fetch_mode, FetchMode)
    return {
        "name": name,
        "request_type": request_type,
        "schedule": schedule,
        "priority": priority,
        "notification_email": notification_email,
        "fetch_mode": fetch_mode,
        "schedule_time": schedule_time_to_send(schedule, schedule_time),
    }


def _unfit(name: str) -> Iterable[str]:
    from multicart_async._downloads.links import name_troubles  # noqa: PLC0415 -- with the parts of downloads

    return (f"collection name {name!r}: {trouble}" for trouble in name_troubles(name))


def _warn(*troubles: Iterable[str]) -> None:
    for trouble in chain(*troubles):
        warnings.warn(trouble, MultiCartWarning, stacklevel=3)
