"""Check before a file of known length is written that it fits, so that a disk is not filled in vain.

The available space is what the file system reports as free, less what other transfers of the same client still have to
write there.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink, Sink

__all__ = ["FreeSpace", "Transfer"]

_MAX_AGE: Final = 1.0  # seconds; small files arrive by the hundred, so a measurement serves several of them
_MAX_FOLDERS: Final = 64  # whose file system is remembered


class Transfer(Protocol):
    """A transfer in progress."""

    @property
    def remaining(self) -> int:
        """The number of bytes that are still to be written."""
        ...


@attrs.define
class _Measurement:
    """The free space of a file system at one moment; *unclaimed* is the part that no transfer has reserved."""

    at: float
    device: int
    free: float
    unclaimed: float


class FreeSpace:
    """Track the free space of the file systems that one client writes to."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._devices: dict[Path, int] = {}
        self._measurements: dict[int, _Measurement] = {}
        self._active: dict[Transfer, int] = {}

    async def prepare(self, sink: Sink) -> None:
        """Measure the free space before the request, because a pause before the body of a response may lose bytes."""
        if isinstance(sink, DirectorySink):
            measured = self._last_measurement(sink.root)
            if measured is None or self._now() - measured.at >= _MAX_AGE:
                await self._measure(sink.root)

    async def reserve(self, sink: Sink, name: str, length: int | None, transfer: Transfer) -> None:
        """Reserve *length* bytes for *transfer*, which writes to *name* in *sink*, until `release`.

        Nothing is checked if the length is unknown, the sink is not a folder, or the file system does not report its free
        space.

        Raises:
            DiskError: The file does not fit; errno is ENOSPC.
        """
        if length is None or not isinstance(sink, DirectorySink):
            return
        measured = self._last_measurement(sink.root)
        if measured is None or measured.unclaimed <= length:
            measured = await self._measure(sink.root)
            if measured.unclaimed <= length:
                raise _no_space(sink, name, length, measured)
        measured.unclaimed -= length
        self._active[transfer] = measured.device

    def release(self, transfer: Transfer) -> None:
        """Release the reservation of a transfer that has ended; without one, do nothing."""
        self._active.pop(transfer, None)

    def _last_measurement(self, root: Path) -> _Measurement | None:
        return self._measurements.get(self._devices[root]) if root in self._devices else None

    async def _measure(self, root: Path) -> _Measurement:
        device, free = await run_in_thread(_measure, root)
        self._devices[root] = device
        if len(self._devices) > _MAX_FOLDERS:
            del self._devices[next(iter(self._devices))]
        claimed = sum(other.remaining for other, place in self._active.items() if place == device)
        measured = self._measurements[device] = _Measurement(self._now(), device, free, free - claimed)
        return measured


def _measure(root: Path) -> tuple[int, float]:
    """Return the device of a folder, which need not exist yet, and its free bytes; infinite if not reported."""
    place = root
    while True:
        try:
            device = os.stat(place).st_dev  # noqa: PTH116 -- like the next line
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            place = place.parent
        except OSError:  # writing raises the error that matters
            return -1, math.inf
        else:
            return device, usage.free if usage.total else math.inf


def _no_space(sink: DirectorySink, name: str, length: int, measured: _Measurement) -> DiskError:
    others = int(measured.free - measured.unclaimed)
    needed = f"{others + length:,} bytes are needed"
    if others:
        needed += f" ({length:,} of this file, {others:,} of other transfers in progress)"
    reason = f"not enough free space in {sink.root}: {needed}, {int(measured.free):,} are free"
    return DiskError(str(sink.path(name)), reason, errno.ENOSPC)
