"""A schedule and its times: what goes over the wire, what cannot be right, and what will surprise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from multicart_async._arguments import a_choice, mismatch
from multicart_async._unset import UNSET, Unset
from multicart_async.errors import ArgumentError
from multicart_async.models import EveryMinutes, Schedule

__all__ = ["ScheduleTime", "schedule_troubles", "time_to_send"]

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
