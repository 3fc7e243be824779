"""The lock of a run in an object store: one process at a time refreshes it, and a killed one keeps it for a minute."""

from __future__ import annotations

import asyncio
import errno
import logging
from pathlib import Path
from typing import Any

import anyio
import pytest
from obstore.store import LocalStore, MemoryStore, S3Store
from support.clock import HandClock
from support.eventually import until
from support.object_stores import StoreBucket
from support.object_stores.running import RunningServer
from support.refresh_kit import FOLDER, NEW, OLD, deliver, version_in
from support.sink_places import in_bucket
from support.store_faults import Answer, Cut, Stall, error_body
from support.store_proxy import StoreProxy

from multicart_async import AsyncMultiCart, ObjectStoreSink
from multicart_async._core.clock import Clock
from multicart_async._sync.mirror_tree import MirrorTree
from multicart_async._sync.run_removal import Removal
from multicart_async.errors import DiskError
from multicart_async.sinks._bucket import Bucket
from multicart_async.sinks._lock_object import LockObject
from multicart_async.sinks._protocol import put_bytes

LOCK = f"{FOLDER}/.multicart.lock"
TAKEN = "another process has taken over the refresh; repeat the call"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The clock of all locks."""
    hand = HandClock()
    monkeypatch.setattr("multicart_async.sinks._store_lock._CLOCK", hand.clock)
    return hand


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting takes a hundredth, and no lock counts as abandoned, however slow this machine is."""

    async def sleep(seconds: float) -> None:
        await anyio.sleep(seconds / 100)

    monkeypatch.setattr("multicart_async.sinks._store_lock._CLOCK", Clock(sleep=sleep))
    monkeypatch.setattr("multicart_async.sinks._lock_object._LOOKS", 1 << 30)


class Waiter:
    """Another process that waits for the lock of the run, and lets it go when it has it."""

    def __init__(self, sink: ObjectStoreSink) -> None:
        self._sink = sink
        self.had = False
        self.task = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        async with self._sink.exclusive(FOLDER):
            self.had = True


def sink_in(bucket: StoreBucket) -> ObjectStoreSink:
    """A process that works in the bucket."""
    return ObjectStoreSink(bucket.store())


async def until_stalled(stall: Stall) -> None:
    """Wait for the request."""
    assert await asyncio.to_thread(stall.arrived.wait, 30)


