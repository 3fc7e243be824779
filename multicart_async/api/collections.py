"""``client.collections``: make, find, change and delete collections. Documentation: api-docs/collections."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import attrs

from multicart_async._arguments import a_choice, a_text, an_id, ids
from multicart_async._caller import Caller
from multicart_async._endpoint import ANYTHING, Endpoint
from multicart_async._links import name_troubles
from multicart_async._unset import UNSET, Unset
from multicart_async.errors import ArgumentError, MultiCartError, MultiCartWarning, NotFoundError
from multicart_async.models import (
    Added,
    Collection,
    DeleteReport,
    FetchMode,
    Priority,
    RequestType,
    Schedule,
    SortOrder,
)
from multicart_async.models._base import Model

__all__ = ["Collections"]


@attrs.frozen(kw_only=True)
class _Deleted(Model):
    detail: str | None = None


CREATE = Endpoint("/schedules/add_schedule/", Collection, safety="unsafe")  # names may repeat, drafts are not listed
LIST = Endpoint("/schedules/get_schedules/", tuple[Collection, ...], safety="read")
GET = Endpoint("/schedules/get/", Collection, safety="read")
UPDATE = Endpoint("/schedules/update_schedule/", Collection, safety="repeatable")
DELETE = Endpoint("/schedules/delete_schedule/", ANYTHING, safety="repeatable")
DELETE_MULTIPLE = Endpoint("/schedules/delete_multiple/", _Deleted, safety="repeatable")

BATCH = 50  # ids for one call; thousands time out

AddMany = Callable[..., Awaitable[Added]]


class Collections:
    """``client.collections``"""

    def __init__(self, call: Caller, *, add: AddMany | None = None) -> None:
        self._call = call
        self._add = add

    async def create(
        self,
        name: str,
        *,
        notification_email: str,
        request_type: RequestType = "amazon",
        schedule: Schedule = "Manual",
        priority: Priority = "Normal",
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: Mapping[str, Any] | Unset = UNSET,
        destinations: str | Unset = UNSET,
    ) -> Collection:
        """A new, empty collection. It is a draft, and not listed, until its first item is added.

        Its name becomes part of the names of its result files: one that makes trouble there is a `MultiCartWarning`.
        The service documents no format for *destinations*. For a Daily *schedule*, say the hours: without them it may
        run every hour, for 24 times the credits.

        Raises:
            OutcomeUnknownError: The answer was lost. A draft of this name may exist, which only the dashboard shows.
            ArgumentError: An argument cannot be right.
        """
        a_text("name", name, needed=True)
        a_text("notification_email", notification_email, needed=True)
        a_choice("request_type", request_type, RequestType)
        _check(schedule, priority, fetch_mode, schedule_time)
        a_text("destinations", destinations)
        _warn_of(name)
        return await self._call(
            CREATE,
            {
                "name": name,
                "request_type": request_type,
                "schedule": schedule,
                "priority": priority,
                "notification_email": notification_email,
                "fetch_mode": fetch_mode,
                "schedule_time": schedule_time,
                "destinations": destinations,
            },
        )

    async def list(
        self, *, sort_by: str | Unset = UNSET, sort_order: SortOrder | Unset = UNSET
    ) -> tuple[Collection, ...]:
        """All collections that are not drafts, each with its ``asin_count``.

        Those at work (``schedule_status`` Processing) come first, whatever *sort_by* says; then the latest
        ``updated_at``. It comes in one answer, however many there are.
        """
        a_text("sort_by", sort_by)
        a_choice("sort_order", sort_order, SortOrder)
        return await self._call(LIST, {"sort_by": sort_by, "sort_order": sort_order})

    async def get(self, collection_id: int) -> Collection:
        """One collection, drafts too, with its schedule, priority and address.

        Raises:
            NotFoundError: No such collection, or not yours.
        """
        an_id("collection_id", collection_id)
        return await self._call(GET, {"schedule_id": collection_id})  # collection_id is "not found" here

    async def update(
        self,
        collection_id: int,
        *,
        name: str | Unset = UNSET,
        schedule: Schedule | Unset = UNSET,
        priority: Priority | Unset = UNSET,
        notification_email: str | Unset = UNSET,
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: Mapping[str, Any] | Unset = UNSET,
    ) -> Collection:
        """Change the given fields and leave the others as they are.

        The answer holds a few fields only; the others are ``None`` in what you get, not in the collection.

        Raises:
            NotFoundError: No such collection, or not yours.
        """
        an_id("collection_id", collection_id)
        a_text("name", name)
        a_text("notification_email", notification_email)
        _check(schedule, priority, fetch_mode, schedule_time)
        if name is not UNSET:
            _warn_of(name)
        return await self._call(
            UPDATE,
            {
                "schedule_id": collection_id,
                "name": name,
                "schedule": schedule,
                "priority": priority,
                "notification_email": notification_email,
                "fetch_mode": fetch_mode,
                "schedule_time": schedule_time,
            },
        )

    async def delete(self, collection_id: int) -> None:
        """Delete a collection, its items and all its result files. This cannot be undone.

        Raises:
            NotFoundError: No such collection, or not yours. (When an earlier attempt's answer was lost, it is gone: no
                error.)
        """
        an_id("collection_id", collection_id)
        try:
            await self._call(DELETE, {"schedule_id": collection_id})
        except NotFoundError as error:
            if not error.repeated:
                raise

    async def delete_many(self, collection_ids: Iterable[int]) -> DeleteReport:
        """Delete collections, 50 in a call, as `delete` does. What you get says what is gone.

        The service deletes one by one: after an error in the middle, some of a batch are gone. Deleting again is safe.

        Raises:
            MultiCartError: A batch failed; ``report`` holds the `DeleteReport` so far, later batches were not sent.
        """
        wanted = ids("collection_ids", collection_ids)
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
            if not error.repeated:
                raise
        else:
            return data.detail or ""
        for collection_id in batch:  # an answer was lost, some are gone: which, only asking for each can tell
            try:
                await self.delete(collection_id)
            except NotFoundError:
                continue
        return "deleted one by one after a lost answer"


def _check(schedule: object, priority: object, fetch_mode: object, schedule_time: object) -> None:
    a_choice("schedule", schedule, Schedule)
    a_choice("priority", priority, Priority)
    a_choice("fetch_mode", fetch_mode, FetchMode)
    if schedule_time is not UNSET and not isinstance(schedule_time, Mapping):
        raise ArgumentError("schedule_time", f"wants a mapping, not {type(schedule_time).__name__}")


def _warn_of(name: str) -> None:
    for trouble in name_troubles(name):
        warnings.warn(f"collection name {name!r}: {trouble}", MultiCartWarning, stacklevel=3)
