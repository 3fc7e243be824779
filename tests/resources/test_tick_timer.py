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