class TestOneHolder:
    """Of several processes one has the lock."""

    async def test_a_lock_is_waited_for(self, server: RunningServer, clock) -> None:
        """Or not, if the caller does not want to; and afterwards nothing is left of it."""
        bucket = server.new_bucket()
        first, second = sink_in(bucket), sink_in(bucket)

        async with first.exclusive(FOLDER) as held:
            waiter = Waiter(second)
            await until(lambda: clock.sleeping == 2)  # until the next renewal, and until the next look
            async with second.exclusive(FOLDER, wait=False) as other:
                found = (held is not None, other, waiter.had, bucket.keys())
        clock.turn(1)
        await waiter.task

        assert found == (True, None, False, [LOCK])
        assert (waiter.had, bucket.keys()) == (True, [])

    async def test_a_lock_that_is_never_renewed_is_taken_over(self, server: RunningServer, clock) -> None:
        """After a minute: its process was killed."""
        bucket = server.new_bucket()
        await put_bytes(sink_in(bucket), LOCK, b"of a killed process")

        waiter = Waiter(sink_in(bucket))
        for _ in range(60):
            await until(lambda: clock.sleeping)
            assert not waiter.had
            clock.turn(1)
        await waiter.task

        assert (waiter.had, bucket.keys()) == (True, [])

    async def test_a_lock_that_is_renewed_is_not_taken_over(self, server: RunningServer, clock) -> None:
        """However long it is held: the content is another one every ten seconds."""
        bucket = server.new_bucket()

        async with sink_in(bucket).exclusive(FOLDER) as held:
            waiter = Waiter(sink_in(bucket))
            for _ in range(75):
                await until(lambda: clock.sleeping == 2)
                clock.turn(1)
            await until(lambda: clock.sleeping == 2)
            had = waiter.had
            assert held is not None
            await held.confirm()
        clock.turn(1)
        await waiter.task

        assert (had, waiter.had) == (False, True)

    async def test_the_time_for_which_a_waiting_process_was_stopped_does_not_count(self, bucket, clock) -> None:
        """The holder may have been stopped too."""
        await put_bytes(sink_in(bucket), LOCK, b"of a process on the same machine")

        waiter = Waiter(sink_in(bucket))
        for _ in range(3):
            await until(lambda: clock.sleeping)
            clock.turn(3600)
        await until(lambda: clock.sleeping)
        had = waiter.had
        waiter.task.cancel()
        await asyncio.wait([waiter.task])

        assert (had, bucket.keys()) == (False, [LOCK])

    @pytest.mark.parametrize("rounds", [2, pytest.param(40, marks=pytest.mark.heavy)])
    async def test_refreshes_of_one_run_exclude_each_other(self, server, hasty, tmp_path, rounds) -> None:
        """At the same time: none of them fails, and one whole version is there, which is the one that was last."""
        place = in_bucket(server.new_bucket())
        for number in range(rounds):
            await deliver((OLD, NEW)[number % 2], place.sink)
            await asyncio.gather(*(deliver(version, place.again()) for version in (NEW, OLD, NEW)))

            assert version_in(await place.copied_to(tmp_path / str(number))) in {OLD, NEW}
            assert {name for name in await place.files() if "/." in name} == set()

    async def test_requests_of_a_lock(self, proxied, proxy: StoreProxy, clock) -> None:
        """Of a refresh: created, confirmed twice and released; the first time the store is asked whether it has conditions."""
        place = in_bucket(proxied)
        counts = []
        for version in (OLD, NEW, OLD):
            proxy.reset()
            await deliver(version, place.sink)
            counts.append([kind for kind, target in proxy.targets if target.partition("?")[0].endswith(LOCK)])

        assert [sorted(kinds) for kinds in counts] == [[], ["PUT"] * 5, ["PUT"] * 4]


