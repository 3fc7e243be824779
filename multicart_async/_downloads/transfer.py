"""Transfer one file: open, check and read the response, write and verify it, and put it in place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from multicart_async._core.log import log_retry
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FetchedFile, FileRequest, Refresh
from multicart_async._downloads.link_source import LinkSource
from multicart_async._downloads.progress import FileReporter
from multicart_async._downloads.resume import ResumeToken
from multicart_async._downloads.verifier import StreamVerifier, check_response
from multicart_async._http import ByteStream
from multicart_async._http.retry_rules import is_transient
from multicart_async.errors import (
    APIError,
    DiskError,
    IncompleteDownloadError,
    IntegrityError,
    MultiCartError,
    StalledDownloadError,
)
from multicart_async.events import Retrying
from multicart_async.sinks._protocol import VerifyingSink, Write

__all__ = ["FileTransfer"]

_MAX_UNWRITTEN: Final = 3 << 20  # bytes in the memory of a sink: the block that is being written, and the next one


class FileTransfer:
    """Fetch one file into a sink, complete and verified. A failed transfer leaves nothing behind."""

    def __init__(
        self,
        context: DownloadContext,
        request: FileRequest,
        sink: VerifyingSink,
        refresh: Refresh | None = None,
        *,
        folder: str | None = None,
    ) -> None:
        """Prepare the transfer; *folder* replaces the folder of the request."""
        self._context = context
        self._request = request
        self._label = request.link.label
        self._sink = sink
        self._folder = request.folder if folder is None else folder
        self._links = LinkSource(request, refresh)
        self._begin_link()

    def _begin_link(self) -> None:
        self._tries = 0
        self._failure: MultiCartError | None = None  # of the previous attempt
        self._reporter = FileReporter(self._request.path, self._context.emit, self._context.clock.now)
        self._begin_attempt()

    def _begin_attempt(self) -> None:
        self._verifier: StreamVerifier | None = None  # until the first response of the attempt
        self._first: ByteStream | None = None
        self._token: ResumeToken | None = None  # from the first response, once it was interrupted

    @property
    def remaining(self) -> int:
        """The number of bytes that are still to be written; the last ones received may not be on the disk yet."""
        reporter = self._reporter
        return max((reporter.expected or 0) - max(reporter.received - _MAX_UNWRITTEN, 0), 0)

    async def run(self) -> FetchedFile:
        """Fetch the file; call it once, within an operation that the client's lifetime tracks.

        Raises:
            DownloadError: The file could not be downloaded completely; nothing is left under its name.
            APIError: The service rejected the request, also with a fresh link.
        """
        while True:
            try:
                fetched = await self._context.retrier.run(
                    self._label, self._attempt, self._may_retry, emit_events=False
                )
            except MultiCartError as error:
                self._reporter.fail(error)
                if not await self._links.replace(error):
                    raise
                self._begin_link()
            else:
                self._reporter.complete()
                return fetched

    def _may_retry(self, error: BaseException) -> bool:
        return is_transient(error) and self._tries < self._context.retrier.max_attempts

    async def _attempt(self, _: int) -> FetchedFile:
        """Fetch the file from its start."""
        self._tries += 1
        if self._failure is not None:
            log_retry(self._label, self._tries, self._failure)
            self._context.emit(Retrying(path=self._label, attempt=self._tries, error=self._failure))
            self._reporter.restart(self._failure)
            self._begin_attempt()
        request = self._request
        try:
            async with self._context.slot():
                await self._sink.put_verified(
                    self._folder, request.name, self._receive, self._verify, private=request.sensitive
                )
            return self._fetched()
        except DiskError as error:
            self._failure = error
            raise
        except (MultiCartError, asyncio.CancelledError) as error:
            error.__traceback__ = None  # its frames hold the body, which may repeat the credential
            self._failure = error if isinstance(error, MultiCartError) else None
            raise
        finally:
            self._context.space.release(self)  # only after the file is in place, or removed

    def _fetched(self) -> FetchedFile:
        verifier = self._verifier
        if verifier is None or not verifier.verified:
            raise IntegrityError(self._label, "the sink has not read the file to its end")
        return FetchedFile(self._request.name, self._reporter.received, verifier.sha256, verifier.records)

    def _verify(self) -> None:
        assert self._verifier is not None  # all bytes have arrived
        self._verifier.verify()

    async def _receive(self, write: Write) -> None:
        """Pass the whole body to *write*. Resume after an interruption if the server has proved that it can."""
        await self._context.space.prepare(self._sink)
        try:
            while (failure := await self._receive_response(write)) is not None:
                await self._prepare_resume(failure)
            assert self._verifier is not None  # a response is complete
            if self._verifier.is_checking:
                await self._verifier.join()
        finally:
            if self._verifier is not None and self._verifier.is_checking:
                await self._verifier.aclose()

    async def _receive_response(self, write: Write) -> MultiCartError | None:
        """Pass the body of one response to *write*; return the error that interrupted it, ``None`` if it is complete."""
        reporter, token = self._reporter, self._token
        headers: Mapping[str, str] = token.headers(reporter.received) if token else {}
        async with self._context.transport.stream(
            self._links.url, label=self._label, headers=headers, new_connection=self._tries > 1
        ) as stream:
            verifier = self._verifier
            if verifier is None:
                verifier = await self._begin(stream)
            elif (failure := await self._check_rest(stream)) is not None:
                return failure
            pieces = aiter(stream)
            while True:
                try:
                    piece = await anext(pieces, None)
                except (IncompleteDownloadError, StalledDownloadError) as error:
                    if not is_transient(error):
                        raise
                    return error
                if piece is None:
                    return None
                await verifier.update(piece)
                reporter.add(len(piece))
                await write(piece)

    async def _begin(self, stream: ByteStream) -> StreamVerifier:
        """Check that the first response of an attempt can be the file, and that it fits on the disk."""
        context = self._context
        await check_response(stream, self._label, context.redactor)
        check = self._request.check(full=not stream.self_delimited, limits=context.limits)
        self._verifier = StreamVerifier(self._label, stream, check, context.redactor)
        self._first = stream
        await context.space.reserve(self._sink, self._request.path, stream.length, self)
        self._reporter.start(stream.length)
        return self._verifier

    async def _check_rest(self, stream: ByteStream) -> MultiCartError | None:
        """Return a transient error in place of the rest of the file, or ``None`` if *stream* is that rest.

        Raises:
            APIError: The service rejected the request permanently.
            IncompleteDownloadError: *stream* is not the rest: the file has to be transferred from its start.
        """
        if stream.status not in {200, 206, 416}:
            try:
                await check_response(stream, self._label, self._context.redactor)
            except APIError as error:
                if not is_transient(error):
                    raise
                self._context.retrier.record_failure(self._label, error, self._tries)
                return error
        if self._token is None or not self._token.accepts(stream, self._reporter.received):
            raise IncompleteDownloadError(
                self._label, "expected the rest of the file, got a response that does not continue it"
            )
        return None

    async def _prepare_resume(self, failure: MultiCartError) -> None:
        """Wait before the rest is requested, or raise *failure*: then the next attempt starts from the first byte."""
        retrier = self._context.retrier
        if self._token is None and self._first is not None:
            self._token = ResumeToken.from_response(self._first)
        if (
            self._token is None
            or self._reporter.received == 0
            or self._tries >= retrier.max_attempts
            or retrier.asks_too_long(failure)
        ):
            raise failure
        self._tries += 1
        log_retry(self._label, self._tries, failure)
        self._context.emit(Retrying(path=self._label, attempt=self._tries, error=failure))
        await retrier.backoff(failure, self._tries - 1)
        await retrier.wait_for_rate_limit()
