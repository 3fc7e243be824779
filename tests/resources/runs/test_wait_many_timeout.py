"""Patience ends, whatever a clock's sums are rounded to."""

from __future__ import annotations

import random

import pytest
from support.fakes import FakeClock

from multicart_async.config import PollPolicy
from multicart_async.resources._polling import PollTimer


@pytest.mark.parametrize("part", range(4))
async def test_a_wait_ends_on_every_clock(part: int) -> None:
    """A rest of patience that is lost when it is added to the time is no patience: it would be slept for ever."""
    chance = random.Random(part)
    for _ in range(500):
        clock = FakeClock()
        clock.advance(chance.uniform(0, 1e6))
        pace = PollTimer(PollPolicy(wait_timeout=chance.uniform(0, 100)), clock.clock)
        pauses = 0

        while await pace.sleep():
            pauses += 1
            assert pauses < 50, clock.slept[-3:]

        assert pace.remaining == 0
