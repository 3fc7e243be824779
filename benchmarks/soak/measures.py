"""What a process holds: resident memory, descriptors, threads, tasks and objects."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import attrs

__all__ = ["Measure", "measure", "resident"]

MIB = 2**20


@attrs.frozen(kw_only=True)
class Measure:
    """Figures of one moment. ``native`` are threads that Python does not know, such as pyarrow's.

    ``rss`` and ``used`` are the resident memory in MiB, before and after the allocators have returned what is free.
    """

    rss: float
    used: float
    descriptors: int
    threads: int
    native: int
    tasks: int
    objects: int

    def __str__(self) -> str:
        return (
            f"RSS {self.rss:.1f} MiB, {self.used:.1f} in use, {self.descriptors} descriptors, {self.threads} threads and "
            f"{self.native} native ones, {self.tasks} tasks, {self.objects} objects"
        )

    def to_json(self) -> dict[str, Any]:
        """The figures."""
        return attrs.asdict(self)


def resident() -> float:
    """Resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def measure(samples: Sequence[float] = ()) -> Measure:
    """Measure this process; *samples* of its memory, in place of that of this moment, give their median."""
    try:
        tasks = len(asyncio.all_tasks())
    except RuntimeError:  # there is no loop
        tasks = 0
    threads = threading.active_count()
    rss = median(samples) if samples else resident()
    _return_free_memory()
    return Measure(
        rss=rss,
        used=resident(),
        descriptors=_entries("/proc/self/fd") - 1,  # one is that of the listing
        threads=threads,
        native=max(0, _entries("/proc/self/task") - threads),
        tasks=tasks,
        objects=len(gc.get_objects()),
    )


def _return_free_memory() -> None:
    """Let allocators return to the system what is free, or the heap of many threads looks like a leak."""
    gc.collect()
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    with suppress(AttributeError):  # of glibc
        ctypes.CDLL(None).malloc_trim(0)


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())
