"""``client.collections``: make, find, change and delete collections. Documentation: api-docs/collections."""

from __future__ import annotations

import os
import warnings
from collections.abc import Awaitable, Iterable, Mapping
from itertools import chain
from typing import Any, Protocol

import attrs

from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import (
    MOST_ITEMS,
    a_choice,
    a_flag,
    a_postcode,
    a_size,
    a_text,
    an_id,
    ids,
    items,
    mismatch,
)
from multicart_async._downloads.links import name_troubles
from multicart_async._http.caller import Caller
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async.errors import ArgumentError, MultiCartError, MultiCartWarning, NotFoundError
from multicart_async.models import (
    Added,
    Collection,
    DeleteReport,
    EveryMinutes,
    FetchMode,
    Priority,
    RequestType,
    Schedule,
    Shard,
    SortOrder,
)
from multicart_async.models._base import Model
from multicart_async.resources._items.shard_journal import ShardNotes
from multicart_async.resources._items.sharding import Steps, make_shards

__all__ = ["Collections", "ScheduleTime", "schedule_troubles", "time_to_send"]


@attrs.frozen(kw_only=True)
class _Deleted(Model):
    detail: str | None = None


CREATE = Endpoint("/schedules/add_schedule/", Collection, safety="unsafe")  # names may repeat, drafts are not listed
LIST = Endpoint("/schedules/get_schedules/", tuple[Collection, ...], safety="read")
GET = Endpoint("/schedules/get/", Collection, safety="read", echo=("schedule_id", "id"))
UPDATE = Endpoint("/schedules/update_schedule/", Collection, safety="repeatable", echo=("schedule_id", "id"))
DELETE = Endpoint("/schedules/delete_schedule/", ANYTHING, safety="repeatable")
DELETE_MULTIPLE = Endpoint("/schedules/delete_multiple/", _Deleted, safety="repeatable")

BATCH = 50  # ids for one call; thousands time out


class AddMany(Protocol):
    """`Asins.create_many`."""

    def __call__(
        self,
        collection_id: int,
        asins: Iterable[str],
        *,
        domain: str,
        postcode: str,
        include_raw_html: bool | Unset = ...,
    ) -> Awaitable[Added]:
        """What became of them."""
        ...


class Collections:
    """``client.collections``: what is scraped together. A new one is a draft, not listed, until its first item is added.

    Documentation: api-docs/collections, docs/concepts/collections.
    """

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
        schedule_time: ScheduleTime | Unset = UNSET,
        destinations: str | Unset = UNSET,
    ) -> Collection:
        """A new, empty collection. It is a draft, and not listed, until its first item is added.

        Its name becomes part of the names of its result files: one that makes trouble there is a `MultiCartWarning`.
        So is a *schedule* without the times that it needs. The service documents no format for *destinations*.

        Raises:
            OutcomeUnknownError: The answer was lost. A draft of this name may exist, which only the dashboard shows.
            ArgumentError: An argument cannot be right.
        """
        fields = _new(name, notification_email, request_type, schedule, priority, fetch_mode, schedule_time)
        a_text("destinations", destinations)
        _warn(_unfit(name), schedule_troubles(schedule, fields["schedule_time"], new=True))
        return await self._call(CREATE, {**fields, "destinations": destinations})

    async def create_sharded(
        self,
        name: str,
        asins: Iterable[str],
        *,
        notification_email: str,
        domain: str,
        postcode: str,
        size: int = MOST_ITEMS,
        journal: str | os.PathLike[str] | None = None,
        include_raw_html: bool | Unset = UNSET,
        schedule: Schedule = "Manual",
        priority: Priority = "Normal",
        fetch_mode: FetchMode | Unset = UNSET,
        schedule_time: ScheduleTime | Unset = UNSET,
    ) -> tuple[Shard, ...]:
        """Any number of ASINs in as many collections as they need: ``"<name> 1"``, ``"<name> 2"``, … of at most *size*.

        One collection after the other is created and gets its ASINs, as by `asins.create_many`; look at
        ``shard.added`` for those that were not taken. Who goes where is decided as by `plan_collections`.

        With a *journal*, a path, the call can be made again after a crash, or with more ASINs: what is done is not done
        again, what was begun is finished, ASINs stay where they are, and new ones go where there is room (also with
        collections that have a schedule: the other arguments are those of new collections). Only a crash between a
        creation and its answer leaves a draft that nobody knows; it is made anew, and a `MultiCartWarning` names what
        to look for in the dashboard. A journal belongs to one name, domain and postcode.

        Raises:
            MultiCartError: A step failed; ``report`` holds the `Shard`s that are finished. Without a journal, its notes
                tell which collection is not.
            ItemsRejectedError: The first ASINs were all refused, so no further collection was created.
            ArgumentError: An argument cannot be right, or the journal is another's, damaged or in use. Nothing was sent.
            DiskError: The journal cannot be written.
        """
        fields = _new(name, notification_email, "amazon", schedule, priority, fetch_mode, schedule_time)
        a_text("domain", domain, needed=True)
        a_postcode("postcode", postcode)
        a_size("size", size)
        a_flag("include_raw_html", include_raw_html)
        wanted = items("asins", asins, most=None)
        last = f"{name} {-(-len(wanted) // size)}"
        _warn(_unfit(last), schedule_troubles(schedule, fields["schedule_time"], new=True))

        async def create(name: str) -> int:
            return (await self._call(CREATE, {**fields, "name": name})).id

        async def add(collection_id: int, asins: tuple[str, ...]) -> Added:
            assert self._add is not None
            return await self._add(
                collection_id, asins, domain=domain, postcode=postcode, include_raw_html=include_raw_html
            )

        async with ShardNotes(name, domain, postcode, journal) as notes:
            _warn(
                f"{lost!r} is created anew; an earlier draft of that name may be in the dashboard"
                for lost in notes.lost()
            )
            return await make_shards(notes, wanted, size, Steps(create, add))

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
        schedule_time: ScheduleTime | Unset = UNSET,
    ) -> Collection:
        """Change the given fields and leave the others as they are.

        The answer holds a few fields only; the others are ``None`` in what you get, not in the collection.

        Raises:
            NotFoundError: No such collection, or not yours.
        """
        an_id("collection_id", collection_id)
        a_text("name", name)
        a_text("notification_email", notification_email)
        a_choice("priority", priority, Priority)
        a_choice("fetch_mode", fetch_mode, FetchMode)
        times = time_to_send(schedule, schedule_time)
        _warn(() if name is UNSET else _unfit(name), schedule_troubles(schedule, times, new=False))
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
        self._call.life.check()
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


