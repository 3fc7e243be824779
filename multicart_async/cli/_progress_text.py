"""Progress in words and numbers: one sentence for a log, and short forms for a display. No I/O, no library."""

from __future__ import annotations

from multicart_async._core.text import as_line
from multicart_async.cli._plural import counted
from multicart_async.cli._progress import Snapshot

__all__ = ["duration", "sentence", "size"]

_UNITS = ("kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Return a number of bytes in at most 6 characters, such as ``9.9 MB``; a kB has 1000 bytes."""
    if count < 999.5:
        return f"{count:.0f} B"
    unit = 0
    count /= 1000
    while count >= 999.5 and unit < len(_UNITS) - 1:
        unit += 1
        count /= 1000
    return f"{count:.0f} {_UNITS[unit]}" if count >= 9.95 else f"{count:.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time that is only roughly known, in at most 6 characters, such as ``4 min``."""
    if seconds < 59.5:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{min(seconds / 86400, 999):.0f} d"


def sentence(snapshot: Snapshot, title: str = "") -> str:
    """Return all that is known as one line for a log."""
    numbers = ", ".join(_parts(snapshot))
    text = "; ".join(part for part in (numbers, snapshot.message) if part) or "nothing yet"
    return as_line(f"{title}: {text}" if title else text)


def _parts(snapshot: Snapshot) -> list[str]:
    parts: list[str] = []
    if snapshot.of_collections is not None:
        parts.append(f"{snapshot.collections:,} of {counted(snapshot.of_collections, 'collection')}")
    elif snapshot.collections:
        parts.append(counted(snapshot.collections, "collection"))
    ends = [f"{number:,} {word}" for number, word in _ends(snapshot) if number]
    if snapshot.runs:
        parts.append(counted(snapshot.runs, "run") + (f" ({', '.join(ends)})" if ends else ""))
    else:
        parts += ends
    if snapshot.files or snapshot.bytes:
        parts += [counted(snapshot.files, "file"), size(snapshot.bytes)]
    if snapshot.rate is not None and (snapshot.rate or snapshot.active):
        parts.append(f"{size(snapshot.rate)}/s")
    if snapshot.eta:
        parts.append(f"{duration(snapshot.eta)} left")
    return parts


def _ends(snapshot: Snapshot) -> tuple[tuple[int, str], ...]:
    return (snapshot.skipped, "skipped"), (snapshot.failed, "failed")