class TestTakenOver:
    """A process that was stopped for a minute finds that another one works in the folder."""

    async def test_who_has_lost_the_lock_leaves_it_alone(self, server: RunningServer, clock) -> None:
        """It is told so, and does not remove the lock of the other one."""
        bucket = server.new_bucket()
        sink = sink_in(bucket)

        with pytest.raises(DiskError, match=TAKEN) as caught:
            async with sink.exclusive(FOLDER) as held:
                assert held is not None
                await put_bytes(sink, LOCK, b"of another process")
                await held.confirm()

        assert caught.value.errno == errno.EIO
        assert caught.value.name.endswith(LOCK)
        assert await sink.read(LOCK) == b"of another process"

    async def test_a_renewal_that_finds_it_ends_the_work(self, bucket: StoreBucket, clock) -> None:
        """At once, because it would disturb the other process."""
        sink = sink_in(bucket)

        with pytest.raises(DiskError, match=TAKEN):
            async with sink.exclusive(FOLDER):
                await until(lambda: clock.sleeping)
                await put_bytes(sink, LOCK, b"of another process")
                clock.turn(10)
                await anyio.sleep_forever()

        assert bucket.keys() == [LOCK]

    async def test_a_lock_that_was_removed_is_lost_too(self, server: RunningServer, clock) -> None:
        """So does the removal of the run, and nothing is made anew."""
        bucket = server.new_bucket()
        sink = sink_in(bucket)

        with pytest.raises(DiskError, match=TAKEN):
            async with sink.exclusive(FOLDER) as held:
                assert held is not None
                await sink.delete(LOCK)
                await held.confirm()

        assert bucket.keys() == []

    @pytest.mark.parametrize("name", ["page-0002.json", "manifest.json"])
    async def test_a_refresh_begins_no_swap(self, bucket, proxied, proxy: StoreProxy, clock, tmp_path, name) -> None:
        """Neither before the new version is sealed nor after it; and what the other one has staged stays."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        stall = proxy.add(Stall(kind="PUT", path=f".new/{name}"))

        refreshing = asyncio.ensure_future(deliver(NEW, in_bucket(proxied).sink))
        await until_stalled(stall)
        await put_bytes(place.sink, LOCK, b"of another process")
        await put_bytes(place.sink, f"{FOLDER}/.new/other", b"of another process")
        stall.released.set()
        with pytest.raises(DiskError, match=TAKEN):
            await refreshing

        files = await place.files()
        assert files[f"{FOLDER}/.new/other"] == files[LOCK] == b"of another process"
        for left in [name for name in files if "/." in name]:
            await place.sink.delete(left)
        assert version_in(await place.copied_to(tmp_path / "copy")) == OLD


class TestRelease:
    """The lock is gone when the call has ended, however it has ended."""

    async def test_an_error_releases_it(self, bucket: StoreBucket, clock) -> None:
        """It is raised as it is."""
        with pytest.raises(RuntimeError, match="of the caller"):
            async with sink_in(bucket).exclusive(FOLDER):
                raise RuntimeError("of the caller")

        assert bucket.keys() == []

    @pytest.mark.parametrize("native", [True, False])
    async def test_a_cancellation_releases_it(self, bucket: StoreBucket, clock, native) -> None:
        """Of the task, or of a scope."""
        scope = anyio.CancelScope()

        async def hold() -> None:
            with scope:
                async with sink_in(bucket).exclusive(FOLDER):
                    await anyio.sleep_forever()

        holding = asyncio.ensure_future(hold())
        await until(lambda: clock.sleeping)
        held = bucket.keys()
        holding.cancel() if native else scope.cancel()
        await asyncio.wait([holding])

        assert holding.cancelled() is native
        assert (held, bucket.keys()) == ([LOCK], [])

    async def test_a_cancellation_while_it_is_acquired_leaves_nothing(self, bucket, proxied, proxy, clock) -> None:
        """Although the store has created it."""
        stall = proxy.add(Stall(kind="PUT", path=LOCK, answered=True, times=1))
        waiter = Waiter(sink_in(proxied))
        await until_stalled(stall)
        await until(bucket.keys)
        waiter.task.cancel()
        stall.released.set()
        await asyncio.wait([waiter.task])

        assert waiter.task.cancelled()
        assert (waiter.had, bucket.keys()) == (False, [])

    async def test_a_store_that_fails_leaves_it_to_be_taken_over(self, bucket, proxied, proxy, clock, caplog) -> None:
        """What was done is done: a warning."""
        async with sink_in(proxied).exclusive(FOLDER):
            proxy.add(Answer(kind="PUT", path=LOCK, status=403, body=error_body("AccessDenied")))

        assert bucket.keys() == [LOCK]
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{bucket.location}/{LOCK}: could not be removed: the store answered")


class TestLostAnswers:
    """The store has done what it was asked for, and nobody knows."""

    async def test_a_lock_that_may_have_been_created_is_removed(self, bucket, proxied, proxy, clock) -> None:
        """The error is that of the network."""
        proxy.add(Cut(kind="PUT", path=LOCK, response=0, times=1))

        with pytest.raises(DiskError, match="the store failed"):
            async with sink_in(proxied).exclusive(FOLDER):
                raise AssertionError("it is not known whether it is held")

        assert bucket.keys() == []

    async def test_a_renewal_without_an_answer_loses_nothing(self, bucket, proxied, proxy, clock, caplog) -> None:
        """The next one finds that the lock is held."""
        async with sink_in(proxied).exclusive(FOLDER) as held:
            assert held is not None
            await until(lambda: clock.sleeping)
            cut = proxy.add(Cut(kind="PUT", path=LOCK, response=0, times=1))
            clock.turn(10)
            await until(lambda: cut.seen and clock.sleeping)
            await held.confirm()
            await held.confirm()

        assert bucket.keys() == []
        (record,) = caplog.records
        assert f"{LOCK}: could not be renewed: the store failed" in record.getMessage()

    def test_a_put_that_obstore_repeats_is_recognized(self, s3, monkeypatch) -> None:
        """The second one is refused because of the first."""
        bucket = Bucket(s3, "")
        put_if = bucket.put_if

        def twice(*given: Any) -> Any:
            put_if(*given)
            return put_if(*given)

        monkeypatch.setattr(bucket, "put_if", twice)
        lock, other = LockObject(bucket, LOCK), LockObject(bucket, LOCK)

        assert lock.acquire(probe=False)
        assert lock.renew()
        assert other.acquire(probe=False) is False
        lock.release()
        assert bucket.size(LOCK) is None

    def test_a_lock_that_is_gone_is_created(self, s3) -> None:
        """By the next look."""
        bucket = Bucket(s3, "")
        first, second = LockObject(bucket, LOCK), LockObject(bucket, LOCK)
        assert first.acquire(probe=False)
        assert second.acquire(probe=False) is False
        first.release()

        assert second.acquire(probe=False)


class WithoutETags:
    """obstore, with a store that gives no ETags."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def put(self, *given: Any, **more: Any) -> Any:
        """Store it."""
        self._api.put(*given, **more)
        return {"e_tag": None, "version": None}


