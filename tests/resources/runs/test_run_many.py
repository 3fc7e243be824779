"""Many collections through one call: start, wait, download, each as soon as it can."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.bulk_client import START, impatient, starts

from multicart_async import AsyncMultiCart, Limits, Outcome, PollPolicy
from multicart_async.errors import (
    ArgumentError,
    BadRequestError,
    ClientClosedError,
    DiskError,
    InsufficientCreditsError,
    NotFoundError,
    OutcomeUnknownError,
    RunFailedError,
    ServerError,
)
from multicart_async.models import Run, RunDownload, StartedRun
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Delay, DropAfter, DropBefore, Envelope, Status
from multicart_async.sinks import DirectorySink

FILES = re.compile(r"^/results/")


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(instant=True, items_per_page=2) as made:
        yield made


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    async with impatient(sandbox) as made:
        yield made


async def all_of(outcomes: Any) -> dict[int, Outcome[int, Any]]:
    """By collection; each comes once."""
    told = [outcome async for outcome in outcomes]
    by_key = {outcome.key: outcome for outcome in told}
    assert len(told) == len(by_key)
    return by_key


async def later(ids: Iterable[int]) -> AsyncIterator[int]:
    for number in ids:
        await asyncio.sleep(0)
        yield number


async def test_start_many_gives_what_can_be_waited_for(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """A started run for each, with the newest run from before as its baseline."""
    ids = sandbox.add_collections(20, items=3)
    newest = {number: (await client.runs.latest(number)).id for number in ids}

    started = await all_of(client.runs.start_many(ids))

    assert {number: StartedRun(number, newest[number]) for number in ids} == {
        number: outcome.unwrap() for number, outcome in started.items()
    }
    assert set(starts(sandbox).values()) == {1}


async def test_start_many_starts_an_id_that_comes_twice_once(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The second start would be a second charge."""
    ids = sandbox.add_collections(2, items=3)

    started = [outcome.key async for outcome in client.runs.start_many([*ids, *ids, ids[0]])]

    assert sorted(ids) == sorted(started)
    assert dict.fromkeys(ids, 1) == starts(sandbox)


