"""The worker of docs/applications.md, delivered again, timed out and interrupted: it starts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from support.documents import ROOT, blocks

from multicart_async import errors
from multicart_async.sandbox import Sandbox

STARTS = "/schedules/run/result/"


@pytest.fixture
def recipe() -> dict[str, Any]:
    """The functions of the block, without the program behind them."""
    text = (ROOT / "docs/applications.md").read_text("utf-8")
    (block,) = [block for block in blocks({"applications.md": text}) if "async def work(" in block.code]
    names: dict[str, Any] = {}
    exec(block.code.partition("\nqueue: ")[0], names)
    return names


@pytest_asyncio.fixture
async def sandbox(tmp_path, monkeypatch) -> AsyncIterator[Sandbox]:
    """A sandbox whose time stands still, and an empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    async with Sandbox(clock="manual") as running:
        yield running


async def test_a_task_that_is_repeated_starts_once(sandbox, recipe) -> None:
    """Not done while the run is under way, done after it; two clients, one start, and each file is fetched once."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    done = []
    for seconds in (0, 0, 60, 60):
        sandbox.advance(seconds)
        async with sandbox.client() as client:
            done.append(await recipe["work"](client, "monday", collection_id, wait_timeout=0.05))

    assert done == [False, False, True, True]
    assert sandbox.counts[STARTS] == 1
    assert sum(request.path.startswith("/results/") for request in sandbox.requests) == 1


async def test_a_worker_leaves_to_a_person_what_repeating_cannot_help(sandbox, recipe, capsys) -> None:
    """Neither a lack of credits nor an unknown outcome is put on the queue again; the worker goes on."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    sandbox.set_credits(0)
    found = iter([errors.OutcomeUnknownError("/schedules/run/result/", "no response")])
    real = recipe["work"]

    async def work(client, batch, number, **options) -> bool:
        if batch == "lost":
            raise next(found)
        return await real(client, batch, number, **options)

    recipe["work"] = work
    queue: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    queue.put_nowait(("lost", collection_id))
    queue.put_nowait(("poor", collection_id))
    async with sandbox.client() as client, asyncio.TaskGroup() as group:
        task = group.create_task(recipe["worker"](client, queue))
        await queue.join()
        task.cancel()

    lost, poor = capsys.readouterr().out.splitlines()
    assert lost.startswith(f"lost {collection_id} needs a person: ")
    assert poor.startswith(f"poor {collection_id} needs a person: collection {collection_id}: code 402: ")
    assert queue.empty()
