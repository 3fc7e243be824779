"""A mirror in a sink of somebody else's, which raises what it likes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from support.fake_sinks import PlainSink

from multicart_async import errors
from multicart_async.sandbox.faults import Cut
from multicart_async.sinks import ListableSink, MemorySink
from multicart_async.sinks._error_mapping import map_sink_errors


class Broken(PlainSink):
    """Fails at some names; *where* says in what."""

    def __init__(self, where: str, part: str) -> None:
        super().__init__()
        self.where = where
        self.part = part

    def _fail(self, where: str, name: str) -> None:
        if where == self.where and self.part in name:
            raise RuntimeError("no room in the bucket")

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._fail("put", name)
        await super().put(name, chunks)

    async def read(self, name: str) -> bytes | None:
        self._fail("read", name)
        return await super().read(name)

    async def size(self, name: str) -> int | None:
        self._fail("size", name)
        return await super().size(name)


@pytest.mark.parametrize("where", ["put", "read"])
async def test_a_sink_that_fails_at_one_run_does_not_stop_the_others(sandbox, client, where) -> None:
    """It is that run's failure, as an error of ours, from the sink's own."""
    ids = sandbox.add_collections(4, items=1)

    report = await client.sync(Broken(where, f"{ids[1]}/"))

    assert (report.files, report.failed) == (3, 1)
    (failure,) = report.failures
    assert ids[1] == failure.collection
    assert isinstance(failure.error, errors.DownloadError)
    assert "the sink failed: RuntimeError: no room in the bucket" in str(failure.error)


async def test_a_sink_that_cannot_tell_a_size_is_an_error_of_ours(sandbox, client) -> None:
    """As it is where a single run is downloaded."""
    (collection_id,) = sandbox.add_collections(1, items=3)
    run = await client.runs.latest(collection_id)
    sink = Broken("size", "page")
    await client.runs.download(run, sink)

    with pytest.raises(errors.DownloadError, match="the sink failed"):
        await client.runs.download(run, sink)


async def test_a_transfer_error_that_a_sink_wraps_is_still_retried(sandbox, client) -> None:
    """A sink may wrap the error of its chunks: the transfer is retried all the same."""

    class Wrapping(PlainSink):
        async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
            try:
                await super().put(name, chunks)
            except Exception as error:
                raise RuntimeError("put failed") from error

    (collection_id,) = sandbox.add_collections(1, items=3)
    run = await client.runs.latest(collection_id)
    sandbox.faults.add("/results/*", Cut(5))

    assert len((await client.runs.download(run, Wrapping())).files) == 2


class Shelf(MemorySink):
    """One that can be looked through, and does not want to."""

    async def list(self, folder: str) -> dict[str, int | None]:
        raise LookupError

    async def delete(self, name: str) -> None:
        raise errors.DiskError(name, "read-only", 30)

    async def iter_bytes(self, name: str) -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise LookupError


async def test_what_can_be_looked_through_stays_so() -> None:
    """With its errors made ours; those that are ours already are let through."""
    sink = map_sink_errors(Shelf())
    assert isinstance(sink, ListableSink)
    assert sink is map_sink_errors(sink)

    with pytest.raises(errors.DownloadError, match="LookupError"):
        await sink.list("")
    with pytest.raises(errors.DiskError):
        await sink.delete("a")
    seen = []
    with pytest.raises(errors.DownloadError, match="LookupError"):
        async for chunk in sink.iter_bytes("a"):
            seen.append(chunk)  # noqa: PERF401 -- what came before the error counts
    assert seen == [b"one"]


class Odd(MemorySink):
    """Pieces of any size, by an iterator that cannot be closed."""

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        class Pieces:
            left = iter([b"one", b"", b"two"])

            def __aiter__(self) -> AsyncIterator[bytes]:
                return self

            async def __anext__(self) -> bytes:
                for piece in self.left:
                    return piece
                raise StopAsyncIteration

        return Pieces()


async def test_pieces_may_be_empty_and_need_not_be_a_generator() -> None:
    """An empty piece is not the end."""
    assert [piece async for piece in map_sink_errors(Odd()).iter_bytes("a")] == [b"one", b"", b"two"]


class Plain(Odd):
    """Fails before it gives anything to wait for."""

    def read(self, name: str):
        raise KeyError(name)

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        raise KeyError(name)


async def test_a_sink_may_fail_before_anything_is_awaited() -> None:
    """That is its error as well."""
    for call in (lambda sink: sink.read("a"), lambda sink: anext(sink.iter_bytes("a"))):
        with pytest.raises(errors.DownloadError, match="KeyError"):
            await call(map_sink_errors(Plain()))


async def test_a_foreign_sink_is_verified_with_errors_of_ours(sandbox, client) -> None:
    """As it was filled."""
    sandbox.add_collections(1, items=3)
    sink = Shelf()
    await client.sync(MemorySink())

    with pytest.raises(errors.DownloadError, match="the sink failed"):
        await client.verify(sink)
    with pytest.raises(errors.ArgumentError, match="dest: expected a ListableSink"):
        await client.verify(PlainSink())
