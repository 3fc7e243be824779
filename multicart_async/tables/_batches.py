"""Records as Arrow batches, for polars, duckdb, pandas and pyarrow, which take them without a file in between."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import attrs
from anyio.from_thread import start_blocking_portal

from multicart_async._core.validation import check_ids
from multicart_async._core.worker_thread import WorkerThread
from multicart_async.tables._arrow import ArrowFrame
from multicart_async.tables._frames import Place
from multicart_async.tables._options import ExportOptions
from multicart_async.tables._pages import Values
from multicart_async.tables._pyarrow import load_pyarrow
from multicart_async.tables._records import read_run
from multicart_async.tables._source import AnySource, Runs, SourcePage, SourceRun, check_runs, open_source
from multicart_async.tables._survey import Survey

__all__ = ["Batches", "batches"]


def batches(
    source: AnySource,
    *,
    collections: Iterable[int] | None = None,
    runs: Runs = "latest",
    columns: Sequence[str] | None = None,
    flatten: int = 1,
) -> Batches:
    """Return the records of *source* as a stream of Arrow batches; nothing is read yet.

    Pass it to ``polars.DataFrame``, ``duckdb.from_arrow`` or ``pyarrow.table``: all of them take objects with
    ``__arrow_c_stream__``. The columns are those of `export`. This function and what reads the stream block: in a
    coroutine, call them in a thread.

    Args:
        source: As for `read_records`.
        collections: Ids of collections; all, if it is ``None``.
        runs: The newest run of each collection, or ``"all"`` of them.
        columns: The fields to take, all by default.
        flatten: How many levels of objects get columns of their own.

    Raises:
        ArgumentError: pyarrow is missing: ``pip install 'multicart-async[parquet]'``; or an argument is wrong.
    """
    check_runs(runs)
    options = ExportOptions.checked(columns=columns, flatten=flatten)
    wanted = None if collections is None else check_ids("collections", collections)
    return Batches(source, wanted, runs, options, load_pyarrow("source", "a stream of Arrow batches"))


class Batches:
    """A stream of record batches; each iteration, and each consumer, reads the source from its beginning.

    Errors of reading are raised by ``schema`` and by the iteration; a consumer in another language reports their text.
    """

    def __init__(
        self, source: AnySource, collections: tuple[int, ...] | None, runs: Runs, options: ExportOptions, arrow: Any
    ) -> None:
        self._source = source
        self._collections = collections
        self._runs: Runs = runs
        self._options = options
        self._arrow = arrow

    def __repr__(self) -> str:
        return f"<Batches of the {self._runs} runs>"

    @property
    def schema(self) -> Any:
        """The ``pyarrow.Schema``; all records are read to find it."""
        with start_blocking_portal() as portal:
            return portal.call(self._plan).frame.schema

    def __iter__(self) -> Iterator[Any]:
        """Yield ``pyarrow.RecordBatch`` objects."""
        return self._batches(None)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the stream as a capsule of the Arrow C stream interface."""
        with start_blocking_portal() as portal:
            plan = portal.call(self._plan)
        reader = self._arrow.RecordBatchReader.from_batches(plan.frame.schema, self._batches(plan))
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self, plan: _Plan | None) -> Iterator[Any]:
        with start_blocking_portal() as portal:
            stream = self._read(plan or portal.call(self._plan))
            try:
                while (made := portal.call(_next, stream)) is not None:
                    yield from made
            finally:
                portal.call(stream.aclose)

    async def _plan(self) -> _Plan:
        """Read all records once, to find their columns."""
        place = await open_source(self._source)
        wanted = await place.check_collections(self._collections)
        survey = Survey(self._options)
        runs: list[tuple[int, int, str]] = []
        async with WorkerThread() as thread, aclosing(place.select(wanted, self._runs)) as selected:
            async for run in selected:
                runs.append((run.collection_id, run.run_id, run.checksum))
                async with aclosing(read_run(place, run, lambda _, values: survey.observe(values), thread)) as parts:
                    async for _ in parts:
                        pass
        return _Plan(ArrowFrame(self._arrow, survey.layout()), runs)

    async def _read(self, plan: _Plan) -> AsyncGenerator[list[Any], None]:
        """Read the same runs again; one that came meanwhile may need other columns."""
        place = await open_source(self._source)
        async with WorkerThread() as thread:
            for ids in plan.runs:
                run = await place.same_run(*ids)
                async with aclosing(read_run(place, run, partial(_made, plan.frame, run), thread)) as parts:
                    async for part in parts:
                        yield part


@attrs.frozen
class _Plan:
    """The columns of some runs, and which these are: collection, run and checksum of each."""

    frame: ArrowFrame
    runs: list[tuple[int, int, str]]


def _made(frame: ArrowFrame, run: SourceRun, page: SourcePage, values: Values) -> list[Any]:
    """Return batches of *values*."""
    place = Place(run.collection_id, run.run_id, run.scraped_at, page.number)
    return [frame.batch(place, part) for part in values.parts(len(frame.schema))]


async def _next(stream: AsyncGenerator[list[Any], None]) -> list[Any] | None:
    return await anext(stream, None)
