"""A second invocation with the same journal: it goes on, it never starts what was started."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.bulk_client import START, impatient, starts
from support.fake_service import World
from support.fakes import FakeClock

from multicart_async import AsyncMultiCart, Limits, Outcome
from multicart_async._http import Response
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ArgumentError,
    DiskError,
    InsufficientCreditsError,
    OutcomeUnknownError,
    UnreachableResultError,
)
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import DropAfter, DropBefore, Status

FILE = "/results/{collection_id}/{runner_id}/{file_name}"


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True, items_per_page=2) as made:
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox, limits=Limits(requests=1)) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "runs.journal"


async def all_of(outcomes: Any) -> dict[int, Outcome[int, Any]]:
    return {outcome.key: outcome async for outcome in outcomes}


def lines(journal: Path) -> list[dict[str, Any]]:
    """The notes, without the head."""
    return [json.loads(line) for line in journal.read_text().splitlines()[1:]]


async def test_each_step_is_noted(sandbox: Sandbox, client: AsyncMultiCart, journal: Path) -> None:
    """Intent, started, and the run in the end."""
    (number,) = sandbox.add_collections(1)
    after = (await client.runs.latest(number)).id

    done = await all_of(client.runs.run_many([number], journal=journal))

    note = {"collection": number, "after": after}
    assert lines(journal) == [
        {"state": "intent", **note},
        {"state": "started", **note},
        {"state": "done", **note, "run": done[number].unwrap().id},
    ]


async def test_the_intent_is_on_disk_before_the_start_is_sent(journal: Path) -> None:
    """And what was started only after the service has answered."""
    states: list[list[str]] = []

    def look(path: str, _: int, __: float) -> Response | None:
        if path == START:
            states.append([line["state"] for line in lines(journal)])
        return None

    world = World(latency=0, trouble=look)
    world.add(1, ready=-1)

    await all_of(world.runs.run_many([1], journal=journal))

    assert states == [["intent"]]
    assert [line["state"] for line in lines(journal)] == ["intent", "started", "done"]


async def test_what_is_done_is_not_started_and_not_fetched_again(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path, tmp_path: Path
) -> None:
    """The second call gives the same downloads, without a file request."""
    ids = sandbox.add_collections(5, items=3)
    first = await all_of(client.runs.run_many(ids, tmp_path / "results", journal=journal))
    fetched = sandbox.counts[FILE]

    second = await all_of(client.runs.run_many(ids, tmp_path / "results", journal=journal))

    assert {number: outcome.unwrap().files for number, outcome in first.items()} == {
        number: outcome.unwrap().files for number, outcome in second.items()
    }
    assert {outcome.unwrap().skipped for outcome in second.values()} == {2}
    assert fetched == sandbox.counts[FILE]
    assert dict.fromkeys(ids, 1) == starts(sandbox)


async def test_what_is_done_gives_its_run_again(sandbox: Sandbox, client: AsyncMultiCart, journal: Path) -> None:
    """Without a folder too; runs that came later, of somebody else, do not matter."""
    ids = sandbox.add_collections(3)
    first = await all_of(client.runs.run_many(ids, journal=journal))
    for number in ids:
        sandbox.start_run(number)

    assert first == await all_of(client.runs.run_many(ids, journal=journal))


async def test_a_done_run_that_the_service_has_forgotten_is_an_error(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path
) -> None:
    """It is not started anew, and it does not stop the others."""
    lost, kept = sandbox.add_collections(2)
    await all_of(client.runs.run_many([kept], journal=journal))
    with journal.open("a") as file:
        file.write(json.dumps({"state": "done", "collection": lost, "after": 1, "run": 999_999}) + "\n")

    done = await all_of(client.runs.run_many([lost, kept], journal=journal))

    assert isinstance(done[lost].error, UnreachableResultError)
    assert done[kept].ok
    assert starts(sandbox) == {kept: 1}


async def test_a_started_run_is_waited_for(sandbox: Sandbox, client: AsyncMultiCart, journal: Path) -> None:
    """A download that failed is the way there; the next call brings the files of that run."""
    (number,) = sandbox.add_collections(1, items=3)
    sandbox.faults.add("/results/*", Status(404), times=None)
    first = await all_of(client.runs.run_many([number], journal.parent, journal=journal))
    sandbox.faults.clear()

    second = await all_of(client.runs.run_many([number], journal.parent, journal=journal))

    assert not first[number].ok
    assert second[number].ok
    assert starts(sandbox) == {number: 1}


async def test_an_intent_without_an_outcome_is_looked_for(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path
) -> None:
    """The run is there: it is taken for what was started, and noted as that."""
    (number,) = sandbox.add_collections(1)
    after = (await client.runs.latest(number)).id
    run = sandbox.start_run(number)
    await all_of(client.runs.run_many([], journal=journal))
    with journal.open("a") as file:
        file.write(json.dumps({"state": "intent", "collection": number, "after": after}) + "\n")

    done = await all_of(client.runs.run_many([number], journal=journal))

    assert run == done[number].unwrap().id
    assert [line["state"] for line in lines(journal)] == ["intent", "started", "done"]
    assert starts(sandbox) == {}


async def test_an_intent_whose_run_is_not_there_is_never_started(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path
) -> None:
    """It is not known whether it was asked for. It says so, each time, with what is needed to look for it."""
    lost, good = sandbox.add_collections(2)
    sandbox.faults.add(START, DropBefore())

    for _ in range(3):
        done = await all_of(client.runs.run_many([lost, good], journal=journal))

        error = done[lost].error
        assert isinstance(error, OutcomeUnknownError)
        assert error.started is not None
        assert lost == error.started.collection_id
        assert done[good].ok
    assert starts(sandbox) == {lost: 1, good: 1}


async def test_a_lost_answer_is_found_and_noted(sandbox: Sandbox, client: AsyncMultiCart, journal: Path) -> None:
    """Started, although nobody said so."""
    (number,) = sandbox.add_collections(1)
    sandbox.faults.add(START, DropAfter())

    done = await all_of(client.runs.run_many([number], journal=journal))

    assert done[number].ok
    assert [line["state"] for line in lines(journal)] == ["intent", "started", "done"]


async def test_a_refused_start_is_tried_again_by_the_next_call(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path
) -> None:
    """The service has said no: nothing was started, and there may be credits now."""
    (number,) = sandbox.add_collections(1, items=10)
    sandbox.set_credits(5)
    first = await all_of(client.runs.run_many([number], journal=journal))
    sandbox.set_credits(50)

    second = await all_of(client.runs.run_many([number], journal=journal))

    assert isinstance(first[number].error, InsufficientCreditsError)
    assert second[number].ok
    assert [line["state"] for line in lines(journal)] == ["intent", "refused", "intent", "started", "done"]


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (APIConnectionError(START, "no connection", sent=False), "refused"),
        (Response(502, b"<html>Bad Gateway</html>"), "intent"),
        (Response(425, b"<html>Too Early</html>"), "intent"),
        (APIConnectionError(START, "the line broke", sent=True), "intent"),
        (Response(200, b"no envelope"), "intent"),
        (Response(200, b'{"code": 500, "data": "failed", "status": 0}'), "intent"),
    ],
    ids=["never sent", "a proxy's 502", "a proxy's 425", "sent", "no envelope", "the service's own 500"],
)
async def test_only_a_certain_no_is_a_refusal(journal: Path, trouble: Response | Exception, state: str) -> None:
    """What may have arrived stays an intent: the next call looks for the run."""
    world = World(latency=0, trouble=lambda path, _, __: trouble if path == START else None)
    world.runs._starter._clock = _hurried()
    world.add(1, ready=-1, after=0)

    done = await all_of(world.runs.run_many([1], journal=journal))

    assert isinstance(done[1].error, OutcomeUnknownError | APIConnectionError | APIError)
    assert state == lines(journal)[-1]["state"]


def _hurried() -> Any:
    return FakeClock().clock


async def test_what_fails_before_the_intent_leaves_no_note(client: AsyncMultiCart, journal: Path) -> None:
    """No such collection: nothing was to be started."""
    done = await all_of(client.runs.run_many([999_999], journal=journal))

    assert not done[999_999].ok
    assert lines(journal) == []


@pytest.mark.parametrize("content", ["a shopping list", '{"journal": "multicart_async", "version": 1}\n?\n'])
async def test_an_unsound_journal_is_rejected_before_any_request(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path, content: str
) -> None:
    """A foreign or damaged journal is rejected before any request, and the file stays as it is."""
    journal.write_text(content)  # noqa: ASYNC240 -- nothing else runs here meanwhile

    with pytest.raises(ArgumentError):
        await all_of(client.runs.run_many(sandbox.add_collections(2), journal=journal))
    assert sum(sandbox.counts.values()) == 0
    assert content == journal.read_text()  # noqa: ASYNC240


async def test_a_journal_in_use_is_refused(sandbox: Sandbox, client: AsyncMultiCart, journal: Path) -> None:
    """Two calls at a time would each know nothing of the other's starts."""
    ids = sandbox.add_collections(2)
    first = client.runs.run_many(ids, journal=journal)
    await anext(first)

    with pytest.raises(ArgumentError, match="in use"):
        await all_of(client.runs.run_many(ids, journal=journal))
    await first.aclose()
    assert set(ids) == set(await all_of(client.runs.run_many(ids, journal=journal)))
    assert set(starts(sandbox).values()) == {1}


async def test_an_intent_that_cannot_be_written_is_not_carried_out(
    sandbox: Sandbox, client: AsyncMultiCart, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: each collection's outcome is the error of the disk, and nothing is started."""
    ids = sandbox.add_collections(3)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    await all_of(client.runs.run_many([], journal=journal))
    monkeypatch.setattr("multicart_async.resources.runs._journal.os.fsync", full)

    done = await all_of(client.runs.run_many(ids, journal=journal))

    assert {type(outcome.error) for outcome in done.values()} == {DiskError}
    assert starts(sandbox) == {}
