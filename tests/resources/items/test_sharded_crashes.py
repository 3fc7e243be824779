"""``collections.create_sharded`` with a journal, ended at any step: the next call goes on."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.shard_service import FIVE, Crash, How, ShardService, call, crashing_ledger, notes, warned

FIVE_AND_MORE = [*FIVE, "F", "G", "H", "I"]
STEPS = 21
"""Two lines of the journal, the placement, and for each of three collections two requests and four lines."""


@pytest.mark.parametrize("how", ["before", "half", "after"])
async def test_the_same_call_finishes_the_work_after_any_crash(how: How, tmp_path: Path) -> None:
    """After a crash at any step the same call adds each ASIN once, and warns of the collection whose creation was interrupted."""
    drafts = []
    for step in range(1, STEPS + 1):
        service, path = ShardService(), tmp_path / f"{step}"
        with crashing_ledger(service):
            service.arm(step, how)
            with pytest.raises(Crash):
                await call(service, FIVE, path)
            intended = [note["state"] for note in notes(path)][-1:] == ["intent"]

            service.arm()
            shards, warned_of = await warned(service, FIVE, path)

        service.check(shards, FIVE, 2)
        assert bool(intended) == bool(warned_of)
        assert service.unknown(shards) <= Counter(warned_of)
        drafts += warned_of

        service.arm()
        assert await warned(service, FIVE, path) == (shards, [])
        assert service.sent == []
    assert set(drafts) == {"AU 1", "AU 2", "AU 3"}


async def test_the_steps_above_are_all_there_are() -> None:
    """Otherwise some of them would not have been tried."""
    service = ShardService()
    with tempfile.TemporaryDirectory() as folder, crashing_ledger(service):
        await call(service, FIVE, Path(folder) / "journal")

    assert service.steps == STEPS


CALLS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 30), st.sampled_from(["before", "half", "after"])),
    max_size=5,
)


@given(CALLS, st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
async def test_any_number_of_crashes_lose_nothing(
    calls: list[tuple[int, int, int, How]], count: int, size: int
) -> None:
    """While the list grows and *size* changes from call to call: nothing moves, nothing is lost, nothing is twice."""
    service, told, homes = ShardService(), list[str](), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder, crashing_ledger(service):
        journal = Path(folder) / "journal"
        for many, most, crash_at, how in calls:
            service.arm(crash_at, how)
            with suppress(Crash):
                await warned(service, FIVE_AND_MORE[:many], journal, most, told)
            assert homes.items() <= service.homes().items()
            homes = service.homes()
        service.arm()
        shards, _ = await warned(service, FIVE_AND_MORE[:count], journal, size, told)

    assert homes.items() <= service.homes().items()
    assert {*FIVE_AND_MORE[:count], *homes} <= set(service.homes())
    assert service.unknown(shards) <= Counter(told)
    service.check(shards, [*service.homes()], 4)
