"""Export the records of a mirror as a folder of Parquet files, by the workers of a cluster."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_choice, check_int, check_listener
from multicart_async._core.worker_thread import WorkerThread
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._dask import open_cluster
from multicart_async.distributed._destination import check_workers, destination_text
from multicart_async.distributed._export_tasks import (
    NONCE,
    FoundColumns,
    SurveyOrder,
    WriteOrder,
    WrittenParts,
    probe_folder,
    survey_runs,
    write_runs,
)
from multicart_async.distributed._planning import plan_tasks
from multicart_async.distributed._tasks import Work, run_tasks
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.events import Emit, Event
from multicart_async.sinks._atomic_file import translate_os_errors
from multicart_async.tables._export import Exporter, ExportReport, ExportRuns
from multicart_async.tables._options import ExportOptions, Target, find_target
from multicart_async.tables._parquet_folder import ParquetFolder
from multicart_async.tables._parquet_writer import ParquetWriter
from multicart_async.tables._source import Source, open_source
from multicart_async.tables._survey import Survey
from multicart_async.tables._writer import RunKey

if TYPE_CHECKING:
    import distributed

__all__ = ["export", "export_over"]

A = TypeVar("A", SurveyOrder, WriteOrder)
R = TypeVar("R", FoundColumns, WrittenParts)

_RETRIES: Final = 2
_MOST_RUNS: Final = 250  # of a task, which writes at least one part


async def export(
    cluster: distributed.Client,
    source: str | os.PathLike[str],
    dest: str | os.PathLike[str],
    *,
    collections: Iterable[int] | None = None,
    runs: ExportRuns = "new",
    columns: Sequence[str] | None = None,
    flatten: int = 1,
    keep_record: bool = False,
    amounts: Sequence[str] = (),
    max_columns: int = 256,
    tasks: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> ExportReport:
    """Write the records of *source* as a folder of Parquet files as `multicart_async.tables.export` does, by a cluster.

    Workers read the runs, find their columns, and write the parts. The driver, which is the process that calls this,
    joins what they have found and writes ``_export.json`` last. The table has the same rows and columns, in more parts:
    each task writes one at least. No request is made, so no key is needed. See docs/cluster.md and docs/tables.md.

    Args:
        cluster: A connected client of Dask, synchronous or asynchronous.
        source: The folder of a mirror, or its URL in an object store, that all machines have at the same place.
        dest: The folder of the table, that all machines have at the same place.
        collections: Ids of collections; all, if it is ``None``.
        runs: ``"new"``, ``"latest"`` or ``"all"``.
        columns: The fields to take, all by default.
        flatten: How many levels of objects get columns of their own.
        keep_record: Add the column ``_record``, the whole record as JSON.
        amounts: Fields whose amount is added as a number.
        max_columns: How many fields get columns.
        tasks: How many tasks there are in each of the two passes, else at least 4 for each worker thread, each of at most
            250 runs. A run is not divided.
        on_event: Called by the driver with `ExportAdvanced`, when tasks have ended.

    Raises:
        ArgumentError: An argument is wrong, Dask or pyarrow is missing, or *dest* is not the same for all workers.
        IntegrityError: A page or a manifest is damaged, has changed during the call, or is another one for a worker.
        DownloadError: A file cannot be read or written. Nothing became part of the table.
        MultiCartError: A task was lost repeatedly, or the cluster does not answer.
    """
    options = ExportOptions.checked(
        columns=columns, flatten=flatten, keep_record=keep_record, amounts=amounts, max_columns=max_columns
    )
    return await export_over(
        open_cluster(cluster), source, dest, options, collections=collections, runs=runs, tasks=tasks, on_event=on_event
    )


async def export_over(
    cluster: Cluster,
    source: str | os.PathLike[str],
    dest: str | os.PathLike[str],
    options: ExportOptions,
    *,
    collections: Iterable[int] | None,
    runs: ExportRuns,
    tasks: int | None,
    on_event: Callable[[Event], None] | None,
) -> ExportReport:
    """Export by any `Cluster`."""
    check_choice("runs", runs, ExportRuns)
    if tasks is not None:
        check_int("tasks", tasks, minimum=1)
    check_listener("on_event", on_event)
    text = destination_text(source, argument="source")
    target = await run_in_thread(lambda: find_target(dest, None, excel=False))
    if target.format != "parquet":
        raise ArgumentError("dest", "expected a folder for Parquet; use tables.export for other formats")
    writer = await run_in_thread(ParquetWriter, target)
    place = await open_source(text)
    wanted = await place.check_collections(collections)
    async with WorkerThread() as thread:
        exporter = _ClusterExporter(place, writer, options, thread, cluster, text, target, tasks, on_event)
        return await exporter.run_and_close(wanted, runs)


class _ClusterExporter(Exporter):
    """One call of `export`, whose two passes are tasks of the cluster."""

    def __init__(
        self,
        place: Source,
        writer: ParquetWriter,
        options: ExportOptions,
        thread: WorkerThread,
        cluster: Cluster,
        source: str,
        target: Target,
        tasks: int | None,
        emit: Emit | None,
    ) -> None:
        super().__init__(place, writer, options, thread, emit)
        self._parquet = writer
        self._cluster = cluster
        self._text = source
        self._target = target
        self._tasks = tasks

    async def observe(self, survey: Survey, keys: Sequence[RunKey]) -> int:
        """Join what the workers have found, in the order of the runs."""
        orders = [
            SurveyOrder(number=number, source=self._text, keys=part, options=self._options)
            for number, part in enumerate(await self._parts(keys))
        ]
        rows = 0
        for found in await self._done("reading", survey_runs, orders, len(keys)):
            survey.merge(found.survey)
            rows += found.rows
        return rows

    async def write(self, keys: Sequence[RunKey]) -> None:
        """Take the parts that the workers have written, in the order of the runs."""
        nonce = await self._write_nonce()
        orders = [
            WriteOrder(
                number=number,
                source=self._text,
                keys=part,
                options=self._options,
                layout=self.layout,
                target=self._target,
                nonce=nonce,
            )
            for number, part in enumerate(await self._parts(keys))
        ]
        for written in await self._done("writing", write_runs, orders, len(keys)):
            await self._thread.run(self._parquet.adopt, written.parts, written.rest)
        self._runs = len(keys)
        self._replaced = sum(key.replaces for key in keys)

    async def _parts(self, keys: Sequence[RunKey]) -> list[tuple[RunKey, ...]]:
        threads = sum((await self._cluster.threads()).values())
        return plan_tasks(keys, workers=threads, most=_MOST_RUNS, tasks=self._tasks)

    async def _done(
        self, phase: Literal["reading", "writing"], work: Work[A, R], orders: Sequence[A], of_runs: int
    ) -> list[R]:
        """Return what the tasks return, in their order.

        Raises:
            MultiCartError: One of them has failed; the others are withdrawn.
        """
        results: dict[int, R] = {}
        runs = 0
        async with aclosing(run_tasks(self._cluster, work, orders, retries=_RETRIES)) as outcomes:
            async for order, outcome in outcomes:
                if isinstance(outcome, MultiCartError):
                    raise outcome
                results[order.number] = outcome
                runs += len(order.keys)
                self._progress.advance(phase, runs, of_runs, outcome.rows)
        return [results[order.number] for order in orders]

    async def _write_nonce(self) -> tuple[Path, bytes]:
        """Write a file into the folder of the new version, which is deleted at the end, and look for it on all workers."""
        content = secrets.token_bytes(32)
        path = ParquetFolder(self._target.path).new / NONCE
        await self._thread.run(translate_os_errors, path, path.write_bytes, content)
        nonce = (path, content)
        await check_workers(self._cluster, probe_folder, nonce)
        return nonce
