"""How late `wait_many` notices an end, and what that costs, however long nothing has ended before."""

from __future__ import annotations

import math

import attrs
import pytest
from support.fake_service import GET, HISTORY, LIST, STEADY, World
from support.fakes import ok, refused
from support.thinning import thinned

from multicart_async._http import Response
from multicart_async.config import PollPolicy
from multicart_async.errors import AuthenticationError, RunFailedError

NEVER = math.inf
GROWING = PollPolicy(jitter=0)
"""The default policy, exactly: ticks at 5, 10, 18, 29, 46, 71, 109, 166, 226 … seconds while nothing ends."""


def between(moments: list[float], start: float, end: float) -> list[int]:
    return [round(at) for at in moments if start < at < end]


@pytest.mark.parametrize("many", thinned([200, 2_000], 200))
def test_ends_after_a_long_silence_are_noticed_in_time(many: int) -> None:
    """Ends are noticed within two poll intervals although the ticks are far apart, for two requests each and a few lists."""
    world = World()
    ends = {number: 72 + 36 * number / many for number in range(1, many + 1)}

    told = world.wait(*(world.add(number, ready=end) for number, end in ends.items()), policy=GROWING)

    assert len(told) == many
    assert max(each.at - ends[each.id] for each in told) < 2 * GROWING.poll_interval
    assert world.requests[HISTORY] <= 2 * many + 4
    assert world.requests[LIST] <= 25


def test_fifty_collections_are_listed_every_twelve_seconds() -> None:
    """The lists between ticks are as many in the longest interval as there are tens of collections."""
    world = World(latency=0)

    world.wait(
        *(world.add(number, ready=NEVER) for number in range(1, 51)), policy=attrs.evolve(GROWING, wait_timeout=222)
    )

    assert between(world.asked(LIST), 100, 220) == [109, 123, 137, 152, 166, 178, 190, 202, 214]


def test_a_list_that_fails_is_requested_at_ticks_only() -> None:
    """Nothing is gained by requesting it more often, and a service in trouble is left alone."""
    world = World(latency=0, trouble=lambda path, _, now: refused(500) if path == LIST and 110 < now < 230 else None)

    world.wait(
        *(world.add(number, ready=NEVER) for number in range(1, 201)), policy=attrs.evolve(GROWING, wait_timeout=235)
    )

    assert between(world.asked(LIST), 110, 230) == [114, 166, 226]


def test_a_rejection_between_ticks_is_not_counted() -> None:
    """Two ticks in a row end the waits, not the list before them and one tick."""
    world = World(latency=0, trouble=lambda path, _, now: refused(401) if path == LIST and now > 110 else None)

    told = world.wait(*(world.add(number, ready=NEVER) for number in range(1, 201)), policy=GROWING)

    assert between(world.asked(LIST), 110, NEVER) == [114, 166, 226]
    assert {(round(each.at), type(each.outcome.error)) for each in told} == {(226, AuthenticationError)}


def test_an_unlisted_collection_is_polled_at_ticks_only() -> None:
    """A list between ticks cannot show a draft, and is no reason to poll it."""
    world = World(latency=0)
    started = [world.add(number, ready=NEVER, listed=number > 1) for number in range(1, 201)]

    world.wait(*started, policy=attrs.evolve(GROWING, wait_timeout=175))

    assert between(world.asked(HISTORY, 1), 1, 170) == [5, 10, 18, 29, 46, 71, 109, 166]


def test_a_run_long_behind_its_row_is_polled_again() -> None:
    """If the row was first, the collection is polled at the next two lists, the 6th and the 18th."""
    world = World()
    started = [world.add(1, ready=NEVER, shown=45), *(world.add(number, ready=NEVER) for number in range(2, 6))]

    world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=245))

    assert between(world.asked(HISTORY, 1), 1, 240) == [50, 60, 70, 90, 110, 190, 230]  # 90 and 190 are polls of all


@pytest.mark.parametrize(
    ("ready", "shown", "requested"),
    [(35, 35, [190]), (NEVER, NEVER, [90, 190, 290]), (35, NEVER, [90, 190, 290])],
    ids=["an end was shown", "nothing ended", "an end was missed"],
)
def test_a_status_in_the_list_is_requested_every_second_time(ready: float, shown: float, requested: list[int]) -> None:
    """A poll takes the status from a list that has shown an end and missed none; only every second one requests it."""
    world = World()
    started = [world.add(1, ready=ready, shown=shown), *(world.add(number, ready=NEVER) for number in range(2, 6))]

    world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=345))

    assert between(world.asked(GET, 5), 15, 340) == requested


def test_a_failure_that_the_list_hides_is_found() -> None:
    """Its collection is requested by the second poll at the latest, although the list shows it as processed."""

    def trouble(path: str, number: int, now: float) -> Response | None:
        hidden = path == GET and number == 5 and now > 40
        return ok({**world.fakes[5].row(now), "schedule_status": "Failed"}) if hidden else None

    world = World(trouble=trouble)
    started = [world.add(1, ready=35), *(world.add(number, ready=NEVER) for number in range(2, 6))]

    told = world.wait(*started, policy=attrs.evolve(STEADY, wait_timeout=345))

    assert (told[1].id, round(told[1].at)) == (5, 190)
    assert isinstance(told[1].outcome.error, RunFailedError)
