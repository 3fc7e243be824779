"""Convert the JSON of a category scrape to CSV, which the service offers in its dashboard but not in its API.

The columns are the documented ones. How the dashboard writes a value is not documented: here a string is written as it
is, booleans and numbers as in JSON, and a missing value as an empty cell. A lone surrogate becomes U+FFFD.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, cast

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.file_request import FetchedFile
from multicart_async._downloads.formats.json_records import NotRecordsError, RecordParser
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError
from multicart_async.sinks import DirectorySink, ObjectStoreSink, Sink
from multicart_async.sinks._protocol import retry_if_removed

__all__ = ["CategoryCsv", "category_csv"]

COLUMNS: Final = (
    "asin",
    "parent_asin",
    "is_variant",
    "is_brand",
    "is_store",
    "is_prime",
    "seller_name",
    "price_cents",
    "in_stock",
)
_ROWS_PER_PIECE = 2_000
_READ_BYTES = 1 << 16
_IN_MEMORY: Final = 8 << 20  # bytes of an object that is read from a store
_MAX_NUMBERS = 10  # of values that were left out, in one message
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # not encodable as UTF-8


@attrs.frozen
class CategoryCsv(FetchedFile):
    """The CSV that was written; ``left_out`` describes the values of the JSON that are not in it."""

    left_out: str = ""


async def category_csv(sink: Sink, source: str, name: str, limits: Limits = Limits()) -> CategoryCsv:
    """Convert *source* to *name*, both in *sink*; neither is held in memory if the sink is a folder or a store.

    Raises:
        IntegrityError: The source is not readable JSON. No CSV is written.
    """
    return await retry_if_removed(lambda: _convert(sink, source, name, limits))


async def _convert(sink: Sink, source: str, name: str, limits: Limits) -> CategoryCsv:
    file = await sink.opened(source) if isinstance(sink, DirectorySink) else await _copied(sink, source)
    records = _Records(file, source, limits)
    totals = _Totals()
    try:
        async with aclosing(_pieces(records, totals)) as pieces:
            await sink.put(name, pieces)
    finally:
        await run_in_thread(file.close)
    return CategoryCsv(name, totals.size, totals.hash.hexdigest(), left_out=records.left_out)


async def _copied(sink: Sink, source: str) -> BinaryIO:
    """Return *source* as a file of this machine, which is removed when it is closed; small ones stay in memory."""
    if not isinstance(sink, ObjectStoreSink):
        return io.BytesIO(await sink.read(source) or b"")
    file = await run_in_thread(SpooledTemporaryFile[bytes], _IN_MEMORY)
    try:
        async with aclosing(sink.iter_bytes(source)) as pieces:
            async for piece in pieces:
                await run_in_thread(file.write, piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return cast("BinaryIO", file)


class _Totals:
    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()


async def _pieces(records: _Records, totals: _Totals) -> AsyncGenerator[bytes, None]:
    rows = iter(records)
    while piece := await run_in_thread(_render_piece, rows, totals):
        yield piece


def _render_piece(rows: Iterator[dict[str, Any]], totals: _Totals) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if not totals.size:
        writer.writerow(COLUMNS)
    for _, row in zip(range(_ROWS_PER_PIECE), rows, strict=False):
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    piece = _LONE_SURROGATE.sub("\ufffd", text.getvalue()).encode()
    totals.size += len(piece)
    totals.hash.update(piece)
    return piece


class _Records:
    """Iterate over the objects of a JSON file, and count the values that are not objects."""

    def __init__(self, file: BinaryIO, source: str, limits: Limits) -> None:
        self._file = file
        self._source = source
        self._parser = RecordParser(limits)
        self._skipped = 0
        self._numbers: list[str] = []

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, value in enumerate(self._values(), 1):
            if isinstance(value, dict):
                yield cast("dict[str, Any]", value)
            else:
                self._skipped += 1
                if len(self._numbers) < _MAX_NUMBERS:
                    self._numbers.append(str(number))

    def _values(self) -> Iterator[object]:
        try:
            while piece := self._file.read(_READ_BYTES):
                yield from self._parser.feed(piece)
            self._parser.finish()
        except NotRecordsError as error:
            raise IntegrityError(self._source, str(error)) from error

    @property
    def left_out(self) -> str:
        """A description of the values that are not objects; empty if there are none."""
        if not self._skipped:
            return ""
        more = f" and {self._skipped - len(self._numbers)} more" if self._skipped > len(self._numbers) else ""
        numbers = ", ".join(self._numbers)
        return f"values left out because they are not objects: {self._skipped} (number {numbers}{more})"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
