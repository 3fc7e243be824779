"""The benchmarks' loop whose clock jumps to the next timer, for tests of long waits."""

from __future__ import annotations

import importlib.util
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

__all__ = ["run_virtually"]


def _loaded() -> Any:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "virtual_time.py"
    spec = importlib.util.spec_from_file_location("virtual_time_of_the_benchmarks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_MODULE = _loaded()


def run_virtually(main: Coroutine[Any, Any, Any]) -> Any:
    """The result of *main*, in virtual time."""
    return _MODULE.run_virtually(main)
