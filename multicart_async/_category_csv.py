"""The CSV of a category scrape, made from its JSON: the service's dashboard has one, its API has not.

The columns are the documented ones. How the dashboard writes a value is not documented: here a text stays as it is,
true, false and numbers are written as in JSON, and what a record lacks is left empty.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO, Final

from multicart_async._record_parser import NotRecordsError, RecordParser
from multicart_async._threads import in_thread, opened
from multicart_async.download import Fetched
from multicart_async.errors import IntegrityError
from multicart_async.sinks import DirectorySink, Sink, written_again
from multicart_async.sinks._temporary import disk_error

__all__ = ["category_csv"]

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


async def category_csv(sink: Sink, source: str, name: str) -> Fetched:
    """Write *name* from *source*, both in *sink*, without holding either in memory where the sink is a folder."""
    return await written_again(lambda: _written(sink, source, name))


async def _written(sink: Sink, source: str, name: str) -> Fetched:
    file: BinaryIO
    if isinstance(sink, DirectorySink):
        file = await opened(_opened, sink.path(source))
    else:
        file = io.BytesIO(await sink.read(source) or b"")
    meter = _Meter()
    try:
        async with aclosing(_pieces(file, source, meter)) as pieces:
            await sink.put(name, pieces)
    finally:
        await in_thread(file.close)
    return Fetched(name, meter.size, meter.hash.hexdigest())


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise disk_error(path, error) from error


class _Meter:
    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()


async def _pieces(file: BinaryIO, source: str, meter: _Meter) -> AsyncGenerator[bytes, None]:
    rows = _rows(file, source)
    first = True
    while piece := await in_thread(_piece, rows, first):
        first = False
        meter.size += len(piece)
        meter.hash.update(piece)
        yield piece


def _piece(rows: Iterator[dict[str, Any]], first: bool) -> bytes:  # noqa: FBT001 -- called through a thread
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if first:
        writer.writerow(COLUMNS)
    for _, row in zip(range(_ROWS), rows, strict=False):
        writer.writerow([_text(row.get(column)) for column in COLUMNS])
    return text.getvalue().encode()


def _rows(file: BinaryIO, source: str) -> Iterator[dict[str, Any]]:
    parser = RecordParser(exact=True)
    try:
        while piece := file.read(_READ):
            yield from parser.feed(piece)
        yield from parser.finish()
    except NotRecordsError as error:
        raise IntegrityError(source, str(error)) from error


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
