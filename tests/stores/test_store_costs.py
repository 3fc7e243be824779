"""What a mirror in an object store costs in requests to the store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.mirror_kit import asked
from support.object_stores import StoreBucket
from support.pruning_kit import add_runs
from support.store_proxy import StoreProxy

from multicart_async import AsyncMultiCart, ObjectStoreSink, errors
from multicart_async._downloads import folder_writer
from multicart_async.sandbox import Sandbox

COLLECTIONS = 20


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Small collections, each with one page."""
    async with Sandbox(instant=True, clock="manual", record_bytes=200) as running:
        running.add_collections(COLLECTIONS, items=2)
        yield running


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """A client of it."""
    async with sandbox.client() as ready:
        yield ready


def sink_over(bucket: StoreBucket) -> ObjectStoreSink:
    """A sink that knows nothing yet."""
    return ObjectStoreSink.from_url(f"{bucket.location}/mirror", options=bucket.options())


@pytest.fixture(autouse=True)
def no_progress_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is stored between two files, however slow the machine is."""
    monkeypatch.setattr(folder_writer, "_SAVE_EVERY", 3600)


async def test_requests_of_a_new_and_of_an_unchanged_collection(sandbox, client, proxied, proxy: StoreProxy) -> None:
    """A new one: four files, each put and looked at, and three lists. An unchanged one: one GET.

    Two of the lists show what is there, the third whether another call replaces the run.
    """
    await client.sync(sink_over(proxied))
    new = dict(proxy.counts)
    proxy.reset()
    asked(sandbox)
    report = await client.sync(sink_over(proxied))

    assert new == {
        "LIST": 1 + 3 * COLLECTIONS,
        "GET": COLLECTIONS,  # of the state, which is not there
        "PUT": 4 * COLLECTIONS,
        "HEAD": 4 * COLLECTIONS,
        "POST delete": COLLECTIONS,
    }
    assert dict(proxy.counts) == {"LIST": 1, "GET": COLLECTIONS}
    assert (report.skipped, report.files) == (COLLECTIONS, 0)
    assert asked(sandbox) == {"/schedules/get_schedules/": 1}


@pytest.mark.heavy
async def test_a_run_that_is_removed_costs_no_listing_of_the_others(
    sandbox, client, proxied, proxy: StoreProxy
) -> None:
    """Only the state that names the removed run is removed, too."""
    first = 101
    await client.sync(sink_over(proxied))
    add_runs(sandbox, first, 1)
    report = await client.sync(sink_over(proxied), keep=1)
    proxy.reset()
    asked(sandbox)

    await client.sync(sink_over(proxied))

    assert len(report.removed) == 1
    assert dict(proxy.counts) == {"LIST": 1, "GET": COLLECTIONS}
    assert asked(sandbox) == {"/schedules/get_schedules/": 1}


@pytest.mark.heavy
async def test_objects_that_others_delete_are_found_by_check_all(client, bucket: StoreBucket) -> None:
    """The state says that all is in place, and is trusted; `check="all"` looks at the files."""
    await client.sync(sink_over(bucket))
    page = next(key for key in bucket.keys() if "page" in key)  # noqa: SIM118 -- no dictionary
    bucket.store().delete(page)

    trusting = await client.sync(sink_over(bucket))
    looking = await client.sync(sink_over(bucket), check="all")

    assert (trusting.files, looking.files) == (0, 1)
    assert page in bucket.keys()  # noqa: SIM118 -- no dictionary


@pytest.mark.parametrize("moves", [0, 1])
async def test_a_refresh_that_was_interrupted_is_completed_by_sync(
    sandbox, client, bucket: StoreBucket, monkeypatch, moves
) -> None:
    """The state is removed before the first file is replaced: a mixture of versions does not count as unchanged."""
    await client.sync(sink_over(bucket))
    run = await client.runs.latest(101)
    left = iter(range(moves))
    rename = ObjectStoreSink.rename

    async def fail_later(sink: ObjectStoreSink, old: str, new: str) -> None:
        if next(left, None) is None:
            raise errors.DiskError(old, "interrupted", 5)
        await rename(sink, old, new)

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStoreSink, "rename", fail_later)
        with pytest.raises(errors.DiskError):
            await client.runs.download(run, sink_over(bucket), overwrite=True)
    assert [key for key in bucket.keys() if ".new" in key]  # noqa: SIM118 -- no dictionary
    report = await client.sync(sink_over(bucket))

    assert (report.ok, report.skipped, report.files) == (True, COLLECTIONS, 0)
    assert not [key for key in bucket.keys() if ".new" in key]  # noqa: SIM118 -- no dictionary
    assert (await client.verify(sink_over(bucket))).ok
