"""Tables for a terminal, cut to its width."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rich.cells import cell_len, set_cell_size
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from multicart_async.cli._view import minutes

__all__ = ["render_properties", "render_table"]


_LEAST: Final = 8  # characters to which a column is cut at most
_GAP: Final = 2  # blanks between two columns


def render_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, color: bool = False, width: int | None = None
) -> str:
    """Return a table of the width of the terminal; what does not fit ends with an ellipsis. Times are to the minute, UTC."""
    space = shutil.get_terminal_size().columns if width is None else width
    cells = [[minutes(text) for text in row] for row in rows]
    widths = _fitting([max(map(cell_len, column)) for column in zip(headers, *cells, strict=True)], space)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for number, header in enumerate(headers):
        numeric = all(row[number].isdecimal() or not row[number] for row in cells)
        justify: JustifyMethod = "right" if numeric else "left"
        table.add_column(Text(header), no_wrap=True, overflow="ellipsis", justify=justify, width=widths[number])
    for row in cells:
        table.add_row(*map(Text, row))  # Text, because markup in names must not be interpreted
    written = io.StringIO()
    system: Literal["standard"] | None = "standard" if color else None
    Console(
        file=written, width=max(space, sum(widths) + _GAP * len(widths)), color_system=system, force_terminal=color
    ).print(table)
    return "".join(line.rstrip() + "\n" for line in written.getvalue().splitlines())


def _fitting(widths: list[int], space: int) -> list[int]:
    """Return the widths of the columns, the widest cut until all fit, but none below `_LEAST`."""
    widths = [*widths]
    excess = sum(widths) + _GAP * (len(widths) - 1) - space
    while excess > 0 and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
        excess -= 1
    return widths


def render_properties(fields: Mapping[str, str], width: int | None = None) -> str:
    """Return a line for each field, cut to the width of the terminal."""
    space = shutil.get_terminal_size().columns if width is None else width
    longest = max(map(cell_len, fields), default=0)
    lines = [Text(f"{set_cell_size(name, longest)}  {text}") for name, text in fields.items()]
    for line in lines:
        line.truncate(max(space, _LEAST), overflow="ellipsis")
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)
