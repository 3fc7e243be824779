"""A collection that runs by itself: made, read back, run by its schedule, and stopped."""

from __future__ import annotations

from datetime import time

import pytest

from multicart_async import PollPolicy
from multicart_async.errors import ArgumentError, MultiCartWarning
from multicart_async.models import EveryMinutes, StartedRun

EAGER = PollPolicy(poll_interval=0.001, max_poll_interval=0.01, wait_timeout=30)
OFFICE = EveryMinutes(30, ["Friday", "monday"], ["16.00", 8, time(12, 30)])
CREATE, UPDATE = "/schedules/add_schedule/", "/schedules/update_schedule/"


def sent_last(sandbox, path):
    """The fields of the last request to a path."""
    return [request.fields for request in sandbox.requests if request.path == path][-1]


async def scheduled(client):
    """A collection with these times, and an item in it."""
    made = await client.collections.create(
        "AU Laptops", notification_email="ops@example.com", schedule="Every X Minutes", schedule_time=OFFICE
    )
    await client.asins.create_many(made.id, ["B1"], domain="amazon.com.au", postcode="4500")
    return made.id


async def test_times_go_out_in_the_words_of_the_service(client, sandbox) -> None:
    """Days in their order and in full, hours with a dot, minutes as a text."""
    await scheduled(client)

    times = {"minutes_frequency": "30", "days_of_week": ["monday", "friday"], "hours": ["08.00", "12.30", "16.00"]}
    assert tuple(sent_last(sandbox, CREATE)[key] for key in ("schedule", "schedule_time")) == ("Every X Minutes", times)


async def test_what_is_read_back_is_what_is_documented(client) -> None:
    """The schedule's name is; its times are in no documented answer, so they are not known."""
    found = await client.collections.get(await scheduled(client))

    assert (found.schedule, found.schedule_time) == ("Every X Minutes", None)
    assert found.extra == {}


async def test_a_run_that_the_schedule_has_started_is_waited_for(client, sandbox) -> None:
    """It is the one after the newest that is known; nobody has to start it here."""
    made = await scheduled(client)
    newest = await client.runs.latest(made)
    run_id = sandbox.start_run(made)

    assert newest is None
    assert run_id == (await client.runs.wait(StartedRun(made, 0), policy=EAGER)).id
    assert run_id == (await client.runs.latest(made)).id


async def test_times_can_be_changed_alone_and_a_schedule_stopped(client, sandbox) -> None:
    """An update sends only the given fields: times alone change the times, and "Manual" stops the schedule."""
    made = await scheduled(client)
    await client.collections.update(made, schedule_time=EveryMinutes(60, ["sunday"], [0]))
    times = sent_last(sandbox, UPDATE)
    stopped = await client.collections.update(made, schedule="Manual")

    sunday = {"minutes_frequency": "60", "days_of_week": ["sunday"], "hours": ["00.00"]}
    assert times == {"schedule_id": made, "schedule_time": sunday}
    assert sent_last(sandbox, UPDATE) == {"schedule_id": made, "schedule": "Manual"}
    assert "Manual" == stopped.schedule == (await client.collections.get(made)).schedule


async def test_times_for_another_schedule_are_refused(client, sandbox) -> None:
    """Nothing is sent."""
    with pytest.raises(
        ArgumentError, match="expected a mapping for 'Daily', got EveryMinutes; use it with 'Every X Minutes'"
    ):
        await client.collections.create(
            "AU Laptops", notification_email="ops@example.com", schedule="Daily", schedule_time=OFFICE
        )

    assert sandbox.counts[CREATE] == 0


async def test_a_daily_schedule_without_hours_warns_about_credits(client) -> None:
    """A daily schedule without hours is created, with a warning that says how often it may run."""
    with pytest.warns(MultiCartWarning, match="24 times the credits"):
        made = await client.collections.create("AU", notification_email="ops@example.com", schedule="Daily")

    assert (await client.collections.get(made.id)).schedule == "Daily"
