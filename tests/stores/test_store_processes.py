"""Several processes, or calls, that work in one place of an object store without a lock: nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
from pathlib import Path

import pytest
from support.object_stores import StoreBucket
from support.refresh_kit import FOLDER, NEW, OLD, deliver, version_in
from support.sink_places import chunked, in_bucket
from support.store_faults import Answer, Stall, error_body
from support.store_proxy import StoreProxy

from multicart_async import DirectorySink, ObjectStoreSink, errors
from multicart_async._sync.state import load_state, save_state
from multicart_async.models import Collection
from multicart_async.sinks._protocol import put_bytes

MIB = 1 << 20


async def until_stalled(stall: Stall) -> None:
    """Wait for the request."""
    assert await asyncio.to_thread(stall.arrived.wait, 30)


async def test_an_object_that_another_process_has_replaced_stays(
    bucket: StoreBucket, proxied, proxy: StoreProxy
) -> None:
    """The size that the store has then is that of the other object, and both puts have succeeded."""
    slow, fast = ObjectStoreSink(proxied.store()), ObjectStoreSink(bucket.store())
    stall = proxy.add(Stall(kind="HEAD"))

    putting = asyncio.ensure_future(put_bytes(slow, "a", b"short"))
    await until_stalled(stall)
    await put_bytes(fast, "a", b"a longer one")
    stall.released.set()
    await putting

    assert await fast.read("a") == b"a longer one"


async def test_a_large_object_of_another_size_is_not_removed(bucket: StoreBucket, proxied, proxy: StoreProxy) -> None:
    """It cannot be told whose it is: an error, which says so."""
    slow, fast = ObjectStoreSink(proxied.store()), ObjectStoreSink(bucket.store())
    stall = proxy.add(Stall(kind="HEAD"))

    putting = asyncio.ensure_future(slow.put("a", chunked([bytes(9 * MIB)])))
    await until_stalled(stall)
    await put_bytes(fast, "a", b"x")
    stall.released.set()
    with pytest.raises(
        errors.DiskError, match="1 bytes of the 9,437,184 that were sent, or another process has replaced"
    ):
        await putting

    assert await fast.read("a") == b"x"


async def test_a_new_version_that_another_process_removes_leaves_the_old_one(bucket, proxied, proxy, tmp_path) -> None:
    """A program that knows no locks removes a file of a refresh under way: an error, no mixture."""
    place, slow = in_bucket(bucket), in_bucket(proxied).sink
    await deliver(OLD, place.sink)
    stall = proxy.add(Stall(kind="PUT", path=".new/SHA256SUMS"))

    refreshing = asyncio.ensure_future(deliver(NEW, slow))
    await until_stalled(stall)
    await place.sink.delete(f"{FOLDER}/.new/page-0001.json")
    stall.released.set()
    with pytest.raises(errors.DiskError, match="another process has removed files of the new version"):
        await refreshing

    assert version_in(await place.copied_to(tmp_path / "copy")) == OLD
    await deliver(NEW, place.again())
    assert version_in(await place.copied_to(tmp_path / "again")) == NEW


async def test_a_state_that_is_stored_while_the_run_is_replaced_is_removed(bucket: StoreBucket) -> None:
    """The replacement has removed the state before, and may never be completed."""
    sink = ObjectStoreSink(bucket.store())
    collection = _collection()
    await put_bytes(sink, "101/88/.new/page-0001.json", b"[]")

    await save_state(sink, collection, 88, "pages")
    assert await load_state(sink, 101) is None
    await save_state(sink, collection, 87, "pages")
    assert await load_state(sink, 101) is not None


async def test_the_state_of_a_folder_does_not_say_what_is_in_place(tmp_path: Path) -> None:
    """A copy of the folder in a bucket may lack files."""
    sink = DirectorySink(tmp_path)
    await save_state(sink, _collection(), 88, "pages")

    state = await load_state(sink, 101)

    assert state is not None
    assert not state.includes("pages")


def _collection() -> Collection:
    from multicart_async._http.codec import decode  # noqa: PLC0415

    row = {"id": 101, "name": "a", "updated_at": "2026-01-01T00:00:00Z", "schedule_status": "Completed"}
    return decode(row, Collection, "test")


async def test_a_manifest_that_cannot_be_read_for_a_moment_is_trusted_later(bucket, proxied, proxy, tmp_path) -> None:
    """A store that fails says nothing about the manifest: nothing is fetched again, and nothing removed."""
    place = in_bucket(bucket)
    await deliver(OLD, place.sink)
    proxy.add(Answer(kind="GET", path=f"{FOLDER}/manifest.json", status=503, body=error_body("SlowDown"), times=2))

    with pytest.raises(errors.DiskError, match="SlowDown"):
        await deliver(OLD, ObjectStoreSink(proxied.store(), "a/mirror"))

    assert version_in(await place.copied_to(tmp_path / "copy")) == OLD


def _list_in_child(location: str, options: dict[str, str], sink: ObjectStoreSink, answers) -> None:
    try:
        asyncio.run(sink.list(""))
    except errors.DiskError as error:
        answers.put((error.errno, error.reason))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_that_it_cannot(bucket: StoreBucket) -> None:
    """obstore has threads that do not survive the fork: a call would never end."""
    sink = ObjectStoreSink(bucket.store())
    asyncio.run(put_bytes(sink, "a", b"x"))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    child = context.Process(target=_list_in_child, args=(bucket.location, bucket.options(), sink, answers), daemon=True)
    child.start()
    try:
        number, reason = answers.get(timeout=20)
    finally:
        child.kill()
        child.join()

    assert number == errno.ENOTSUP
    assert "start processes with the method spawn or forkserver" in reason


async def test_a_call_in_a_forked_process_is_not_begun(monkeypatch) -> None:
    """The number of the process is not the one that has used the threads."""
    from obstore.store import MemoryStore  # noqa: PLC0415

    sink = ObjectStoreSink(MemoryStore())
    await put_bytes(sink, "a", b"x")
    monkeypatch.setattr(os, "getpid", lambda: 1)

    with pytest.raises(errors.DiskError, match="forked") as caught:
        await sink.read("a")

    assert caught.value.errno == errno.ENOTSUP
