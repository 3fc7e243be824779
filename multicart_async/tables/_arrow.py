"""Arrow schemas and batches of a layout. pyarrow has no types of its own here, so its objects are `Any`."""

from __future__ import annotations

from typing import Any

from multicart_async.tables._frames import Frame, Place
from multicart_async.tables._layout import Layout
from multicart_async.tables._pages import Values

__all__ = ["ArrowFrame", "schema_of"]


def schema_of(arrow: Any, layout: Layout) -> Any:
    """Return the schema of a layout. A column that was always null is one of text."""
    types = {
        "bool": arrow.bool_(),
        "int64": arrow.int64(),
        "double": arrow.float64(),
        "decimal": arrow.decimal128(18, 2),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    kinds = [types.get(kind, arrow.string()) for kind in layout.kinds]
    return arrow.schema([*zip(layout.names, kinds, strict=True)])


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
