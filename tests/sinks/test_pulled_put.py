"""Verified files in sinks that only have `put`: behind `map_sink_errors`, and in folders whose `put` is overridden."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import get_args

import anyio
import attrs
import pytest
from support.cancel_kit import How, cancelled_at
from support.download_kit import files_below
from support.fake_sinks import OwnPutSink, PlainSink

from multicart_async.errors import DownloadError, IncompleteDownloadError, IntegrityError
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._protocol import VerifyingSink, Write

PIECES = [b"one", b"two", b"three"]


@attrs.define
class Body:
    """A file that comes in pieces; ``events`` are what happened to it."""

    pieces: list[bytes | Exception] = attrs.field(factory=lambda: [*PIECES])
    events: list[str] = attrs.field(factory=list)
    error: Exception | None = None

    async def receive(self, write: Write) -> None:
        """Write the pieces."""
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                await write(piece)
                self.events.append("written")
            self.events.append("received")
        finally:
            self.events.append("closed")

    def verify(self) -> None:
        """Accept the file, or raise ``error``."""
        assert threading.current_thread() is not threading.main_thread()
        self.events.append("verified")
        if self.error is not None:
            raise self.error


async def put(sink: VerifyingSink, body: Body) -> None:
    """Put the body as 101/88/a."""
    await sink.put_verified("101/88", "a", body.receive, body.verify)


async def test_the_sink_sees_the_end_after_the_verification() -> None:
    """Folder and name arrive joined, and all pieces in their order."""
    sink, body = PlainSink(), Body()

    await put(map_sink_errors(sink), body)

    assert sink.files == {"101/88/a": b"onetwothree"}
    assert body.events == ["written"] * 3 + ["received", "closed", "verified"]


async def test_a_file_at_the_top_has_no_folder() -> None:
    """Its name is the whole name."""
    sink, body = PlainSink(), Body()

    await map_sink_errors(sink).put_verified("", "invoice-1.pdf", body.receive, body.verify)

    assert sink.files.keys() == {"invoice-1.pdf"}


@pytest.mark.parametrize("error", [IntegrityError("a", "bad"), LookupError("bad"), OSError(5, "bad")])
async def test_a_file_that_is_not_accepted_has_no_end(error) -> None:
    """The sink gets the error in the place of the end, and the caller gets the very same."""
    sink = PlainSink()

    with pytest.raises(type(error)) as caught:
        await put(map_sink_errors(sink), Body(error=error))

    assert caught.value is error
    assert sink.files == {}


@pytest.mark.parametrize("error", [IncompleteDownloadError("a", "cut"), LookupError("cut"), OSError(5, "cut")])
async def test_an_error_of_the_transfer_passes_unchanged(error) -> None:
    """It is not the sink's; nothing is verified."""
    sink, body = PlainSink(), Body([b"one", error])

    with pytest.raises(type(error)) as caught:
        await put(map_sink_errors(sink), body)

    assert caught.value is error
    assert sink.files == {}
    assert body.events == ["written", "closed"]


class Lazy(PlainSink):
    """A sink that takes a number of pieces, and then ends with its error or without."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        super().__init__()
        self.count = count
        self.error = error

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        for _ in range(self.count):
            await anext(chunks)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_what_is_not_taken_to_its_end_is_not_verified(count) -> None:
    """The transfer has ended when the sink has, even if it never began."""
    body = Body()

    await put(map_sink_errors(Lazy(count)), body)

    assert "verified" not in body.events
    assert body.events[-1:] == (["closed"] if count else [])


async def test_an_error_of_the_sink_ends_the_transfer() -> None:
    """It becomes a `DownloadError`, and the transfer has ended before."""
    body = Body()

    with pytest.raises(DownloadError, match="the sink failed: ValueError: full") as caught:
        await put(map_sink_errors(Lazy(1, ValueError("full"))), body)

    assert isinstance(caught.value.__cause__, ValueError)
    assert body.events[-1] == "closed"


async def test_a_slow_sink_holds_the_transfer_back() -> None:
    """At most one piece is read ahead."""
    body, ahead = Body([b"x"] * 10), list[int]()

    class Slow(PlainSink):
        async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
            taken = 0
            async for _ in chunks:
                taken += 1
                for _ in range(5):
                    await asyncio.sleep(0)
                ahead.append(body.events.count("written") - taken)

    await put(map_sink_errors(Slow()), body)

    assert max(ahead) <= 1


async def test_a_sink_may_pull_in_a_task_of_its_own() -> None:
    """As one that uploads in the background does."""
    body = Body()

    class Background(PlainSink):
        async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(super().put, name, chunks)

    sink = Background()
    await put(map_sink_errors(sink), body)

    assert sink.files == {"101/88/a": b"onetwothree"}


@pytest.mark.parametrize("how", get_args(How))
async def test_a_cancelled_put_ends_the_transfer_first(how) -> None:
    """At each point: the file is there, or nothing is, and the task that receives it has ended."""
    at, reached = 0, True
    while reached:
        at += 1
        sink, body = PlainSink(), Body()

        end, reached = await cancelled_at(at, put(map_sink_errors(sink), body), how)

        assert body.events[-1:] in ([], ["closed"], ["verified"])
        assert sink.files in ({}, {"101/88/a": b"onetwothree"})
        assert end == "cancelled" or sink.files
    assert at > 3


class Inherited(OwnPutSink):
    """A folder that has such a `put` from another class."""


class Mixed:
    """A `put` that is mixed in."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)  # type: ignore[call-arg]
        self.seen: list[str] = []

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self.seen.append(name)
        await DirectorySink.put(self, name, chunks)  # type: ignore[arg-type]
        self.seen.append("whole")


class WithMixin(Mixed, DirectorySink):
    """A folder with that."""


@pytest.mark.parametrize("make", [OwnPutSink, Inherited, WithMixin])
@pytest.mark.parametrize("private", [False, True])
async def test_an_overridden_put_gets_the_files(tmp_path, make: Callable[..., OwnPutSink], private) -> None:
    """Wherever it is defined, and it returns only for files that were accepted."""
    sink, body, bad = make(tmp_path), Body(), Body(error=IntegrityError("a", "bad"))

    with pytest.raises(IntegrityError):
        await map_sink_errors(sink).put_verified("f", "a", bad.receive, bad.verify, private=private)
    await map_sink_errors(sink).put_verified("f", "a", body.receive, body.verify, private=private)

    assert sink.seen == ["f/a", "f/a", "whole"]
    assert files_below(tmp_path) == {"f/a": b"onetwothree"}


async def test_a_folder_that_overrides_both_is_left_alone(tmp_path) -> None:
    """Who has a way of its own for verified files keeps it."""
    seen: list[str] = []

    class Both(OwnPutSink):
        async def put_verified(self, folder, name, receive, verify, *, private=False):
            seen.append(name)
            await DirectorySink.put_verified(self, folder, name, receive, verify, private=private)

    await put(map_sink_errors(Both(tmp_path)), Body())

    assert seen == ["a"]
    assert files_below(tmp_path) == {"101/88/a": b"onetwothree"}
