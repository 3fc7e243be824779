"""One file: transferred, verified on the way, in place or not there.

The sink pulls the bytes; what proves them runs in between, so that a sink sees the end only of a good file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

import anyio
import attrs

from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redactor import Redactor
from multicart_async._downloads.formats import ContentCheck
from multicart_async._downloads.free_space import FreeSpace
from multicart_async._downloads.links import FileLocation
from multicart_async._downloads.resume import ResumeToken
from multicart_async._downloads.verifier import StreamVerifier, check_response
from multicart_async._http import ByteStream, Transport
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async._http.retry_rules import is_transient
from multicart_async.config import Limits
from multicart_async.errors import (
    APIError,
    DiskError,
    IncompleteDownloadError,
    IntegrityError,
    MultiCartError,
    StalledDownloadError,
)
from multicart_async.events import Emit, FileCompleted, FileFailed, FileProgress, FileRestarted, FileStarted, Retrying
from multicart_async.sinks import DirectorySink, Sink

__all__ = ["STALE_LINK", "CheckFactory", "Downloader", "FetchedFile", "FileRequest", "Refresh", "download_slot"]

_TELL_EVERY = 0.1  # seconds between two FileAdvanced of one file
_UNWRITTEN = 3 << 20  # bytes of one file that a sink holds at the most: a piece that is written, and the next one
STALE_LINK = frozenset({401, 403, 404, 410})


class CheckFactory(Protocol):
    """Makes the check of a file's content. ``full``: the transfer does not prove its end, so the content must."""

    def __call__(self, *, full: bool, limits: Limits = ...) -> ContentCheck:
        """A check for one file."""
        ...


@attrs.frozen
class FileRequest:
    """A file to fetch: where from, its name, how its content is checked; *place* is where it is put for now, if not there.

    On a disk, one that is *private* can be read by its owner alone.
    """

    link: FileLocation
    name: str
    check: CheckFactory
    place: str | None = None
    sensitive: bool = False


@attrs.frozen
class FetchedFile:
    """A file that is in place; ``records`` where its check has counted them."""

    name: str
    size: int
    sha256: str
    records: int | None = None


Refresh = Callable[[FileRequest], Awaitable[FileLocation]]
"""Asks the service for a fresh link to the same file."""


class Downloader:
    """Fetches files, so many at a time in the whole client."""

    def __init__(
        self,
        transport: Transport,
        *,
        attempts: Retrier | None = None,
        limits: Limits = Limits(),
        life: ClientLifetime | None = None,
        emit: Emit = ignore_event,
        now: Callable[[], float] = time.monotonic,
        redactor: Redactor = Redactor(),
    ) -> None:
        self.redactor = redactor
        self.transport = transport
        self.lifetime = life or ClientLifetime()
        self.retrier = attempts or Retrier(emit=emit, life=self.lifetime)
        self.limits = limits
        self.limiter = anyio.CapacityLimiter(limits.downloads)
        self.workers = limits.downloads
        self.emit = emit
        self.now = now
        self.space = FreeSpace(now)

    async def fetch(self, wanted: FileRequest, sink: Sink, refresh: Refresh | None = None) -> FetchedFile:
        """Put the file into *sink*, whole and verified.

        Raises:
            DownloadError: It could not be had whole; nothing is there under its name.
            APIError: The service refused it, with a fresh link too.
        """
        with self.lifetime.track():
            other = wanted.link.alternate_url
            while True:
                try:
                    return await _Transfer(self, wanted, sink).run()
                except APIError as error:
                    if error.code == 404 and other is not None:
                        wanted = attrs.evolve(wanted, link=attrs.evolve(wanted.link, url=other))
                    elif error.code in STALE_LINK and refresh is not None:
                        wanted, refresh = attrs.evolve(wanted, link=await refresh(wanted)), None
                    else:
                        raise
                    other = None


