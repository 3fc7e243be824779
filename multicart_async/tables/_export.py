"""Export the records of a mirror as a table: one pass to find the columns, a second to write them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from os import PathLike
from typing import Final, Literal

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_choice, check_listener
from multicart_async._core.worker_thread import WorkerThread
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.events import Emit, ExportAdvanced
from multicart_async.models._serialization import Serializable
from multicart_async.tables._frames import Place
from multicart_async.tables._layout import Layout
from multicart_async.tables._options import ExportOptions, Format, find_target
from multicart_async.tables._pages import Values
from multicart_async.tables._records import read_run
from multicart_async.tables._source import AnySource, Source, SourcePage, SourceRun, open_source
from multicart_async.tables._state import TableState
from multicart_async.tables._survey import Survey
from multicart_async.tables._writer import RunKey, TableWriter
from multicart_async.tables._writers import make_writer

__all__ = ["ExportReport", "ExportRuns", "Exporter", "export"]

ExportRuns = Literal["new", "latest", "all"]

_PAUSE: Final = 0.1  # seconds between two events


@attrs.frozen(kw_only=True)
class ExportReport(Serializable):
    """What `export` has written.

    ``rows`` of ``runs`` runs were written, ``replaced`` of which stood in the table before, in another version; ``skipped``
    runs were there already. ``columns`` maps each field of the records to the name of its column; ``widened`` are the
    columns of an earlier table whose type has changed; ``rest`` values had no column of their own and stand in ``_rest``.
    ``parts`` files of ``bytes`` bytes were written.
    """

    rows: int = 0
    runs: int = 0
    skipped: int = 0
    columns: Mapping[str, str] = attrs.field(factory=dict[str, str])
    widened: tuple[str, ...] = ()
    rest: int = 0
    replaced: int = 0
    parts: int = 0
    bytes: int = 0


async def export(
    source: AnySource,
    dest: str | PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002 -- the name that users expect
    collections: Iterable[int] | None = None,
    runs: ExportRuns = "new",
    columns: Sequence[str] | None = None,
    flatten: int = 1,
    keep_record: bool = False,
    amounts: Sequence[str] = (),
    max_columns: int = 256,
    excel: bool = False,
    on_event: Emit | None = None,
) -> ExportReport:
    """Write the records of *source* as a table, and return what was written.

    A folder, or a name without a suffix, becomes a folder of Parquet files; other formats follow from the suffix:
    ``.sqlite``, ``.csv``, ``.csv.gz``, ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst``, ``.arrow``. Parquet folders and SQLite
    databases grow: a second call adds the runs that they lack, and replaces those whose manifest has changed. Other files
    are written again, under another name first. Only runs with a manifest are read, each page is compared with it, and
    memory does not grow with the number of records.

    The first columns are ``collection_id``, ``run_id``, ``scraped_at``, ``page`` and ``number``. Strings are never parsed,
    and nothing is left out without a word: a column of different types is text, a field without a column is in ``_rest``.

    Args:
        source: As for `read_records`.
        dest: The path of the table.
        format: Its format, if the name of *dest* does not tell it.
        collections: Ids of collections; all, if it is ``None``.
        runs: ``"new"``, all runs that the table lacks; ``"latest"``, of these only the newest of each collection; or
            ``"all"``, which writes again what is there.
        columns: The fields to take, all by default; ``brand.name`` is a field of a field.
        flatten: How many levels of objects get columns of their own; at most 8.
        keep_record: Add the column ``_record``, the whole record as JSON.
        amounts: Fields whose `amount` is added as a number with two decimals, such as ``price_amount``.
        max_columns: How many fields get columns; at most 10,000, in SQLite 1,900.
        excel: In CSV, write a BOM, and an apostrophe before text that a spreadsheet would take for a formula.
        on_event: A function that gets `ExportAdvanced` about ten times a second.

    Raises:
        ArgumentError: An argument is wrong, or does not fit the table that is there; a package is missing; another
            process uses the table. Nothing was written.
        IntegrityError: A page or a manifest is damaged, or has changed during the call; or the table is damaged.
        DownloadError: A file cannot be read or written. ``error.report`` says what was written before.
    """
    check_choice("runs", runs, ExportRuns)
    check_listener("on_event", on_event)
    options = ExportOptions.checked(
        columns=columns, flatten=flatten, keep_record=keep_record, amounts=amounts, max_columns=max_columns
    )
    writer = await run_in_thread(lambda: make_writer(find_target(dest, format, excel=excel), options, excel=excel))
    place = await open_source(source)
    wanted = await place.check_collections(collections)
    async with WorkerThread() as thread:
        exporter = Exporter(place, writer, options, thread, on_event)
        return await exporter.run_and_close(wanted, runs)


class Exporter:
    """One call of `export`. A derived class may have others do `observe` and `write`."""

    def __init__(
        self, source: Source, writer: TableWriter, options: ExportOptions, thread: WorkerThread, emit: Emit | None
    ) -> None:
        self._source = source
        self._thread = thread
        self._writer = writer
        self._options = options
        self._progress = _Progress(emit)
        self._runs = self._skipped = self._replaced = 0
        self._widened: tuple[str, ...] = ()
        self.layout = Layout()

    def report(self) -> ExportReport:
        """Return what was written."""
        written = self._writer.written
        return ExportReport(
            rows=written.rows,
            runs=self._runs,
            skipped=self._skipped,
            columns=written.columns or self.layout.mapping,
            widened=self._widened,
            rest=written.rest,
            replaced=self._replaced,
            parts=written.parts,
            bytes=written.bytes,
        )

    def report_after_error(self) -> ExportReport:
        """Return what is part of the table although the call has failed."""
        return self.report() if self._writer.keeps_runs else ExportReport(skipped=self._skipped)

    async def run_and_close(self, collections: list[int] | None, runs: ExportRuns) -> ExportReport:
        """Export the runs that the table lacks, and leave the table."""
        try:
            return await self.run(collections, runs)
        except MultiCartError as error:
            error.report = self.report_after_error()
            raise
        finally:
            await self._thread.run(self._writer.close)

    async def run(self, collections: list[int] | None, runs: ExportRuns) -> ExportReport:
        """Export the runs that the table lacks."""
        old = await self._thread.run(self._writer.open)
        if old is not None:
            self._options.check_same(dict(old.options))
            self.layout = old.layout
        keys = await self._missing(collections, runs, {} if old is None else old.runs)
        if self._writer.grows and not keys and old is not None:
            return self.report()
        state = await self._find_columns(keys, old)
        replaced = frozenset(key.name for key in keys if key.replaces)
        await self._thread.run(self._writer.begin, state, replaced)
        while await self._thread.run(self._writer.rewrite):  # so that a cancellation does not wait for all of the table
            pass
        await self.write(keys)
        await self._thread.run(self._writer.finish)
        return self.report()

    async def _missing(self, collections: list[int] | None, runs: ExportRuns, there: Mapping[str, str]) -> list[RunKey]:
        """Return the runs to write: those that are not in the table, or in another version, or all."""
        keys: list[RunKey] = []
        found = False
        async with aclosing(self._source.select(collections, "latest" if runs == "latest" else "all")) as selected:
            async for run in selected:
                found = True
                if runs != "all" and there.get(run.key) == run.checksum:
                    self._skipped += 1
                else:
                    keys.append(_key(run, replaces=run.key in there))
        if not found:
            raise ArgumentError("source", "expected a folder with finished downloads, got none that has a manifest")
        return keys

    async def _find_columns(self, keys: Sequence[RunKey], old: TableState | None) -> TableState:
        """Read all values once, and return the state of the table that has room for them."""
        survey = Survey(self._options, old)
        if not self._writer.as_is:
            await self.observe(survey, keys)
        state = survey.state({key.name: key.checksum for key in keys})
        self._widened = _widened(self.layout, state.layout)
        self.layout = state.layout
        return state

    async def observe(self, survey: Survey, keys: Sequence[RunKey]) -> int:
        """Show all values of runs to *survey*; return their number."""
        rows = 0

        def count(_: SourcePage, values: Values) -> int:
            nonlocal rows
            rows += len(values.values)
            return survey.observe(values)

        for done, key in enumerate(keys):
            advance = partial(self._progress.advance, "reading", done, len(keys))
            await self._read(key, count, advance)
        return rows

    async def write(self, keys: Sequence[RunKey]) -> None:
        """Write runs, whose values have columns in ``layout``."""
        for done, key in enumerate(keys):
            await self._write_run(key, done, len(keys))

    async def _write_run(self, key: RunKey, done: int, of_runs: int) -> None:
        writer = self._writer
        await self._thread.run(writer.start_run, key)
        moment, columns = writer.moment(key.scraped_at), len(self.layout.names)

        def write(page: SourcePage, values: Values) -> int:
            place = Place(key.collection_id, key.run_id, moment, page.number)
            for part in values.parts(columns):
                writer.write(place, part)
            return len(values.values)

        await self._read(key, write, partial(self._progress.advance, "writing", done, of_runs))
        await self._thread.run(writer.end_run)
        self._runs += 1
        self._replaced += key.replaces

    async def _read(
        self, key: RunKey, work: Callable[[SourcePage, Values], int], advance: Callable[[int], None]
    ) -> None:
        """Call *work* in the thread with the values of a run, and *advance* with the number of values.

        Raises:
            IntegrityError: The run has changed meanwhile.
        """
        run = await self._source.same_run(key.collection_id, key.run_id, key.checksum)
        async with aclosing(read_run(self._source, run, work, self._thread)) as parts:
            async for count in parts:
                advance(count)


class _Progress:
    """Emit an event about ten times a second."""

    def __init__(self, emit: Emit | None) -> None:
        self._emit = emit
        self._next = 0.0
        self._phase = ""
        self._rows = 0

    def advance(self, phase: Literal["reading", "writing"], runs: int, of_runs: int, rows: int) -> None:
        """Count rows."""
        if phase != self._phase:
            self._phase, self._rows = phase, 0
        self._rows += rows
        now = time.monotonic()
        if self._emit is not None and now >= self._next:
            self._next = now + _PAUSE
            self._emit(ExportAdvanced(phase=phase, runs=runs, of_runs=of_runs, rows=self._rows))


def _key(run: SourceRun, *, replaces: bool) -> RunKey:
    return RunKey(run.collection_id, run.run_id, run.checksum, run.scraped_at, replaces)


def _widened(old: Layout, new: Layout) -> tuple[str, ...]:
    kinds = {column.name: column.kind for column in new.columns}
    return tuple(column.name for column in old.columns if kinds.get(column.name) != column.kind)
