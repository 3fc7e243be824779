"""Tables as a folder of Parquet files, which grows: runs are added, replaced, and columns widened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Final

import attrs

from multicart_async.sinks._atomic_file import translate_os_errors
from multicart_async.tables._arrow import ArrowFrame
from multicart_async.tables._frames import Place
from multicart_async.tables._layout import Layout
from multicart_async.tables._migration import Step, keeps_columns, migrate
from multicart_async.tables._options import Target
from multicart_async.tables._output_file import OutputFile
from multicart_async.tables._pages import Values
from multicart_async.tables._parquet_folder import Contents, ParquetFolder, Part, next_number, part_name
from multicart_async.tables._pyarrow import load_pyarrow
from multicart_async.tables._state import TableState
from multicart_async.tables._writer import RunKey, Written

__all__ = ["ParquetWriter"]

PART_ROWS: Final = 1_000_000
PART_BYTES: Final = 128 << 20
GROUP_BYTES: Final = 32 << 20  # of a row group, before it is encoded
CAST_ROWS: Final = 10_000  # as objects of Python, which take several times the memory
SMALL_BATCHES: Final = 256  # that wait before they become one: each takes about 6 KiB besides its rows
_COMPRESSION: Final = "zstd"


class ParquetWriter:
    """Write the folder *target*."""

    grows = True
    keeps_runs = False
    as_is = False

    def __init__(self, target: Target) -> None:
        self._arrow = load_pyarrow("dest", "a Parquet table")
        self._folder = ParquetFolder(target.path)
        self._old: Contents | None = None
        self._state: TableState | None = None
        self._old_parts = deque[Part]()  # that are still to be looked at
        self._replaced = frozenset[str]()
        self._steps: list[Step] | None = None
        self._parts: list[Part] = []  # of the new version
        self._frame: Any = None
        self._next = 1
        self._part: _PartFile | None = None
        self._run = ""
        self.written = Written()

    def open(self) -> TableState | None:
        """See `TableWriter.open`."""
        self._old = translate_os_errors(self._folder.path, self._folder.open)
        return None if self._old is None else self._old.state

    def moment(self, moment: datetime | None) -> object:
        """Return *moment*: Arrow has times."""
        return moment

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """Prepare the folder, and find out what has to change in it."""
        translate_os_errors(self._folder.path, self._begin, state, replaced)

    def _begin(self, state: TableState, replaced: frozenset[str]) -> None:
        self._folder.prepare()
        self._state = state
        self._frame = ArrowFrame(self._arrow, state.layout)
        if self._old is None:
            return
        self._next = next_number(self._old.parts)
        self._replaced = replaced
        self._steps = self._find_steps(self._old.state, state.layout)
        self._old_parts.extend(self._old.parts)

    def rewrite(self) -> bool:
        """Write the next part again, if it has rows of replaced runs, or the columns have changed."""
        if not self._old_parts:
            return False
        part = self._old_parts.popleft()
        gone = self._replaced.intersection(part.runs)
        if self._steps is None and not gone:
            self._parts.append(part)
        else:
            translate_os_errors(self._folder.path, self._rewrite, part, gone)
        return True

    def _find_steps(self, old: TableState, layout: Layout) -> list[Step] | None:
        """Return how the columns of *layout* are made, ``None`` if they are the same."""
        steps = migrate(old.layout, old.fields, layout)
        same = layout.names == old.layout.names and keeps_columns(old.layout, steps)
        return None if same else steps

    def _rewrite(self, part: Part, replaced: frozenset[str]) -> None:
        """Write a part again, without the rows of *replaced*; if there are no others it is left out."""
        runs = tuple(run for run in part.runs if run not in replaced)
        if not runs:
            return
        path = self._folder.verify(part)
        file = _PartFile(self._arrow, self._folder, part.name, self._frame.schema)
        try:
            with self._arrow.parquet.ParquetFile(path) as source:
                for group in range(source.num_row_groups):
                    rows = self._without(source.read_row_group(group), replaced)
                    if rows.num_rows:
                        file.write(self._migrated(rows))
            self._add(file.finish(runs))
        finally:
            file.close()

    def _without(self, rows: Any, replaced: frozenset[str]) -> Any:
        if not replaced:
            return rows
        compute = import_module("pyarrow.compute")  # it takes 8 MiB
        numbers: dict[int, list[int]] = {}
        for run in replaced:
            collection, number = map(int, run.split("/"))
            numbers.setdefault(collection, []).append(number)
        for collection, gone in numbers.items():
            same = compute.equal(rows["collection_id"], collection)
            same = compute.and_(same, compute.is_in(rows["run_id"], self._arrow.array(gone, self._arrow.int64())))
            rows = rows.filter(compute.invert(same))
        return rows

    def _migrated(self, rows: Any) -> Any:
        if self._steps is None:
            return rows
        made = {step.name: self._cells(rows, step) for step in self._steps}
        schema = self._frame.schema
        columns = [
            made[name]
            if name in made
            else (rows[name] if name in rows.column_names else self._arrow.nulls(len(rows), schema.field(name).type))
            for name in schema.names
        ]
        return self._arrow.table(columns, schema=schema)

    def _cells(self, rows: Any, step: Step) -> Any:
        kind = self._frame.schema.field(step.name).type
        if not step.sources:
            return self._arrow.nulls(len(rows), kind)
        if step.convert is None:
            return rows[step.sources[0]]
        pieces = rows.select([*step.sources]).to_batches(max_chunksize=CAST_ROWS)
        made = [self._converted(piece.columns, step.convert, kind) for piece in pieces]
        return self._arrow.chunked_array(made, kind)

    def _converted(self, columns: Sequence[Any], convert: Callable[..., Any], kind: Any) -> Any:
        return self._arrow.array([*map(convert, *(column.to_pylist() for column in columns))], kind)

    def start_run(self, run: RunKey) -> None:
        """See `TableWriter.start_run`."""
        self._run = run.name

    def write(self, place: Place, values: Values) -> None:
        """Write rows; a part that is full is followed by another."""
        if self._part is None:
            self._part = _PartFile(self._arrow, self._folder, self._name_of(self._next), self._frame.schema)
            self._next += 1
        self._part.add(self._frame.batch(place, values), self._run)
        self.written.rows += len(values.values)
        self.written.rest = self._frame.rest
        if self._part.full:
            self._end_part()

    def _name_of(self, number: int) -> str:
        return part_name(number)

    def _end_part(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            try:
                self._add(part.finish())
            finally:
                part.close()

    def _add(self, part: Part) -> None:
        self._parts.append(part)
        self.written.parts += 1
        self.written.bytes += part.bytes

    def adopt(self, parts: Iterable[Part], rest: int) -> None:
        """Take *parts*, which others have written into the folder of the new version, with *rest* values in the rest."""
        for part in parts:
            name = part_name(self._next)
            self._next += 1
            translate_os_errors(self._folder.path, (self._folder.new / part.name).replace, self._folder.new / name)
            self._add(attrs.evolve(part, name=name))
            self.written.rows += part.rows
        self.written.rest += rest

    def end_run(self) -> None:
        """See `TableWriter.end_run`."""

    def finish(self) -> None:
        """Complete the last part, and put the new version in place."""
        self._end_part()
        assert self._state is not None
        contents = Contents(self._state, tuple(self._parts))
        translate_os_errors(self._folder.path, self._folder.seal, contents)

    def close(self) -> None:
        """Remove what was not finished, and leave the folder."""
        try:
            if self._part is not None:
                self._part.close()
            self._folder.discard()
        finally:
            self._folder.close()


class _PartFile:
    """Write one part, a row group at a time."""

    def __init__(self, arrow: Any, folder: ParquetFolder, name: str, schema: Any) -> None:
        self._arrow = arrow
        self._name = name
        self._schema = schema
        self._output = OutputFile(folder.new / name)
        sink = arrow.PythonFile(self._output, mode="w")
        self._writer = arrow.parquet.ParquetWriter(sink, schema, compression=_COMPRESSION)
        self._waiting: list[Any] = []
        self._small: list[Any] = []
        self._size = self._rows = 0
        self._runs: dict[str, None] = {}

    @property
    def full(self) -> bool:
        """Whether another part should follow."""
        return self._rows >= PART_ROWS or self._output.size >= PART_BYTES

    def add(self, batch: Any, run: str) -> None:
        """Add rows of a run."""
        self._runs[run] = None
        self._small.append(batch)
        self._size += batch.nbytes
        self._rows += batch.num_rows
        if len(self._small) == SMALL_BATCHES:
            self._merge()
        if self._size >= GROUP_BYTES:
            self._flush()

    def write(self, rows: Any) -> None:
        """Write rows as a row group."""
        self._rows += rows.num_rows
        self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))

    def _merge(self) -> None:
        table = self._arrow.Table.from_batches(self._small, self._schema)
        self._waiting += table.combine_chunks(self._arrow.system_memory_pool()).to_batches()
        self._small.clear()

    def _flush(self) -> None:
        batches = [*self._waiting, *self._small]
        if batches:
            table = self._arrow.Table.from_batches(batches, self._schema)
            self._waiting, self._small, self._size = [], [], 0
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))

    def finish(self, runs: tuple[str, ...] | None = None) -> Part:
        """Complete the file in the new version."""
        self._flush()
        self._writer.close()
        self._output.commit()
        names = tuple(self._runs) if runs is None else runs
        return Part(self._name, self._rows, self._output.size, self._output.digest, names)

    def close(self) -> None:
        """Remove the file unless it is complete."""
        self._output.abort()
