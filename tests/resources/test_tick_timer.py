"""When a wait for many asks about all of them, and that it keeps a pause that the service asks for."""

from __future__ import annotations

import pytest
from support.fakes import FakeClock

from multicart_async.config import PollPolicy
from multicart_async.resources._polling import TickTimer

STEADY = PollPolicy(poll_interval=10, growth=1, max_poll_interval=10, jitter=0)


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Two answers may come at once, of which the second asks for less."""
    clock = FakeClock()
    ticks = TickTimer(STEADY, clock)

    ticks.hold(60)
    ticks.hold(5)
    await clock.sleep(59)

    assert (ticks.on_hold, ticks.remaining) == (True, 1)


@pytest.mark.parametrize("hasten", [False, True])
async def test_no_tick_is_planned_into_a_pause(hasten: bool) -> None:
    """Neither the next regular one, nor one that is wanted at once."""
    ticks = TickTimer(STEADY, FakeClock())

    ticks.hold(60)
    ticks.schedule_next()
    ticks.hasten(now=hasten)

    assert ticks.remaining == 60


FORTY = PollPolicy(poll_interval=40, growth=1, jitter=0)


async def test_a_long_interval_is_divided_by_lists() -> None:
    """Into equal parts, as many as are at least so long; only the last ends with a tick."""
    clock = FakeClock()
    ticks = TickTimer(FORTY, clock)
    begun: list[tuple[float, bool]] = []

    for _ in range(5):
        begun.append((clock.now(), ticks.begin()))
        ticks.schedule_next(15)
        await clock.sleep(ticks.remaining)

    assert begun == [(0, True), (20, False), (40, True), (60, False), (80, True)]


async def test_a_restarted_interval_brings_lists_forward() -> None:
    """They come as soon as the policy starts with, although the tick was planned for later; without lists, the tick stays."""
    clock = FakeClock()
    ticks = TickTimer(PollPolicy(poll_interval=10, growth=4, jitter=0), clock)
    for pause in (10, 20):  # the second interval is 40 seconds, in two parts
        ticks.begin()
        ticks.schedule_next(20)
        await clock.sleep(pause)
    ticks.hasten()
    ticks.begin()

    ticks.schedule_next(20)
    brought_forward = ticks.remaining
    ticks.schedule_next()

    assert (brought_forward, ticks.remaining) == (10, 20)


async def test_a_tick_due_during_a_list_is_not_skipped() -> None:
    """The response to a list between two ticks arrives after the second."""
    clock = FakeClock()
    ticks = TickTimer(FORTY, clock)
    ticks.schedule_next(15)
    clock.advance(20)
    assert not ticks.begin()

    clock.advance(25)
    ticks.schedule_next(15)

    assert (ticks.remaining, ticks.begin()) == (0, True)


async def test_a_pause_defers_lists_and_ticks() -> None:
    """After a pause that outlasts the interval, a tick is due."""
    clock = FakeClock()
    ticks = TickTimer(FORTY, clock)
    ticks.schedule_next(15)
    ticks.hold(60)
    clock.advance(60)

    assert (ticks.remaining, ticks.begin()) == (0, True)


async def test_ticks_without_interval_have_no_parts() -> None:
    """An interval of zero seconds cannot be divided."""
    ticks = TickTimer(PollPolicy(poll_interval=0, max_poll_interval=0), FakeClock())

    ticks.schedule_next(0)

    assert (ticks.remaining, ticks.begin()) == (0, True)
