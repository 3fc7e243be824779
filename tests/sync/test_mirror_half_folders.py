"""The folder of a run whose download was interrupted: the mirror finishes it, also when there is a newer run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fake_sinks import RejectingSink, UnlistableSink
from support.mirror_kit import results

from multicart_async.sinks import MemorySink


@pytest.fixture
async def half(sandbox, client, tmp_path) -> Path:
    """A mirror with a run that is complete, a newer one of which one page is there, and a still newer one at the service."""
    (collection,) = sandbox.add_collections(1, runs=3, items=5)
    await client.sync(tmp_path, runs="all")
    _, middle, newest = sorted((tmp_path / str(collection)).glob("[0-9]*"), key=lambda path: int(path.name))
    for name in ("manifest.json", "SHA256SUMS", "page-0002.json", "page-0003.json"):
        (middle / name).unlink()
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    return middle


async def test_it_is_finished_though_there_is_a_newer_run(client, half) -> None:
    """An interrupted run is finished, or else `verify` would report it for ever."""
    before = await client.verify(half.parents[1])

    report = await client.sync(half.parents[1])

    assert [failure.path for failure in before.failures] == ["101/89"]
    assert (report.ok, report.runs, report.skipped, report.files) == (True, 2, 0, 6)
    assert (await client.verify(half.parents[1])).ok


async def test_a_dry_run_counts_its_files(client, half) -> None:
    """A dry run counts the missing files and fetches none."""
    before = results(half)

    report = await client.sync(half.parents[1], dry_run=True)

    assert (report.runs, report.files) == (2, 6)
    assert results(half) == before


async def test_what_is_not_to_be_kept_is_not_finished(client, half) -> None:
    """An interrupted run beyond *keep* is removed like any older run."""
    report = await client.sync(half.parents[1], keep=1)

    assert report.files == 3
    assert not half.exists()


async def test_a_run_that_the_service_no_longer_lists_stays(sandbox, client, half) -> None:
    """An interrupted run that cannot be fetched any more is reported as gone, and only *prune* removes it."""
    gone = half.rename(half.parent / "77")

    report = await client.sync(half.parents[1])

    assert report.gone == ("101/77",)
    assert gone.exists()
    assert (await client.sync(half.parents[1], check="all", prune=True)).removed == ("101/77",)
    assert (await client.verify(half.parents[1])).ok


async def test_folders_of_others_are_not_touched(client, half) -> None:
    """A folder with a number for its name is not that of a run if it holds other files."""
    half.rename(half.parent / "90")
    (half / "notes").mkdir(parents=True)

    report = await client.sync(half.parents[1])

    assert (report.ok, report.runs) == (True, 1)
    assert [path.name for path in half.iterdir()] == ["notes"]


@pytest.mark.parametrize("folder", ["101", "101/89"])
async def test_a_folder_that_cannot_be_listed_stops_nothing(client, half, folder) -> None:
    """The newest run is fetched although another folder cannot be listed."""

    report = await client.sync(UnlistableSink(half.parents[1], folder))

    assert (half.parent / "90" / "manifest.json").exists()
    assert report.runs == 1


async def test_a_mirror_in_memory_is_finished_too(client, half) -> None:
    """Interrupted runs are finished in any sink that can be listed."""
    sink = MemorySink()
    sink.files = {
        str(path.relative_to(half.parents[1])): path.read_bytes()
        for path in half.parents[1].rglob("*")
        if path.is_file()
    }

    report = await client.sync(sink)

    assert (report.ok, report.files) == (True, 6)
    assert (await client.verify(sink)).ok


@pytest.mark.parametrize("run", ["101/89", "101/90"])
async def test_what_failed_is_tried_again_by_the_next_call(client, half, run) -> None:
    """The run that was interrupted, and the newest one: nothing is taken for complete because the other one is."""
    first = await client.sync(RejectingSink(half.parents[1], run))
    second = await client.sync(half.parents[1])

    assert [f"{failure.collection}/{failure.run}" for failure in first.failures] == [run]
    assert (second.ok, second.files) == (True, 3)
    assert (await client.verify(half.parents[1])).ok


async def test_a_link_hides_no_other_run(client, half) -> None:
    """Among the folders of runs: what it leads to is not looked at, and what comes behind it is."""
    for number in ("8", "91", "96"):
        (half.parent / number).symlink_to("88")

    report = await client.sync(half.parents[1])

    assert (report.runs, report.files) == (2, 6)
