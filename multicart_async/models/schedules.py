"""Times of a schedule.

Service documentation: https://multicartapi.com/docs/concepts/scheduling, https://multicartapi.com/api-docs/collections
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from typing import Any, Final

import attrs

from multicart_async._core.exceptions import ArgumentError
from multicart_async._core.validation import wrong_argument
from multicart_async.models._serialization import Serializable

__all__ = ["EveryMinutes"]

_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR = re.compile(r"(?:[01][0-9]|2[0-3])\.[0-5][0-9]")


def _minutes(value: int) -> int:
    if type(value) is not int or not 1 <= value <= 60:
        raise wrong_argument("minutes", "1 to 60 (for anything else, pass a mapping as schedule_time)", value)
    return value


def _several(argument: str, values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise wrong_argument(argument, "an iterable such as a list", values)
    found = tuple(values)
    if not found:
        reason = "expected at least one, got none, which may mean all of them and cost credits; name them"
        raise ArgumentError(argument, reason)
    return found


def _days(values: Iterable[str]) -> tuple[str, ...]:
    named = {_day(value) for value in _several("days", values)}
    return tuple(day for day in _WEEK if day in named)


def _day(value: object) -> str:
    day = value.lower() if isinstance(value, str) else ""
    if day not in _WEEK:
        raise wrong_argument("days", "full English day names, such as 'monday'", value)
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
            raise wrong_argument("hours", f"a dot instead of a colon: '{dotted}'", value)
    raise wrong_argument("hours", "'HH.MM', an hour from 0 to 23 or a datetime.time", value)


def _hour_of_time(value: time) -> str:
    if value.tzinfo is not None:
        raise wrong_argument("hours", "a time without a time zone, because the service uses UTC+10 all year", value)
    if value.second or value.microsecond:
        raise wrong_argument("hours", "a time without seconds, because the service uses hours and minutes", value)
    return f"{value.hour:02}.{value.minute:02}"


@attrs.frozen
class EveryMinutes(Serializable):
    """When a collection with the schedule ``"Every X Minutes"`` runs: every *minutes* minutes, on *days*, in *hours*.

    Hours are in UTC+10 without daylight saving time, regardless of the local time zone. An hour is ``"08.00"`` (with a
    dot), ``8`` or ``datetime.time(8)``; a day is its full English name. Both are sorted, without duplicates. All three
    are required: what the service does without them is not documented, and may cost credits.

    Raises:
        ArgumentError: One of them is invalid; the message says which.
    """

    minutes: int = attrs.field(converter=_minutes)
    days: tuple[str, ...] = attrs.field(converter=_days)
    hours: tuple[str, ...] = attrs.field(converter=_hours)

    @property
    def schedule_time(self) -> dict[str, Any]:
        """The object that is sent to the service."""
        return {"minutes_frequency": str(self.minutes), "days_of_week": [*self.days], "hours": [*self.hours]}

    def _fields_to_write(self) -> dict[str, Any]:
        return self.schedule_time
