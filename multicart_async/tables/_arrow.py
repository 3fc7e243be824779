"""Arrow schemas and batches of a layout. pyarrow has no types of its own here, so its objects are `Any`."""

from __future__ import annotations

from typing import Any

from multicart_async.tables._column_names import FIRST
from multicart_async.tables._fields import Kind
from multicart_async.tables._frames import Frame, Place
from multicart_async.tables._layout import Layout
from multicart_async.tables._pages import Values

__all__ = ["ArrowFrame", "schema_of"]


def schema_of(arrow: Any, layout: Layout) -> Any:
    """Return the schema of a layout. A column that was always null is one of text."""
    integer, text = arrow.int64(), arrow.string()
    first = [integer, integer, arrow.timestamp("us", tz="UTC"), integer, integer]
    own = [type_of(arrow, column.kind) for column in layout.columns]
    amounts = [arrow.decimal128(18, 2)] * len(layout.amounts)
    others = len(layout.names) - len(FIRST) - len(own) - len(amounts)
    types = [*first, *own, *amounts, *([text] * others)]
    return arrow.schema([*zip(layout.names, types, strict=True)])


def type_of(arrow: Any, kind: Kind) -> Any:
    """Return the type of a column."""
    types = {"bool": arrow.bool_, "int64": arrow.int64, "double": arrow.float64}
    return types.get(kind, arrow.string)()


class ArrowFrame:
    """Make record batches of values."""

    def __init__(self, arrow: Any, layout: Layout) -> None:
        self._arrow = arrow
        self.schema = schema_of(arrow, layout)
        self._frame = Frame(layout)

    @property
    def rest(self) -> int:
        """The number of values that had no column of their own."""
        return self._frame.rest

    def batch(self, place: Place, values: Values) -> Any:
        """Return a record batch."""
        cells = self._frame.columns(place, values)
        pool = self._arrow.system_memory_pool()
        arrays = [
            self._arrow.array(column, kind, memory_pool=pool)
            for column, kind in zip(cells, self.schema.types, strict=True)
        ]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self.schema)
