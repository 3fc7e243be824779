"""What is written to stdout: a table for a terminal, tab-separated values for a pipe, JSON, or ids."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from shutil import get_terminal_size
from typing import Any, Final, Literal, TextIO

from multicart_async._core.text import printable
from multicart_async.cli._options import CommonOptions
from multicart_async.cli._view import View, cell, minutes

__all__ = ["Mode", "Output", "mode_of", "write_text"]

_NUMBER: Final = 8  # characters of a column in a table that is streamed
_TIME: Final = 16

Mode = Literal["table", "tsv", "json", "jsonl", "ids"]


def mode_of(options: CommonOptions, view: View, *, terminal: bool) -> Mode:
    """Return how the result is written."""
    if options.as_json:
        return "json"
    if options.jsonl or view.records:
        return "jsonl"
    if options.quiet:
        return "ids"
    return "table" if terminal else "tsv"


class Output:
    """Write the rows of one command. Rows of a stream appear as they come, except in a table, which needs its widths."""

    def __init__(self, view: View, mode: Mode, *, color: bool = False, stream: TextIO | None = None) -> None:
        self.view = view
        self._color = color
        self.mode = mode
        self.rows = 0
        self._stream = sys.stdout if stream is None else stream
        self._kept: list[Mapping[str, Any]] = []
        self.write: Callable[[TextIO, str], object] = write_text  # a progress display replaces it while it is shown

    def begin(self) -> None:
        """Begin a document of many objects."""
        if self.mode == "json":
            self._write("[\n")  # whole lines, because a progress display may be drawn between them

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one of many objects, as a line that is complete when this returns."""
        self.rows += 1
        if self.mode == "json":
            self._write(f"{'' if self.rows == 1 else ','}{json.dumps(row)}\n")
        elif self.mode == "table" and self.view.streamed:
            self._write(self._streamed(row))
        elif self.mode == "table":
            self._kept.append(row)
        else:
            self._write(self._line(row))
            self._stream.flush()

    def end(self) -> None:
        """End a document of many objects; also after an error, so that it can be read."""
        if self.mode == "json":
            self._write("]\n")
        elif self.mode == "table" and self._kept:
            self._write(self._table())
            self._kept = []
        self._stream.flush()

    def single(self, row: Mapping[str, Any]) -> None:
        """Write one object, the whole result of a command."""
        self.rows += 1
        if self.mode == "json":
            self._write(json.dumps(row, indent=2) + "\n")
        elif self.mode == "table":
            self._write(self._properties(row))
        else:
            self._write(self._line(row))
        self._stream.flush()

    def document(self, value: Any) -> None:
        """Write a value of any shape: as JSON in every mode."""
        self._write(json.dumps(value, indent=None if self.mode == "jsonl" else 2) + "\n")
        self._stream.flush()

    def text(self, text: str) -> None:
        """Write text as it is, because it was made for this."""
        self._write(text)
        self._stream.flush()

    @property
    def has_no_place_for_failures(self) -> bool:
        """Whether a failure is told on stderr alone: a row would be taken for a result."""
        return self.mode == "ids" or (self.mode in {"table", "tsv"} and "error" not in self.view.headers)

    def _streamed(self, row: Mapping[str, Any]) -> str:
        """Return a line of a table whose further rows are not known."""
        lines = [self.view.headers, self.view.cells(row)][self.rows > 1 :]
        widths = [max(len(header), _TIME if header.endswith("_at") else _NUMBER) for header in self.view.headers]
        padded = ["  ".join(map(str.ljust, map(minutes, line), widths)).rstrip() for line in lines]
        space = get_terminal_size().columns  # a longer line would be wrapped; an error is on stderr, too
        return "".join(f"{line if len(line) <= space else f'{line[: space - 1]}…'}\n" for line in padded)

    def _line(self, row: Mapping[str, Any]) -> str:
        if self.mode == "jsonl":
            return json.dumps(row) + "\n"
        if self.mode == "ids":
            number = self.view.id_of(row)
            return f"{number}\n" if number else ""
        cells = self.view.cells(row) if self.view.columns else [cell(value) for value in row.values()]
        return "\t".join(cells) + "\n"

    def _table(self) -> str:
        from multicart_async.cli._table import render_table  # noqa: PLC0415 -- rich takes a while

        view, rows = self.view, self._kept
        headers = view.headers or tuple(rows[0])
        cells = [view.cells(row) if view.columns else [cell(row.get(name)) for name in headers] for row in rows]
        return render_table(headers, cells, color=self._color)

    def _properties(self, row: Mapping[str, Any]) -> str:
        """Return one object as a line for each of its fields."""
        from multicart_async.cli._table import render_properties  # noqa: PLC0415 -- rich takes a while

        view = self.view
        shown = dict(zip(view.headers, view.cells(row), strict=True)) if view.columns else {}
        return render_properties({**shown, **{printable(name): cell(row[name]) for name in row if name not in shown}})

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.write(self._stream, text.encode(encoding, "backslashreplace").decode(encoding))


def write_text(stream: TextIO, text: str) -> None:
    """Write *text* to *stream*."""
    stream.write(text)
