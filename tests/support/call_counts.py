"""Counts of what the library does, which do not depend on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["counted_calls", "own_frames"]


def _is_own(frame: FrameType) -> bool:
    return "/multicart_async/" in frame.f_code.co_filename


def own_frames() -> list[str]:
    """The functions of this library that wait for the caller of this one, from the innermost."""
    names: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_own(frame):
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Count the calls of the library's functions in this thread, resumed coroutines included, inside the block."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and _is_own(frame):
            calls[frame.f_code.co_qualname] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
