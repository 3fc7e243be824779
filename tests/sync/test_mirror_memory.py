"""The memory of a mirror does not grow with the number of its runs, nor with what fails."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from support.fake_account import PAGE, Account, mirrored
from support.fake_sinks import NullSink
from support.fakes import FakeFile
from support.leaks import chain_of

from multicart_async import DirectorySink
from multicart_async._sync.report import ReportBuilder
from multicart_async.errors import MultiCartError
from multicart_async.models import SyncFailure
from multicart_async.sinks import Sink


async def held_by(runs: int, sink: Sink, account: Account) -> list[int]:
    """The bytes that were held, looked at ten times on the way and at the end; garbage aside.

    pathlib interns parts of paths, and the interpreter's table of interned strings grows by leaps of MiB: that is aside too.
    """
    held: list[int] = []

    def look() -> None:
        gc.collect()
        traces = tracemalloc.take_snapshot().traces
        held.append(sum(trace.size for trace in traces if "/pathlib" not in trace.traceback[0].filename))

    def counted() -> Iterator[int]:
        for number in range(1, runs + 1):
            if number % (runs // 10) == 0:
                look()
            yield number

    gc.collect()
    gc.freeze()  # what was there before is not looked through again
    tracemalloc.start()
    try:
        report = await mirrored(counted(), sink, account)
        look()
    finally:
        tracemalloc.stop()
    assert runs == report.runs == len(report.failures) + report.files
    return held


async def most_held(runs: int, sink: Sink, account: Account) -> int:
    """The most of them at a time."""
    return max(await held_by(runs, sink, account))


@pytest.mark.timeout(60)
@pytest.mark.heavy
async def test_a_thousand_runs_cost_no_more_than_a_hundred() -> None:
    """Whatever is allocated, with a sink that keeps nothing."""
    await mirrored(range(1, 20), NullSink(), Account())  # what is made once is there
    few = await held_by(100, NullSink(), Account())
    many = await held_by(1_000, NullSink(), Account())

    # what is under way varies by 90,000 bytes, with 4,000 runs as well; a report that is kept takes 500
    assert max(many) - max(few) < 160_000
    assert many[-1] - few[-1] < 80_000  # and what stays in the end


async def test_failures_hold_their_texts_alone() -> None:
    """Not the bytes in whose midst they happened: here 64 KiB each."""

    def broken() -> FakeFile:
        return FakeFile.whole(PAGE[:-1] + b" " * 65_000)

    assert len((await mirrored(range(1, 20), NullSink(), Account(broken))).failures) == 19
    few = await most_held(20, NullSink(), Account(broken))
    many = await most_held(120, NullSink(), Account(broken))

    assert (many - few) / 100 < 8_000


@pytest.mark.heavy
async def test_a_folder_is_no_different(tmp_path) -> None:
    """Real files; fewer runs, because a disk takes its time."""
    await mirrored(range(1, 20), DirectorySink(tmp_path / "warm"), Account())
    few = await most_held(60, DirectorySink(tmp_path / "few"), Account())
    many = await most_held(200, DirectorySink(tmp_path / "many"), Account())

    assert many - few < 100_000


def raised(error: Exception) -> Exception:
    """The error, with the frame in which it was raised."""
    with pytest.raises(type(error)):
        raise error
    return error


def test_a_failure_keeps_none_of_the_frames_that_it_came_from() -> None:
    """Of its cause, and of what was being handled when it came."""
    error = MultiCartError("no")
    error.__cause__, error.__context__ = raised(KeyError()), raised(OSError())
    chain = list(chain_of(raised(error)))
    assert {type(one) for one in chain if one.__traceback__} == {MultiCartError, KeyError, OSError}

    ReportBuilder(dry_run=False).fail(SyncFailure(1, None, None, error))

    assert [one for one in chain if one.__traceback__] == []