class TestNoConditions:
    """Some stores have no conditional puts: there it is as if there were no locks."""

    @pytest.fixture(params=["501", "400", "ignored", "disabled", "local", "no ETag"])
    def sink(self, request, bucket, proxied, proxy, tmp_path: Path, monkeypatch) -> ObjectStoreSink:
        """A store that refuses conditions in some way, or ignores them."""
        if request.param == "local":
            return ObjectStoreSink(LocalStore(prefix=tmp_path))
        if request.param == "disabled":
            options: Any = bucket.options()
            name = bucket.location.removeprefix("s3://")
            options.pop("allow_http")
            return ObjectStoreSink(
                S3Store(name, config={**options, "conditional_put": "disabled"}, client_options={"allow_http": True})
            )
        sink = sink_in(proxied)
        if request.param == "ignored":
            put_if = Bucket.put_if

            def ignoring(self: Bucket, name: str, content: bytes, _: Any) -> Any:
                self.delete(name)
                return put_if(self, name, content, None)

            monkeypatch.setattr(Bucket, "put_if", ignoring)
        elif request.param == "no ETag":
            monkeypatch.setattr(sink._bucket, "_api", WithoutETags(sink._bucket._api))
        else:
            code = {"501": "NotImplemented", "400": "InvalidArgument"}[request.param]
            proxy.add(Answer(kind="PUT", path=LOCK, status=int(request.param), body=error_body(code)))
        return sink

    async def test_the_block_is_entered_all_the_same(self, sink, clock, caplog) -> None:
        """One warning, however often; who does not wait is told that nothing is held."""
        for _ in range(2):
            async with sink.exclusive(FOLDER) as held, sink.exclusive(FOLDER, wait=False) as other:
                assert held is not None
                await held.confirm()
                assert other is None

        assert await sink.list(FOLDER) == {}
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "the store has no conditional puts" in record.getMessage()

    async def test_other_errors_are_errors(self, proxied, proxy: StoreProxy, clock) -> None:
        """Of the credentials, say."""
        proxy.add(Answer(kind="PUT", path=LOCK, status=400, body=error_body("ExpiredToken")))

        with pytest.raises(DiskError, match="ExpiredToken"):
            async with sink_in(proxied).exclusive(FOLDER):
                raise AssertionError("it is not held")

    async def test_a_lock_that_cannot_be_read_is_an_error(self, bucket, proxied, proxy: StoreProxy, clock) -> None:
        """And not a lock that is free."""
        await put_bytes(sink_in(bucket), LOCK, b"of another process")
        proxy.add(Answer(kind="GET", path=LOCK, status=403, body=error_body("AccessDenied")))

        with pytest.raises(DiskError, match="AccessDenied") as caught:
            async with sink_in(proxied).exclusive(FOLDER):
                raise AssertionError("it is not held")

        assert caught.value.errno == errno.EACCES
        assert bucket.keys() == [LOCK]

    async def test_memory_has_locks(self, clock) -> None:
        """Of obstore."""
        sink = ObjectStoreSink(MemoryStore())

        async with sink.exclusive(FOLDER) as held, sink.exclusive(FOLDER, wait=False) as other:
            assert held is not None
            await held.confirm()
            assert other is None
        assert await sink.list(FOLDER) == {}


