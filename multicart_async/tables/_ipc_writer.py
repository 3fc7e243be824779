"""Tables as one Arrow file, which is read without copying: Feather, version 2."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from multicart_async.tables._arrow import ArrowFrame
from multicart_async.tables._file_writer import FileWriter
from multicart_async.tables._frames import Place
from multicart_async.tables._options import Target
from multicart_async.tables._pages import Values
from multicart_async.tables._pyarrow import load_pyarrow
from multicart_async.tables._state import TableState

__all__ = ["ArrowFileWriter"]


class ArrowFileWriter(FileWriter):
    """Write one Arrow file."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._arrow = load_pyarrow("dest", "an Arrow file")
        self._frame: Any = None
        self._writer: Any = None

    def moment(self, moment: datetime | None) -> object:
        """Return *moment*: Arrow has times."""
        return moment

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """Write the schema."""
        super().begin(state, replaced)
        self._frame = ArrowFrame(self._arrow, state.layout)
        sink = self._arrow.PythonFile(self.stream.binary, mode="w")
        self._writer = self._arrow.ipc.new_file(sink, self._frame.schema)

    def write(self, place: Place, values: Values) -> None:
        """Write a batch."""
        self._writer.write_batch(self._frame.batch(place, values))
        self.written.rows += len(values.values)
        self.written.rest = self._frame.rest

    def finish(self) -> None:
        """Write the end of the file, and give it its name."""
        self._writer.close()
        super().finish()
