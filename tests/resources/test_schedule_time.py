"""Times of a schedule: what goes over the wire, what cannot be right, and what may cost more than was meant."""

from __future__ import annotations

import warnings
from datetime import UTC, time
from typing import Any

import attrs
import pytest
from support.fakes import FakeTransport, ok
from support.groups import Groups, groups_over

from multicart_async.errors import ArgumentError, MultiCartWarning
from multicart_async.models import EveryMinutes

MAIL = "ops@example.com"
WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
DOCUMENTED = {"minutes_frequency": "30", "days_of_week": WORKDAYS, "hours": ["08.00", "12.00", "16.00"]}
HALF_HOURLY = EveryMinutes(30, WORKDAYS, [8, 12, 16])


def fresh() -> Groups:
    """Groups over a service that answers one call."""
    return groups_over(FakeTransport(ok({"id": 101, "name": "AU"})))


def sent_by(groups: Groups) -> dict[str, Any]:
    """The fields of the only request."""
    ((_, fields),) = groups.transport.sent
    assert isinstance(fields, dict)
    return fields


def refusal(argument: str, *times: Any) -> str:
    """What the error says that such times are worth."""
    with pytest.raises(ArgumentError, match=rf"\A{argument}: ") as caught:
        EveryMinutes(*times)
    assert argument == caught.value.argument
    return caught.value.reason


def test_it_is_the_documented_object() -> None:
    """A numeric text, lower-case days, hours with a dot."""
    assert HALF_HOURLY.schedule_time == DOCUMENTED


def test_days_are_put_in_the_week_s_order_whatever_their_case() -> None:
    """Each once, from any iterable."""
    assert EveryMinutes(1, iter(["Sunday", "MONDAY", "sunday"]), [0]).days == ("monday", "sunday")


@pytest.mark.parametrize("hour", ["08.00", 8, time(8)], ids=repr)
def test_an_hour_has_three_spellings(hour: Any) -> None:
    """A text as the service writes it, a whole number, or a time."""
    assert EveryMinutes(1, WORKDAYS, [hour]).hours == ("08.00",)


def test_hours_are_put_in_order_each_once() -> None:
    """To the minute."""
    times = EveryMinutes(1, WORKDAYS, [23, time(8, 30), "08.30", 0, "00.05"])

    assert times.hours == ("00.00", "00.05", "08.30", "23.00")


def test_the_bounds_are_times() -> None:
    """From every minute to every hour, from the first minute of a day to its last."""
    assert (EveryMinutes(1, WORKDAYS, [0]).minutes, EveryMinutes(60, WORKDAYS, [0]).minutes) == (1, 60)
    assert EveryMinutes(1, WORKDAYS, ["23.59", "00.00"]).hours == ("00.00", "23.59")


def test_equal_times_are_equal_however_they_were_spelled() -> None:
    """They are values: they can be compared and be keys, and they do not change."""
    other = EveryMinutes(minutes=30, days=reversed(WORKDAYS), hours=["16.00", time(12), 8])

    assert {other: 1} == {HALF_HOURLY: 1}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        other.minutes = 5  # type: ignore[misc]


def test_the_object_is_the_caller_s_to_change() -> None:
    """The times keep theirs."""
    HALF_HOURLY.schedule_time["days_of_week"].clear()

    assert HALF_HOURLY.schedule_time == DOCUMENTED


@pytest.mark.parametrize("minutes", [0, 61, -1, True, 30.0, "30", None], ids=repr)
def test_minutes_are_those_of_the_dashboard(minutes: Any) -> None:
    """What else there may be is not documented: whoever knows better sends a mapping."""
    reason = refusal("minutes", minutes, WORKDAYS, [8])

    assert repr(minutes) in reason
    assert "pass a mapping" in reason


@pytest.mark.parametrize("day", ["mon", "", " monday", "Montag", 1, None, b"monday"], ids=repr)
def test_a_day_has_its_full_english_name(day: Any) -> None:
    """Short names are not documented."""
    assert repr(day) in refusal("days", 1, ["monday", day], [8])


@pytest.mark.parametrize(
    "hour",
    [
        "8",
        "8.00",
        "24.00",
        "08.60",
        "08.0",
        "08.00 ",
        "08.00\n",
        "\u0660\u0668.\u0660\u0660",
        "",
        "24:00",
        "08:00:00",
        -1,
        24,
        True,
        8.0,
        None,
        b"08.00",
    ],
    ids=repr,
)
def test_an_hour_is_one_of_the_day_s(hour: Any) -> None:
    """Two digits, a dot, two digits."""
    assert repr(hour) in refusal("hours", 1, WORKDAYS, [hour])


