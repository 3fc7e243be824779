"""What the workers do for `export`: they look for columns, and write parts. No request is made, so they need no key."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from pathlib import Path
from typing import Final, TypeVar

import attrs

from multicart_async._core.failures import failure_of
from multicart_async._core.threads import run_in_thread
from multicart_async._core.worker_thread import WorkerThread
from multicart_async._sync.report import clear_tracebacks
from multicart_async.distributed._destination import Probe
from multicart_async.distributed._semaphore import worker_name
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.tables._export import Exporter
from multicart_async.tables._layout import Layout
from multicart_async.tables._options import ExportOptions, Target
from multicart_async.tables._parquet_folder import Part
from multicart_async.tables._parquet_parts import PartsWriter
from multicart_async.tables._source import open_source
from multicart_async.tables._survey import Survey
from multicart_async.tables._writer import RunKey

__all__ = [
    "NONCE",
    "FoundColumns",
    "SurveyOrder",
    "WriteOrder",
    "WrittenParts",
    "probe_folder",
    "survey_runs",
    "write_runs",
]

R = TypeVar("R")

NONCE: Final = "nonce"
"""The name of the file by which workers recognise the folder of the new version."""

_ALL_NAMES: Final = 1 << 62  # columns: the survey of a part does not know which names come first in the table


@attrs.frozen(kw_only=True)
class SurveyOrder:
    """One task of the first pass, the *number*-th: runs of *source* whose columns are to be found."""

    number: int
    source: str
    keys: tuple[RunKey, ...]
    options: ExportOptions


@attrs.frozen(kw_only=True)
class WriteOrder:
    """One task of the second pass: runs of *source* to be written as parts of the table in the folder *target*."""

    number: int
    source: str
    keys: tuple[RunKey, ...]
    options: ExportOptions
    layout: Layout
    target: Target
    nonce: tuple[Path, bytes]


@attrs.frozen
class WrittenParts:
    """The parts that a task has written, under names of its own, and the number of values without a column."""

    parts: tuple[Part, ...]
    rest: int

    @property
    def rows(self) -> int:
        """The number of rows in the parts."""
        return sum(part.rows for part in self.parts)


@attrs.frozen
class FoundColumns:
    """What a task has found: its survey, and the number of values."""

    survey: Survey
    rows: int


def survey_runs(order: SurveyOrder) -> FoundColumns | MultiCartError:
    """Find the columns of some runs, in a thread of a worker."""
    return _run(_survey(order))


async def _survey(order: SurveyOrder) -> FoundColumns:
    survey = Survey(attrs.evolve(order.options, max_columns=_ALL_NAMES))
    async with WorkerThread() as thread:
        writer = PartsWriter(Target(Path(), "parquet"), Layout(), "")  # writes nothing
        exporter = Exporter(await open_source(order.source), writer, order.options, thread, None)
        rows = await exporter.observe(survey, order.keys)
    return FoundColumns(survey, rows)


def write_runs(order: WriteOrder) -> WrittenParts | MultiCartError:
    """Write some runs, in a thread of a worker."""
    return _run(_write(order))


async def _write(order: WriteOrder) -> WrittenParts:
    if not (await probe_folder(order.nonce)).sees_nonce:
        raise ArgumentError("dest", f"what the driver has written there is not at the worker {worker_name()}")
    prefix = f"task-{secrets.token_hex(8)}"  # another attempt may still be writing
    async with WorkerThread() as thread:
        writer = await thread.run(PartsWriter, order.target, order.layout, prefix)
        try:
            exporter = Exporter(await open_source(order.source), writer, order.options, thread, None)
            exporter.layout = order.layout
            await exporter.write(order.keys)
            await thread.run(writer.finish)
        finally:
            await thread.run(writer.close)
    return WrittenParts(writer.parts, writer.written.rest)


async def probe_folder(nonce: tuple[Path, bytes]) -> Probe:
    """Return whether this worker sees what the driver has written; runs in the event loop of the worker."""
    path, content = nonce
    return Probe(sees_nonce=await run_in_thread(_content_of, path) == content)


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _run(work: Awaitable[R]) -> R | MultiCartError:
    async def outcome() -> R:
        return await work

    try:
        return asyncio.run(outcome())
    except Exception as error:  # noqa: BLE001 -- returned, because Dask logs what is raised
        failure = failure_of(error)
        clear_tracebacks(failure)
        return failure
