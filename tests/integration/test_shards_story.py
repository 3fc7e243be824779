"""A list that is longer than a collection: spread, run, mirrored, and grown later, without anything moving."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.errors import ArgumentError, OutcomeUnknownError
from multicart_async.models import Shard
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import DropAfter, DropBefore

EAGER = PollPolicy(poll_interval=0.001, max_poll_interval=0.01, wait_timeout=30)
ASINS = [f"B0{number:08d}" for number in range(12_000)]
NEW = [f"C0{number:08d}" for number in range(500)]
PLACE: dict[str, Any] = {"notification_email": "ops@example.com", "domain": "amazon.com.au", "postcode": "4500"}
CREATE = "/schedules/add_schedule/"
ADD = "/schedules/amazon/asin/create/multiple/"


async def counts(client: AsyncMultiCart, shards: tuple[Shard, ...]) -> list[int]:
    """How many ASINs the service has of each."""
    return [await client.asins.count(shard.collection_id) for shard in shards]


async def homes(client: AsyncMultiCart, shards: tuple[Shard, ...]) -> dict[str, int]:
    """Where the service has some of the ASINs: the first and the last hundred of each collection."""
    found: dict[str, int] = {}
    for shard in shards:
        last = len(shard.asins) - 100
        rows = [row for skip in (0, last) for row in await client.asins.list(shard.collection_id, skip=skip)]
        found.update({row.asin: shard.collection_id for row in rows})
    return found


def shuffled(asins: list[str]) -> list[str]:
    """The same in another order, always the same other order."""
    return random.Random(7).sample(asins, len(asins))


async def test_12_000_asins_fill_three_collections(client, sandbox, tmp_path) -> None:
    """By the count of the service; the same call again creates and adds nothing."""
    journal = tmp_path / "journal"
    shards = await client.collections.create_sharded("Big", iter(ASINS), journal=journal, **PLACE)
    sent = len(sandbox.requests)
    again = await client.collections.create_sharded("Big", shuffled(ASINS), journal=journal, **PLACE)

    assert sent == len(sandbox.requests)
    assert shards == again
    assert [shard.name for shard in shards] == ["Big 1", "Big 2", "Big 3"]
    assert await counts(client, shards) == [5_000, 5_000, 2_000]
    assert set(ASINS) == {asin for shard in shards for asin in shard.asins}


async def test_500_more_go_where_there_is_room_and_nothing_moves(client, sandbox, tmp_path) -> None:
    """In another order, by the same journal: no collection is new, and one call adds them."""
    journal = tmp_path / "journal"
    before = await client.collections.create_sharded("Big", ASINS, journal=journal, **PLACE)
    where = await homes(client, before)
    created, added = sandbox.counts[CREATE], sandbox.counts[ADD]
    after = await client.collections.create_sharded("Big", shuffled(ASINS + NEW), journal=journal, **PLACE)

    assert (created, added + 1) == (sandbox.counts[CREATE], sandbox.counts[ADD])
    assert await counts(client, after) == [5_000, 5_000, 2_500]
    assert before[:2] == after[:2]
    assert before[2].asins == after[2].asins[:2_000]
    now = await homes(client, (*after[:2], before[2]))
    assert where == {asin: home for asin, home in now.items() if asin in where}


async def test_shards_are_run_downloaded_and_mirrored(tmp_path) -> None:
    """One pipeline over all of them; the mirror finds everything there, and its check nothing wrong."""
    async with Sandbox(instant=True, record_bytes=150, items_per_page=500) as sandbox, sandbox.client() as client:
        shards = await client.collections.create_sharded("Big", ASINS, size=4_000, **PLACE)
        wanted = [shard.collection_id for shard in shards]
        downloads = {
            outcome.key: outcome.unwrap()
            async for outcome in client.runs.run_many(
                wanted, tmp_path / "results", journal=tmp_path / "runs", policy=EAGER, check_credits=True
            )
        }
        report = await client.sync(tmp_path / "results", collections=wanted)
        verified = await client.verify(tmp_path / "results")

    assert [len(downloads[number].files) for number in wanted] == [8, 8, 8]
    assert (report.runs, report.skipped, report.files) == (3, 3, 0)
    assert (verified.ok, verified.runs, verified.files) == (True, 3, 24)
    assert sum(downloads[number].run.total_results or 0 for number in wanted) == 12_000
    assert sandbox.ignored_fields == []


async def test_a_lost_answer_in_the_middle_is_taken_up_again(client, sandbox, tmp_path) -> None:
    """The second creation was not done; after it, all ASINs are there, each once, in no more collections than needed."""
    journal, asins = tmp_path / "journal", ASINS[:50]
    sandbox.faults.add(CREATE, DropBefore(), after=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.collections.create_sharded("Big", asins, size=20, journal=journal, **PLACE)
    sandbox.faults.add(ADD, DropAfter())
    with pytest.warns(match="'Big 2' is created again"):
        shards = await client.collections.create_sharded("Big", asins, size=20, journal=journal, **PLACE)

    assert [len(shard.asins) for shard in caught.value.report] == [20]
    assert await counts(client, shards) == [20, 20, 10]
    assert [shard.added.success_count for shard in shards] == [20, 20, 10]
    assert len(await client.collections.list()) == 3


async def test_a_journal_of_another_list_is_refused(client, sandbox, tmp_path: Path) -> None:
    """Before anything is sent; the error says whose it is."""
    journal = tmp_path / "journal"
    await client.collections.create_sharded("Big", ["B1"], journal=journal, **PLACE)
    sent = len(sandbox.requests)
    with pytest.raises(ArgumentError, match=r"journal: .* belongs to 'Big' \(amazon.com.au, 4500\)"):
        await client.collections.create_sharded("Small", ["B1"], journal=journal, **PLACE)

    assert sent == len(sandbox.requests)
