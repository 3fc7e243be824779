"""How objects are shown as rows: which columns a table has, and what ``-q`` prints. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from multicart_async._core.text import printable

__all__ = ["PLAIN", "View", "cell", "minutes"]

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?Z")


@attrs.frozen
class View:
    """The columns of an object: names of its fields, ``domain.domain`` for a field of a field. ``name=field`` renames.

    *id* is the field that ``-q`` prints. *noun* is how a number of them is called, in messages. *records*: they are lines
    of JSON in any case but ``--json``, because their fields are not known. *streamed*: rows of a table appear as they
    come, in columns of fixed widths.
    """

    columns: tuple[str, ...] = ()
    id: str | None = None
    noun: str = "objects"
    records: bool = False
    streamed: bool = False

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers of the columns."""
        return tuple(column.partition("=")[0] for column in self.columns)

    def cells(self, row: Mapping[str, Any]) -> list[str]:
        """Return the text of each column."""
        return [cell(_field(row, column.rpartition("=")[2])) for column in self.columns]

    def id_of(self, row: Mapping[str, Any]) -> str:
        """Return what ``-q`` prints of a row, empty if there is no id."""
        return "" if self.id is None else cell(_field(row, self.id))


PLAIN: Final = View()
"""An object of any fields."""


def minutes(text: str) -> str:
    """Return the text with times to the minute, for a reader; they are UTC."""
    return _TIME.sub(r"\1 \2", text)


def cell(value: object) -> str:
    """Return a value as one piece of text without control characters; an object or array as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return printable(str(value))


def _field(row: Mapping[str, Any], path: str) -> object:
    """Return the value of a field, or of a field of a field; what has another shape is shown whole."""
    first, _, rest = path.partition(".")
    value = row.get(first)
    if rest and isinstance(value, dict):
        return _field(cast("dict[str, Any]", value), rest)
    return value