@pytest.mark.parametrize("hour", ["08:00", "8:00"])
def test_an_hour_with_a_colon_is_told_its_right_spelling(hour: str) -> None:
    """It is what everybody writes first."""
    assert "'08.00'" in refusal("hours", 1, WORKDAYS, [hour])


@pytest.mark.parametrize(
    ("hour", "why"),
    [(time(8, tzinfo=UTC), "time zone"), (time(8, 0, 1), "seconds"), (time(8, 0, 0, 1), "seconds")],
    ids=str,
)
def test_a_time_is_plain_hours_and_minutes(hour: time, why: str) -> None:
    """Nothing is converted or cut off silently."""
    assert why in refusal("hours", 1, WORKDAYS, [hour])


@pytest.mark.parametrize("values", ["monday", b"monday", 8, None], ids=repr)
def test_days_and_hours_are_several(values: Any) -> None:
    """A single text is many letters."""
    assert "list" in refusal("days", 1, values, [8])
    assert "list" in refusal("hours", 1, WORKDAYS, values)


def test_nothing_may_be_left_empty() -> None:
    """That may mean all of them: say so."""
    assert "credits" in refusal("days", 1, [], [8])
    assert "credits" in refusal("hours", 1, WORKDAYS, iter(()))
    with pytest.raises(TypeError):
        EveryMinutes(1, WORKDAYS)  # type: ignore[call-arg]


async def test_create_and_update_send_times() -> None:
    """As the documented object."""
    made, changed = fresh(), fresh()
    await made.collections.create("AU", notification_email=MAIL, schedule="Every X Minutes", schedule_time=HALF_HOURLY)
    await changed.collections.update(101, schedule="Every X Minutes", schedule_time=HALF_HOURLY)

    assert DOCUMENTED == sent_by(made)["schedule_time"] == sent_by(changed)["schedule_time"]


async def test_update_takes_times_without_a_schedule() -> None:
    """The collection has its schedule already."""
    groups = fresh()
    await groups.collections.update(101, schedule_time=HALF_HOURLY)

    assert sent_by(groups) == {"schedule_id": 101, "schedule_time": DOCUMENTED}


@pytest.mark.parametrize("schedule", ["Manual", "Daily", "Weekly", "Monthly"])
async def test_times_of_another_schedule_are_refused(schedule: Any) -> None:
    """Nothing is sent; without a schedule, `create` makes a manual one."""
    groups = fresh()
    for call in (
        groups.collections.create("AU", notification_email=MAIL, schedule=schedule, schedule_time=HALF_HOURLY),
        groups.collections.create("AU", notification_email=MAIL, schedule_time=HALF_HOURLY),
        groups.collections.update(101, schedule=schedule, schedule_time=HALF_HOURLY),
    ):
        with pytest.raises(ArgumentError, match=r"\Aschedule_time: .*Every X Minutes"):
            await call
    assert groups.transport.sent == []


@pytest.mark.parametrize("times", [{}, {"schedule_time": {}}, {"schedule_time": {"hours": []}}], ids=repr)
async def test_a_daily_schedule_without_hours_is_a_warning(times: dict[str, Any]) -> None:
    """It may run every hour. It is sent all the same; the warning points at the caller's line."""
    made, changed = fresh(), fresh()
    with pytest.warns(MultiCartWarning, match="24 times") as told:
        await made.collections.create("AU", notification_email=MAIL, schedule="Daily", **times)
    with pytest.warns(MultiCartWarning, match="24 times") as told_again:
        await changed.collections.update(101, schedule="Daily", **times)

    assert [one.filename for one in [*told, *told_again]] == [__file__, __file__]
    assert "Daily" == sent_by(made)["schedule"] == sent_by(changed)["schedule"]


@pytest.mark.parametrize("times", [{}, {"schedule_time": {}}], ids=repr)
async def test_a_new_every_x_minutes_without_times_is_a_warning(times: dict[str, Any]) -> None:
    """A new collection with "Every X Minutes" and no times is a warning; an existing one may have times already."""
    made, changed = fresh(), fresh()
    with pytest.warns(MultiCartWarning, match="not documented") as told:
        await made.collections.create("AU", notification_email=MAIL, schedule="Every X Minutes", **times)
    await changed.collections.update(101, schedule="Every X Minutes", **times)

    assert [one.filename for one in told] == [__file__]
    assert "Every X Minutes" == sent_by(made)["schedule"] == sent_by(changed)["schedule"]


async def test_what_says_its_hours_is_no_warning() -> None:
    """Nor is a schedule that is not known to need them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await fresh().collections.create(
            "AU", notification_email=MAIL, schedule="Daily", schedule_time={"hours": ["08.00"]}
        )
        await fresh().collections.update(101, schedule="Daily", schedule_time={"hours": ["08.00"]})
        await fresh().collections.create("AU", notification_email=MAIL, schedule="Weekly")
