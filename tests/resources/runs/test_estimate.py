"""What runs would cost, from one list and one credits call."""

# ruff: noqa: ASYNC240 -- nothing else runs here meanwhile

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.bulk_client import CREDITS, START, impatient
from support.mirror_kit import LIST, stream_of

from multicart_async import AsyncMultiCart
from multicart_async.errors import ArgumentError, AuthenticationError, DiskError
from multicart_async.models import Estimate, StartedRun
from multicart_async.resources.runs._journal import RunJournal
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content, Envelope


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True) as made:
        made.set_credits(500)
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox) as made:
        yield made


def answering(data: object) -> Content:
    return Content(json.dumps({"code": 200, "data": data, "status": 1}).encode(), "application/json")


async def test_items_and_credits_from_two_calls(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """Each item costs one credit; nothing is started."""
    ids = sandbox.add_collections(3, items=30)
    sandbox.recording.clear()

    assert await client.runs.estimate(ids) == Estimate(collections=3, items=90, spendable=500, unknown=())
    assert sandbox.counts == {LIST: 1, CREDITS: 1}


async def test_an_estimate_can_be_written(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """As JSON, like other reports."""
    found = await client.runs.estimate([7_000_001])

    assert found.to_dict() == {"collections": 1, "items": 0, "spendable": 500, "unknown": [7_000_001]}


async def test_a_duplicate_counts_once(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """As it is run once."""
    (number,) = sandbox.add_collections(1, items=30)

    assert await client.runs.estimate([number, number]) == Estimate(1, 30, 500, ())


@pytest.mark.parametrize("wrap", [iter, stream_of], ids=["iterator", "async"])
async def test_ids_can_come_from_a_generator(sandbox: Sandbox, client: AsyncMultiCart, wrap: Any) -> None:
    """It is read to its end first."""
    ids = sandbox.add_collections(2, items=30)

    assert (await client.runs.estimate(wrap(ids))).items == 60


async def test_what_is_not_listed_is_unknown(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """Such as a draft; the others are counted all the same."""
    (draft,) = sandbox.add_collections(1, items=0)
    (number,) = sandbox.add_collections(1, items=10)

    assert await client.runs.estimate([draft, number, 9_999_999]) == Estimate(3, 10, 500, (draft, 9_999_999))


@pytest.mark.parametrize("count", [None, -3, "many"])
async def test_what_is_listed_without_a_number_is_unknown(sandbox: Sandbox, client: AsyncMultiCart, count: Any) -> None:
    """Nor is an impossible number added."""
    sandbox.faults.add(LIST, answering([{"id": 5, "asin_count": count}, {"id": 6, "asin_count": 4}]))

    assert await client.runs.estimate([5, 6]) == Estimate(2, 4, 500, (5,))


@pytest.mark.parametrize("data", [{}, {"available_credits": 5, "used_credits": 1}, "5 credits", [5]])
async def test_credits_of_another_shape_are_unknown(sandbox: Sandbox, client: AsyncMultiCart, data: object) -> None:
    """The items are counted."""
    (number,) = sandbox.add_collections(1, items=10)
    sandbox.faults.add(CREDITS, answering(data))

    assert await client.runs.estimate([number]) == Estimate(1, 10, None, ())


async def test_a_rejected_key_is_an_error(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """It is not an unknown number."""
    sandbox.faults.add(CREDITS, Envelope(401))

    with pytest.raises(AuthenticationError):
        await client.runs.estimate([1])


@pytest.mark.parametrize("wrap", [list, iter, stream_of], ids=["list", "iterator", "async"])
async def test_a_wrong_id_is_an_error_before_any_request(sandbox: Sandbox, client: AsyncMultiCart, wrap: Any) -> None:
    """Also the last one of a generator."""
    with pytest.raises(ArgumentError, match=r"collection_ids: .*expected a positive integer"):
        await client.runs.estimate(wrap([1, 0]))
    assert sandbox.counts == {}


async def test_with_a_journal_only_what_is_to_be_started_counts(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path
) -> None:
    """What was rejected is started again; the rest of the batch is paid for, or may be."""
    ids = sandbox.add_collections(5, items=10)
    path = tmp_path / "runs.journal"
    async with RunJournal(path) as journal:
        for number, state in zip(ids, ("intent", "started", "done", "refused"), strict=False):
            await journal.record(state, StartedRun(number, 0))  # type: ignore[arg-type]

    assert await client.runs.estimate(ids, journal=path) == Estimate(2, 20, 500, ())


async def test_a_journal_is_only_read(sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path) -> None:
    """Another process may have it open, and be about to write a line."""
    ids = sandbox.add_collections(2, items=10)
    path = tmp_path / "runs.journal"
    async with RunJournal(path) as journal:
        await journal.record("started", StartedRun(ids[0], 0))
        with path.open("ab") as file:
            file.write(b'{"state": "started", "coll')
        before = path.read_bytes(), path.stat().st_mtime_ns

        found = await client.runs.estimate(ids, journal=path)

        assert found == Estimate(1, 10, 500, ())
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("content", [None, b"", b'{"journal": "multi'], ids=["missing", "empty", "begun"])
async def test_a_missing_journal_is_not_created(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path, content: bytes | None
) -> None:
    """Nothing was started with it."""
    ids = sandbox.add_collections(2, items=10)
    path = tmp_path / "runs.journal"
    if content is not None:
        path.write_bytes(content)

    assert (await client.runs.estimate(ids, journal=path)).items == 20
    assert (path.read_bytes() if path.exists() else None) == content


@pytest.mark.parametrize("content", [b"x\n", b'{"journal": "multicart_async", "version": 1}\n{"state": "lost"}\n'])
async def test_a_damaged_journal_is_an_error(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path, content: bytes
) -> None:
    """Before any request."""
    path = tmp_path / "runs.journal"
    path.write_bytes(content)

    with pytest.raises(ArgumentError, match="journal: "):
        await client.runs.estimate([1], journal=path)
    assert sandbox.counts == {}


async def test_a_journal_that_cannot_be_read_is_an_error(client: AsyncMultiCart, tmp_path: Path) -> None:
    """Such as a folder."""
    with pytest.raises(DiskError, match="journal: expected a regular file, got a folder"):
        await client.runs.estimate([1], journal=tmp_path)


async def test_an_estimate_agrees_with_the_credit_check(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """With exactly the credits that it names, everything is run."""
    ids = sandbox.add_collections(3, items=7)
    sandbox.set_credits((await client.runs.estimate(ids)).items)

    done = [outcome.ok async for outcome in client.runs.run_many(ids, check_credits=True)]

    assert done == [True] * 3
    assert sandbox.counts[START] == 3
