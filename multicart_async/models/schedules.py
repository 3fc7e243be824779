"""Times of a schedule. Documentation: docs/concepts/scheduling and api-docs/collections."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from typing import Any, Final

import attrs

from multicart_async.errors import ArgumentError

__all__ = ["EveryMinutes"]

_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR = re.compile(r"(?:[01][0-9]|2[0-3])\.[0-5][0-9]")


def _minutes(value: int) -> int:
    if type(value) is not int or not 1 <= value <= 60:
        reason = f"wants 1 to 60, not {value!r}; what else the service may take goes through a plain mapping"
        raise ArgumentError("minutes", reason)
    return value


def _several(argument: str, values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise ArgumentError(argument, f"wants several, not one {type(values).__name__}; put it into a list")
    found = tuple(values)
    if not found:
        raise ArgumentError(argument, "is empty; that may mean all of them, which costs credits: name them")
    return found


def _days(values: Iterable[str]) -> tuple[str, ...]:
    named = {_day(value) for value in _several("days", values)}
    return tuple(day for day in _WEEK if day in named)


def _day(value: object) -> str:
    day = value.lower() if isinstance(value, str) else ""
    if day not in _WEEK:
        raise ArgumentError("days", f"wants full English names of days, as 'monday', not {value!r}")
    return day


def _hours(values: Iterable[str | int | time]) -> tuple[str, ...]:
    return tuple(sorted({_hour(value) for value in _several("hours", values)}))


def _hour(value: object) -> str:
    if isinstance(value, time):
        return _hour_of_time(value)
    if type(value) is int and 0 <= value <= 23:
        return f"{value:02}.00"
    if isinstance(value, str):
        if _HOUR.fullmatch(value):
            return value
        dotted = value.replace(":", ".").zfill(5)
        if ":" in value and _HOUR.fullmatch(dotted):
            raise ArgumentError("hours", f"the service writes a dot, not a colon: '{dotted}', not {value!r}")
    raise ArgumentError("hours", f"wants 'HH.MM', a whole hour from 0 to 23 or a datetime.time, not {value!r}")


def _hour_of_time(value: time) -> str:
    if value.tzinfo is not None:
        raise ArgumentError("hours", f"{value!r} has a time zone; the service's is UTC+10, all year: leave it out")
    if value.second or value.microsecond:
        raise ArgumentError("hours", f"{value!r} has seconds; the service has hours and minutes")
    return f"{value.hour:02}.{value.minute:02}"


@attrs.frozen
class EveryMinutes:
    """When a collection with the schedule ``"Every X Minutes"`` runs: every so many *minutes*, on *days*, in *hours*.

    Hours are in UTC+10 without daylight saving, whatever the zone of this computer. An hour is ``"08.00"`` (with a
    dot), ``8`` or ``datetime.time(8)``; a day is its full English name. Both are put in order, each once. All three
    must be said: what the service does without them is not documented, and may cost credits.

    Raises:
        ArgumentError: One of them cannot be right; it says which.
    """

    minutes: int = attrs.field(converter=_minutes)
    days: tuple[str, ...] = attrs.field(converter=_days)
    hours: tuple[str, ...] = attrs.field(converter=_hours)

    @property
    def schedule_time(self) -> dict[str, Any]:
        """The object that the service is sent."""
        return {"minutes_frequency": str(self.minutes), "days_of_week": [*self.days], "hours": [*self.hours]}
