"""Check the response for a file, and measure and verify the body while it is read."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from multicart_async._core.redactor import Redactor
from multicart_async._core.response_headers import note_headers
from multicart_async._core.thread_batches import submit_batched
from multicart_async._core.threads import ThreadJob, join_thread
from multicart_async._downloads.formats import ContentCheck, ContentError
from multicart_async._downloads.formats.json_document import EnvelopeReceivedError, RecordCount, envelope_in
from multicart_async._http import ByteStream, codings
from multicart_async._http.envelope import error_from_envelope, preview, retry_after
from multicart_async.errors import (
    APIError,
    DownloadError,
    IncompleteDownloadError,
    IntegrityError,
    MultiCartError,
)

__all__ = ["StreamVerifier", "check_response"]

BATCH = 1 << 20  # bytes that are checked in one thread hop
MAX_ENVELOPE = 1 << 16  # bytes; an error envelope is not larger, and checking this much costs less than a thread hop


async def check_response(stream: ByteStream, label: str, redactor: Redactor) -> None:
    """Raise unless the response can be the file: HTTP 200, with a content coding that can be decoded.

    The content type is ignored: a file labelled ``text/html`` is checked like any other.
    """
    if stream.status != 200:
        error = _status_error(stream, label, await _read_start(stream), redactor)
        note_headers(error, stream.headers, redactor.text)
        raise redactor.error(error)
    coding = stream.headers.get("content-encoding", "")
    if codings(coding) not in {(), ("gzip",)}:
        shown = redactor.text(coding)[:40]
        raise IntegrityError(
            label, f"the body has Content-Encoding {shown!r}, which was not requested and cannot be checked"
        )


def _status_error(stream: ByteStream, label: str, body: bytes, redactor: Redactor) -> APIError:
    """Return the error for a status other than 200, with the message in *body*."""
    status, headers = stream.status, stream.headers
    envelope = envelope_in(body)
    if envelope is not None:
        return error_from_envelope(label, envelope, http_status=status, headers=headers, redactor=redactor)
    pause = retry_after(headers)
    return APIError.of(label, status, preview(body, redactor), http_status=status, retry_after=pause, in_envelope=False)


async def _read_start(stream: ByteStream) -> bytes:
    body = b""
    try:
        async for part in stream:
            body += part
            if len(body) > MAX_ENVELOPE:
                break
    except DownloadError:
        pass  # the status is error enough
    return body[:MAX_ENVELOPE]


class StreamVerifier:
    """Hash and check a file while it is read, in a thread while the next bytes arrive unless the file is small."""

    def __init__(self, label: str, stream: ByteStream, check: ContentCheck, redactor: Redactor = Redactor()) -> None:
        self._redactor = redactor
        self._label = label
        self._check = check
        self._hash = hashlib.sha256()
        self._stream = stream
        self._head = b""
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._checking: ThreadJob[None] | None = None
        self.verified = False

    async def update(self, piece: bytes) -> None:
        """Queue the next bytes for checking. Raises the error of earlier bytes that cannot belong to the file."""
        if len(self._head) <= MAX_ENVELOPE:
            self._head += piece[: MAX_ENVELOPE + 1]
        self._pending.append(piece)
        self._pending_size += len(piece)
        if self._pending_size >= BATCH:
            await self.join()
            pending, self._pending, self._pending_size = self._pending, [], 0
            self._checking = submit_batched(self._check_pieces, pending)

    async def finish(self) -> str:
        """Verify the file after its last byte; return its SHA-256."""
        await self.join()
        if len(self._head) <= MAX_ENVELOPE:
            self.verify()
        else:
            self._checking = submit_batched(self.verify)
            await self.join()
        return self.sha256

    def verify(self) -> None:
        """Check the pending bytes and the end of the file; raise if it is not valid. Call it after `join`, in any thread."""
        pending, self._pending = self._pending, []
        self._check_pieces(pending)
        error: MultiCartError | None = None
        try:
            self._check.finish()
        except ContentError as content_error:
            error = self._error_for(content_error)
        if error is not None:
            raise error  # not from the ContentError, which may hold a response that repeats the credential
        self.verified = True

    @property
    def is_checking(self) -> bool:
        """Whether `join` and `aclose` have anything to wait for."""
        return self._checking is not None

    async def join(self) -> None:
        """Wait for the thread that checks the file, and raise its error."""
        if self._checking is not None:
            await join_thread(self._checking)

    async def aclose(self) -> None:
        """Wait for the thread, and ignore its error."""
        if self._checking is not None:
            with suppress(MultiCartError):  # the error that ended the transfer is raised instead
                await join_thread(self._checking)

    @property
    def records(self) -> int | None:
        """The number of records, if the check counts them and found no anomaly."""
        return self._check.records if isinstance(self._check, RecordCount) and not self._check.anomaly else None

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes that were checked."""
        return self._hash.hexdigest()

    def _check_pieces(self, pieces: list[bytes]) -> None:
        error: MultiCartError | None = None
        try:
            for piece in pieces:
                self._hash.update(piece)
                self._check.feed(piece)
        except ContentError as content_error:
            error = self._error_for(content_error)
        if error is not None:
            raise error

    def _error_for(self, content_error: ContentError) -> MultiCartError:
        envelope = (
            content_error.envelope if isinstance(content_error, EnvelopeReceivedError) else envelope_in(self._head)
        )
        if envelope is not None and envelope["status"] == 0:
            redactor, status = self._redactor, self._stream.status
            error = error_from_envelope(self._label, envelope, http_status=status, headers={}, redactor=redactor)
            note_headers(error, self._stream.headers, redactor.text)
            return error
        if not self._stream.self_delimited and not content_error.final:  # the transfer may have been cut
            return IncompleteDownloadError(self._label, str(content_error))
        return IntegrityError(self._label, str(content_error))
