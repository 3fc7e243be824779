"""One contender in Python, in a fresh process: `python contender.py MODULE.FUNCTION OPTIONS`, with the options as JSON.

Imports come first and are not measured (they are a job of their own). The last line of standard output is what the work
took: wall and CPU seconds, bytes of memory before it and at the peak, and how long the event loop was held.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness.stalls import StallMeter


def memory(name: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process, in bytes."""
    (line,) = [line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let the peak begin now: what the imports took for a moment is not the work's."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def metered(work: Callable[[dict[str, Any]], Awaitable[Any]], options: dict[str, Any]) -> dict[str, Any]:
    """What *work* tells, and how it held the loop."""
    with StallMeter() as meter:
        told = await work(options)
    return {**(told or {}), **meter.figures()}


def main() -> None:
    module, _, function = sys.argv[1].rpartition(".")
    options = json.loads(sys.argv[2])
    work = getattr(importlib.import_module(f"contenders.{module}"), function)
    for needed in options["needs"]:
        importlib.import_module(needed)
    forget_peak()
    idle, began, busy = memory("VmRSS"), time.perf_counter(), time.process_time()
    told = asyncio.run(metered(work, options)) if inspect.iscoroutinefunction(work) else work(options)
    took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - busy}
    print(json.dumps({**took, "idle": idle, "peak": memory("VmHWM"), **(told or {})}))


if __name__ == "__main__":
    main()
