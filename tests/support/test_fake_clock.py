"""`FakeClock`: a clock that is turned by hand."""

from __future__ import annotations

from support.fakes import FakeClock


async def test_time_moves_by_what_is_slept_and_by_hand() -> None:
    """Nothing else moves it, and every sleep is noted."""
    clock = FakeClock()
    await clock.sleep(1.5)
    await clock.sleep(0)
    clock.advance(2)

    assert clock.now() == 3.5
    assert clock.slept == [1.5, 0]


async def test_the_smallest_sleep_moves_the_clock() -> None:
    """Who sleeps until a moment in a loop gets there, although ``now + rest`` rounds to ``now``."""
    clock = FakeClock()
    clock.advance(1e9)
    await clock.sleep(1e-12)

    assert clock.now() > 1e9
