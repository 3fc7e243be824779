"""Tables as CSV as RFC 4180 has it, with a header. Null and an empty string are both an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Final

from multicart_async.tables._file_writer import FileWriter
from multicart_async.tables._frames import Frame, Place
from multicart_async.tables._layout import ColumnKind, Layout
from multicart_async.tables._options import Target
from multicart_async.tables._pages import Values
from multicart_async.tables._state import TableState

__all__ = ["CsvWriter"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
_BOM: Final = "\ufeff"


class CsvWriter(FileWriter):
    """Write one CSV file. With *excel* it begins with a BOM, and no text of it is taken for a formula."""

    def __init__(self, target: Target, *, excel: bool) -> None:
        super().__init__(target)
        self._excel = excel
        self._frame = Frame(Layout())
        self._convert: list[Callable[[Any], Any] | None] = []

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """Write the header."""
        super().begin(state, replaced)
        self._frame = Frame(state.layout)
        names = state.layout.names
        self._convert = [_conversion(kind, excel=self._excel) for kind in state.layout.kinds]
        header = [_neutral(name) for name in names] if self._excel else names
        self._put((_BOM if self._excel else "") + _lines([header]))

    def write(self, place: Place, values: Values) -> None:
        """Write a line for each value."""
        columns = self._frame.columns(place, values)
        made = [
            cells if convert is None else [None if cell is None else convert(cell) for cell in cells]
            for convert, cells in zip(self._convert, columns, strict=True)
        ]
        self._put(_lines(zip(*made, strict=True)))
        self.written.rest = self._frame.rest
        self.written.rows += len(values.values)

    def _put(self, text: str) -> None:
        self.stream.binary.write(text.encode())


def _lines(rows: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _conversion(kind: ColumnKind, *, excel: bool) -> Callable[[Any], Any] | None:
    if kind == "bool":
        return _bool_text
    return _neutral if kind == "text" and excel else None


def _bool_text(cell: object) -> str:
    return "true" if cell else "false"


def _neutral(cell: str) -> str:
    """Return *cell* with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
