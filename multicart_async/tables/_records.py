"""Read the records of a mirror, one after the other, without any request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar, overload

import attrs

from multicart_async._core.worker_thread import WorkerThread
from multicart_async._downloads.record_codec import RecordReader, record_reader
from multicart_async.errors import InvalidResponseError
from multicart_async.models._serialization import Serializable
from multicart_async.tables._pages import Values, read_page
from multicart_async.tables._source import AnySource, Runs, Source, SourcePage, SourceRun, check_runs, open_source

__all__ = ["MirrorRecord", "read_records", "read_run", "records_of"]

T = TypeVar("T")
R = TypeVar("R")


@attrs.frozen
class MirrorRecord(Serializable, Generic[T]):
    """A record of a mirror, and where it stands: it is the *number*-th of its page, counted from 1."""

    collection_id: int
    run_id: int
    page: int
    number: int
    value: T


@overload
def read_records(
    source: AnySource,
    *,
    collections: Iterable[int] | None = ...,
    runs: Runs = ...,
    into: type[dict[str, Any]] = ...,
) -> AsyncGenerator[MirrorRecord[dict[str, Any]], None]: ...


@overload
def read_records(
    source: AnySource, *, collections: Iterable[int] | None = ..., runs: Runs = ..., into: type[T]
) -> AsyncGenerator[MirrorRecord[T], None]: ...


async def read_records(
    source: AnySource,
    *,
    collections: Iterable[int] | None = None,
    runs: Runs = "latest",
    into: type[Any] = dict,
) -> AsyncGenerator[MirrorRecord[Any], None]:
    """Yield the records of *source*, by collection, run, page and number, in constant memory.

    Only runs with a manifest are read. Each page is compared with the SHA-256 of its manifest; since its records are
    yielded while it is read, a difference is reported at the end of the page at the latest.

    Args:
        source: A folder or sink that `AsyncMultiCart.sync` or ``runs.download`` has made, the folder of one run, or a
            `RunDownload`.
        collections: Ids of collections; all, if it is ``None``.
        runs: The newest run of each collection, or ``"all"`` of them.
        into: An attrs class, a dataclass or a ``TypedDict`` for the values, as in ``runs.records``.

    Raises:
        ArgumentError: *source* is not a mirror, or lacks one of *collections*; or *into* cannot be made from JSON.
        InvalidResponseError: A record does not fit *into*, or is no object.
        IntegrityError: A page is damaged, or a manifest cannot be trusted.
        DownloadError: A file cannot be read.
    """
    check_runs(runs)
    reader = record_reader(into)
    place = await open_source(source)
    async with aclosing(place.select(await place.check_collections(collections), runs)) as selected:
        async for run in selected:
            async with aclosing(read_run(place, run, lambda page, part: (page, part))) as parts:
                async for page, part in parts:
                    for record in records_of(run, page, part, reader):
                        yield record


async def read_run(
    place: Source, run: SourceRun, work: Callable[[SourcePage, Values], R], thread: WorkerThread | None = None
) -> AsyncGenerator[R, None]:
    """Yield what *work*, called in *thread* or any other, makes of the values of each page of *run*; see `read_page`."""
    for page in run.pages():
        async with aclosing(read_page(place.sink, page, partial(work, page), thread)) as parts:
            async for part in parts:
                yield part


def records_of(run: SourceRun, page: SourcePage, part: Values, reader: RecordReader[T]) -> Iterator[MirrorRecord[T]]:
    """Yield the values of *part* as records.

    Raises:
        InvalidResponseError: One does not fit the class of *reader*, or is no object.
    """
    for number, value in enumerate(part.values, part.number):
        try:
            record = reader.structure(value)
        except Exception as error:
            raise InvalidResponseError(page.path, f"record {number}: {reader.mismatch(value)}") from error
        yield MirrorRecord(run.collection_id, run.run_id, page.number, number, record)
