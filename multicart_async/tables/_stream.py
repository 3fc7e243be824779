"""The stream of a table that is one file: compressed if asked for, and in place once it is complete."""

from __future__ import annotations

import gzip
from typing import Any, Protocol

from multicart_async.tables._options import Target
from multicart_async.tables._output_file import OutputFile
from multicart_async.tables._pyarrow import load_pyarrow

__all__ = ["TableStream"]


class _Writable(Protocol):
    def write(self, data: Any, /) -> Any: ...


class TableStream:
    """Write bytes to `binary`, then `commit`."""

    def __init__(self, target: Target) -> None:
        self.output = OutputFile(target.path)
        self._compressor: Any = None
        if target.compression == "gzip":  # without a name and a time, so that the same table is the same file
            self._compressor = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=self.output, mtime=0)
        elif target.compression == "zstd":
            arrow = load_pyarrow("dest", "a file that ends with .zst")
            self._compressor = arrow.CompressedOutputStream(arrow.PythonFile(self.output, mode="w"), "zstd")
        self.binary: _Writable = self.output if self._compressor is None else self._compressor

    def commit(self) -> None:
        """Complete the file, and give it its name."""
        if self._compressor is not None:
            self._compressor.close()
        self.output.commit()

    def abort(self) -> None:
        """Remove what was written. After `commit` this does nothing."""
        self.output.abort()
