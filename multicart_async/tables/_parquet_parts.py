"""Write parts of a new version of a Parquet folder for its writer in another process, which takes them into use."""

from __future__ import annotations

from multicart_async.tables._arrow import ArrowFrame
from multicart_async.tables._layout import Layout
from multicart_async.tables._options import Target
from multicart_async.tables._parquet_folder import Part
from multicart_async.tables._parquet_writer import ParquetWriter

__all__ = ["PartsWriter"]


class PartsWriter(ParquetWriter):
    """Write parts whose names begin with *prefix*; `ParquetWriter.adopt` gives them their numbers."""

    def __init__(self, target: Target, layout: Layout, prefix: str) -> None:
        super().__init__(target)
        self._frame = ArrowFrame(self._arrow, layout)
        self._prefix = prefix

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that are complete."""
        return tuple(self._parts)

    def finish(self) -> None:
        """Complete the last part."""
        self._end_part()

    def close(self) -> None:
        """Remove what was not finished."""
        if self._part is not None:
            self._part.close()

    def _name_of(self, number: int) -> str:
        return f"{self._prefix}-{number:06d}"
