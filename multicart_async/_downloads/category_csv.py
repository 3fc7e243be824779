"""The CSV of a category scrape, made from its JSON: the service's dashboard has one, its API has not.

The columns are the documented ones. How the dashboard writes a value is not documented: here a text stays as it is,
true, false and numbers are written as in JSON, and what a record lacks is left empty. A lone surrogate becomes U+FFFD.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, BinaryIO, Final, cast

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.file_request import FetchedFile
from multicart_async._downloads.formats.json_records import NotRecordsError, RecordParser
from multicart_async.config import Limits
from multicart_async.errors import IntegrityError
from multicart_async.sinks import DirectorySink, Sink
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
_ROWS = 2_000  # written at a time
_READ = 1 << 16
_NAMED = 10  # values that are left out
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # UTF-8 has no bytes for it


@attrs.frozen
class CategoryCsv(FetchedFile):
    """The CSV that was written; ``left_out`` tells which values of the JSON it lacks."""

    left_out: str = ""


async def category_csv(sink: Sink, source: str, name: str, limits: Limits = Limits()) -> CategoryCsv:
    """Write *name* from *source*, both in *sink*, without holding either in memory where the sink is a folder.

    Raises:
        IntegrityError: The source is not JSON that can be read; then there is no CSV.
    """
    return await retry_if_removed(lambda: _written(sink, source, name, limits))


async def _written(sink: Sink, source: str, name: str, limits: Limits) -> CategoryCsv:
    file: BinaryIO
    if isinstance(sink, DirectorySink):
        file = await sink.opened(source)
    else:
        file = io.BytesIO(await sink.read(source) or b"")
    records = _Records(file, source, limits)
    meter = _SizeAndHash()
    try:
        async with aclosing(_pieces(records, meter)) as pieces:
            await sink.put(name, pieces)
    finally:
        await run_in_thread(file.close)
    return CategoryCsv(name, meter.size, meter.hash.hexdigest(), left_out=records.left_out)


class _SizeAndHash:
    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()


async def _pieces(records: _Records, meter: _SizeAndHash) -> AsyncGenerator[bytes, None]:
    rows = iter(records)
    while piece := await run_in_thread(_piece, rows, meter):
        yield piece


def _piece(rows: Iterator[dict[str, Any]], meter: _SizeAndHash) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if not meter.size:
        writer.writerow(COLUMNS)
    for _, row in zip(range(_ROWS), rows, strict=False):
        writer.writerow([_text(row.get(column)) for column in COLUMNS])
    piece = _LONE_SURROGATE.sub("\ufffd", text.getvalue()).encode()
    meter.size += len(piece)
    meter.hash.update(piece)
    return piece


class _Records:
    """The objects of the JSON, and the numbers of the values that are none."""

    def __init__(self, file: BinaryIO, source: str, limits: Limits) -> None:
        self._file = file
        self._source = source
        self._parser = RecordParser(limits)
        self._others = 0
        self._first: list[str] = []

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, value in enumerate(self._values(), 1):
            if isinstance(value, dict):
                yield cast("dict[str, Any]", value)
            else:
                self._others += 1
                if len(self._first) < _NAMED:
                    self._first.append(str(number))

    def _values(self) -> Iterator[object]:
        try:
            while piece := self._file.read(_READ):
                yield from self._parser.feed(piece)
            self._parser.finish()
        except NotRecordsError as error:
            raise IntegrityError(self._source, str(error)) from error

    @property
    def left_out(self) -> str:
        """Which values are no objects; empty if all are."""
        if not self._others:
            return ""
        more = f" and {self._others - len(self._first)} more" if self._others > len(self._first) else ""
        return f"left out as no objects: {self._others} of the JSON's values, number {', '.join(self._first)}{more}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
