"""The times of a collection's schedule: the object that the service is sent, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from multicart_async._core.unset import UNSET, Unset
from multicart_async._core.validation import check_choice, wrong_argument
from multicart_async.errors import ArgumentError
from multicart_async.models import EveryMinutes, Schedule

__all__ = ["ScheduleTime", "find_schedule_problems", "schedule_time_to_send"]

ScheduleTime: TypeAlias = EveryMinutes | Mapping[str, Any]


def schedule_time_to_send(schedule: Schedule | Unset, schedule_time: ScheduleTime | Unset) -> Mapping[str, Any] | Unset:
    """Return the service's object for *schedule_time*.

    Raises:
        ArgumentError: *schedule* is unknown, or *schedule_time* does not belong to it.
    """
    check_choice("schedule", schedule, Schedule)
    if schedule_time is UNSET:
        return UNSET
    if isinstance(schedule_time, EveryMinutes):
        if schedule is not UNSET and schedule != "Every X Minutes":
            reason = f"expected a mapping for {schedule!r}, got EveryMinutes; use it with 'Every X Minutes'"
            raise ArgumentError("schedule_time", reason)
        return schedule_time.schedule_time
    if not isinstance(schedule_time, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers without types
        raise wrong_argument("schedule_time", "EveryMinutes or a mapping", schedule_time)
    return schedule_time


def find_schedule_problems(
    schedule: Schedule | Unset, sent: Mapping[str, Any] | Unset, *, new: bool
) -> tuple[str, ...]:
    """Return the warnings for *schedule* with the times *sent*; a *new* collection has no earlier times."""
    times: Mapping[str, Any] = {} if sent is UNSET else sent
    if schedule == "Daily" and not times.get("hours"):
        return (
            "a Daily schedule without hours may run every hour, for 24 times the credits; pass hours in schedule_time",
        )
    if schedule == "Every X Minutes" and new and not times:
        return ("'Every X Minutes' without a schedule_time is not documented and may cost credits; pass EveryMinutes",)
    return ()
