"""The raw bytes of a result file for a caller who wants to do something else with them than keep them in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.formats import ContentCheck, ContentError
from multicart_async._downloads.formats.json_document import DocumentCheck, EnvelopeReceivedError, envelope_in
from multicart_async._downloads.formats.zip_archive import ArchiveCheck
from multicart_async._downloads.links import ResultLink, parse_link
from multicart_async._downloads.verifier import StreamVerifier, check_response
from multicart_async._http import ByteStream
from multicart_async.config import Limits
from multicart_async.errors import MultiCartError

__all__ = ["checked_stream"]

_HEAD = 1 << 16  # up to here an error envelope may stand in place of the file


@asynccontextmanager
async def checked_stream(context: DownloadContext, url: str, base: str) -> AsyncGenerator[ByteStream, None]:
    """A `ByteStream` that raises instead of ending when it was not the whole file."""
    link = parse_link(url, base=base)
    context.lifetime.ensure_open()
    async with context.slot(), context.transport.stream(link.url, label=link.label) as stream:
        try:
            await check_response(stream, link.label, context.redactor)
        except MultiCartError as error:
            context.retrier.record_failure(link.label, error, 1)
            error.__traceback__ = None  # its frames hold what came, which may repeat the credential
            raise
        verifier = StreamVerifier(link.label, stream, _check(link, stream, context.limits), context.redactor)
        try:
            yield _Checked(stream, verifier)
        finally:
            await verifier.aclose()  # who leaves early may leave a thread at work


def _check(link: ResultLink, stream: ByteStream, limits: Limits) -> ContentCheck:
    if link.name.endswith(".zip"):
        return ArchiveCheck(unpacked_bytes=limits.unpacked_bytes)
    if link.name.endswith(".json"):
        return DocumentCheck(full=not stream.self_delimited, limits=limits)
    return _OtherCheck(stream)


class _OtherCheck:
    """A file whose content shows no end, such as a CSV: the transfer must prove it, and nothing else may be in its place."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._head = b""

    def feed(self, piece: bytes) -> None:
        if len(self._head) <= _HEAD:
            self._head += piece[: _HEAD + 1]

    def finish(self) -> None:
        if (envelope := envelope_in(self._head)) is not None:
            raise EnvelopeReceivedError(envelope)
        start = self._head.lstrip()[:1]
        html = self._stream.headers.get("content-type", "").lower().startswith("text/html")
        if html or start in {b"", b"<"}:  # nothing in such a file contradicts the label
            raise ContentError("HTML or XML came in place of the file" if start else "the file is empty or blank")
        if not self._stream.self_delimited:
            raise ContentError("nothing proves that the transfer came to its end")


class _Checked:
    """A `ByteStream` whose bytes are verified as they pass."""

    def __init__(self, stream: ByteStream, verifier: StreamVerifier) -> None:
        self._stream = stream
        self._verifier = verifier
        self.status: int = stream.status
        self.headers: Mapping[str, str] = stream.headers
        self.length: int | None = stream.length

    @property
    def self_delimited(self) -> bool:
        """Whether the end of the body shows."""
        return self._stream.self_delimited

    async def __aiter__(self) -> AsyncIterator[bytes]:
        piece = b""
        try:
            async for piece in self._stream:
                await self._verifier.update(piece)
                yield piece
            await self._verifier.finish()
        except (MultiCartError, asyncio.CancelledError) as error:
            error.__traceback__ = None  # its frames hold what came, which may repeat the credential
            del piece
            raise
