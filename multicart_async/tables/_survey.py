"""The first pass over records: which columns a table of them needs."""

from __future__ import annotations

from typing import Any

from multicart_async.tables._field_path import Sought
from multicart_async.tables._fields import Fields
from multicart_async.tables._layout import Layout, make_layout
from multicart_async.tables._options import ExportOptions
from multicart_async.tables._pages import Values
from multicart_async.tables._state import TableState

__all__ = ["Survey"]


class Survey:
    """Observe values, then make the layout of a table for them, or a wider one of the table in the state *old*."""

    def __init__(self, options: ExportOptions, old: TableState | None = None) -> None:
        self._options = options
        self._old = old
        self._loose = False  # there are values that are no objects
        self._sought = Sought(options.columns if old is None else None)
        self._fields = Fields(
            levels=options.flatten,
            most=options.most,
            only=options.roots,
            fields={} if old is None else {name: field.copy() for name, field in old.fields.items()},
            closed=old is not None and old.closed,
        )

    def observe(self, values: Values) -> int:
        """Observe values; return their number."""
        records: list[dict[str, Any]] = [value for value in values.values if type(value) is dict]
        self._loose = self._loose or len(records) < len(values.values)
        self._sought.observe(records)
        self._fields.observe(records)
        return len(values.values)

    def merge(self, later: Survey) -> None:
        """Observe what *later* has observed, with the same options and room for all names."""
        self._loose = self._loose or later._loose
        self._sought.merge(later._sought)
        self._fields.merge(later._fields)

    def layout(self) -> Layout:
        """Return the layout of a table for all that was observed.

        Raises:
            ArgumentError: No record has a field that the options ask for.
        """
        self._sought.check()
        return make_layout(
            self._fields,
            selected=self._options.columns,
            amounts=self._options.amounts,
            record=self._options.keep_record,
            rest=self._loose,
            most=self._options.most,
            previous=None if self._old is None else self._old.layout,
        )

    def state(self, runs: dict[str, str]) -> TableState:
        """Return the state of the table after *runs* were written, each with the checksum of its manifest."""
        layout = self.layout()
        if self._old is not None:
            runs = {**self._old.runs, **runs}
        return TableState(self._options.to_json(), self._fields.fields, self._fields.closed, layout, runs)