def _new(
    name: str,
    notification_email: str,
    request_type: RequestType,
    schedule: Schedule,
    priority: Priority,
    fetch_mode: FetchMode | Unset,
    schedule_time: ScheduleTime | Unset,
) -> dict[str, Any]:
    """The fields of a new collection, if they can be right."""
    a_text("name", name, needed=True)
    a_text("notification_email", notification_email, needed=True)
    a_choice("request_type", request_type, RequestType)
    a_choice("priority", priority, Priority)
    a_choice("fetch_mode", fetch_mode, FetchMode)
    return {
        "name": name,
        "request_type": request_type,
        "schedule": schedule,
        "priority": priority,
        "notification_email": notification_email,
        "fetch_mode": fetch_mode,
        "schedule_time": time_to_send(schedule, schedule_time),
    }


def _unfit(name: str) -> Iterable[str]:
    return (f"collection name {name!r}: {trouble}" for trouble in name_troubles(name))


def _warn(*troubles: Iterable[str]) -> None:
    for trouble in chain(*troubles):
        warnings.warn(trouble, MultiCartWarning, stacklevel=3)


ScheduleTime = EveryMinutes | Mapping[str, Any]


def time_to_send(schedule: Schedule | Unset, schedule_time: ScheduleTime | Unset) -> Mapping[str, Any] | Unset:
    """The service's object for *schedule_time*.

    Raises:
        ArgumentError: There is no such schedule, or it is not for such times.
    """
    a_choice("schedule", schedule, Schedule)
    if schedule_time is UNSET:
        return UNSET
    if isinstance(schedule_time, EveryMinutes):
        if schedule is not UNSET and schedule != "Every X Minutes":
            reason = f"expected a mapping for {schedule!r}, got EveryMinutes, which is for 'Every X Minutes'"
            raise ArgumentError("schedule_time", reason)
        return schedule_time.schedule_time
    if not isinstance(schedule_time, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers without types
        raise mismatch("schedule_time", "EveryMinutes or a mapping", schedule_time)
    return schedule_time


def schedule_troubles(schedule: Schedule | Unset, sent: Mapping[str, Any] | Unset, *, new: bool) -> tuple[str, ...]:
    """What a schedule with these times may cost; *new* tells that there are no earlier ones."""
    times: Mapping[str, Any] = {} if sent is UNSET else sent
    if schedule == "Daily" and not times.get("hours"):
        return ("a Daily schedule without hours may run every hour, for 24 times the credits: name its hours",)
    if schedule == "Every X Minutes" and new and not times:
        return ("when 'Every X Minutes' runs without a schedule_time is not documented, and may cost credits",)
    return ()