class _Transfer:
    """One file on its way: its attempts, from the start or in the middle, and what they told."""

    def __init__(self, owner: Downloader, wanted: FileRequest, sink: Sink) -> None:
        self._owner = owner
        self._wanted = wanted
        self._label = wanted.link.label
        self._sink = sink
        self._tries = 0
        self._started = False
        self._told = 0.0
        self._told_bytes = 0
        self._received = 0
        self._expected: int | None = None
        self._broken: Exception | None = None

    @property
    def rest(self) -> int:
        """See `Transfer`. The last bytes that came may still be in memory, or in a thread that writes."""
        return max((self._expected or 0) - max(self._received - _UNWRITTEN, 0), 0)

    async def run(self) -> FetchedFile:
        owner = self._owner
        try:
            fetched = await owner.retrier.run(self._label, self._attempt, self._again, emit_events=False)
        except MultiCartError as error:
            if self._started:
                self._tell_rest()
                owner.emit(FileFailed(name=self._wanted.name, discarded=self._received, error=error))
            raise
        owner.emit(FileCompleted(name=fetched.name, size=fetched.size))
        return fetched

    def _again(self, error: BaseException) -> bool:
        return is_transient(error) and self._tries < self._owner.retrier.max_attempts

    async def _attempt(self, _: int) -> FetchedFile:
        self._tries += 1
        if self._broken is not None:
            self._owner.emit(Retrying(path=self._label, attempt=self._tries, error=self._broken))
            if self._started:
                self._tell_rest()
                self._owner.emit(FileRestarted(name=self._wanted.name, discarded=self._received, error=self._broken))
        self._received = self._told_bytes = 0
        try:
            async with download_slot(self._owner):
                meter = await self._put()
        except DiskError as error:
            self._broken = error
            raise
        except (MultiCartError, asyncio.CancelledError) as error:
            error.__traceback__ = None  # its frames hold what came, which may repeat the credential
            self._broken = error if isinstance(error, MultiCartError) else None
            raise
        finally:
            self._owner.space.forget(self)  # not before it is in place, or gone
        return FetchedFile(self._wanted.name, self._received, meter.sha256, meter.records)

    async def _put(self) -> StreamVerifier:
        """The file into the sink; what has measured it."""
        meters: list[StreamVerifier] = []
        name, sink = self._wanted.place or self._wanted.name, self._sink
        if isinstance(sink, DirectorySink) and type(sink).put is DirectorySink.put:  # not somebody's own

            def prove() -> None:
                meters[0].verify()

            async with aclosing(self._pieces(meters)) as pieces:
                await sink.put_verified(name, pieces, prove, private=self._wanted.sensitive)
        else:
            async with aclosing(self._proved_pieces(meters)) as pieces:
                await sink.put(name, pieces)
            if not meters or not meters[0].self_delimited:
                raise IntegrityError(self._label, "the sink did not take the file to its end")
        return meters[0]

    async def _proved_pieces(self, meters: list[StreamVerifier]) -> AsyncGenerator[bytes, None]:
        """The whole file as it comes; raises instead of ending when it is not the whole file, or not a good one."""
        async with aclosing(self._pieces(meters)) as pieces:
            async for piece in pieces:
                yield piece
        await meters[0].join()

    async def _pieces(self, meters: list[StreamVerifier]) -> AsyncGenerator[bytes, None]:
        """The whole file as it comes; its meter is the first thing to be there, and still has to prove the last pieces."""
        meter: StreamVerifier | None = None
        try:
            ticket: ResumeToken | None = None
            await self._owner.space.prepare(self._sink)
            while True:
                headers: Mapping[str, str] = ticket.headers(self._received) if ticket else {}
                async with self._owner.transport.stream(
                    self._wanted.link.url, label=self._label, headers=headers, new_connection=self._tries > 1
                ) as stream:
                    reader = _Reader(stream)
                    if meter is None:
                        await check_response(stream, self._label, self._owner.redactor)
                        check = self._wanted.check(full=not stream.self_delimited, limits=self._owner.limits)
                        meter = StreamVerifier(self._label, stream, check, self._owner.redactor)
                        meters.append(meter)
                        ticket = ResumeToken.from_response(stream)
                        self._expected = stream.length
                        await self._owner.space.admit(self._sink, self._wanted.name, stream.length, self)
                        self._tell_start()
                    elif stream.status not in {200, 206, 416}:
                        reader.broken = await self._refused(stream)
                    elif ticket is None or not ticket.accepts(stream, self._received):
                        raise IncompleteDownloadError(self._label, "the rest did not fit to what was there already")
                    while piece := await reader.piece():
                        await meter.update(piece)
                        self._received += len(piece)
                        self._tell()
                        yield piece
                if reader.broken is None:
                    break
                await self._go_on(ticket, reader.broken)
            await meter.seen()
        finally:
            if meter is not None:
                await meter.aclose()

    async def _refused(self, stream: ByteStream) -> MultiCartError:
        """Why the rest does not come now; raises what will not pass."""
        try:
            await check_response(stream, self._label, self._owner.redactor)
        except APIError as error:
            if not is_transient(error):
                raise
            self._owner.retrier.record_failure(self._label, error, self._tries)
            return error
        raise AssertionError("it is none that is admitted")  # pragma: no cover -- for the type checkers

    async def _go_on(self, ticket: ResumeToken | None, broken: MultiCartError) -> None:
        """Prepare to go on in the middle, or give up: then the next attempt begins at the start."""
        attempts = self._owner.retrier
        if (
            ticket is None
            or self._received == 0
            or self._tries >= attempts.max_attempts
            or attempts.asks_too_long(broken)
        ):
            raise broken
        self._tries += 1
        self._owner.emit(Retrying(path=self._label, attempt=self._tries, error=broken))
        await attempts.backoff(broken, self._tries - 1)
        await attempts.wait_for_rate_limit()

    def _tell_start(self) -> None:
        if not self._started:
            self._started = True
            self._owner.emit(FileStarted(name=self._wanted.name, expected=self._expected))
        self._told = self._owner.now()

    def _tell(self) -> None:
        now = self._owner.now()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            self._tell_rest()

    def _tell_rest(self) -> None:
        """All that came so far; before bytes are taken off a sum, they must have been added."""
        if self._received > self._told_bytes:
            self._told_bytes = self._received
            self._owner.emit(FileProgress(name=self._wanted.name, received=self._received, expected=self._expected))


class _Reader:
    """What comes, up to a break."""

    def __init__(self, stream: ByteStream) -> None:
        self._parts = aiter(stream)
        self.broken: MultiCartError | None = None

    async def piece(self) -> bytes:
        """What came; nothing at the end and after a break, which is in ``broken`` then."""
        if self.broken is not None:
            return b""
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            pass
        except (IncompleteDownloadError, StalledDownloadError) as error:
            if not is_transient(error):
                raise
            self.broken = error
        return b""


@asynccontextmanager
async def download_slot(downloader: Downloader) -> AsyncGenerator[None, None]:
    """One of the client's downloads. On behalf of nobody: a generator may be closed by another task than it began in."""
    borrower = object()
    try:
        downloader.limiter.acquire_on_behalf_of_nowait(borrower)
    except anyio.WouldBlock:
        with downloader.lifetime.track():
            await downloader.limiter.acquire_on_behalf_of(borrower)
    try:
        await downloader.retrier.wait_for_rate_limit()
        yield
    finally:
        downloader.limiter.release_on_behalf_of(borrower)