class TestVerify:
    """Whoever looks at a run that another process refreshes leaves it alone."""

    async def test_a_version_that_is_being_fetched_stays(self, bucket, proxied, proxy, clock, tmp_path) -> None:
        """It is not removed, and the old one is verified."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        stall = proxy.add(Stall(kind="PUT", path=".new/page-0002.json"))

        refreshing = asyncio.ensure_future(deliver(NEW, in_bucket(proxied).sink))
        await until_stalled(stall)
        async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
            report = await client.verify(place.again())
        staged = await place.sink.list(f"{FOLDER}/.new")
        stall.released.set()
        await refreshing

        assert (report.failures, report.runs) == ((), 1)
        assert "page-0001.json" in staged
        assert version_in(await place.copied_to(tmp_path / "copy")) == NEW

    async def test_who_may_only_read_verifies_a_run_that_is_being_refreshed(
        self, bucket, proxied, proxy, clock
    ) -> None:
        """The lock is looked at before anything is put."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        await put_bytes(place.sink, f"{FOLDER}/.new/page-0001.json", b"[]")
        proxy.add(Answer(kind="PUT", status=403, body=error_body("AccessDenied")))

        async with (
            AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client,
            in_bucket(bucket).sink.exclusive(FOLDER),
        ):
            report = await client.verify(in_bucket(proxied).sink)

        assert (report.failures, report.runs) == ((), 1)

    async def test_a_swap_is_waited_for(self, bucket, proxied, proxy, clock, tmp_path) -> None:
        """Two processes that move the same files would find some of them gone."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        stall = proxy.add(Stall(kind="COPY", path="page-0002.json"))

        refreshing = asyncio.ensure_future(deliver(NEW, in_bucket(proxied).sink))
        await until_stalled(stall)
        async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
            verifying = asyncio.ensure_future(client.verify(place.again()))
            await until(lambda: clock.sleeping == 2)
            stall.released.set()
            await refreshing
            clock.turn(1)
            report = await verifying

        assert (report.failures, report.runs) == ((), 1)
        assert version_in(await place.copied_to(tmp_path / "copy")) == NEW

    async def test_what_a_killed_process_has_staged_is_removed(self, bucket: StoreBucket, clock) -> None:
        """If its lock is gone, too."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        await put_bytes(place.sink, f"{FOLDER}/.new/page-0001.json", b"[]")

        async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
            report = await client.verify(place.again())

        assert (report.failures, report.runs) == ((), 1)
        assert {name for name in await place.files() if "/." in name} == set()

    async def test_a_lock_is_no_foreign_file(self, bucket: StoreBucket, clock) -> None:
        """`verify` does not count it, and it is removed with its run, and with the folder that a bucket was copied to."""
        place = in_bucket(bucket)
        await deliver(OLD, place.sink)
        await put_bytes(place.sink, LOCK, b"of a killed process")

        async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
            report = await client.verify(place.again())
        removal = Removal(MirrorTree(place.sink), dry_run=False, workers=1)
        await removal.runs([(101, 88)])

        assert report.failures == ()
        assert (removal.failures, removal.differences) == ([], [])
        assert await place.files() == {}
