"""A pause that the service asks for at a file: all files of the client keep it, and nothing is sent in the middle of it."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager

import anyio
import attrs
import pytest
from support.download_kit import BASE, fetch, page_bytes, run_of, sized_page, url, wanted_page
from support.fake_sinks import PlainSink
from support.fakes import FakeClock, FakeFile, FakeTransport

from multicart_async import Limits
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.manager import DownloadManager
from multicart_async._downloads.record_codec import record_reader
from multicart_async._downloads.stream import checked_stream
from multicart_async._http.retries import Retrier
from multicart_async.errors import AuthenticationError, IncompleteDownloadError, ServerError
from multicart_async.events import Event, FileRestarted

PAGE = page_bytes(3)
BUSY = FakeFile([b""], status=503, headers={"retry-after": "7"})
GOOD = FakeFile.whole(PAGE)


class Timed(FakeTransport):
    """Notes when each file is asked for."""

    def __init__(self, clock: FakeClock, *files: FakeFile) -> None:
        super().__init__(files={url(1): files})
        self.clock = clock
        self.times: list[float] = []

    @asynccontextmanager
    async def stream(self, asked, *, label, headers={}, new_connection=False):
        self.times.append(self.clock.now())
        async with super().stream(asked, label=label, headers=headers) as file:
            yield file


@attrs.define
class Bench:
    """A downloader with one slot, whose time is turned by hand."""

    transport: Timed
    owner: DownloadContext
    told: list[Event]

    @classmethod
    def of(cls, *files: FakeFile) -> Bench:
        clock = FakeClock()
        transport = Timed(clock, *files)
        told: list[Event] = []
        retrier = Retrier(clock=clock.clock)
        limits = Limits(downloads=1)
        owner = DownloadContext(transport, retrier=retrier, limits=limits, clock=clock.clock, emit=told.append)
        return cls(transport, owner, told)

    async def fetch(self) -> None:
        """A file to a sink."""
        await fetch(self.owner, wanted_page(), PlainSink())

    async def records(self) -> None:
        """A file's records."""

        async def relist() -> None:
            raise AssertionError

        manager = DownloadManager(self.owner, BASE)
        async with aclosing(manager.records(run_of(1), record_reader(dict), "raise", relist=relist)) as rows:
            assert len([row async for row in rows]) == 3

    async def stream(self) -> None:
        """A file's bytes."""
        async with checked_stream(self.owner, url(1), BASE) as parts:
            assert b"".join([part async for part in parts]) == PAGE


WAYS = {"fetch": Bench.fetch, "records": Bench.records, "stream": Bench.stream}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_who_queues_for_a_slot_keeps_the_pause(way) -> None:
    """It was asked for when they queued already."""
    bench = Bench.of(BUSY, GOOD)

    async with anyio.create_task_group() as group:
        group.start_soon(bench.fetch)
        await anyio.wait_all_tasks_blocked()
        for _ in range(2):
            group.start_soon(way, bench)

    assert bench.transport.times[0] == 0
    assert set(bench.transport.times[1:]) == {7.0}


async def test_a_pause_that_is_cancelled_gives_the_slot_back(monkeypatch) -> None:
    """The next file has it."""
    bench = Bench.of(GOOD)

    async def pause() -> None:
        await anyio.sleep_forever()

    with monkeypatch.context() as patched:
        patched.setattr(bench.owner.retrier, "wait_for_rate_limit", pause)
        with anyio.move_on_after(0.01):
            await bench.fetch()
    await bench.fetch()

    assert (bench.owner.limiter.borrowed_tokens, len(bench.transport.times)) == (0, 1)


async def test_records_keep_the_pause_that_they_were_asked_for() -> None:
    """With no pause of our own in its place."""
    bench = Bench.of(BUSY, GOOD)

    await bench.records()

    assert bench.transport.times[0] == 0
    assert bench.transport.times[1] >= 7


async def test_a_stream_that_is_refused_asks_everybody_for_the_pause() -> None:
    """It is not asked for again itself; the next file waits."""
    bench = Bench.of(BUSY, GOOD)

    with pytest.raises(ServerError):
        await bench.stream()
    await bench.fetch()

    assert bench.transport.times == [0, 7]


async def test_a_pause_in_answer_to_the_rest_of_a_file_is_kept() -> None:
    """A broken transfer asks for the rest, and is told to come back later."""
    content = sized_page(1000)
    tag = {"etag": '"v1"', "accept-ranges": "bytes", "content-length": "1000"}
    broken = FakeFile([content[:500], IncompleteDownloadError("page 1", "cut")], headers=tag)
    span = {"etag": '"v1"', "content-range": "bytes 500-999/1000", "content-length": "500"}
    rest = FakeFile([content[500:]], status=206, headers=span)
    bench = Bench.of(broken, BUSY, rest)

    told = bench.told
    await bench.fetch()

    first, second, third = bench.transport.times
    assert first == 0
    assert second + 7 <= third <= second + 9
    assert [headers.get("Range", "") for _, headers in bench.transport.opened] == ["", "bytes=500-", "bytes=500-"]
    assert not any(isinstance(event, FileRestarted) for event in told)


async def test_a_refusal_in_answer_to_the_rest_of_a_file_is_the_error() -> None:
    """It does not pass by itself."""
    content = sized_page(1000)
    tag = {"etag": '"v1"', "accept-ranges": "bytes", "content-length": "1000"}
    broken = FakeFile([content[:500], IncompleteDownloadError("page 1", "cut")], headers=tag)

    with pytest.raises(AuthenticationError):
        await Bench.of(broken, FakeFile([b"no"], status=401)).fetch()
