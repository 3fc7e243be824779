"""The records of one response: parsed as it arrives, and told apart from an error envelope in place of the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from multicart_async._core.redactor import Redactor
from multicart_async._core.stepwise import run_stepwise
from multicart_async._downloads.formats.json_document import (
    ENVELOPE_BYTES,
    envelope_in,
    is_envelope,
    starts_as_object,
)
from multicart_async._downloads.formats.json_records import STEP, NotRecordsError, RecordParser
from multicart_async._downloads.replay_guard import ReplayGuard
from multicart_async._http import ByteStream
from multicart_async._http.envelope import error_from_envelope
from multicart_async.config import Limits
from multicart_async.errors import (
    APIError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
)

__all__ = ["RecordResponse"]

_TURN = 2 * STEP  # bytes that are parsed before other tasks have their turn


class RecordResponse:
    """Parse one response into records, in steps of about a millisecond."""

    def __init__(
        self, label: str, stream: ByteStream, guard: ReplayGuard, *, limits: Limits, redactor: Redactor
    ) -> None:
        self.stream = stream
        self._label = label
        self._guard = guard
        self._redactor = redactor
        self._parser = RecordParser(limits)
        self._pieces: AsyncIterator[bytes] = aiter(stream)
        self._piece, self._position = b"", 0  # the last piece, and how much of it was parsed
        self._head = b""
        guard.restart()

    async def read(self) -> list[Any] | None:
        """Return the values of the next bytes, possibly none yet; ``None`` at the end.

        Raises:
            APIError: The response is an error envelope.
            IntegrityError: The bytes whose records were yielded before have changed.
            IncompleteDownloadError: The text is cut, and nothing shows that the transfer was complete.
            InvalidResponseError: The file is not a JSON array or object of records.
        """
        fault: NotRecordsError
        try:
            if self._position >= len(self._piece):
                piece = await anext(self._pieces, None)
                if piece is None:
                    self._finish()
                    return None
                self._piece, self._position = piece, 0
            return await self._parse(self._next_step())
        except NotRecordsError as error:
            fault = error
        raise await self._error_for(fault)  # not from the fault: its frames hold the body

    def _next_step(self) -> bytes:
        start, end = self._position, self._position + _TURN
        if len(self._piece) - end < _TURN // 2:
            end = len(self._piece)  # so few bytes are not worth a step of their own
        self._position = end
        return self._piece[start:end]

    async def _parse(self, piece: bytes) -> list[Any]:
        """Return the new values of *piece*, without those that were yielded before."""
        replayed, new = self._guard.split_replayed(piece)
        if replayed:
            await self._feed(replayed)
        if self._guard.changed and not self._parser.one_object:  # an object may be an error envelope, which says more
            raise self._changed_error()
        values = await self._feed(new)
        if self._guard.changed and values:
            raise self._changed_error()
        return values

    async def _feed(self, piece: bytes) -> list[Any]:
        if self._guard.size <= ENVELOPE_BYTES:
            self._head += piece
        self._guard.update(piece)
        return self._without_envelope(await run_stepwise(self._parser.feed_incrementally(piece)))

    def _finish(self) -> None:
        self._parser.finish()
        if self._guard.changed or self._guard.incomplete:
            raise self._changed_error()

    def _without_envelope(self, values: list[Any]) -> list[Any]:
        """Return *values* unless they are an envelope of the service in place of the file."""
        if not self._parser.one_object or not values or not is_envelope(values[0]):
            return values
        if values[0]["status"] == 0:
            raise self._api_error(values[0])
        raise InvalidResponseError(self._label, "expected the file, got an envelope of the service")

    def _api_error(self, envelope: dict[str, Any]) -> APIError:
        return error_from_envelope(self._label, envelope, http_status=200, headers={}, redactor=self._redactor)

    def _changed_error(self) -> IntegrityError:
        return IntegrityError(self._label, "the file has changed while it was read")

    async def _error_for(self, fault: NotRecordsError) -> MultiCartError:
        while starts_as_object(self._head) and len(self._head) <= ENVELOPE_BYTES:
            self._head += (piece := await anext(self._pieces, b""))  # an envelope in another encoding is not JSON
            if not piece:
                break
        envelope = envelope_in(self._head)
        if envelope is not None and envelope["status"] == 0:
            return self._api_error(envelope)
        if not fault.final and not self.stream.self_delimited:  # the transfer may have been cut
            return IncompleteDownloadError(self._label, str(fault))
        return InvalidResponseError(self._label, str(fault))
