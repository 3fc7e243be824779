"""A deletion that is killed at any step: what is left is recognised, never taken for complete, and finished by the next call."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from support.eventually import until
from support.fake_sinks import DyingSink, KilledError
from support.mirror_kit import asked, results, runs_below, tree
from support.pruning_kit import folders
from test_gone import plant, runs_of

from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink

pytestmark = pytest.mark.heavy

NO_MANIFEST = "no manifest, so the run is incomplete"


async def prepared(sandbox, client, folder: Path, *, marked: bool, runs: int) -> list[int]:
    """A mirror of three collections, the first of which is gone: with or without the note that a mirror leaves there."""
    ids = list(sandbox.add_collections(3, runs=runs, items=5))
    await client.sync(folder, runs="all", files="both")
    if marked:
        await client.sync(folder, files="both")
    run = (await runs_of(client, ids[0]))[0]
    plant(folder / str(ids[0]) / str(run), "SHA256SUMS", ".new/page-0001.json", ".new/manifest.json", "progress.json")
    await client.collections.delete(ids[0])
    return ids


@pytest.mark.parametrize("marked", [True, False], ids=["with its note", "without its note"])
async def test_a_pruning_killed_at_each_step(sandbox, client, tmp_path, marked) -> None:
    """Each run is whole or has no manifest; the next call deletes the rest, and no folder stays."""
    step, dead = 0, True
    while dead:
        dest = tmp_path / str(step)
        ids = await prepared(sandbox, client, dest, marked=marked, runs=2)
        try:
            await client.sync(DyingSink(dest, step), prune=True)
            dead = False
        except KilledError:
            pass

        found = await client.verify(dest)
        wrong = [failure for failure in found.failures if not failure.path.endswith("SHA256SUMS")]
        assert all(failure.path.startswith(f"{ids[0]}/") and failure.reason == NO_MANIFEST for failure in wrong), step
        report = await client.sync(dest, prune=True)
        assert report.ok, step
        left = [path for path in folders(dest) if path.startswith(str(ids[0]))]
        assert left in ([], [str(ids[0])]), step  # a folder with nothing in it, at the very end
        assert not results(dest / str(ids[0])), step
        assert (await client.verify(dest)).ok, step
        assert (await client.sync(dest, prune=True)).gone == (), step
        for number in ids[1:]:
            await client.collections.delete(number)
        step += 1
    assert step > 14


async def test_a_trimming_killed_at_each_step(sandbox, client, tmp_path) -> None:
    """The runs that are to stay are never touched, and the next call finishes."""
    (number,) = sandbox.add_collections(1, runs=3, items=5)
    ids = await runs_of(client, number)
    step, dead = 0, True
    while dead:
        dest = tmp_path / str(step)
        await client.sync(dest, runs="all")
        newest = {name: content for name, content in tree(dest).items() if f"/{ids[2]}/" in name}
        try:
            await client.sync(DyingSink(dest, step), keep=1)
            dead = False
        except KilledError:
            pass

        assert newest.items() <= tree(dest).items()
        assert all(f"/{ids[2]}" not in failure.path for failure in (await client.verify(dest)).failures)
        report = await client.sync(dest, keep=1)
        assert report.ok
        assert set(tree(dest)) - {f"{number}/collection.json"} == set(newest)
        assert folders(dest) == [str(number), f"{number}/{ids[2]}"]
        assert (await client.verify(dest)).ok
        step += 1
    assert step > 10


async def test_what_was_begun_to_be_deleted_can_be_fetched_again(sandbox, client, tmp_path) -> None:
    """Files that are still there count: they are whole."""
    (number,) = sandbox.add_collections(1, runs=2, items=5)
    await client.sync(tmp_path, runs="all")
    before = tree(tmp_path)
    with pytest.raises(KilledError):
        await client.sync(DyingSink(tmp_path, 2), keep=1)
    asked(sandbox)

    report = await client.sync(tmp_path, runs="all")

    assert (report.ok, report.files) == (True, 1)
    assert before.items() <= tree(tmp_path).items()
    assert (await client.verify(tmp_path)).ok
    assert len(runs_below(tmp_path / str(number))) == 2


PRUNE = """
import asyncio, sys
from multicart_async import AsyncMultiCart

async def main():
    async with AsyncMultiCart(sys.argv[1], base_url=sys.argv[2]) as client:
        await client.sync(sys.argv[3], prune=True)
asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0, 1, 20, 60, 119])
async def test_a_real_process_that_is_killed_leaves_nothing_false(tmp_path, after) -> None:
    """SIGKILL after so many deletions, or soon after that; the next call finishes what was begun."""
    async with (
        Sandbox(instant=True, clock="manual", items_per_page=1, record_bytes=100) as sandbox,
        sandbox.client() as client,
    ):
        ids = sandbox.add_collections(3, runs=3, items=40)
        await client.sync(tmp_path, runs="all")
        await client.collections.delete(ids[0])
        gone = tmp_path / str(ids[0])
        command = [sys.executable, "-c", PRUNE, sandbox.api_key, sandbox.url, str(tmp_path)]
        with subprocess.Popen(command) as process:  # noqa: ASYNC220 -- the sandbox goes on below
            await until(lambda: count(gone, "page-*") <= 120 - after and count(gone, "manifest.json") < 3, patience=50)
            process.kill()

        found = await client.verify(tmp_path)
        assert {failure.reason for failure in found.failures} <= {NO_MANIFEST}
        assert {failure.path.split("/")[0] for failure in found.failures} <= {str(ids[0])}
        report = await client.sync(tmp_path, prune=True)
        assert report.ok
        assert (await client.verify(tmp_path)).ok
        assert not results(gone)


def count(folder: Path, pattern: str) -> int:
    """How many files of that name are below a folder in which another process deletes."""
    return sum(1 for run in names_in(folder) for name in names_in(folder / run) if fnmatch(name, pattern))


def names_in(folder: Path) -> list[str]:
    """What is in a folder, if it is still there."""
    try:
        return os.listdir(folder)  # noqa: PTH208 -- names are wanted
    except OSError:
        return []


async def test_an_empty_collection_folder_is_left(sandbox, client, tmp_path) -> None:
    """It may be of another program, and does no harm."""
    sandbox.add_collections(1, items=1)
    (tmp_path / "7").mkdir()

    report = await client.sync(DirectorySink(tmp_path), prune=True)

    assert report.gone == ()
    assert (tmp_path / "7").is_dir()