async def test_start_many_is_not_stopped_by_a_failure(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """An id that is none, one that is not there, and a draft, are outcomes among others; async ids are ids too."""
    good, draft = sandbox.add_collections(1), sandbox.add_collections(1, items=0)

    started = await all_of(client.runs.start_many(later([0, 999_999, *draft, *good])))

    assert [type(started[number].error) for number in (0, 999_999, *draft)] == [
        ArgumentError,
        NotFoundError,
        BadRequestError,
    ]
    assert started[good[0]].ok


async def test_start_many_keeps_to_the_limit(sandbox: Sandbox) -> None:
    """So many starts at a time, and ids are pulled as they are needed."""
    ids = sandbox.add_collections(9)
    pulled: list[int] = []

    def source() -> Iterator[int]:
        for number in ids:
            pulled.append(number)
            yield number

    async with impatient(sandbox, limits=Limits(requests=2)) as client:
        async with aclosing(client.runs.start_many(source())) as outcomes:
            await anext(outcomes)

        assert len(pulled) <= 4


async def test_without_a_folder_the_values_are_runs(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """The finished runs, newer than what was there."""
    ids = sandbox.add_collections(12, runs=2, items=3)
    newest = {number: (await client.runs.latest(number)).id for number in ids}

    finished = await all_of(client.runs.run_many(ids))

    assert set(ids) == set(finished)
    for number, outcome in finished.items():
        run = outcome.unwrap()
        assert isinstance(run, Run)
        assert run.is_download_generated
        assert run.collection == number
        assert run.id > newest[number]
    assert dict.fromkeys(ids, 1) == starts(sandbox)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_with_a_folder_the_values_are_downloads(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path, asynchronous: bool
) -> None:
    """Run these collections and give me the files, in one call."""
    ids = sandbox.add_collections(12, items=3)

    done = await all_of(client.runs.run_many(later(ids) if asynchronous else ids, tmp_path))

    for number, outcome in done.items():
        download = outcome.unwrap()
        assert isinstance(download, RunDownload)
        folder = tmp_path / f"{number}" / f"{download.run.id}"
        assert {path.name for path in folder.iterdir()} == {
            "page-0001.json",
            "page-0002.json",
            "SHA256SUMS",
            "manifest.json",
        }
    assert set(ids) == set(done)


async def test_files_and_sink_are_those_of_download(sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path) -> None:
    """``files="zip"`` brings the archive; a `Sink` is a destination too."""
    ids = sandbox.add_collections(4, items=3)

    done = await all_of(client.runs.run_many(ids, DirectorySink(tmp_path), files="zip"))

    assert {tuple(file.path.name for file in outcome.unwrap().files) for outcome in done.values()} == {
        ("all-pages.zip",)
    }


async def test_an_id_that_comes_twice_is_run_once(sandbox: Sandbox, client: AsyncMultiCart) -> None:
    """A repetition would be a second charge."""
    one, two = sandbox.add_collections(2)

    finished = await all_of(client.runs.run_many([one, two, one, one, two]))

    assert set(finished) == {one, two}
    assert starts(sandbox) == {one: 1, two: 1}


async def test_a_lack_of_credits_is_one_outcome_and_not_retried(sandbox: Sandbox) -> None:
    """A 402 is the outcome of one collection: the others go on, and each was asked to run exactly once."""
    small, big = sandbox.add_collections(8, items=2), sandbox.add_collections(1, items=500)
    sandbox.set_credits(100)

    async with impatient(sandbox, attempts=5) as client:
        done = await all_of(client.runs.run_many([*big, *small]))

    assert isinstance(done[big[0]].error, InsufficientCreditsError)
    assert all(done[number].ok for number in small)
    assert dict.fromkeys([*big, *small], 1) == starts(sandbox)
    assert sandbox.counts[START] == 9


async def test_a_failed_run_and_a_failed_download_stop_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each is the outcome of its collection; what was whole stays."""
    failing, broken, *good = sandbox.add_collections(10, items=3)
    sandbox.fail_next_run(failing, "no luck")
    sandbox.faults.add(f"/results/{broken}/*", Status(500), times=None)

    async with impatient(sandbox) as client:
        done = await all_of(client.runs.run_many([failing, broken, *good], tmp_path))

    assert isinstance(done[failing].error, RunFailedError)
    assert isinstance(done[broken].error, ServerError)
    assert all(done[number].ok for number in good)


async def test_a_lost_answer_to_a_start_is_no_second_start(sandbox: Sandbox) -> None:
    """The run is found and waited for; where there is none, it is not known, and said so."""
    lost, never, *good = sandbox.add_collections(6, items=1)
    async with impatient(sandbox, limits=Limits(requests=1), attempts=5) as client:
        sandbox.faults.add(START, DropAfter())
        sandbox.faults.add(START, DropBefore())

        done = await all_of(client.runs.run_many([lost, never, *good]))

    assert done[lost].ok
    assert isinstance(done[never].error, OutcomeUnknownError)
    assert dict.fromkeys([lost, never, *good], 1) == starts(sandbox)


async def test_first_files_are_complete_before_the_last_start(sandbox: Sandbox, tmp_path: Path) -> None:
    """run_many is one pipeline: the second id is only requested when the files of the first run are complete."""
    first, second = sandbox.add_collections(2, items=1)
    downloaded = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        yield first
        await downloaded.wait()
        yield second

    async with impatient(sandbox) as client:
        seen: list[int] = []
        async for outcome in client.runs.run_many(source(), tmp_path):
            seen.append(outcome.key)
            assert outcome.ok
            downloaded.set()

    assert seen == [first, second]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"files": "pdf"}, "files"), ({"files": None}, "files"), ({"journal": "."}, "journal"), ({"journal": ".."}, None)],
)
async def test_a_wrong_argument_is_rejected_before_any_start(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path, arguments: dict[str, Any], argument: str | None
) -> None:
    """A wrong argument is an ArgumentError before anything is started, not after credits are spent."""
    ids = sandbox.add_collections(3)

    with pytest.raises(ArgumentError if argument else DiskError) as refusal:
        await all_of(client.runs.run_many(ids, tmp_path, **arguments))

    assert argument == getattr(refusal.value, "argument", None)
    assert sum(sandbox.counts.values()) == 0


async def test_an_unwritable_folder_is_an_error_before_any_start(
    sandbox: Sandbox, client: AsyncMultiCart, tmp_path: Path
) -> None:
    """A folder that cannot be written is an error before anything is started, because its files could not be stored."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DiskError):
        await all_of(client.runs.run_many(sandbox.add_collections(3), tmp_path / "file"))
    assert sum(sandbox.counts.values()) == 0


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_id_that_is_none_loses_nothing_that_was_started(
    sandbox: Sandbox, client: AsyncMultiCart, asynchronous: bool
) -> None:
    """In a stream it is one outcome among others: those that were started already are paid."""
    ids = sandbox.add_collections(2, items=3)
    stream = [ids[0], "7", ids[1]]

    outcomes = await all_of(client.runs.run_many(later(stream) if asynchronous else iter(stream)))

    assert isinstance(outcomes["7"].error, ArgumentError)
    assert all(outcomes[number].ok for number in ids)


SIZED: list[Any] = [list, tuple, set, frozenset, dict.fromkeys, lambda ids: dict.fromkeys(ids).keys(), deque]


@pytest.mark.parametrize("sized", SIZED, ids=["list", "tuple", "set", "frozenset", "dict", "keys", "deque"])
@pytest.mark.parametrize("call", ["start_many", "run_many"])
async def test_all_ids_of_a_list_are_checked_before_any_start(
    sandbox: Sandbox, client: AsyncMultiCart, sized: Any, call: str
) -> None:
    """All ids of a list are checked before anything is started: a wrong one at the end must not show after payment."""
    ids = sandbox.add_collections(2, items=3)
    given = sized([*ids, "7"])
    index = list(given).index("7")

    with pytest.raises(
        ArgumentError, match=rf"^collection_ids: item {index}: expected a positive integer, got '7'$"
    ) as refusal:
        await all_of(getattr(client.runs, call)(given))

    assert refusal.value.argument == "collection_ids"
    assert sum(sandbox.counts.values()) == 0


@pytest.mark.parametrize("wrong", [True, 0, -1, 1.0, None], ids=repr)
async def test_each_wrong_id_of_a_list_is_named(sandbox: Sandbox, client: AsyncMultiCart, wrong: Any) -> None:
    """The first of them, by its place."""
    with pytest.raises(ArgumentError, match=rf"item 1: expected .*, got {re.escape(repr(wrong))}$"):
        await all_of(client.runs.start_many([*sandbox.add_collections(1), wrong, "7"]))


async def test_a_long_wrong_id_of_a_list_is_shown_in_part(client: AsyncMultiCart) -> None:
    """Eighty characters of it; the cause is what the check itself says."""
    with pytest.raises(ArgumentError) as caught:
        await all_of(client.runs.start_many(["7" * 1_000]))

    assert str(caught.value).partition("got ")[2] == "'" + "7" * 78 + "…"
    assert isinstance(caught.value.__cause__, ArgumentError)


@pytest.mark.parametrize("wrong", ["7", 0, [101]], ids=repr)
async def test_a_wrong_id_of_a_generator_names_the_argument(client: AsyncMultiCart, wrong: Any) -> None:
    """That of the call that was made, not of one inside of it."""
    (error,) = [outcome.error async for outcome in client.runs.start_many(iter([wrong]))]

    assert isinstance(error, ArgumentError)
    assert error.argument == "collection_ids"


@pytest.mark.parametrize("wrong", [101, None, (101, 88), StartedRun("101", 88), StartedRun(101, -1)], ids=repr)
async def test_all_items_of_a_list_are_checked_before_any_wait(
    sandbox: Sandbox, client: AsyncMultiCart, wrong: Any
) -> None:
    """wait_many checks all items of a list before it waits for any, as run_many does before it starts any."""
    with pytest.raises(ArgumentError, match=r"^started: item 1: "):
        await all_of(client.runs.wait_many([StartedRun(101, 88), wrong]))

    assert sum(sandbox.counts.values()) == 0


async def test_closed_early_it_leaves_nothing_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    """Starts, waits and downloads under way end with the generator."""
    ids = sandbox.add_collections(30, items=3)
    sandbox.faults.add(FILES, Delay(0.05), times=None)
    async with impatient(sandbox) as client:
        async with aclosing(client.runs.run_many(ids, tmp_path)) as outcomes:
            await anext(outcomes)

        files = [task.get_coro().cr_code.co_filename for task in asyncio.all_tasks()]
        assert not [file for file in files if "multicart_async" in file and "sandbox" not in file]


async def test_a_closed_client_ends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """Not an outcome for each: the call itself ends."""
    ids = sandbox.add_collections(30, items=3)

    async def consume(client: AsyncMultiCart) -> None:
        async for _ in client.runs.run_many(ids, tmp_path):
            await client.aclose()

    async with impatient(sandbox) as client:
        with pytest.raises(ClientClosedError):
            await consume(client)


async def test_with_the_clock_of_the_computer(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing above depends on a clock that is turned by hand."""
    ids = sandbox.add_collections(10, items=3)
    policy = PollPolicy(poll_interval=0.05, growth=1, wait_timeout=30)

    async with sandbox.client() as client:
        done = await all_of(client.runs.run_many(ids, tmp_path, policy=policy))

    assert set(ids) == {number for number, outcome in done.items() if outcome.ok}


async def test_an_envelope_that_refuses_is_an_outcome(sandbox: Sandbox) -> None:
    """The service failed at one start: told for that one, and not sent again."""
    one, two = sandbox.add_collections(2)
    sandbox.faults.add(START, Envelope(500))
    async with impatient(sandbox, limits=Limits(requests=1), attempts=5) as client:
        done = await all_of(client.runs.run_many([one, two]))

    assert isinstance(done[one].error, ServerError)
    assert done[two].ok
    assert starts(sandbox) == {one: 1, two: 1}
