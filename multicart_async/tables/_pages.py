"""Read the records of stored result files: in threads, in constant memory, and compared with their manifest."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Final, TypeVar

import attrs
from anyio.lowlevel import checkpoint_if_cancelled

from multicart_async._core.threads import run_in_thread
from multicart_async._core.worker_thread import WorkerThread
from multicart_async._downloads.formats.json_records import STEP, NotRecordsError, RecordParser
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError, InvalidResponseError
from multicart_async.sinks import ListableSink
from multicart_async.sinks._protocol import closing
from multicart_async.tables._source import MEND, SourcePage

__all__ = ["Values", "read_page"]

T = TypeVar("T")

_PIECE: Final = 1 << 20  # bytes read at a time
_AT_ONCE: Final = 1 << 18
"""Bytes parsed at a time: more values would live until the slow rounds of the garbage collector."""
_CELLS: Final = 1 << 20  # of a part; the shorter records are, the more of them are in a piece
_LIMITS: Final = Limits(record_bytes=1 << 30)  # the file is there, and was accepted when it was downloaded
_SURROGATES: Final = (b"\\ud", b"\\uD", b"\xed")
"""How one may begin; to search for a pattern would take as long as to parse."""
_OVERLAP: Final = 2  # bytes of the longest of these, but one


@attrs.frozen
class Values:
    """Some values of a page, the first of which has the given *number*, counted from 1.

    ``odd_text``: strings among them may contain lone surrogates, which cannot be encoded.
    """

    number: int
    values: list[Any]
    odd_text: bool

    def parts(self, columns: int) -> Iterator[Values]:
        """Yield them in parts, each of which is a table of bounded size with so many *columns*."""
        size = max(1, _CELLS // columns)
        for start in range(0, len(self.values), size):
            yield Values(self.number + start, self.values[start : start + size], self.odd_text)


async def read_page(
    sink: ListableSink, page: SourcePage, work: Callable[[Values], T], thread: WorkerThread | None = None
) -> AsyncGenerator[T, None]:
    """Yield what *work*, called in *thread* or any other, makes of the values of *page*, about 256 KiB of JSON at a time.

    Raises:
        IntegrityError: It is no valid page, or differs from the manifest; this may be found only at its end.
        InvalidResponseError: A record is nested too deeply for *work*.
        DownloadError: It cannot be read.
    """
    reader, run = _PageReader(page), run_in_thread if thread is None else thread.run
    async with closing(_pieces(sink, page)) as pieces:
        async for piece in pieces:
            await checkpoint_if_cancelled()  # those that wait for a thread are shielded
            for start in range(0, len(piece), _AT_ONCE):
                yield await run(lambda part: _done(work, page, reader.feed(part)), piece[start : start + _AT_ONCE])
    yield await run(lambda: work(reader.finish()))


def _done(work: Callable[[Values], T], page: SourcePage, values: Values) -> T:
    try:
        return work(values)
    except RecursionError as error:
        last = values.number + len(values.values) - 1
        reason = f"one of the records {values.number} to {last} is nested too deeply"
        raise InvalidResponseError(page.path, reason) from error


async def _pieces(sink: ListableSink, page: SourcePage) -> AsyncGenerator[bytes, None]:
    if page.size <= _PIECE:
        yield await sink.read(page.path) or b""
        return
    async with closing(sink.iter_bytes(page.path)) as pieces:
        async for piece in pieces:
            yield piece


class _PageReader:
    """Parse one page, and compare its bytes with the manifest at the end."""

    def __init__(self, page: SourcePage) -> None:
        self._page = page
        self._parser = RecordParser(_LIMITS)
        self._digest = hashlib.sha256()
        self._size = self._count = 0
        self._odd_text = False
        self._tail = b""

    def feed(self, piece: bytes) -> Values:
        """Return the values that *piece* completes."""
        self._digest.update(piece)
        self._size += len(piece)
        self._odd_text = self._odd_text or self._may_be_odd(piece)
        try:
            values = [
                value
                for start in range(0, len(piece), STEP)
                for value in self._parser.feed(piece[start : start + STEP])
            ]
        except NotRecordsError as error:
            raise self._error(str(error)) from None
        first = self._count + 1
        self._count += len(values)
        return Values(first, values, self._odd_text)

    def _may_be_odd(self, piece: bytes) -> bool:
        seam = self._tail + piece[:_OVERLAP]
        self._tail = (self._tail + piece[-_OVERLAP:])[-_OVERLAP:]
        if b"\\" not in piece and b"\xed" not in piece:
            piece = b""
        return any(sign in seam or sign in piece for sign in _SURROGATES)

    def finish(self) -> Values:
        """Return no values. Raises `IntegrityError` unless the page is complete and as the manifest says."""
        if (self._size, self._digest.hexdigest()) != (self._page.size, self._page.sha256):
            raise self._error("it differs from its manifest")
        try:
            self._parser.finish()
        except NotRecordsError as error:
            raise self._error(str(error)) from None
        return Values(self._count + 1, [], odd_text=False)

    def _error(self, reason: str) -> IntegrityError:
        if (self._size, self._digest.hexdigest()) != (self._page.size, self._page.sha256):
            reason = f"{reason}; {MEND}"
        return IntegrityError(self._page.path, reason)
