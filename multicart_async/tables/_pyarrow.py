"""Import pyarrow, which is optional, or say how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from multicart_async.errors import ArgumentError

__all__ = ["load_pyarrow"]

INSTALL: Final = "pip install 'multicart-async[parquet]'"


def load_pyarrow(argument: str, what: str) -> Any:
    """Return the module ``pyarrow`` with the parts that are needed here.

    Raises:
        ArgumentError: It is not installed.
    """
    try:
        for part in ("pyarrow.parquet", "pyarrow.ipc"):
            import_module(part)
        return import_module("pyarrow")
    except ImportError as error:
        raise ArgumentError(argument, f"{what} needs pyarrow; install it with: {INSTALL}") from error
