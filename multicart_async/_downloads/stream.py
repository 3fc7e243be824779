"""Stream the raw bytes of a result file to the caller, verified, without storing them."""

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

_MAX_ENVELOPE = 1 << 16  # bytes; an error envelope in place of the file is not larger


@asynccontextmanager
async def checked_stream(context: DownloadContext, url: str, base: str) -> AsyncGenerator[ByteStream, None]:
    """Open a `ByteStream` that raises instead of ending if the file was not complete."""
    link = parse_link(url, base=base)
    context.lifetime.ensure_open()
    async with context.slot(), context.transport.stream(link.url, label=link.label) as stream:
        try:
            await check_response(stream, link.label, context.redactor)
        except MultiCartError as error:
            context.retrier.record_failure(link.label, error, 1)
            error.__traceback__ = None  # its frames hold the body, which may repeat the credential
            raise
        verifier = StreamVerifier(link.label, stream, _check(link, stream, context.limits), context.redactor)
        try:
            yield _VerifiedStream(stream, verifier)
        finally:
            await verifier.aclose()  # if the caller stops early, a thread may still be working


def _check(link: ResultLink, stream: ByteStream, limits: Limits) -> ContentCheck:
    if link.name.endswith(".zip"):
        return ArchiveCheck(unpacked_bytes=limits.unpacked_bytes)
    if link.name.endswith(".json"):
        return DocumentCheck(full=not stream.self_delimited, limits=limits)
    return _OtherCheck(stream)


class _OtherCheck:
    """Check a file whose content does not show its end, such as a CSV: the transfer must prove it, and HTML is rejected."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._head = b""

    def feed(self, piece: bytes) -> None:
        if len(self._head) <= _MAX_ENVELOPE:
            self._head += piece[: _MAX_ENVELOPE + 1]

    def finish(self) -> None:
        if (envelope := envelope_in(self._head)) is not None:
            raise EnvelopeReceivedError(envelope)
        start = self._head.lstrip()[:1]
        html = self._stream.headers.get("content-type", "").lower().startswith("text/html")
        if html or start in {b"", b"<"}:  # unlike in JSON or ZIP, the content cannot disprove the label
            raise ContentError(
                "expected the file, got HTML or XML" if start else "the file is empty or has only whitespace"
            )
        if not self._stream.self_delimited:
            raise ContentError("nothing proves that the transfer is complete")


class _VerifiedStream:
    """A `ByteStream` whose bytes are verified while they are read."""

    def __init__(self, stream: ByteStream, verifier: StreamVerifier) -> None:
        self._stream = stream
        self._verifier = verifier
        self.status: int = stream.status
        self.headers: Mapping[str, str] = stream.headers
        self.length: int | None = stream.length

    @property
    def self_delimited(self) -> bool:
        """Whether the body marks its own end."""
        return self._stream.self_delimited

    async def __aiter__(self) -> AsyncIterator[bytes]:
        piece = b""
        try:
            async for piece in self._stream:
                await self._verifier.update(piece)
                yield piece
            await self._verifier.finish()
        except (MultiCartError, asyncio.CancelledError) as error:
            error.__traceback__ = None  # its frames hold the body, which may repeat the credential
            del piece
            raise
