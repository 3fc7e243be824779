"""What a call costs others: how long a turn of its loop took, in CPU time, and how much memory the process has."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Turns", "resident", "watched"]


class Turns:
    """The longest turn of the loop in this thread, in seconds of CPU: a busy machine does not count."""

    longest = 0.0


@contextmanager
def watched() -> Iterator[Turns]:
    """Measure each turn of the loop that runs in this thread. Garbage counts as far as it was made inside."""
    turns, thread, run = Turns(), threading.get_ident(), asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        if threading.get_ident() != thread:
            run(handle)
            return
        begun = time.thread_time()
        run(handle)
        turns.longest = max(turns.longest, time.thread_time() - begun)

    asyncio.Handle._run = timed
    gc.collect()
    gc.freeze()
    try:
        yield turns
    finally:
        asyncio.Handle._run = run


def resident() -> int:
    """Bytes of memory that the process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
