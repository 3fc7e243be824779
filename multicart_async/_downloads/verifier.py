"""What comes for a file: may it be the file at all, how much is it, is it whole? Looked at as it passes."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress

from multicart_async._core.redactor import Redactor
from multicart_async._core.response_headers import note_headers
from multicart_async._core.threads import join_thread, submit_batched
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

PIECE = 1 << 20  # looked at in one thread hop
SMALL = 1 << 16  # up to here an error envelope may stand in place of the file, and hashing costs less than a thread hop


async def check_response(stream: ByteStream, label: str, redactor: Redactor) -> None:
    """Raise unless the response can be the file: HTTP 200, and not coded in a way that cannot be decoded.

    What it is called decides nothing: a file labelled ``text/html`` is looked at like any other.
    """
    if stream.status != 200:
        error = _refused(stream, label, await _beginning(stream), redactor)
        note_headers(error, stream.headers, redactor.text)
        raise redactor.error(error)
    label_of_coding = stream.headers.get("content-encoding", "")
    if codings(label_of_coding) not in {(), ("gzip",)}:
        shown = redactor.text(label_of_coding)[:40]
        raise IntegrityError(
            label, f"the body has Content-Encoding {shown!r}, which was not requested and cannot be checked"
        )


def _refused(stream: ByteStream, label: str, body: bytes, redactor: Redactor) -> APIError:
    """The error that a status other than 200 means, with what *body* says."""
    status, headers = stream.status, stream.headers
    envelope = envelope_in(body)
    if envelope is not None:
        return error_from_envelope(label, envelope, http_status=status, headers=headers, redactor=redactor)
    pause = retry_after(headers)
    return APIError.of(label, status, preview(body, redactor), http_status=status, retry_after=pause, in_envelope=False)


async def _beginning(stream: ByteStream) -> bytes:
    body = b""
    try:
        async for part in stream:
            body += part
            if len(body) > SMALL:
                break
    except DownloadError:
        pass  # the status has said it already
    return body[:SMALL]


class StreamVerifier:
    """Measures and checks a file as it passes: off the loop, while the next bytes come, unless it is small."""

    def __init__(self, label: str, stream: ByteStream, check: ContentCheck, redactor: Redactor = Redactor()) -> None:
        self._redactor = redactor
        self._label = label
        self._check = check
        self._hash = hashlib.sha256()
        self._stream = stream
        self._head = b""
        self._held: list[bytes] = []
        self._size = 0
        self._looking: asyncio.Future[None] | None = None
        self.verified = False

    async def update(self, piece: bytes) -> None:
        """Look at the next bytes, soon. Raises what those before them mean if they cannot be of the file."""
        if len(self._head) <= SMALL:
            self._head += piece[: SMALL + 1]
        self._held.append(piece)
        self._size += len(piece)
        if self._size >= PIECE:
            await self.join()
            held, self._held, self._size = self._held, [], 0
            self._looking = submit_batched(self._look_at, held)

    async def finish(self) -> str:
        """Verify the file, which has come to its end; return its SHA-256."""
        await self.join()
        if len(self._head) <= SMALL:
            self.verify()
        else:
            self._looking = submit_batched(self.verify)
            await self.join()
        return self.sha256

    def verify(self) -> None:
        """Raise unless the file is good to its end. Call it in any thread, after `join`."""
        held, self._held = self._held, []
        self._look_at(held)
        fault: MultiCartError | None = None
        try:
            self._check.finish()
        except ContentError as defect:
            fault = self._judge(defect)
        if fault is not None:
            raise fault  # not from the defect: it may hold an answer with a credential in it
        self.verified = True

    async def join(self) -> None:
        """Wait for the thread that looks at the file; raise what it found."""
        if self._looking is not None:
            await join_thread(self._looking)

    async def aclose(self) -> None:
        """Wait for the thread, without an error for what it found."""
        if self._looking is not None:
            with suppress(MultiCartError):  # the error that ended the transfer is the one that counts
                await join_thread(self._looking)

    @property
    def records(self) -> int | None:
        """How many records passed, if the check counts them and found nothing odd."""
        return self._check.records if isinstance(self._check, RecordCount) and not self._check.oddity else None

    @property
    def sha256(self) -> str:
        """Of all that was looked at."""
        return self._hash.hexdigest()

    def _look_at(self, pieces: list[bytes]) -> None:
        fault: MultiCartError | None = None
        try:
            for piece in pieces:
                self._hash.update(piece)
                self._check.feed(piece)
        except ContentError as defect:
            fault = self._judge(defect)
        if fault is not None:
            raise fault

    def _judge(self, defect: ContentError) -> MultiCartError:
        envelope = defect.envelope if isinstance(defect, EnvelopeReceivedError) else envelope_in(self._head)
        if envelope is not None and envelope["status"] == 0:
            redactor, status = self._redactor, self._stream.status
            error = error_from_envelope(self._label, envelope, http_status=status, headers={}, redactor=redactor)
            note_headers(error, self._stream.headers, redactor.text)
            return error
        if not self._stream.self_delimited and not defect.final:  # nothing proves that all of it came
            return IncompleteDownloadError(self._label, str(defect))
        return IntegrityError(self._label, str(defect))
